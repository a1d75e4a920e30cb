"""The Allegro hands of each version as they are drawn: their chain, their fingertips and their shapes."""

from __future__ import annotations

from dataclasses import dataclass

from robot import allegro_shapes
from robot.allegro_model import TIP_LINKS, Hand, Joint, Vector, joints, tip_offset_m
from robot.allegro_shapes import Shape
from robot.allegro_v5 import Kind, v5_joints, v5_lengths_m, v5_tips_m


@dataclass(frozen=True)
class Look:
    """What is needed to draw a hand.

    Attributes:
        joints: in driver order, each after its parent.
        tips_m: where each fingertip's sphere is in the link it is fixed to, by the name of the tip's link.
        shapes: of each link.
    """

    joints: tuple[Joint, ...]
    tips_m: dict[str, Vector]
    shapes: dict[str, list[Shape]]


def look_of(hand: Hand, version: str) -> Look:
    """The look of a hand.

    Args:
        hand: "right" or "left".
        version: how it is built, of `allegro_versions.BUILDS`.
    """
    if not version.startswith("v5"):
        tips_m = {link: tip_offset_m(link) for link in TIP_LINKS}
        return Look(joints(hand), tips_m, allegro_shapes.shapes(hand))
    kind: Kind = "a" if version == "v5a" else "b"
    tips_m = v5_tips_m(kind)
    shapes = allegro_shapes.v5_shapes(hand, v5_lengths_m(kind), tips_m)
    return Look(v5_joints(kind, hand), tips_m, shapes)
