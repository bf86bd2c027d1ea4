"""What the documents point to is there, and nothing is left to be filled in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)")


def relative_links(text: str) -> list[str]:
    """Targets of links to files, without the section within the file."""
    targets = [found.split("#")[0] for found in LINK.findall(text)]
    return [one for one in targets if one and not re.match(r"[a-z]+:", one)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    missing = [one for one in relative_links(page.read_text()) if not (page.parent / one).exists()]
    assert not missing


def test_links_are_found() -> None:
    text = "[a](b.md#part) ![c](d/e.png) [f](https://g.org/h.md) [i](#part)\n[over\nlines](j.md)"
    assert relative_links(text) == ["b.md", "d/e.png", "j.md"]


def test_no_placeholder_is_left() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert "RESULTS" not in [line.strip() for line in lines]
