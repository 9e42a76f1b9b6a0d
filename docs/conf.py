"""How Sphinx makes the site: `make site`, into build/site. The pages are those that are read in the repository.

A link to a file beside docs/ becomes a download on the site, and one to a folder is plain text there.
"""

from __future__ import annotations

import pathlib
import re
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent

project = "Edgeflow"
author = "the people who made Edgeflow"
release = re.search(r'^__version__ = "(.*)"$', (ROOT / "edge.py").read_text(encoding="utf-8"), re.M)[1]
extensions = ["myst_parser"]
myst_heading_anchors = 4
nitpicky = True
highlight_language = "none"
html_theme = "furo"
html_title = f"Edgeflow {release}"
html_show_sourcelink = False
exclude_patterns = ["README.md"]

_LINK = re.compile(r"(?<!!)\[([^\]\n]*)\]\((?!\w+:|#)([^)#\s]+)([^)\s]*)\)")
_PICTURE = re.compile(r"(!\[[^\]\n]*\]\()(?!\w+:)([^)\s]+\))")


def _read(_app: Any, docname: str, source: list[str]) -> None:
    """index.md begins with README.md, seen from docs/; of every page the links to folders are taken out."""
    text = source[0]
    if docname == "index":
        page = (ROOT / "README.md").read_text(encoding="utf-8")
        page = _LINK.sub(r"[\1](../\2\3)", _PICTURE.sub(r"\1../\2", page)).replace("](../docs/", "](")
        text = text.replace("<!-- README.md -->", page)
    source[0] = _LINK.sub(_link, text)


def _link(link: re.Match[str]) -> str:
    text, path, anchor = link.groups()
    if (ROOT / "docs" / path).is_dir():
        return text
    beside = path.startswith("../")
    return f"[{text}](path:{path})" if beside else f"[{text}]({path}{anchor})"


def setup(app: Any) -> None:
    app.connect("source-read", _read)
