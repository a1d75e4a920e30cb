"""What a pose of the robot hand looks like from outside: fingertips, gaps between them, links in each other.

Everybody's poses are judged on one model of the same hand, the simulated one's: fingertips are spheres at the
centres of the rubber. (dex-urdf's tip frames lie 12 mm further out, on the surface; the joints are the same.)
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

import numpy as np

from retarget import HandConfig
from robot.bullet import load_pybullet

_REACH_M = 0.5  # wider than any two fingertips are apart


class Judge:
    """PyBullet's view of the hand; it shares no code with our kinematics. Close it, or use it in `with`.

    Attributes:
        joint_names: the order of the poses it takes.
        lower_rad, upper_rad: (n,) the limits in the robot description.
        ignored_pairs: links that are never judged because they overlap at home, though no joint joins them.
    """

    def __init__(self, config: HandConfig, joint_names: tuple[str, ...], home_rad: np.ndarray) -> None:
        """Load the hand.

        Args:
            config: names the robot description, the wrist and the fingertips, the thumb first.
            joint_names: the order of the poses that will be judged.
            home_rad: (n,) links that overlap here are drawn so and never judged.
        """
        self._bullet = bullet = load_pybullet()
        self._client = client = bullet.connect(bullet.DIRECT)
        self._body = body = bullet.loadURDF(str(config.urdf_path), useFixedBase=True, physicsClientId=client)
        count = bullet.getNumJoints(body, physicsClientId=client)
        infos = [bullet.getJointInfo(body, i, physicsClientId=client) for i in range(count)]
        joints = {info[1].decode(): info for info in infos}
        links = {info[12].decode(): info[0] for info in infos}
        root = bullet.getBodyInfo(body, physicsClientId=client)[0].decode()
        self._names = {-1: root, **{index: name for name, index in links.items()}}
        self.joint_names = joint_names
        self._joints = [joints[name][0] for name in joint_names]
        self.lower_rad = np.array([joints[name][8] for name in joint_names])
        self.upper_rad = np.array([joints[name][9] for name in joint_names])
        self._tips = [links[name] for name in config.finger_tip_link_names]
        self._wrist = links[config.wrist_link_name]
        # Links that no joint moves against each other are one body, known by the first of them.
        self._part = {-1: -1}
        for info in infos:
            self._part[info[0]] = self._part[info[16]] if info[2] == bullet.JOINT_FIXED else info[0]
        self._ignored = {frozenset((self._part[info[16]], self._part[info[0]])) for info in infos}
        self._pose(home_rad)
        touching = {pair for pair, depth_m in self._overlaps().items() if depth_m > 0.0} - self._ignored
        self.ignored_pairs = sorted(map(self._spoken, touching))
        self._ignored |= touching

    def __enter__(self) -> Judge:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the simulation back."""
        self._bullet.disconnect(physicsClientId=self._client)

    def wrist_to_tips(self, q_rad: np.ndarray) -> np.ndarray:
        """(tips,3) from the wrist to the centres of the fingertips, metres, the wrist's axes."""
        self._pose(q_rad)
        states = self._bullet.getLinkStates(
            self._body, [self._wrist, *self._tips], computeForwardKinematics=1, physicsClientId=self._client
        )
        wrist, *tips = (np.array(state[4]) for state in states)
        R = np.array(self._bullet.getMatrixFromQuaternion(states[0][5])).reshape(3, 3)
        return (np.array(tips) - wrist) @ R

    def thumb_gaps_m(self, q_rad: np.ndarray) -> np.ndarray:
        """(tips − 1,) between the surface of the thumb's tip and each finger's; negative if they overlap."""
        self._pose(q_rad)
        thumb, *fingers = self._tips
        near = [self._near(_REACH_M, thumb, finger) for finger in fingers]
        return np.array([min(point[8] for point in points) for points in near])

    def deepest(self, q_rad: np.ndarray) -> tuple[float, str]:
        """How deep, metres, the two of the URDF's collision shapes are that are deepest in each other.

        Links that share a joint, or overlap at home already, do not count. 0 and "" if no two overlap.
        """
        self._pose(q_rad)
        depths = {pair: depth_m for pair, depth_m in self._overlaps().items() if pair not in self._ignored}
        if not depths:
            return 0.0, ""
        worst = max(depths, key=lambda pair: depths[pair])
        return depths[worst], self._spoken(worst)

    def _spoken(self, pair: frozenset[int]) -> str:
        return " and ".join(self._names[part] for part in sorted(pair))

    def _pose(self, q_rad: np.ndarray) -> None:
        for joint, q in zip(self._joints, q_rad, strict=True):
            self._bullet.resetJointState(self._body, joint, float(q), physicsClientId=self._client)

    def _overlaps(self) -> dict[frozenset[int], float]:
        """Depth, metres, of each pair of bodies that touch."""
        found: dict[frozenset[int], float] = {}
        for point in self._near(0.0):
            pair = frozenset((self._part[point[3]], self._part[point[4]]))
            if len(pair) == 2:
                found[pair] = max(found.get(pair, 0.0), -point[8])
        return found

    def _near(self, distance_m: float, *links: int) -> list[Any]:
        """Closest points of all links, or of two, that are nearer to each other than a distance."""
        points: list[Any] = self._bullet.getClosestPoints(
            self._body, self._body, distance_m, *links, physicsClientId=self._client
        )
        return points
