"""Moments at a fixed rate, each with the image captured nearest to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from app.frame import Frame


@dataclass(frozen=True)
class GridFrame:
    """One moment of the grid.

    Attributes:
        t_ns: the moment, on the recording's clock.
        frame: the image captured nearest to it.
    """

    t_ns: int
    frame: Frame


def on_grid(frames: Iterable[Frame], fps: int, until_ns: int) -> Iterator[GridFrame]:
    """Moments 1/fps apart from the first frame on, as long as there are frames and not past `until_ns`.

    Of two frames equally near, the earlier one counts. Where no frame came for a while the nearest one is
    given again; where frames came faster than `fps` the others are left out. Frames whose time does not grow
    are left out, too. The last moment is at most half a step behind the last frame.
    """
    start_ns, k = 0, 0
    before: Frame | None = None
    for frame in frames:
        if before is None:
            start_ns, before = frame.t_capture_ns, frame
            continue
        if frame.t_capture_ns <= before.t_capture_ns:
            continue
        while (t_ns := start_ns + _offset_ns(k, fps)) <= min(frame.t_capture_ns, until_ns):
            nearer_before = t_ns - before.t_capture_ns <= frame.t_capture_ns - t_ns
            yield GridFrame(t_ns, before if nearer_before else frame)
            k += 1
        before = frame
    if before is not None:
        end_ns = min(before.t_capture_ns, until_ns) + 500_000_000 // fps
        while (t_ns := start_ns + _offset_ns(k, fps)) <= end_ns:
            yield GridFrame(t_ns, before)
            k += 1


def usual_fps(t_capture_ns: np.ndarray) -> int | None:
    """The rate, Hz, that times (N,) of capture usually have; None for fewer than two."""
    steps_ns = np.diff(t_capture_ns)
    steps_ns = steps_ns[steps_ns > 0]
    if not len(steps_ns):
        return None
    return max(1, round(1e9 / float(np.median(steps_ns))))


def _offset_ns(k: int, fps: int) -> int:
    return (k * 1_000_000_000 + fps // 2) // fps  # in whole numbers: no error adds up over hours
