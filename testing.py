"""What helps to test a plugin: `from edge.testing import run`. See docs/testing.md.

It re-exports and nothing else: no class, no state. The code is in core/testing/, one noun per file.
"""

from edge.core.testing.clock import Clock
from edge.core.testing.conform import conform
from edge.core.testing.faults import Faults
from edge.core.testing.finding import Finding
from edge.core.testing.golden import golden
from edge.core.testing.pictures import people, pictures
from edge.core.testing.run import capture, run

__all__ = ["Clock", "Faults", "Finding", "capture", "conform", "golden", "people", "pictures", "run"]
