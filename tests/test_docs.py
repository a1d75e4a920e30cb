"""What the documentation points at is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "models" / "weights" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_measured_tables_are_filled_in():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in ("measured", "temporal"):
        table = text.split(f"<!-- {name}:")[1].split(f"<!-- /{name} -->")[0]
        assert table.count("| ") > 10
