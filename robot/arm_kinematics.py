"""A KUKA LBR iiwa 14 with an Allegro hand on its flange: where the hand is, and how each joint moves it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from robot.allegro_model import ROOT_LINK, WRIST_OFFSET_M, Vector
from robot.errors import RobotError
from robot.link_poses import rotation_from_rpy, transform

LAST_LINK = "lbr_iiwa_link_7"
# The vendor's data sheet for the iiwa 14 R820; the description's own 10 rad/s is a placeholder.
MAX_VELOCITY_RAD_S = np.radians([85.0, 85.0, 100.0, 75.0, 130.0, 135.0, 135.0])
# The hand half a metre ahead, its palm ahead and its fingers up and ahead: room on all sides of every joint.
REST_RAD = np.array([0.0, 0.5, 0.0, -1.75, 0.0, -1.35, 0.0])
# The flange is 45 mm past the last joint; there the lower end of the Allegro's mount is, 0.13 m below.
PALM_MOUNT_M: Vector = (0.0093, 0.0, 0.175)


@dataclass(frozen=True)
class ArmPose:
    """Where the wrist of the hand on the arm is; its axes are the palm's, as an operator's hand has them.

    Attributes:
        position_m: (3,) in the arm's base, x ahead, y left, z up.
        rotation: (3,3) columns: out of the palm, to the index side, to the fingers.
    """

    position_m: np.ndarray
    rotation: np.ndarray


def kuka_urdf() -> Path:
    """The arm's description, as PyBullet's own data package has it.

    Raises:
        RobotError: PyBullet is not installed.
    """
    try:
        import pybullet_data
    except ImportError as error:
        raise RobotError(
            f"The simulated arm needs PyBullet ({error}); install it with: pip install -r requirements.txt"
        ) from error
    return Path(pybullet_data.getDataPath()) / "kuka_iiwa" / "model.urdf"


class ArmKinematics:
    """Forward kinematics and Jacobian of the wrist on the flange.

    Attributes:
        joint_names: seven, from the base.
        lower_rad, upper_rad: (7,) joint limits.
        max_velocity_rad_s: (7,).
        links: the arm's links, from the base; the order of `link_poses`.
    """

    def __init__(self) -> None:
        joints = [
            joint
            for joint in ElementTree.parse(kuka_urdf()).getroot().iter("joint")
            if joint.get("type") == "revolute"
        ]
        self.joint_names = tuple(str(joint.get("name")) for joint in joints)
        self.links = ("lbr_iiwa_link_0", *(str(_child(joint, "child").get("link")) for joint in joints))
        self.lower_rad, self.upper_rad = (
            np.array([float(str(_child(joint, "limit").get(side))) for joint in joints])
            for side in ("lower", "upper")
        )
        self.max_velocity_rad_s = MAX_VELOCITY_RAD_S
        self._origins = []
        for joint in joints:
            origin = _child(joint, "origin")
            rpy, xyz = ([float(v) for v in str(origin.get(name)).split()] for name in ("rpy", "xyz"))
            self._origins.append(transform(rotation_from_rpy(tuple(rpy)), tuple(xyz)))  # type: ignore[arg-type]
        wrist_m = np.add(PALM_MOUNT_M, WRIST_OFFSET_M)
        self._tool = transform(np.eye(3), tuple(wrist_m.tolist()))

    def link_poses(self, q_rad: np.ndarray) -> np.ndarray:
        """(8,4,4) poses of `links` in the base, m, at the joint angles q_rad (7,)."""
        poses = np.empty((len(self._origins) + 1, 4, 4))
        poses[0] = np.eye(4)
        for i, (origin, angle) in enumerate(zip(self._origins, q_rad, strict=True)):
            cos, sin = np.cos(angle), np.sin(angle)
            turned = origin.copy()  # every joint turns about its own z
            turned[:3, 0] = cos * origin[:3, 0] + sin * origin[:3, 1]
            turned[:3, 1] = cos * origin[:3, 1] - sin * origin[:3, 0]
            poses[i + 1] = poses[i] @ turned
        return poses

    def pose(self, q_rad: np.ndarray) -> ArmPose:
        """The wrist at the joint angles q_rad (7,)."""
        tool = self.link_poses(q_rad)[-1] @ self._tool
        return ArmPose(tool[:3, 3], tool[:3, :3])

    def pose_and_jacobian(self, q_rad: np.ndarray) -> tuple[ArmPose, np.ndarray]:
        """The wrist, and (6,7) how it moves (m) and turns (rad, about base axes) with each joint (rad)."""
        poses = self.link_poses(q_rad)
        tool = poses[-1] @ self._tool
        axes, places = poses[1:, :3, 2], poses[1:, :3, 3]
        J = np.concatenate([np.cross(axes, tool[:3, 3] - places).T, axes.T])
        return ArmPose(tool[:3, 3], tool[:3, :3]), J


@lru_cache(maxsize=1)
def arm_kinematics() -> ArmKinematics:
    """The one arm there is; its description is read once."""
    return ArmKinematics()


def arm_and_hand_urdf(hand_urdf: Path) -> str:
    """One description of the arm with a hand fixed on its flange; paths of meshes are made absolute."""
    path = kuka_urdf()
    robot = ElementTree.parse(path).getroot()
    for mesh in robot.iter("mesh"):
        mesh.set("filename", (path.parent / str(mesh.get("filename"))).as_posix())
    robot.extend(list(ElementTree.parse(hand_urdf).getroot()))
    mount = ElementTree.SubElement(robot, "joint", name="allegro_mount", type="fixed")
    ElementTree.SubElement(mount, "origin", xyz=" ".join(map(str, PALM_MOUNT_M)), rpy="0 0 0")
    ElementTree.SubElement(mount, "parent", link=LAST_LINK)
    ElementTree.SubElement(mount, "child", link=ROOT_LINK)
    return ElementTree.tostring(robot, encoding="unicode")


def _child(joint: ElementTree.Element, name: str) -> ElementTree.Element:
    found = joint.find(name)
    if found is None:
        raise RobotError(
            f"The arm's joint {joint.get('name')} has no {name}; install pybullet again, its data is broken."
        )
    return found
