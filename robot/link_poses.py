"""Forward kinematics of the Allegro hand from its tables: where every link is, for drawing."""

from __future__ import annotations

import numpy as np

from robot.allegro_model import ROOT_LINK, TIP_LINKS, Hand, Joint, Vector, joints, tip_offset_m


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

    Attributes:
        links: names of the links, the order of the poses; the palm first.
    """

    def __init__(self, hand: Hand) -> None:
        self._joints: tuple[Joint, ...] = joints(hand)
        self._origins = [transform(rotation_from_rpy(joint.rpy), joint.xyz) for joint in self._joints]
        self._tips = [transform(np.eye(3), tip_offset_m(tip)) for tip in TIP_LINKS]
        self.links = (ROOT_LINK, *(joint.child for joint in self._joints), *TIP_LINKS)
        self._index = {link: i for i, link in enumerate(self.links)}

    def of(self, q_rad: np.ndarray) -> np.ndarray:
        """(links,4,4) poses in the palm frame, m, at the joint angles `q_rad` (16,) rad in driver order."""
        poses = np.empty((len(self.links), 4, 4))
        poses[0] = np.eye(4)
        for i, (joint, origin) in enumerate(zip(self._joints, self._origins, strict=True)):
            turn = transform(_rotation(joint.axis, float(q_rad[i])), (0.0, 0.0, 0.0))
            poses[i + 1] = poses[self._index[joint.parent]] @ origin @ turn
        for k, (tip, offset) in enumerate(zip(TIP_LINKS, self._tips, strict=True)):
            poses[1 + len(self._joints) + k] = poses[self._index[tip.removesuffix("_tip")]] @ offset
        return poses
