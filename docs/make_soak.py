"""Writes the measured block of docs/soak.md and its picture from the results of a soak.

python -m app.bench.soak --output runs/soak
python docs/make_soak.py runs/soak/soak.json
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

from app.bench.soak.plots import draw
from app.bench.soak.report import markdown

PAGE = ROOT / "docs" / "soak.md"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="soak.json")
    results = json.loads(parser.parse_args().results.read_text(encoding="utf-8"))
    try:
        report = one_deeper(markdown(results, write_pictures(draw, results, "soak", PAGE.parent)))
        write_block(PAGE, "soak", "make_soak.py", report)
    except NotWrittenError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
