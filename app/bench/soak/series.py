"""Samples of the watched processes over time, and the few figures made of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from app.bench.soak.slope import growth
from app.bench.soak.watch import Sample

_SIDES = ("pipeline", "robot")


@dataclass
class Series:
    """Samples of both sides.

    Attributes:
        t_s: seconds after the first frame.
        pipeline, robot: samples of the pipeline's process, and of its children together.
    """

    t_s: list[float] = field(default_factory=list)
    pipeline: list[Sample] = field(default_factory=list)
    robot: list[Sample] = field(default_factory=list)

    def add(self, t_s: float, pipeline: Sample, robot: Sample) -> None:
        """Keep what was sampled at `t_s`."""
        self.t_s.append(t_s)
        self.pipeline.append(pipeline)
        self.robot.append(robot)

    def results(self, skip_s: float, block_s: float) -> dict[str, Any]:
        """Everything about them as plain data.

        Args:
            skip_s: warming up, of which no figure is made.
            block_s: slopes are told from means of so many seconds; first and last are medians of as many.
        """
        t_s = np.array(self.t_s)
        results: dict[str, Any] = {"skip_s": skip_s, "block_s": block_s, "series": {"t_s": self.t_s}}
        for name in ("memory_mib", "threads", "handles", "slopes", "cpu_cores"):
            results[name] = {}
        for side in _SIDES:
            samples: list[Sample] = getattr(self, side)
            rss_mib = np.array([sample.rss_mib for sample in samples])
            threads = np.array([sample.threads for sample in samples], dtype=float)
            handles = np.array([sample.handles for sample in samples], dtype=float)
            cores = _rate(t_s, np.array([sample.cpu_s for sample in samples]))
            results["series"][side] = {
                "rss_mib": rss_mib.tolist(),
                "threads": threads.tolist(),
                "handles": handles.tolist(),
                "cpu_cores": cores.tolist(),
            }
            for name, values in (("memory_mib", rss_mib), ("threads", threads), ("handles", handles)):
                results[name][side] = _first_last(t_s, values, skip_s, block_s)
            slope = growth(t_s, rss_mib, block_s, skip_s)
            results["slopes"][side] = None if slope is None else asdict(slope)
            results["cpu_cores"][side] = float(np.median(cores)) if len(cores) else None
        return results


def _first_last(t_s: np.ndarray, values: np.ndarray, skip_s: float, block_s: float) -> dict[str, float]:
    """Medians of the first and of the last block, and the most of all, after the warming up."""
    warm = t_s >= skip_s
    if not warm.any():
        return {"first": float("nan"), "last": float("nan"), "most": float("nan")}
    t_s, values = t_s[warm], values[warm]
    return {
        "first": float(np.median(values[t_s <= t_s[0] + block_s])),
        "last": float(np.median(values[t_s >= t_s[-1] - block_s])),
        "most": float(values.max()),
    }


def _rate(t_s: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Per second between samples; the first is repeated, and where a process has ended it is 0."""
    if len(t_s) < 2:
        return np.zeros(len(t_s))
    rate = np.maximum(0.0, np.diff(total) / np.diff(t_s))
    return np.concatenate([rate[:1], rate])
