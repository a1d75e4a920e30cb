"""PyBullet's humanoid itself: takes a pose, tells where its links are."""

from __future__ import annotations

import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np

from app.errors import AppError
from app.humanoid.balls import Balls, LinkShape
from app.humanoid.pose import HINGE_JOINTS, SPHERICAL_JOINTS, HumanoidPose, quaternions_of
from models.body_retarget import HUMANOID_SCALE
from models.rotations import matrix_from_quaternion
from robot import RobotError
from robot.bullet import joint_indices, link_indices, load_pybullet


class HumanoidFigure:
    """The humanoid in a PyBullet world of its own, without physics or display.

    Attributes:
        links: their names, the order of `link_poses`.
        shapes: the solids of each link, from its description.

    Raises:
        AppError: PyBullet or its humanoid is not installed.
    """

    def __init__(self) -> None:
        try:
            self._bullet: Any = load_pybullet()
        except RobotError as error:
            raise AppError(str(error)) from error
        self._client = self._bullet.connect(self._bullet.DIRECT)
        try:
            self._body = self._load()
        except BaseException:
            self.close()
            raise
        numbers = link_indices(self._bullet, self._client, self._body)
        self.links = tuple(numbers)
        self._numbers = list(numbers.values())
        self._spherical = joint_indices(self._bullet, self._client, self._body, SPHERICAL_JOINTS)
        self._hinges = joint_indices(self._bullet, self._client, self._body, HINGE_JOINTS)
        self.shapes = self._shapes()
        self._balls = Balls(self.shapes)

    def take(self, pose: HumanoidPose) -> None:
        """Take a pose."""
        bullet, client, body = self._bullet, self._client, self._body
        bullet.resetBasePositionAndOrientation(
            body, pose.position_m.tolist(), quaternions_of(pose.rotation).tolist(), physicsClientId=client
        )
        values = [*pose.spherical.tolist(), *([angle] for angle in pose.hinges_rad.tolist())]
        bullet.resetJointStatesMultiDof(
            body, [*self._spherical, *self._hinges], targetValues=values, physicsClientId=client
        )

    def link_poses(self) -> np.ndarray:
        """(links,4,4) poses of the links' frames in the humanoid's frame, metres."""
        states = self._bullet.getLinkStates(
            self._body, self._numbers, computeForwardKinematics=True, physicsClientId=self._client
        )
        poses = np.tile(np.eye(4), (len(states), 1, 1))
        poses[:, :3, 3] = [state[4] for state in states]
        poses[:, :3, :3] = matrix_from_quaternion(np.array([state[5] for state in states]))
        return poses

    def lowest_m(self, poses: np.ndarray) -> float:
        """Height (y) of the lowest point of the links at `poses`, see `link_poses`."""
        return float(np.min(self._balls.centres_m(poses)[:, 1] - self._balls.radii_m))

    def close(self) -> None:
        """Free PyBullet's world; safe to call twice."""
        if self._client >= 0:
            self._bullet.disconnect(physicsClientId=self._client)
            self._client = -1

    def _load(self) -> int:
        try:
            import pybullet_data

            path = Path(pybullet_data.getDataPath()) / "humanoid" / "humanoid.urdf"
            # The file ends with a NUL, which is no XML.
            root = ElementTree.fromstring(path.read_text(encoding="utf-8").rstrip("\0 \n"))
        except (ImportError, OSError, ElementTree.ParseError) as error:
            raise AppError(
                f"PyBullet's humanoid cannot be read ({error}); run pip install --force-reinstall pybullet"
            ) from error
        for joint in root.iter("joint"):
            # PyBullet says on standard output, joint by joint, that a ball joint names no axis.
            if joint.get("type") == "spherical" and joint.find("axis") is None:
                ElementTree.SubElement(joint, "axis", xyz="1 0 0")
        with tempfile.TemporaryDirectory() as directory:
            copy = Path(directory) / "humanoid.urdf"
            ElementTree.ElementTree(root).write(copy, encoding="utf-8")
            return int(
                self._bullet.loadURDF(
                    str(copy),
                    useFixedBase=True,
                    globalScaling=HUMANOID_SCALE,
                    physicsClientId=self._client,
                )
            )

    def _shapes(self) -> tuple[tuple[LinkShape, ...], ...]:
        bullet = self._bullet
        shapes: dict[int, list[LinkShape]] = {number: [] for number in self._numbers}
        for data in bullet.getVisualShapeData(self._body, physicsClientId=self._client):
            number, kind, size, place = data[1], data[2], data[3], np.eye(4)
            place[:3, 3] = data[5]
            place[:3, :3] = matrix_from_quaternion(data[6])
            if kind == bullet.GEOM_SPHERE:
                shapes[number].append(LinkShape("sphere", (size[0],), place))
            elif kind == bullet.GEOM_CAPSULE:
                shapes[number].append(LinkShape("capsule", (size[0], size[1]), place))
            elif kind == bullet.GEOM_BOX:
                shapes[number].append(LinkShape("box", tuple(size), place))
        return tuple(tuple(parts) for parts in shapes.values())
