"""Writes the measured blocks of docs/retargeting.md and README.md from the results of a benchmark.

python launch.py bench retarget --output runs/bench
python docs/make_retarget.py runs/bench/retarget.json
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

from app.bench.retargeting.plots import draw
from app.bench.retargeting.tables import markdown, summary

PAGE = ROOT / "docs" / "retargeting.md"
README = ROOT / "README.md"
SCRIPT = "make_retarget.py"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="retarget.json")
    results = json.loads(parser.parse_args().results.read_text(encoding="utf-8"))
    try:
        report = one_deeper(markdown(results, write_pictures(draw, results, "retarget", PAGE.parent)))
        write_block(PAGE, "measured", SCRIPT, f"\n{report}\n")
        write_block(README, "retarget", SCRIPT, summary(results))
    except NotWrittenError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
