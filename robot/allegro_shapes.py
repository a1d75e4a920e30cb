"""What the Allegro hand looks like: dark servo housings, metal hubs and white rubber tips, as primitives.

Shapes are given for the right hand in each link's own frame and mirrored in y for the left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from robot.allegro_model import (
    FINGER_LENGTHS_M,
    ROOT_LINK,
    THUMB_LENGTHS_M,
    TIP_LINKS,
    TIP_RADIUS_M,
    Hand,
    Vector,
)

HALF_PI = math.pi / 2

# name: RGBA
COLORS: dict[str, tuple[float, float, float, float]] = {
    "graphite": (0.17, 0.18, 0.20, 1.0),
    "slate": (0.30, 0.32, 0.35, 1.0),
    "plate": (0.43, 0.45, 0.48, 1.0),
    "metal": (0.66, 0.68, 0.70, 1.0),
    "rubber": (0.86, 0.86, 0.83, 1.0),
    "accent": (0.10, 0.56, 0.62, 1.0),
}


@dataclass(frozen=True)
class Shape:
    """One visual primitive: `kind` with `size_m` (box: x, y, z; cylinder: radius, length; sphere: radius)."""

    kind: str
    size_m: tuple[float, ...]
    xyz: Vector
    color: str
    rpy: Vector = (0.0, 0.0, 0.0)


def _hub(radius_m: float = 0.0102, width_m: float = 0.0262, z_m: float = 0.0) -> list[Shape]:
    """A flexion joint: a dark drum across the finger with a metal cap on either side."""
    across = (HALF_PI, 0.0, 0.0)
    caps = [
        Shape("cylinder", (0.0066, 0.0012), (0.0, side * (width_m / 2 + 0.0006), z_m), "metal", across)
        for side in (1, -1)
    ]
    return [Shape("cylinder", (radius_m, width_m), (0.0, 0.0, z_m), "graphite", across), *caps]


def _segment(length_m: float) -> list[Shape]:
    """A phalanx between two flexion joints: hub, servo housing, and a lighter bracket on either side."""
    body = length_m - 0.0102
    middle = length_m / 2
    brackets = [
        Shape("box", (0.0126, 0.0018, length_m), (0.0, side * 0.0128, middle), "plate") for side in (1, -1)
    ]
    housing = Shape("box", (0.0188, 0.0238, body - 0.0102), (0.0, 0.0, middle), "slate")
    front = Shape("box", (0.0010, 0.0150, body - 0.0200), (0.0096, 0.0, middle), "graphite")
    return [*_hub(), housing, front, *brackets]


def _fingertip_link(length_m: float) -> list[Shape]:
    """The last phalanx: hub, short housing, and the stem of the rubber tip."""
    stem = min(0.014, length_m * 0.45)
    housing = length_m - stem
    return [
        *_hub(),
        Shape("box", (0.0188, 0.0228, housing - 0.004), (0.0, 0.0, (housing + 0.004) / 2), "slate"),
        Shape("cylinder", (TIP_RADIUS_M + 0.0004, 0.0022), (0.0, 0.0, housing), "metal"),
        Shape("cylinder", (TIP_RADIUS_M, stem), (0.0, 0.0, length_m - stem / 2), "rubber"),
    ]


def _finger_base(length_m: float) -> list[Shape]:
    """The abduction servo at the knuckle, turning about the finger's own axis."""
    return [
        Shape("cylinder", (0.0118, 0.004), (0.0, 0.0, 0.002), "metal"),
        Shape("box", (0.0190, 0.0240, length_m - 0.004), (0.0, 0.0, length_m / 2 + 0.001), "graphite"),
    ]


