"""The URDF files of the Allegro hand v5 that retargeting uses.

`python -m robot.allegro_v5_urdf` writes the four files into robot/assets. They hold joints, limits and simple
collision shapes, no masses: the vendor's inertias are no physical ones, and only v4 is simulated here.
"""

from __future__ import annotations

import logging
from xml.etree import ElementTree

from robot.allegro_model import (
    FINGER_WIDTH_M,
    HANDS,
    ROOT_LINK,
    TIP_RADIUS_M,
    WRIST_LINK,
    WRIST_OFFSET_M,
    Hand,
    Vector,
    bodies,
)
from robot.allegro_urdf import add_fixed, add_revolute, geometry, origin
from robot.allegro_v5 import KINDS, Kind, v5_joints, v5_lengths_m, v5_path, v5_tips_m

log = logging.getLogger(__name__)


def allegro_v5_urdf(kind: Kind, hand: Hand) -> str:
    """The whole URDF as text; the same text every time."""
    robot = ElementTree.Element("robot", name=f"allegro_v5{kind}_{hand}")
    chain, length_m, tips_m = v5_joints(kind, hand), v5_lengths_m(kind), v5_tips_m(kind)
    palm = bodies(hand)[ROOT_LINK]
    _add_link(robot, ROOT_LINK, "box", palm.size_m or (), palm.center_m)
    for joint in chain:
        link = joint.child
        if link in length_m:
            solid_m = tips_m[f"{link}_tip"][2] if f"{link}_tip" in tips_m else length_m[link]
            _add_link(robot, link, "box", (*FINGER_WIDTH_M, solid_m), (0.0, 0.0, solid_m / 2))
        else:
            ElementTree.SubElement(robot, "link", name=link)
    frames_m = {tip: length_m[tip.removesuffix("_tip")] for tip in tips_m}
    for tip, frame_m in frames_m.items():
        _add_link(robot, tip, "sphere", (TIP_RADIUS_M,), (0.0, 0.0, tips_m[tip][2] - frame_m))
    ElementTree.SubElement(robot, "link", name=WRIST_LINK)
    for joint in chain:
        add_revolute(robot, joint)
    for tip, frame_m in frames_m.items():
        add_fixed(robot, tip.replace("link", "joint"), tip.removesuffix("_tip"), tip, (0.0, 0.0, frame_m))
    add_fixed(robot, "wrist_joint", ROOT_LINK, WRIST_LINK, WRIST_OFFSET_M)
    ElementTree.indent(robot, space="  ")
    note = "<!-- Written by robot/allegro_v5_urdf.py; robot/allegro_v5.py tells sources; change these. -->"
    return f'<?xml version="1.0"?>\n{note}\n' + ElementTree.tostring(robot, encoding="unicode") + "\n"


def main() -> None:
    """Write all four files."""
    for kind in KINDS:
        for hand in HANDS:
            path = v5_path(kind, hand)
            path.write_text(allegro_v5_urdf(kind, hand), encoding="utf-8", newline="\n")
            log.info("wrote %s", path)


def _add_link(
    robot: ElementTree.Element, name: str, kind: str, size_m: tuple[float, ...], center_m: Vector
) -> None:
    collision = ElementTree.SubElement(ElementTree.SubElement(robot, "link", name=name), "collision")
    origin(collision, center_m)
    geometry(collision, kind, size_m)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
