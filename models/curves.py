"""The curves of a training run: a CSV that grows, and a picture of it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any


class Curves:
    """The numbers of one run."""

    def __init__(self, out: Path, step: int) -> None:
        """
        Args:
            out: directory for curves.csv and curves.png.
            step: the run starts at; earlier rows of a CSV there are kept.
        """
        self._file = out / "curves.csv"
        self._picture = out / "curves.png"
        self._rows: list[dict[str, Any]] = []
        if step and self._file.exists():
            with self._file.open(newline="") as file:
                rows = [
                    {name: float(value) for name, value in row.items() if value}
                    for row in csv.DictReader(file)
                ]
            self._rows = [row for row in rows if row["step"] <= step]

    def add(self, row: dict[str, Any]) -> None:
        """One more row; written at once."""
        self._rows.append(row)
        names = list(dict.fromkeys(name for row in self._rows for name in row))
        with self._file.open("w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(self._rows)
        if "mpjpe" in row:
            self.draw()

    def draw(self) -> None:
        """Losses on the left, validation on the right."""
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
        figure.savefig(self._picture, dpi=100)
