"""Writes the measured blocks of docs/safety.md and README.md from the results of a benchmark.

python launch.py bench robot --output runs/bench
python docs/make_robot.py runs/bench/robot.json
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.bench.robot_side.report import markdown, promises

PAGE = ROOT / "docs" / "safety.md"
README = ROOT / "README.md"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="robot.json")
    results = json.loads(parser.parse_args().results.read_text(encoding="utf-8"))
    report = re.sub("^## ", "### ", markdown(results), flags=re.MULTILINE)  # the page has a heading
    for path, name, text in ((PAGE, "measured", report), (README, "robot", promises(results))):
        block = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- /{name} -->)", re.DOTALL)
        page = path.read_text(encoding="utf-8")
        places = [m for m in block.finditer(page) if "make_robot" in m[1]]
        if len(places) != 1:
            parser.error(
                f"{path} has no block <!-- {name}: … make_robot … --> … <!-- /{name} --> to write into"
            )
        found = places[0]
        page = page[: found.start()] + found[1] + text + found[2] + page[found.end() :]
        path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
