"""Writes the measured blocks of docs/safety.md and README.md from the results of a benchmark.

python launch.py bench robot --output runs/bench
python docs/make_robot.py runs/bench/robot.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "docs"))

from measured import NotWrittenError, one_deeper, write_block

from app.bench.robot_side.report import markdown, promises

PAGE = ROOT / "docs" / "safety.md"
README = ROOT / "README.md"
SCRIPT = "make_robot.py"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="robot.json")
    results = json.loads(parser.parse_args().results.read_text(encoding="utf-8"))
    try:
        write_block(PAGE, "measured", SCRIPT, one_deeper(markdown(results)))
        write_block(README, "robot", SCRIPT, promises(results))
    except NotWrittenError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