def _palm() -> list[Shape]:
    """Back shell, palm plate, knuckle bar, thumb mount and wrist flange."""
    knuckles = [
        Shape("box", (0.0330, 0.0290, 0.0170), (-0.0090, y, -0.0092), "slate") for y in (0.0410, 0.0, -0.0410)
    ]
    return [
        Shape("box", (0.0340, 0.1080, 0.0760), (-0.0125, 0.0, -0.0550), "graphite"),
        Shape("box", (0.0060, 0.1020, 0.0560), (0.0070, 0.0, -0.0500), "slate"),
        Shape("box", (0.0020, 0.0860, 0.0400), (0.0102, 0.0, -0.0480), "graphite"),
        Shape("box", (0.0014, 0.0460, 0.0024), (0.0112, 0.0, -0.0340), "accent"),
        Shape("box", (0.0300, 0.1120, 0.0060), (-0.0100, 0.0, -0.0200), "plate"),
        *knuckles,
        Shape("cylinder", (0.0280, 0.0060), (-0.0093, 0.0, -0.0960), "plate"),
        Shape("cylinder", (0.0230, 0.0280), (-0.0093, 0.0, -0.1120), "graphite"),
        Shape("cylinder", (0.0280, 0.0060), (-0.0093, 0.0, -0.1270), "metal"),
    ]


def _thumb_base() -> list[Shape]:
    """Link 12, the swivel that carries the thumb."""
    return [
        Shape("box", (0.0330, 0.0300, 0.0380), (-0.0179, 0.0090, 0.0130), "graphite"),
        Shape("box", (0.0240, 0.0310, 0.0220), (-0.0190, 0.0090, 0.0130), "slate"),
        Shape("cylinder", (0.0118, 0.0060), (-0.0270, 0.0050, 0.0350), "metal"),
    ]


def shapes(hand: Hand) -> dict[str, list[Shape]]:
    """Visual primitives of `hand` by link name."""
    parts: dict[str, list[Shape]] = {ROOT_LINK: _palm(), "link_12.0": _thumb_base()}
    for first in (0, 4, 8):
        parts[f"link_{first}.0"] = _finger_base(FINGER_LENGTHS_M[0])
        parts[f"link_{first + 1}.0"] = _segment(FINGER_LENGTHS_M[1])
        parts[f"link_{first + 2}.0"] = _segment(FINGER_LENGTHS_M[2])
        parts[f"link_{first + 3}.0"] = _fingertip_link(FINGER_LENGTHS_M[3])
    parts["link_13.0"] = _finger_base(THUMB_LENGTHS_M[0])
    parts["link_14.0"] = _segment(THUMB_LENGTHS_M[1])
    parts["link_15.0"] = _fingertip_link(THUMB_LENGTHS_M[2])
    for link in TIP_LINKS:
        parts[link] = [Shape("sphere", (TIP_RADIUS_M,), (0.0, 0.0, 0.0), "rubber")]
    if hand == "left":
        parts = {link: [_mirrored(shape) for shape in group] for link, group in parts.items()}
    return parts


def v5_shapes(hand: Hand, lengths_m: dict[str, float], tips_m: dict[str, Vector]) -> dict[str, list[Shape]]:
    """Visual primitives of a v5 `hand` by link name: v4's, as long as its links are.

    Args:
        hand: "right" or "left".
        lengths_m: of each link with a body.
        tips_m: centres of the fingertips in their last links.
    """
    parts: dict[str, list[Shape]] = {ROOT_LINK: _palm(), "link_13_0": []}
    for first in (0, 4, 8):
        parts[f"link_{first}_0"] = _finger_base(lengths_m[f"link_{first}_0"])
        for k in (1, 2):
            parts[f"link_{first + k}_0"] = _segment(lengths_m[f"link_{first + k}_0"])
    parts["link_12_0"] = _segment(lengths_m["link_12_0"])
    parts["link_14_0"] = _segment(lengths_m["link_14_0"])
    for link, (_, _, length_m) in tips_m.items():
        parts[link.removesuffix("_tip")] = _fingertip_link(length_m)
        parts[link] = [Shape("sphere", (TIP_RADIUS_M,), (0.0, 0.0, 0.0), "rubber")]
    if hand == "left":
        parts = {link: [_mirrored(shape) for shape in group] for link, group in parts.items()}
    return parts


def _mirrored(shape: Shape) -> Shape:
    """The same shape on the other side of the hand; each one is symmetric about its own y = 0 plane."""
    x, y, z = shape.xyz
    return replace(shape, xyz=(x, -y, z))
