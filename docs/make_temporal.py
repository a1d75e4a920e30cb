"""Writes docs/temporal.md, its pictures, and the README's few figures from the results of a benchmark.

python launch.py bench temporal --output runs/bench
python docs/make_temporal.py runs/bench/temporal.json
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

from app.bench.plots import draw
from app.bench.tables import markdown, summary

DOCS = ROOT / "docs"
README = ROOT / "README.md"
QUALITY = 85
MOST_BYTES = 150_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="temporal.json")
    results = json.loads(parser.parse_args().results.read_text(encoding="utf-8"))
    links = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, path in draw(results, Path(folder)).items():
            picture = DOCS / "images" / f"temporal_{name}.webp"
            with Image.open(path) as image:
                image.convert("RGB").save(picture, quality=QUALITY, method=6)
            if picture.stat().st_size > MOST_BYTES:
                parser.error(f"{picture} has more than {MOST_BYTES} bytes; lower QUALITY")
            links[name] = f"images/{picture.name}"
    (DOCS / "temporal.md").write_text(markdown(results, links), encoding="utf-8")
    text = README.read_text(encoding="utf-8")
    pattern = r"(<!-- temporal: [^\n]*-->\n).*?(<!-- /temporal -->)"
    figures = summary(results)
    README.write_text(
        re.sub(pattern, lambda m: m[1] + figures + m[2], text, flags=re.DOTALL), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
