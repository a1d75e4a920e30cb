"""bench all: every benchmark, one after the other, each into a folder of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from app.bench.settings import BenchSettings
from app.errors import UsageError
from app.files import require_writable, write_atomically

RunBench = Callable[[BenchSettings], list[str]]


def run_all(settings: BenchSettings, benchmarks: Mapping[str, RunBench]) -> list[str]:
    """Run them all; returns what to say of each.

    Args:
        settings: of all; --runs and --network go to bench temporal.
        benchmarks: how to run each, by name; NAME writes NAME/NAME.json into the output.

    Raises:
        UsageError: --source is given.
        AppError: as the benchmarks do; what ran before is kept.
    """
    if settings.source is not None:
        raise UsageError("--source is for bench latency; bench all takes none")
    output = settings.output or Path("runs") / time.strftime("bench-all-%Y%m%d-%H%M%S")
    if settings.json is not None:
        require_writable(settings.json)
    lines: list[str] = []
    numbers = {}
    for name, run in benchmarks.items():
        own = replace(settings, json=None, output=output / name)
        if name != "temporal":
            own = replace(own, runs=(), network=None)
        lines += [f"{name}:", *(f"  {line}" for line in run(own))]
        numbers[name] = json.loads((output / name / f"{name}.json").read_text(encoding="utf-8"))
    if settings.json is not None:
        with write_atomically(settings.json) as file:
            file.write((json.dumps(numbers, indent=1) + "\n").encode())
    return lines
