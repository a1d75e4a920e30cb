"""Forward kinematics and Jacobians of chosen points of a robot, compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from retarget.errors import RetargetError
from retarget.kernels import Chain, differentiate, forward
from retarget.urdf import FIXED, PRISMATIC, RobotTree, read_urdf


class Kinematics:
    """Positions of F points of a robot as functions of n joint values, with analytic Jacobians.

    Fixed joints, and joints that are not asked for, are folded away once; a call touches only the moving
    joints above the chosen points.

    Attributes:
        joint_names: the n joints, in the order of q.
        lower_rad, upper_rad: (n,) limits, rad (metres for prismatic joints), ±inf where there are none.
        chain: the flat arrays the compiled kernels work on.
    """

    def __init__(
        self,
        robot: RobotTree | str | Path,
        points: Sequence[str | tuple[str, Sequence[float]]],
        joint_names: Sequence[str] | None = None,
        base_link: str | None = None,
        frozen_rad: Mapping[str, float] | None = None,
        axes: np.ndarray | None = None,
    ) -> None:
        """Prepare the kernels' arrays.

        Args:
            robot: a tree from `read_urdf`, or the path of a URDF.
            points: F link names, or (link name, offset (3,) in metres in the link's frame).
            joint_names: the joints that are variables, in the wanted order; default all independent joints in
                the order of the file.
            base_link: the link whose frame positions are given in; default the root. No variable may move it.
            frozen_rad: values of joints that are no variables; others stand at 0, or the limit nearest 0.
            axes: (3,3) rotation whose columns are the axes to give positions along, in the base link's frame.

        Raises:
            RetargetError: an unknown or repeated name, or a base that moves.
        """
        tree = robot if isinstance(robot, RobotTree) else read_urdf(robot)
        names = tuple(tree.joint_names if joint_names is None else joint_names)
        if len(set(names)) != len(names):
            raise RetargetError(f"The joint names {', '.join(names)} repeat; give every joint once.")
        chosen = np.array([tree.joint_index(name) for name in names], np.int64)
        values = np.clip(np.zeros(len(tree.joint_names)), tree.lower_rad, tree.upper_rad)
        for name, value in (frozen_rad or {}).items():
            values[tree.joint_index(name)] = value
        self.joint_names = names
        self.lower_rad = tree.lower_rad[chosen]
        self.upper_rad = tree.upper_rad[chosen]
        self.chain = _build_chain(tree, points, chosen, values, base_link, axes)
        bodies, count = len(self.chain.parent), len(self.chain.point_body)
        self._rotation, self._position = np.empty((bodies, 3, 3)), np.empty((bodies, 3))
        self._point = np.empty((count, 3))

    def positions(self, q_rad: np.ndarray) -> np.ndarray:
        """Points at q_rad (n,): (F,3) metres in the base frame."""
        self._run(q_rad)
        return self._point.copy()

    def bodies(self, q_rad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rotations (B,3,3) and positions (B,3), metres, of the chain's moving bodies at q_rad (n,)."""
        self._run(q_rad)
        return self._rotation.copy(), self._position.copy()

    def jacobian(self, q_rad: np.ndarray) -> np.ndarray:
        """Derivative of the points at q_rad (n,): (F,3,n), metres per rad (per metre where prismatic)."""
        self._run(q_rad)
        jacobian = np.empty((len(self._point), 3, len(self.joint_names)))
        differentiate(self.chain, self._rotation, self._position, self._point, jacobian)
        return jacobian

    def warm_up(self) -> None:
        """Compile (or load from the cache) now, so that the first real call is not slow."""
        self.jacobian(np.zeros(len(self.joint_names)))

    def _run(self, q_rad: np.ndarray) -> None:
        q = np.ascontiguousarray(q_rad, np.float64)
        if q.shape != (len(self.joint_names),):
            raise RetargetError(
                f"q has shape {q.shape}; give one value for each of the {len(self.joint_names)} joints "
                f"{', '.join(self.joint_names)}."
            )
        forward(q, self.chain, self._rotation, self._position, self._point)


def _build_chain(
    tree: RobotTree,
    points: Sequence[str | tuple[str, Sequence[float]]],
    chosen: np.ndarray,
    values: np.ndarray,
    base_link: str | None,
    axes: np.ndarray | None,
) -> Chain:
    variable = {int(joint): i for i, joint in enumerate(chosen)}
    count = len(tree.link_names)
    # Every link hangs rigidly at `pose` from a moving body `body` (−1: from the root).
    body = np.full(count, -1)
    pose = np.tile(np.eye(4), (count, 1, 1))
    bodies: list[tuple[int, int, np.ndarray]] = []  # (link, parent body, joint origin in the parent body)
    for link in range(count):
        up = tree.parent[link]
        if up < 0:
            continue
        placed = pose[up] @ tree.origin[link]
        if tree.joint_type[link] != FIXED and int(tree.source[link]) in variable:
            body[link] = len(bodies)
            bodies.append((link, int(body[up]), placed))
        else:
            body[link] = body[up]
            pose[link] = placed @ _motion(tree, link, values)

    base = 0 if base_link is None else tree.link_index(base_link)
    if body[base] >= 0:
        raise RetargetError(
            f"The base link {base_link!r} of {tree.path.name} moves with the joints; "
            "choose one that is fixed to the root."
        )
    to_base = np.linalg.inv(pose[base])
    if axes is not None:
        to_base[:3] = np.asarray(axes, float).T @ to_base[:3]

    wanted = [(point, (0.0, 0.0, 0.0)) if isinstance(point, str) else point for point in points]
    point_link = [tree.link_index(name) for name, _ in wanted]
    kept = _ancestors([int(body[link]) for link in point_link], [parent for _, parent, _ in bodies])
    rank = {old: new for new, old in enumerate(kept)}
    rank[-1] = -1

    links = np.array([bodies[b][0] for b in kept], np.int64)
    origin = np.array([(to_base @ T if parent < 0 else T) for _, parent, T in (bodies[b] for b in kept)])
    origin = origin.reshape(-1, 4, 4)
    prismatic = tree.joint_type[links] == PRISMATIC
    R, axis = origin[:, :3, :3], tree.axis[links]
    cross = _cross_matrix(axis)
    squared = cross @ cross
    turning = ~prismatic[:, None, None]
    offsets = [
        pose[link, :3, :3] @ np.asarray(offset, float) + pose[link, :3, 3]
        for link, (_, offset) in zip(point_link, wanted, strict=True)
    ]
    offsets = [
        to_base[:3, :3] @ p + to_base[:3, 3] if body[link] < 0 else p
        for link, p in zip(point_link, offsets, strict=True)
    ]
    return Chain(
        parent=np.array([rank[bodies[b][1]] for b in kept], np.int64),
        source=np.array([variable[int(tree.source[link])] for link in links], np.int64),
        multiplier=tree.multiplier[links],
        offset=tree.offset[links],
        prismatic=prismatic,
        rot_constant=np.ascontiguousarray(R + turning * (R @ squared)),
        rot_sin=np.ascontiguousarray(turning * (R @ cross)),
        rot_cos=np.ascontiguousarray(turning * -(R @ squared)),
        translation=np.ascontiguousarray(origin[:, :3, 3]),
        axis=np.ascontiguousarray(axis),
        slide=np.ascontiguousarray(np.einsum("bij,bj->bi", R, axis)),
        point_body=np.array([rank[int(body[link])] for link in point_link], np.int64),
        point_offset=np.array(offsets).reshape(-1, 3),
    )


def _ancestors(starts: list[int], parent: list[int]) -> list[int]:
    found: set[int] = set()
    for body in starts:
        while body >= 0:
            found.add(body)
            body = parent[body]
    return sorted(found)


def _cross_matrix(axis: np.ndarray) -> np.ndarray:
    """(B,3) unit axes → (B,3,3) matrices K with K·v = axis × v."""
    K = np.zeros((len(axis), 3, 3))
    K[:, 0, 1], K[:, 0, 2], K[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    return K - K.transpose(0, 2, 1)


def _motion(tree: RobotTree, link: int, values: np.ndarray) -> np.ndarray:
    """(4,4) displacement of a joint that stands still at its frozen value."""
    T = np.eye(4)
    if tree.joint_type[link] == FIXED:
        return T
    value = tree.multiplier[link] * values[tree.source[link]] + tree.offset[link]
    if tree.joint_type[link] == PRISMATIC:
        T[:3, 3] = value * tree.axis[link]
    else:
        K = _cross_matrix(tree.axis[link][None])[0]
        T[:3, :3] += np.sin(value) * K + (1.0 - np.cos(value)) * (K @ K)
    return T
