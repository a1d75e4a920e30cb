"""Writes the measured blocks of docs/latency.md and README.md from the results of a benchmark.

python launch.py bench latency --output runs/bench
python docs/make_latency.py runs/bench/latency.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "docs"))

from measured import NotWrittenError, one_deeper, write_block, write_pictures

from app.bench.latency.plots import draw
from app.bench.latency.tables import markdown, summary

PAGE = ROOT / "docs" / "latency.md"
README = ROOT / "README.md"
SCRIPT = "make_latency.py"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="latency.json")
    results = json.loads(parser.parse_args().results.read_text(encoding="utf-8"))
    if results["camera"] is not None:
        parser.error("these are of a camera; the page is for what anybody can measure again")
    try:
        report = one_deeper(markdown(results, write_pictures(draw, results, "latency", PAGE.parent)))
        write_block(PAGE, "measured", SCRIPT, f"\n{report}\n")
        write_block(README, "latency", SCRIPT, summary(results))
    except NotWrittenError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
