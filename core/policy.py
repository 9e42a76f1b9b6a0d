"""Policy: which branch of a network serves a frame, and the option that names one. Valid Python 3.7.

A network has ordered branches, cheapest first: `reuse` (nothing runs: the last matte stands), `lr`, `full`. The stage that runs
the network says which of them this frame can have; a policy picks one.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Sequence

from edge.core.errors import StageError
from edge.core.frame import Frame


class PolicyName(str):
    """An option of this type names a policy, `periodic`, or a policy and its options, `{use: periodic, k: 3}`. Both are checked
    when the graph is; `context.policy(self.route)` makes it."""


class Policy:
    """Picks the branch that serves a frame. Subclass it, annotate options as in a stage, define `choose`.

    There is one instance for each camera, so what it keeps in itself is that camera's own. `choose` is called once for every
    frame, in order, by one thread. It decides from numbers alone and never waits: it runs before the frame does.
    """

    def check(self) -> Mapping[str, object]:
        """What is wrong with the options, by option name: called before anything starts. For what types cannot say."""
        return {}

    def choose(self, frame: Frame, branches: Sequence[str], signals: Mapping[str, float]) -> str:
        """One of `branches`.

        branches: those that this frame can have, cheapest first, `full` last; nothing but `full` where a camera starts, and
        after a cut, a new size or a gap, since nothing that is known continues there.
        signals: `change`, 0..1, how much the picture differs from the last frame's, its brightness left out (1 where nothing
        continues); `since`, how many frames have passed that the network did not run for.
        """
        raise NotImplementedError(f"{type(self).__name__} needs choose(self, frame, branches, signals)")  # the contract

    def pick(self, frame: Frame, branches: Sequence[str], signals: Mapping[str, float]) -> str:
        """What `choose` says, for the stage that asks. Raises StageError where it is none of `branches`."""
        branch = self.choose(frame, branches, signals)
        if branch not in branches:
            told = f"chose {branch!r} for frame {frame.n} of {frame.source}, which can have {' or '.join(branches)}"
            raise StageError(f"policy {type(self).__name__} {told}")
        return branch


def made(said: Any) -> Policy:
    """A new policy, by what an option of type PolicyName says. Raises KeyError (unknown), PluginError."""
    from edge.core.hooks import policy_class  # only here: a packaged skill has its policies already

    options: Dict[str, Any] = dict(said) if isinstance(said, dict) else {"use": said}
    policy: Policy = policy_class(options.pop("use"))()
    for name, value in options.items():
        setattr(policy, name, value)
    return policy
