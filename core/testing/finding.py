"""A finding of the conformance run: one check of one class, and what it found."""

from __future__ import annotations

from typing import Literal

import msgspec

Verdict = Literal["PASS", "FAIL", "SKIP"]


class Finding(msgspec.Struct, frozen=True):
    """of: "stage", "source", "sink", "device", "policy", "command" or "plugin". told: what was found, in a sentence.
    figures: what was measured; seconds and bytes, as the names say."""

    of: str
    check: str
    verdict: Verdict
    told: str
    figures: dict[str, float] = {}
