"""What a check says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Optional

from edge.core.plan import Plan

OK, WARN, FAIL, SKIP = "OK", "WARN", "FAIL", "SKIP"
"""As it should be; it will run, but; it will not run; not here, or not asked for."""


class Finding(NamedTuple):
    """`name`: what was looked at. `detail`: what is there. `mend`: what to do; "" where there is nothing to do."""

    name: str
    status: str
    detail: str
    mend: str = ""


Check = Callable[[Optional[Plan]], Iterable[Finding]]
"""Looks at one thing of this machine; with a plan also at what that graph needs of it."""
