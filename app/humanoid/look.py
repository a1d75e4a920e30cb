"""What the humanoid looks like: solids for the small renderer of `robot`.

The limbs have a colour for each side, the ones of the skeleton over the camera's image, so that a pair of
feet that swapped would be seen. The description's own solids are spheres, capsules and boxes with gaps
between them: hips, waist, shoulders, neck and joints are filled in here, and the head gets a visor.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from app.drawing import FINGER_COLOURS, Colour
from app.humanoid.balls import LinkShape
from robot.allegro_shapes import Shape
from robot.link_poses import rotation_from_rpy, transform
from robot.renderer import Geometry

LEFT_COLOUR: Colour = FINGER_COLOURS[1]
RIGHT_COLOUR: Colour = FINGER_COLOURS[0]

DRAWN_SCALE = 0.125
"""The renderer's shadows and bevels are made for things as large as hands."""

_HALF_PI = 0.5 * math.pi
_ALONG_Y, _ALONG_Z = (-_HALF_PI, 0.0, 0.0), (0.0, 0.0, 0.0)


def _rgba(colour: Colour, shade: float = 1.0) -> tuple[float, float, float, float]:
    blue, green, red = (shade * value / 255.0 for value in colour)
    return red, green, blue, 1.0


COLOURS = {
    "left": _rgba(LEFT_COLOUR, 0.92),
    "right": _rgba(RIGHT_COLOUR, 0.92),
    "left joint": _rgba(LEFT_COLOUR, 0.5),
    "right joint": _rgba(RIGHT_COLOUR, 0.5),
    "trunk": (0.29, 0.33, 0.39, 1.0),
    "waist": (0.19, 0.22, 0.26, 1.0),
    "head": (0.80, 0.82, 0.84, 1.0),
    "visor": (0.10, 0.12, 0.15, 1.0),
}


@dataclass(frozen=True)
class Dressed:
    """What is drawn of the humanoid.

    Attributes:
        shapes: the solids of each link, its own and what is filled in.
        geometry: the same, for the renderer.
    """

    shapes: tuple[tuple[LinkShape, ...], ...]
    geometry: Geometry


def dressed(links: tuple[str, ...], shapes: tuple[tuple[LinkShape, ...], ...]) -> Dressed:
    """The humanoid as it is drawn.

    Args:
        links, shapes: see `HumanoidFigure`.
    """
    solids: list[list[Shape]] = []
    everything: list[tuple[LinkShape, ...]] = []
    for link, parts in zip(links, shapes, strict=True):
        side = "left" if link.startswith("left") else "right"
        own = _OWN_COLOURS.get(link, side)
        coloured = [*((part, own) for part in parts), *_filling(link, side)]
        everything.append(tuple(part for part, _ in coloured))
        solids.append([piece for part, colour in coloured for piece in _pieces(part, colour)])
    return Dressed(tuple(everything), Geometry(solids, COLOURS))


_OWN_COLOURS = {"root": "waist", "chest": "trunk", "neck": "head"}


def _filling(link: str, side: str) -> Iterator[tuple[LinkShape, str]]:
    """What is added to a link, and its colour."""
    if link == "root":
        yield _capsule(0.13, 0.072, (0.0, 0.005, 0.0), _ALONG_Z), "waist"
    elif link == "chest":
        yield _capsule(0.14, 0.080, (0.0, -0.04, 0.0), _ALONG_Y), "waist"
        yield _capsule(0.11, 0.112, (0.0, 0.13, 0.0), _ALONG_Z), "trunk"
        yield _capsule(0.28, 0.056, (-0.018, 0.218, 0.0), _ALONG_Z), "trunk"
    elif link == "neck":
        yield _capsule(0.10, 0.040, (0.0, 0.02, 0.0), _ALONG_Y), "waist"
        yield _capsule(0.085, 0.034, (0.072, 0.19, 0.0), _ALONG_Z), "visor"
    elif link.endswith("knee"):
        yield _sphere(0.056), f"{side} joint"
    elif link.endswith("elbow"):
        yield _sphere(0.047), f"{side} joint"
    elif link.endswith("shoulder"):
        yield _sphere(0.060), f"{side} joint"
    elif link.endswith("hip"):
        yield _sphere(0.070), f"{side} joint"
    elif link.endswith("ankle"):
        yield _sphere(0.046), f"{side} joint"


def _capsule(
    length_m: float, radius_m: float, xyz: tuple[float, float, float], rpy: tuple[float, float, float]
) -> LinkShape:
    return LinkShape("capsule", (length_m, radius_m), transform(rotation_from_rpy(rpy), xyz))


def _sphere(radius_m: float) -> LinkShape:
    return LinkShape("sphere", (radius_m,), np.eye(4))


def _pieces(part: LinkShape, colour: str) -> Iterator[Shape]:
    """The renderer's shapes that a solid is made of, at the size it is drawn."""
    size = tuple(DRAWN_SCALE * value for value in part.size_m)
    middle = DRAWN_SCALE * part.place[:3, 3]
    turn = part.place[:3, :3]
    rpy = _rpy(turn)
    if part.kind != "capsule":
        yield Shape(part.kind, size, _vector(middle), colour, rpy)
        return
    length, radius = size
    yield Shape("cylinder", (radius, length), _vector(middle), colour, rpy)
    for end in (-0.5, 0.5):
        yield Shape("sphere", (radius,), _vector(middle + end * length * turn[:, 2]), colour, rpy)


def _rpy(R: np.ndarray) -> tuple[float, float, float]:
    """Roll, pitch and yaw of a rotation (3,3) that is not pitched straight up or down."""
    return (
        math.atan2(R[2, 1], R[2, 2]),
        math.asin(float(np.clip(-R[2, 0], -1.0, 1.0))),
        math.atan2(R[1, 0], R[0, 0]),
    )


def _vector(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = values.tolist()
    return x, y, z
