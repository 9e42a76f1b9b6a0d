"""`edge doctor`: what of this machine would keep a graph from running well, and the mend.

A check looks at one thing and yields what it finds. A file of this folder holds the checks of one part of the machine, and
`examine` runs them all. What they read of /proc, /sys and /dev lies under `machine.ROOT`.
"""

from edge.core.doctor.examination import CHECKS, as_data, as_text, examine
from edge.core.doctor.finding import FAIL, OK, SKIP, WARN, Check, Finding

__all__ = ["CHECKS", "FAIL", "OK", "SKIP", "WARN", "Check", "Finding", "as_data", "as_text", "examine"]
