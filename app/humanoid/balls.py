"""Solids as hulls of balls: enough to know what touches the floor, and what shadow falls on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LinkShape:
    """One solid of a link.

    Attributes:
        kind: "sphere", "capsule" or "box".
        size_m: (radius,), (length between the ends' centres, radius) or (x, y, z).
        place: (4,4) pose of its middle in the link's frame; a capsule lies along its z.
    """

    kind: str
    size_m: tuple[float, ...]
    place: np.ndarray


class Balls:
    """The balls whose hulls the solids of links are: one for a sphere, two a capsule, eight points a box.

    Args:
        shapes: the solids of each link.

    Attributes:
        radii_m: (n,) of all balls.
        solids: the balls of each solid.
    """

    def __init__(self, shapes: Sequence[Sequence[LinkShape]]) -> None:
        owners: list[int] = []
        points, radii, self.solids = [], [], []
        for number, parts in enumerate(shapes):
            for part in parts:
                own, radius_m = _balls(part)
                self.solids.append(slice(len(owners), len(owners) + len(own)))
                owners += [number] * len(own)
                points.append(own @ part.place[:3, :3].T + part.place[:3, 3])
                radii += [radius_m] * len(own)
        self._owners, self._points, self.radii_m = np.array(owners), np.concatenate(points), np.array(radii)

    def centres_m(self, poses: np.ndarray) -> np.ndarray:
        """Centres (n,3) of the balls with the links at `poses` (links,4,4)."""
        own = poses[self._owners]
        return np.asarray(np.einsum("nik,nk->ni", own[:, :3, :3], self._points) + own[:, :3, 3])


def _balls(shape: LinkShape) -> tuple[np.ndarray, float]:
    """Centres (n,3) of the balls whose hull a shape is, in its own frame, and their radius."""
    if shape.kind == "sphere":
        return np.zeros((1, 3)), shape.size_m[0]
    if shape.kind == "capsule":
        length_m, radius_m = shape.size_m
        return np.array([[0.0, 0.0, 0.5 * length_m], [0.0, 0.0, -0.5 * length_m]]), radius_m
    signs = np.stack(np.meshgrid(*3 * [(-0.5, 0.5)]), axis=-1).reshape(-1, 3)
    return signs * shape.size_m, 0.0
