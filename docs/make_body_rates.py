"""Writes docs/body.md's table of frame rates from reports of runs with --body.

python launch.py teleop --hand none --body --source clip.mp4 --headless --no-video --run-dir runs/alone
python launch.py teleop --hand both --body --source clip.mp4 --headless --no-video --run-dir runs/both
python docs/make_body_rates.py runs/alone/report.json runs/both/report.json
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

PAGE = Path(__file__).resolve().parent / "body.md"
HEADER = (
    "| followed | source | frames/s | frames left out | body: looked for, seen | body detect | body temporal "
    "| body, capture → publish | hands, capture → publish |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n"
)


def row(report: dict[str, Any]) -> str:
    """One line: medians, and the 99th percentile of ages."""
    body, dropped, hands = report["body"], report["dropped_frames"], report["settings"]["hand"]
    followed = "body" if hands == "none" else f"body and {'hands' if hands == 'both' else f'{hands} hand'}"
    looked = report["frames"] - dropped["body_not_looked_for"]
    stages = " | ".join(
        f"{report['stage_ms'][stage]['p50']:.1f} ms" for stage in ("body_detect", "body_temporal")
    )
    of_hands = "–" if hands == "none" else _age(report["age_ms"])
    return (
        f"| {followed} | {report['source']} | {report['rate_hz']:.1f} | {dropped['skipped_by_source']} of "
        f"{report['frames'] + dropped['skipped_by_source']} | {looked}, {body['detected']} | {stages} "
        f"| {_age(body['age_ms'])} | {of_hands} |\n"
    )


def _age(age_ms: dict[str, float]) -> str:
    return f"{age_ms['p50']:.0f} ms (p99 {age_ms['p99']:.0f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "reports", type=Path, nargs="+", help="report.json of runs with --body in real time on one machine"
    )
    arguments = parser.parse_args()
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in arguments.reports]
    machines = {json.dumps(report["machine"], sort_keys=True) for report in reports}
    if len(machines) > 1:
        parser.error("the reports come from different machines: a table holds figures of one")
    if any("body" not in report for report in reports):
        parser.error("a report is of a run without --body; run again with it")
    where = where_measured(reports[0]["machine"], reports[0]["versions"])
    where += "; in real time, headless, without a video; medians.\n"
    try:
        write_block(PAGE, "rates", "make_body_rates.py", where + "\n" + HEADER + "".join(map(row, reports)))
    except NotWrittenError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
