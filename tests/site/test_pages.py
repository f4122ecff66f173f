"""Every page of the built site: pictures in words, links that lead somewhere."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest


class Page(HTMLParser):
    """What a page shows, and where it leads."""

    def __init__(self, path: Path):
        super().__init__()
        self.pictures: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.anchors.update(found[key] for key in ("id", "name") if found.get(key))
        if tag == "img":
            self.pictures.append(found)
        if tag in ("a", "link") and found.get("href"):
            self.links.append(found["href"])
        if tag in ("img", "script") and found.get("src"):
            self.links.append(found["src"])


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Page]:
    found = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    return {path: Page(path) for path in found}


def test_there_are_pages_and_pictures(pages, site):
    assert len(pages) > 80
    assert sum(len(page.pictures) for page in pages.values()) > 40


def test_every_picture_is_told_in_words(pages, site):
    bare = [
        f"{path.relative_to(site)}: {picture.get('src', '')[:60]}"
        for path, page in pages.items()
        for picture in page.pictures
        if len((picture.get("alt") or "").split()) < 3
    ]
    assert bare == []


def test_every_link_leads_somewhere(pages, site):
    dead = []
    for path, page in pages.items():
        for link in page.links:
            address, anchor = urldefrag(link)
            if ":" in address.split("/")[0] or address.startswith("//"):
                continue  # another site's
            target = (path.parent / unquote(address.split("?")[0])) if address else path
            target = target.resolve()
            known = pages.get(target)
            found = target.exists() and (
                not anchor or known is None or unquote(anchor) in known.anchors
            )
            if not found:
                dead.append(f"{path.relative_to(site)}: {link}")
    assert dead == []


def test_no_page_shows_a_traceback_that_it_does_not_ask_for(site):
    assert not list((site / "reports").glob("*.err.log"))
