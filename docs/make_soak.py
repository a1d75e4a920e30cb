"""Writes the measured block of docs/soak.md and its picture from the results of a soak.

python -m app.bench.soak --output runs/soak
python docs/make_soak.py runs/soak/soak.json
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.bench.soak.plots import draw
from app.bench.soak.report import markdown

DOCS = ROOT / "docs"
PAGE = DOCS / "soak.md"
BLOCK = re.compile(r"(<!-- soak: [^\n]*-->\n).*?(<!-- /soak -->)", re.DOTALL)
QUALITY = 85


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="soak.json")
    results = json.loads(parser.parse_args().results.read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    if not BLOCK.search(page):
        parser.error(f"{PAGE} has no block <!-- soak: … --> … <!-- /soak --> to write into")
    links = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, path in draw(results, Path(folder)).items():
            picture = DOCS / "images" / f"soak_{name}.webp"
            with Image.open(path) as image:
                image.convert("RGB").save(picture, quality=QUALITY, method=6)
            links[name] = f"images/{picture.name}"
    report = re.sub("^## ", "### ", markdown(results, links), flags=re.MULTILINE)  # the page has a heading
    PAGE.write_text(BLOCK.sub(lambda m: f"{m[1]}{report}{m[2]}", page), encoding="utf-8")


if __name__ == "__main__":
    main()
