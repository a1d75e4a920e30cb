"""A wrist that moves: the hand on three slides over a table, palm down, as slow and strong as a small arm.

The palm is moved by joints of the physics, not by setting its pose, because contacts know the speed of
joints: a hand that was put elsewhere at every step would slide along what it holds instead of carrying it.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from robot.allegro_model import ROOT_LINK, Vector
from robot.bullet import joint_indices
from robot.hands import HandSpec

SPEED_M_S = 0.12
_ACCELERATION_M_S2 = 0.6
_FORCE_N = 60.0
_RANGE_M = 0.3  # either way from where it starts
_CARRIAGE_KG = 0.2

PALM_DOWN_RPY: Vector = (0.0, math.pi / 2, 0.0)
SLIDES = ("wrist_x", "wrist_y", "wrist_z")


def sliding_urdf(spec: HandSpec) -> str:
    """The hand's URDF, its palm held down on three slides along x, y and z of the world."""
    robot = ElementTree.parse(spec.urdf_path).getroot()
    parent = "mount"
    _add_carriage(robot, parent)
    for slide, axis in zip(SLIDES, ("1 0 0", "0 1 0", "0 0 1"), strict=True):
        child = f"{slide}_carriage"
        _add_carriage(robot, child)
        joint = ElementTree.SubElement(robot, "joint", name=slide, type="prismatic")
        ElementTree.SubElement(joint, "parent", link=parent)
        ElementTree.SubElement(joint, "child", link=child)
        ElementTree.SubElement(joint, "axis", xyz=axis)
        ElementTree.SubElement(
            joint, "limit", lower=str(-_RANGE_M), upper=str(_RANGE_M), effort=str(_FORCE_N), velocity="1"
        )
        parent = child
    fixed = ElementTree.SubElement(robot, "joint", name="mount_joint", type="fixed")
    ElementTree.SubElement(fixed, "origin", xyz="0 0 0", rpy=" ".join(map(str, PALM_DOWN_RPY)))
    ElementTree.SubElement(fixed, "parent", link=parent)
    ElementTree.SubElement(fixed, "child", link=ROOT_LINK)
    return ElementTree.tostring(robot, encoding="unicode")


def _add_carriage(robot: ElementTree.Element, name: str) -> None:
    link = ElementTree.SubElement(robot, "link", name=name)
    inertial = ElementTree.SubElement(link, "inertial")
    ElementTree.SubElement(inertial, "mass", value=str(_CARRIAGE_KG))
    moment = "1e-4"
    ElementTree.SubElement(inertial, "inertia", ixx=moment, ixy="0", ixz="0", iyy=moment, iyz="0", izz=moment)


def load_sliding(bullet: Any, client: int, spec: HandSpec, start_m: Vector, flags: int) -> int:
    """Load the hand on its slides, the palm frame at `start_m` in the world; Bullet's number of the body."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "sliding.urdf"
        path.write_text(sliding_urdf(spec), encoding="utf-8")
        return int(
            bullet.loadURDF(
                str(path), basePosition=start_m, useFixedBase=True, flags=flags, physicsClientId=client
            )
        )


class Wrist:
    """The three slides of a loaded hand.

    Args:
        bullet: the pybullet module.
        client: its client.
        body: the hand, from `load_sliding`.
        dt_s: physics step, s.
    """

    def __init__(self, bullet: Any, client: int, body: int, dt_s: float) -> None:
        self._bullet, self._client, self._body = bullet, client, body
        self._dt_s = dt_s
        self._indices = joint_indices(bullet, client, body, SLIDES)
        self.reset()

    def move(self, offset_m: np.ndarray) -> None:
        """Go to `offset_m` (3,) from the start, world axes, at limited speed and acceleration."""
        self._goal_m = np.clip(np.asarray(offset_m, dtype=np.float64), -_RANGE_M, _RANGE_M)

    def reset(self) -> None:
        """Be back at the start, at once and at rest."""
        self._offset_m, self._speed_m_s, self._goal_m = np.zeros(3), np.zeros(3), np.zeros(3)
        for index in self._indices:
            self._bullet.resetJointState(self._body, index, 0.0, 0.0, physicsClientId=self._client)
        self._drive()

    def step(self) -> None:
        """Command the coming physics step."""
        dt_s = self._dt_s
        away = self._goal_m - self._offset_m
        braking = _ACCELERATION_M_S2 * (np.sqrt(dt_s**2 + 2.0 * np.abs(away) / _ACCELERATION_M_S2) - dt_s)
        wanted = np.copysign(np.minimum(np.minimum(braking, np.abs(away) / dt_s), SPEED_M_S), away)
        change = _ACCELERATION_M_S2 * dt_s
        self._speed_m_s = np.clip(wanted, self._speed_m_s - change, self._speed_m_s + change)
        self._offset_m = self._offset_m + dt_s * self._speed_m_s
        self._drive()

    def _drive(self) -> None:
        self._bullet.setJointMotorControlArray(
            self._body,
            self._indices,
            self._bullet.POSITION_CONTROL,
            targetPositions=self._offset_m.tolist(),
            targetVelocities=self._speed_m_s.tolist(),
            forces=[_FORCE_N] * 3,
            positionGains=[0.3] * 3,
            velocityGains=[1.0] * 3,
            physicsClientId=self._client,
        )
