# The smallest policy: when the network runs. Copy it to edge_quiet.py, and give its package this entry point:
#   [project.entry-points.edge]
#   quiet = "edge_quiet"
# Then a graph may say matte: {use: matting, ..., route: {use: quiet, change: 0.01}}. Its contract is in edge/core/policy.py.
"""The network runs again when enough has changed in the picture."""

from edge import Policy, hookimpl


class Quiet(Policy):
    change: float = 0.02  # how much has to change, 0..1, before the network runs again
    most: int = 25  # frames that may pass without it

    changed = 0.0

    def choose(self, frame, branches, signals):  # an instance for each camera, so this is one camera's
        self.changed = signals["change"] + (self.changed if signals["since"] else 0.0)  # slow motion adds up
        run = self.changed > self.change or signals["since"] >= self.most
        return branches[-1] if run else branches[0]  # cheapest first; where nothing continues there is but "full"


@hookimpl
def register_policies(register):
    register("quiet", Quiet)
