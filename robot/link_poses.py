"""Forward kinematics of the Allegro hand from its tables: where every link is, for drawing."""

from __future__ import annotations

import numpy as np

from robot.allegro_look import look_of
from robot.allegro_model import ROOT_LINK, Hand, Joint, Vector


def _rotation(axis: Vector, angle_rad: float) -> np.ndarray:
    """(3,3) rotation about a unit axis (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angle_rad) * cross + (1.0 - np.cos(angle_rad)) * (cross @ cross)


def rotation_from_rpy(rpy: Vector) -> np.ndarray:
    """(3,3) rotation of URDF roll, pitch, yaw: about fixed x, then y, then z."""
    roll, pitch, yaw = rpy
    return (
        _rotation((0.0, 0.0, 1.0), yaw) @ _rotation((0.0, 1.0, 0.0), pitch) @ _rotation((1.0, 0.0, 0.0), roll)
    )


def transform(rotation: np.ndarray, xyz: Vector) -> np.ndarray:
    """(4,4) homogeneous transform."""
    result = np.eye(4)
    result[:3, :3] = rotation
    result[:3, 3] = xyz
    return result


class LinkPoses:
    """Forward kinematics of one hand.

    Args:
        hand: "right" or "left".
        version: how it is built, of `allegro_versions.BUILDS`.

    Attributes:
        links: names of the links, the order of the poses; the palm first.
    """

    def __init__(self, hand: Hand, version: str = "v4") -> None:
        look = look_of(hand, version)
        self._joints: tuple[Joint, ...] = look.joints
        self._origins = [transform(rotation_from_rpy(joint.rpy), joint.xyz) for joint in self._joints]
        self._tips = [transform(np.eye(3), offset_m) for offset_m in look.tips_m.values()]
        self.links = (ROOT_LINK, *(joint.child for joint in self._joints), *look.tips_m)
        self._index = {link: i for i, link in enumerate(self.links)}

    def of(self, q_rad: np.ndarray) -> np.ndarray:
        """(links,4,4) poses in the palm frame, m, at the joint angles `q_rad` (16,) rad in driver order."""
        poses = np.empty((len(self.links), 4, 4))
        poses[0] = np.eye(4)
        for i, (joint, origin) in enumerate(zip(self._joints, self._origins, strict=True)):
            turn = transform(_rotation(joint.axis, float(q_rad[i])), (0.0, 0.0, 0.0))
            poses[i + 1] = poses[self._index[joint.parent]] @ origin @ turn
        tips = self.links[1 + len(self._joints) :]
        for k, (tip, offset) in enumerate(zip(tips, self._tips, strict=True)):
            poses[1 + len(self._joints) + k] = poses[self._index[tip.removesuffix("_tip")]] @ offset
        return poses
