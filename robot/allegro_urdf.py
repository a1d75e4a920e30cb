"""Writes the URDF files of the Allegro hands from the tables of `robot.allegro_model`.

`python -m robot.allegro_urdf` writes both files into robot/assets.
"""

from __future__ import annotations

import logging
from xml.etree import ElementTree

from robot.allegro_model import (
    EFFORT_NM,
    HANDS,
    ROOT_LINK,
    TIP_LINKS,
    VELOCITY_RAD_S,
    WRIST_LINK,
    WRIST_OFFSET_M,
    Body,
    Hand,
    Joint,
    Vector,
    bodies,
    joints,
    tip_offset_m,
)
from robot.allegro_shapes import COLORS, Shape, shapes
from robot.hands import urdf_path

log = logging.getLogger(__name__)

# The vendor's damping (3–10 N·m·s/rad) and friction are placeholders that would stop the joints dead. This
# little keeps explicit integration of the lightest link stable at 1 ms steps and takes 35 mN·m at full speed.
DAMPING_NM_S_RAD = 0.005
FRICTION_NM = 0.0

_ZERO: Vector = (0.0, 0.0, 0.0)


def numbers(values: tuple[float, ...]) -> str:
    """Numbers as a URDF holds them, separated by spaces."""
    return " ".join(f"{value + 0.0:.10g}" for value in values)


def origin(parent: ElementTree.Element, xyz: Vector, rpy: Vector = _ZERO) -> None:
    """Add a pose, m and rad, to `parent`."""
    ElementTree.SubElement(parent, "origin", xyz=numbers(xyz), rpy=numbers(rpy))


def geometry(parent: ElementTree.Element, kind: str, size_m: tuple[float, ...]) -> None:
    """Add a shape to `parent`; sizes as in `Shape`."""
    element = ElementTree.SubElement(parent, "geometry")
    if kind == "box":
        ElementTree.SubElement(element, "box", size=numbers(size_m))
    elif kind == "cylinder":
        ElementTree.SubElement(element, "cylinder", radius=numbers(size_m[:1]), length=numbers(size_m[1:]))
    else:
        ElementTree.SubElement(element, "sphere", radius=numbers(size_m))


def _add_visual(link: ElementTree.Element, shape: Shape) -> None:
    visual = ElementTree.SubElement(link, "visual")
    origin(visual, shape.xyz, shape.rpy)
    geometry(visual, shape.kind, shape.size_m)
    ElementTree.SubElement(visual, "material", name=shape.color)


def _add_link(robot: ElementTree.Element, body: Body, visuals: list[Shape]) -> None:
    link = ElementTree.SubElement(robot, "link", name=body.link)
    inertial = ElementTree.SubElement(link, "inertial")
    origin(inertial, body.center_m)
    ElementTree.SubElement(inertial, "mass", value=numbers((body.mass_kg,)))
    ixx, iyy, izz = (numbers((moment,)) for moment in body.inertia_kg_m2)
    ElementTree.SubElement(inertial, "inertia", ixx=ixx, ixy="0", ixz="0", iyy=iyy, iyz="0", izz=izz)
    for shape in visuals:
        _add_visual(link, shape)
    collision = ElementTree.SubElement(link, "collision")
    origin(collision, body.center_m)
    if body.size_m is None:
        geometry(collision, "sphere", (body.radius_m,))
    else:
        geometry(collision, "box", body.size_m)


def add_revolute(robot: ElementTree.Element, joint: Joint) -> None:
    """Add one moving joint to `robot`."""
    element = ElementTree.SubElement(robot, "joint", name=joint.name, type="revolute")
    origin(element, joint.xyz, joint.rpy)
    ElementTree.SubElement(element, "parent", link=joint.parent)
    ElementTree.SubElement(element, "child", link=joint.child)
    ElementTree.SubElement(element, "axis", xyz=numbers(joint.axis))
    ElementTree.SubElement(
        element,
        "limit",
        lower=numbers((joint.lower_rad,)),
        upper=numbers((joint.upper_rad,)),
        effort=numbers((EFFORT_NM,)),
        velocity=numbers((VELOCITY_RAD_S,)),
    )
    ElementTree.SubElement(
        element, "dynamics", damping=numbers((DAMPING_NM_S_RAD,)), friction=numbers((FRICTION_NM,))
    )


def add_fixed(robot: ElementTree.Element, name: str, parent: str, child: str, xyz: Vector) -> None:
    """Add a link-to-link offset, m, to `robot`."""
    element = ElementTree.SubElement(robot, "joint", name=name, type="fixed")
    origin(element, xyz)
    ElementTree.SubElement(element, "parent", link=parent)
    ElementTree.SubElement(element, "child", link=child)


def _add_wrist(robot: ElementTree.Element) -> None:
    """The wrist frame; a speck of mass because simulators give a link without one a whole kilogram."""
    link = ElementTree.SubElement(robot, "link", name=WRIST_LINK)
    inertial = ElementTree.SubElement(link, "inertial")
    origin(inertial, _ZERO)
    ElementTree.SubElement(inertial, "mass", value="1e-06")
    moment = "1e-12"
    ElementTree.SubElement(inertial, "inertia", ixx=moment, ixy="0", ixz="0", iyy=moment, iyz="0", izz=moment)
    add_fixed(robot, "wrist_joint", ROOT_LINK, WRIST_LINK, WRIST_OFFSET_M)


def allegro_urdf(hand: Hand) -> str:
    """The whole URDF of `hand` as text; the same text every time."""
    robot = ElementTree.Element("robot", name=f"allegro_{hand}")
    for name, rgba in COLORS.items():
        material = ElementTree.SubElement(robot, "material", name=name)
        ElementTree.SubElement(material, "color", rgba=numbers(rgba))
    visuals = shapes(hand)
    for link, body in bodies(hand).items():
        _add_link(robot, body, visuals[link])
    for joint in joints(hand):
        add_revolute(robot, joint)
    for tip in TIP_LINKS:
        parent = tip.removesuffix("_tip")
        add_fixed(robot, f"{tip.replace('link', 'joint')}", parent, tip, tip_offset_m(tip))
    _add_wrist(robot)
    ElementTree.indent(robot, space="  ")
    note = "<!-- Written by robot/allegro_urdf.py; change its tables, not this file. -->"
    header = f'<?xml version="1.0"?>\n{note}\n'
    return header + ElementTree.tostring(robot, encoding="unicode") + "\n"


def main() -> None:
    """Write both files."""
    for hand in HANDS:
        path = urdf_path(hand)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(allegro_urdf(hand), encoding="utf-8", newline="\n")
        log.info("wrote %s", path)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
