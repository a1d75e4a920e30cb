"""Where the names of points in a picture go, so that they do not cover each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

SIZE_PT = 8.0
_WIDTH, _HEIGHT = 0.62, 1.5  # of a letter, on average, and of a line, times its size
_POINT_PT = 6.0  # half of a point
# Sideways and upwards from a point, and which end of the text is there; the best first.
_PLACES: tuple[tuple[float, float, Literal["left", "center", "right"]], ...] = (
    (9.0, 5.0, "left"),
    (-9.0, 5.0, "right"),
    (9.0, -13.0, "left"),
    (-9.0, -13.0, "right"),
    (0.0, 12.0, "center"),
    (0.0, -20.0, "center"),
    (0.0, 24.0, "center"),
    (0.0, -32.0, "center"),
)
_SHARE = {"left": 0.0, "center": 0.5, "right": 1.0}
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Placed:
    """Where one label goes.

    Attributes:
        offset_pt: from its point, sideways and up.
        end: which end of the text is there.
        box: left, right, bottom, top of what it covers.
    """

    offset_pt: tuple[float, float]
    end: Literal["left", "center", "right"]
    box: Box


def place(
    labels: Mapping[str, str], points_pt: Mapping[str, tuple[float, float]], size_pt: tuple[float, float]
) -> dict[str, Placed]:
    """The first place for each that covers least of other labels and points, in the order of `labels`.

    Args:
        labels: texts by name.
        points_pt: where their points are, from the lower left corner of the panel.
        size_pt: of the panel.
    """
    taken: list[Box] = [
        (x - _POINT_PT, x + _POINT_PT, y - _POINT_PT, y + _POINT_PT) for x, y in points_pt.values()
    ]
    placed = {}
    for name, text in labels.items():
        choices = [_put(text, points_pt[name], *where) for where in _PLACES]
        best = min(choices, key=lambda one: _covered(one.box, taken) + _outside(one.box, size_pt))
        placed[name] = best
        taken.append(best.box)
    return placed


def _put(
    text: str, point: tuple[float, float], across: float, up: float, end: Literal["left", "center", "right"]
) -> Placed:
    width = _WIDTH * SIZE_PT * len(text)
    left = point[0] + across - _SHARE[end] * width
    bottom = point[1] + up
    return Placed((across, up), end, (left, left + width, bottom, bottom + _HEIGHT * SIZE_PT))


def _covered(box: Box, taken: list[Box]) -> float:
    """Area of the others that it covers."""
    return sum(
        max(0.0, min(box[1], other[1]) - max(box[0], other[0]))
        * max(0.0, min(box[3], other[3]) - max(box[2], other[2]))
        for other in taken
    )


def _outside(box: Box, size_pt: tuple[float, float]) -> float:
    """Far more than any cover, for what would be cut off."""
    beyond = (-box[0], box[1] - size_pt[0], -box[2], box[3] - size_pt[1])
    return 1e3 * sum(max(0.0, far) for far in beyond)
