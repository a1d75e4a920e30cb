"""Writes the measured blocks of docs/retargeting.md and README.md from the results of a benchmark.

python launch.py bench retarget --output runs/bench
python docs/make_retarget.py runs/bench/retarget.json
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

from app.bench.retargeting.plots import draw
from app.bench.retargeting.tables import markdown, summary

DOCS = ROOT / "docs"
PAGE = DOCS / "retargeting.md"
README = ROOT / "README.md"
README_BLOCK = re.compile(r"(<!-- retarget: [^\n]*-->\n).*?(<!-- /retarget -->)", re.DOTALL)
NEW_PAGE = "# Retargeting\n\n<!-- measured: written by docs/make_retarget.py -->\n<!-- /measured -->\n"
BLOCK = re.compile(r"(<!-- measured: [^\n]*-->\n).*?(<!-- /measured -->)", re.DOTALL)
QUALITY = 85
MOST_BYTES = 150_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="retarget.json")
    results = json.loads(parser.parse_args().results.read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else NEW_PAGE
    if not BLOCK.search(page):
        parser.error(f"{PAGE} has no block <!-- measured: … --> … <!-- /measured --> to write into")
    links = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, path in draw(results, Path(folder)).items():
            picture = DOCS / "images" / f"retarget_{name}.webp"
            with Image.open(path) as image:
                image.convert("RGB").save(picture, quality=QUALITY, method=6)
            if picture.stat().st_size > MOST_BYTES:
                parser.error(f"{picture} has more than {MOST_BYTES} bytes; lower QUALITY")
            links[name] = f"images/{picture.name}"
    report = re.sub("^## ", "### ", markdown(results, links), flags=re.MULTILINE)  # the page has a heading
    PAGE.write_text(BLOCK.sub(lambda m: f"{m[1]}\n{report}\n{m[2]}", page), encoding="utf-8")
    text, figures = README.read_text(encoding="utf-8"), summary(results)
    README.write_text(README_BLOCK.sub(lambda m: m[1] + figures + m[2], text), encoding="utf-8")


if __name__ == "__main__":
    main()
