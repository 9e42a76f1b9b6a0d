"""What several tests need: the shared pictures, clips and networks, where there are any."""

from __future__ import annotations

import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> pathlib.Path:
    """The folder with real people and peers' networks; a clone without it skips what needs them."""
    folder = pathlib.Path(os.environ.get("EDGE_SHARED") or ROOT.parent / "shared").resolve()
    if not (folder / "data").is_dir():
        pytest.skip(f"no pictures and clips at {folder}: set EDGE_SHARED to the folder that has data/ and models/")
    return folder
