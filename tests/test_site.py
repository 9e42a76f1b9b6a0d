"""The documentation as a site: Sphinx makes it without one warning, every page is on it, and every link leads somewhere."""

from __future__ import annotations

import html.parser
import pathlib
import subprocess
import sys
import urllib.parse

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow


class Links(html.parser.HTMLParser):
    """`there`: the ids of a page. `targets`: where its links and pictures lead."""

    def __init__(self, page: pathlib.Path) -> None:
        super().__init__()
        self.there: set[str] = set()
        self.targets: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list) -> None:
        for name, value in attributes:
            if name == "id":
                self.there.add(value)
            elif name in ("href", "src") and value:
                self.targets.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-E", "-W", "--keep-going", "-b", "html", "docs", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def pages(site) -> dict[pathlib.Path, Links]:
    return {path: Links(path) for path in site.rglob("*.html")}


def test_every_page_is_in_the_contents(site, pages):
    named = {target.partition("#")[0] for target in pages[site / "index.html"].targets}
    for path in (ROOT / "docs").glob("*.md"):
        assert path.stem == "index" or f"{path.stem}.html" in named, path.name


def test_it_begins_with_the_readme(site):
    assert "<h1>Edgeflow" in (site / "index.html").read_text(encoding="utf-8")


def test_every_link_leads_somewhere(site, pages):
    for page, links in pages.items():
        for target in links.targets:
            address = urllib.parse.urlsplit(target)
            if address.scheme in ("http", "https", "data") or page.name in ("search.html", "genindex.html"):
                continue
            there = (page.parent / urllib.parse.unquote(address.path)).resolve() if address.path else page
            assert there.exists(), f"{page.name}: {target}"
            assert not address.fragment or there not in pages or address.fragment in pages[there].there, (
                f"{page.name}: {target}"
            )


def test_it_fetches_nothing_from_elsewhere(pages):
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert 'src="http' not in text and 'rel="stylesheet" type="text/css" href="http' not in text, page.name
