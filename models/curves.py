"""The curves of a training run: a CSV that grows, and a picture of it."""

from __future__ import annotations

import csv
import io
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

from models.files import write_whole


class Curves:
    """The numbers of one run."""

    def __init__(self, out: Path, step: int) -> None:
        """
        Args:
            out: directory for curves.csv and curves.png.
            step: the run starts at; rows of a CSV there up to it are kept, but for damaged ones.
        """
        self._file = out / "curves.csv"
        self._picture = out / "curves.png"
        self._rows: list[dict[str, Any]] = []
        if step and self._file.exists():
            self._rows = [row for row in _whole_rows(self._file) if row.get("step", math.inf) <= step]

    def add(self, row: dict[str, Any]) -> None:
        """One more row; written at once.

        Raises:
            OSError: a file cannot be written; `filename` says which.
        """
        self._rows.append(row)
        names = list(dict.fromkeys(name for row in self._rows for name in row))
        table = io.StringIO()
        writer = csv.DictWriter(table, names)
        writer.writeheader()
        writer.writerows(self._rows)
        write_whole(self._file, table.getvalue().encode())
        if "mpjpe" in row:
            self.draw()

    def draw(self) -> None:
        """Losses on the left, validation on the right.

        Raises:
            OSError: the picture cannot be written; `filename` says which.
        """
        if not self._rows:
            return
        from matplotlib.figure import Figure

        figure = Figure(figsize=(11, 4), layout="constrained")
        left, right = figure.subplots(1, 2)
        names = list(dict.fromkeys(name for row in self._rows for name in row))
        losses = names[: names.index("mpjpe")] if "mpjpe" in names else names
        for name in [name for name in losses if name not in {"step", "seconds", "learning_rate"}]:
            rows = [row for row in self._rows if name in row]
            left.plot([row["step"] for row in rows], [row[name] for row in rows], label=name)
        left.set(title="training loss", xlabel="step", yscale="log")
        left.legend(fontsize=8)
        checked = [row for row in self._rows if "mpjpe" in row]
        for name in ("mpjpe", "pa", "accel", "pa_15", "raw_mpjpe", "raw_pa"):
            if checked and name in checked[-1]:
                style = ".--" if name.startswith("raw") else ".-"
                steps = [row["step"] for row in checked]
                right.plot(steps, [row[name] for row in checked], style, label=name)
        right.set(title="validation, online, mm", xlabel="step")
        if checked:
            right.legend(fontsize=8)
        picture = io.BytesIO()
        figure.savefig(picture, dpi=100, format="png")
        write_whole(self._picture, picture.getvalue())


def _whole_rows(file: Path) -> list[dict[str, float]]:
    """The rows of a CSV of numbers; one that is cut off or holds anything else is left out."""
    text = file.read_text(errors="replace")
    header, *lines = text[: text.rfind("\n") + 1].splitlines() or [""]
    names, rows = header.split(","), []
    for values in (line.split(",") for line in lines):
        with suppress(ValueError):
            row = zip(names, values, strict=True)
            rows.append({name: float(value) for name, value in row if value})
    return rows
