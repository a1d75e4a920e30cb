"""Writing the results of a benchmark: JSON for programs, Markdown and pictures for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from app.files import write_atomically

Results = dict[str, Any]


def without_nan(value: Any) -> Any:
    """Results as JSON can hold them: None for what is not a number, six digits for what is."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value


def save_results(
    results: Results,
    output: Path,
    name: str,
    also: Path | None,
    draw: Callable[[Results, Path], dict[str, Path]],
    report: Callable[[Results, Mapping[str, str]], str],
) -> None:
    """NAME.json, NAME.md and the pictures in `output`; the JSON at `also` too.

    Args:
        results: of the benchmark.
        output: folder, made if it is not there.
        name: of the benchmark.
        also: one more place for the JSON.
        draw: writes pictures into a folder and gives their paths by name.
        report: the Markdown, of the results and of where the pictures lie as seen from it.

    Raises:
        AppError: a file cannot be written.
    """
    plain = without_nan(results)
    text = json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    for path in (output / f"{name}.json", also):
        if path is not None:
            with write_atomically(path) as file:
                file.write(text.encode())
    pictures = draw(plain, output)
    with write_atomically(output / f"{name}.md") as file:
        file.write(report(plain, {key: path.name for key, path in pictures.items()}).encode())
