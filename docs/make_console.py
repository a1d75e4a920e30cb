"""Writes what the console costs into docs/latency.md, from the results of its benchmark.

python -m app.bench.console --source clip.mp4 --json runs/console.json
python docs/make_console.py runs/console.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs"))

from measured import NotWrittenError, write_block

PAGE = ROOT / "docs" / "latency.md"


def table(figures: dict[str, Any]) -> str:
    """The block of the page."""
    machine, age = figures["machine"], figures["age_ms"]
    low_ms, high_ms = age["cost_quartiles_ms"]
    without, within, show = age["headless"], age["window"], figures["show_ms"]
    rows = [
        ("age when sent, median, without the window", f"{without['p50']:.1f} ms"),
        ("age when sent, median, with it", f"{within['p50']:.1f} ms"),
        (
            f"what it adds, {age['blocks']} blocks of 1.5 s beside their neighbours without",
            f"median {age['cost_p50_ms']:.1f} ms, half of them {low_ms:.1f} to {high_ms:.1f} ms",
        ),
        ("making and sending a picture, after the robot has its targets", f"{show['p50']:.1f} ms"),
        ("window process", f"{100 * figures['processor_share']:.0f} % of one core"),
    ]
    for name in ("1280x720", "3840x2160"):
        stop = figures[f"stop_ms_{name}"]
        rows.append(
            (
                f"key to the stop's request to the robot, {name.replace('x', '×')}",
                f"median {stop['p50']:.1f}, p95 {stop['p95']:.1f}, max {stop['max']:.1f} ms",
            )
        )
    where = "{processor}, {cores} cores, {memory_gib} GiB, {system}, Python {python}".format(**machine)
    lines = [f"| {what} | {figure} |" for what, figure in rows]
    return "\n".join(
        [
            f"{figures['source']}; pipeline, simulated hand and window on one machine, no GPU: {where}.",
            "",
            "| | |",
            "|---|---|",
            *lines,
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="console.json")
    figures = json.loads(parser.parse_args().results.read_text(encoding="utf-8"))
    try:
        write_block(PAGE, "console", "make_console.py", table(figures))
    except NotWrittenError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
