"""A robot description as its joints and links are named in the file, with its forward kinematics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from retarget.kinematics import Kinematics
from retarget.urdf import FIXED, RobotTree, read_urdf


@dataclass(frozen=True)
class Joint:
    """One joint as the file has it.

    Attributes:
        name, type: as in the file.
        parent, child: links.
        driver: the independent joint that moves it: itself, the one it mimics, or "" if it is fixed.
        multiplier, offset: its value is multiplier · driver + offset.
        lower, upper: limits of an independent joint, rad (metres where prismatic), ±inf where there are
            none; nan for others.
    """

    name: str
    type: str
    parent: str
    child: str
    driver: str
    multiplier: float
    offset: float
    lower: float
    upper: float

    @property
    def mimics(self) -> bool:
        """Whether another joint moves it."""
        return self.driver not in ("", self.name)


class Description:
    """A URDF and where its links are at any joint values.

    Attributes:
        tree: the robot.
        joints: all of them, parents before children.
        open_q: (n,) all joints at 0, or the limit nearest 0, ordered as tree.joint_names.
    """

    def __init__(self, path: Path) -> None:
        """Read a URDF.

        Raises:
            RetargetError: it is missing, or no URDF.
        """
        self.tree: RobotTree = read_urdf(path)
        self.joints = _joints(self.tree)
        self.open_q = np.clip(np.zeros(len(self.tree.joint_names)), self.tree.lower_rad, self.tree.upper_rad)
        corners = [
            (link, offset) for link in self.tree.link_names for offset in np.vstack([np.zeros(3), np.eye(3)])
        ]
        self._kinematics = Kinematics(self.tree, corners)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.tree.path.name

    def poses(self, q: np.ndarray) -> np.ndarray:
        """(L,4,4) poses of all links at q (n,), in the root's frame, metres, ordered as tree.link_names."""
        point = self._kinematics.positions(q).reshape(-1, 4, 3)
        poses = np.tile(np.eye(4), (len(point), 1, 1))
        poses[:, :3, 3] = point[:, 0]
        poses[:, :3, :3] = (point[:, 1:] - point[:, :1]).transpose(0, 2, 1)
        return poses

    def path_to(self, link: int) -> list[int]:
        """Links from the root to `link`, both included."""
        path = [link]
        while self.tree.parent[path[-1]] >= 0:
            path.append(int(self.tree.parent[path[-1]]))
        return path[::-1]

    def moving_above(self, link: int) -> list[int]:
        """The links on the way from the root to `link` whose joint moves."""
        return [i for i in self.path_to(link) if self.tree.joint_type[i] != FIXED]

    def rigid_body(self, link: int) -> int:
        """The moving link that `link` is fixed to, itself if it moves; −1 for the root's body."""
        moving = self.moving_above(link)
        return moving[-1] if moving else -1


def _joints(tree: RobotTree) -> tuple[Joint, ...]:
    # The tree keeps no names and types of joints that mimic or are fixed.
    elements = {}
    for element in ElementTree.parse(tree.path).getroot().iter("joint"):
        below = element.find("child")
        if below is not None and element.get("type"):
            elements[below.get("link", "")] = element.get("name", ""), element.get("type", "")
    joints = []
    for i, child in enumerate(tree.link_names[1:], start=1):
        name, kind = elements[child]
        source = int(tree.source[i])
        driver = tree.joint_names[source] if source >= 0 else ""
        own = driver == name
        joints.append(
            Joint(
                name=name,
                type=kind,
                parent=tree.link_names[tree.parent[i]],
                child=child,
                driver=driver,
                multiplier=float(tree.multiplier[i]),
                offset=float(tree.offset[i]),
                lower=float(tree.lower_rad[source]) if own else float("nan"),
                upper=float(tree.upper_rad[source]) if own else float("nan"),
            )
        )
    return tuple(joints)
