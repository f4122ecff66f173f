"""The site in a browser: no page is wider than a phone, and the search finds."""

import pytest

from tests.site.browser import BROWSER, look

PHONE = 390

needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")


@needs_browser
def test_no_page_is_wider_than_a_phone(site, tmp_path):
    pages = [
        path.relative_to(site).as_posix()
        for path in sorted(site.rglob("*.html"))
        if "_static" not in path.parts and path.name != "search.html"
    ]
    found = look(site, pages, width=PHONE, scratch=tmp_path)
    assert set(found) == set(pages)
    assert {page: seen for page, seen in found.items() if seen["width"] > PHONE} == {}


@needs_browser
@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("kenward roger", "degrees of freedom"),
        ("singular", "singular fits"),
        ("emmeans", "marginal means"),
    ],
)
def test_the_search_finds(site, tmp_path, words, page):
    asked = f"search.html?q={words.replace(' ', '+')}"
    found = look(site, [asked], width=PHONE, until="#search-results li a", scratch=tmp_path)
    assert any(page in title.lower() for title in found[asked]["shown"]), found
    assert found[asked]["width"] <= PHONE
