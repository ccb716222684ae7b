"""All pages: what they point to is there."""

from pathlib import Path

import pytest
from tests.examples.page import DOCS, Page

PAGES = [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Every file that a page points to is there, and so is every heading."""
    for link in Page(path.read_text(encoding="utf-8")).links:
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), link
        if anchor:
            titles = Page(target.read_text(encoding="utf-8")).sections
            assert anchor in {title.lower().replace("`", "").replace(" ", "-") for title in titles}, link


def test_every_page_can_be_reached_from_the_readme() -> None:
    """Nobody has to guess that there is one."""
    found, ahead = set[Path](), [PAGES[0]]
    while ahead:
        page = ahead.pop()
        if page not in found:
            found.add(page)
            links = Page(page.read_text(encoding="utf-8")).links
            targets = [(page.parent / link.partition("#")[0]).resolve() for link in links]
            ahead += [one for one in targets if one in PAGES]
    assert [page.name for page in PAGES if page not in found and page.parent == DOCS] == []
