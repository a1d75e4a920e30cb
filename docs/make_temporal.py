"""Writes docs/temporal.md, its pictures, and the README's few figures from the results of a benchmark.

python launch.py bench temporal --output runs/bench
python docs/make_temporal.py runs/bench/temporal.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "docs"))

from measured import NotWrittenError, write_block, write_pictures

from app.bench.plots import draw
from app.bench.tables import markdown, summary

PAGE = ROOT / "docs" / "temporal.md"
README = ROOT / "README.md"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="temporal.json")
    results = json.loads(parser.parse_args().results.read_text(encoding="utf-8"))
    try:
        pictures = write_pictures(draw, results, "temporal", PAGE.parent)
        PAGE.write_text(markdown(results, pictures), encoding="utf-8")
        write_block(README, "temporal", "make_temporal.py", summary(results))
    except NotWrittenError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
