"""Writes the README's measured table from reports of runs.

python launch.py teleop --source clip.mp4 --headless --run-dir runs/clip
python docs/make_tables.py runs/clip/report.json ...
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from measured import NotWrittenError, write_block

from app.machine import where_measured

README = Path(__file__).resolve().parent.parent / "README.md"
HEADER = (
    "| source | frames | hand detected | detect | temporal | retarget | capture → publish |\n"
    "|---|---|---|---|---|---|---|\n"
)


def row(report: dict[str, Any]) -> str:
    """One line of the table: medians, and the 99th percentile of the age."""
    stages = report["stage_ms"]
    medians = " | ".join(f"{stages[stage]['p50']:.1f} ms" for stage in ("detect", "temporal", "retarget"))
    age = report["age_ms"]
    return (
        f"| {report['source']} | {report['frames']} | {100 * report['detection_rate']:.1f} % | {medians} "
        f"| {age['p50']:.0f} ms (p99 {age['p99']:.0f}) |\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "reports", type=Path, nargs="+", help="report.json of runs in real time on one machine"
    )
    arguments = parser.parse_args()
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in arguments.reports]
    machines = {json.dumps(report["machine"], sort_keys=True) for report in reports}
    if len(machines) > 1:
        parser.error("the reports come from different machines: a table holds figures of one")
    where = where_measured(reports[0]["machine"], reports[0]["versions"])
    where += ". In real time, no GPU, with the simulated hand running on the same machine; medians.\n"
    table = where + "\n" + HEADER + "".join(row(report) for report in reports)
    try:
        write_block(README, "measured", "make_tables.py", table)
    except NotWrittenError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
