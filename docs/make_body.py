"""Writes the measured block of docs/body.md, its pictures, and the README's few figures if it has a block.

python launch.py bench temporal --body --output runs/bench
python docs/make_body.py runs/bench/body.json
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

from app.bench.body_plots import draw
from app.bench.body_tables import markdown, summary

PAGE = ROOT / "docs" / "body.md"
README = ROOT / "README.md"
SCRIPT = "make_body.py"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="body.json")
    results = json.loads(parser.parse_args().results.read_text(encoding="utf-8"))
    try:
        report = markdown(results, write_pictures(draw, results, "body", PAGE.parent))
        write_block(PAGE, "measured", SCRIPT, f"\n{report}\n")
        if "<!-- body:" in README.read_text(encoding="utf-8"):
            write_block(README, "body", SCRIPT, summary(results))
    except NotWrittenError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
