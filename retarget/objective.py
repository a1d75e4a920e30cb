"""The objectives as flat arrays for the compiled solver: DexPilot in three variants, vectors, positions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retarget.capsules import TipSphere, can_meet, capsules_of, tip_sphere
from retarget.config import Capsule, HandConfig
from retarget.dexpilot import build_projection, vector_layout
from retarget.errors import RetargetError
from retarget.kernels import Capsules, Projection, Terms, finger_frame
from retarget.kinematics import Kinematics
from retarget.urdf import FREE_BASE_JOINTS, RobotTree, read_urdf

# The solver stays this far inside the limits, so that rounding on the way to the robot cannot leave them.
_LIMIT_MARGIN_RAD = 1e-4


@dataclass(frozen=True)
class Objective:
    """Everything the solver works on.

    Attributes:
        tree: the robot.
        kinematics: FK of the points below, along the axes of the hand frame, from the URDF's root.
        terms: what never changes between two solves.
        projection: what turns keypoints into targets.
        capsules: pairs that are pushed apart, with the margin.
        touching: the same pairs without it.
        bodies: every capsule, in the order `capsules` numbers them.
        tips: a dexpilot hand's fingertip surfaces, the thumb first.
        tip_points: (tips,) int64, their centres among the points.
    """

    tree: RobotTree
    kinematics: Kinematics
    terms: Terms
    projection: Projection
    capsules: Capsules
    touching: Capsules
    bodies: tuple[Capsule, ...]
    tips: tuple[TipSphere, ...]
    tip_points: np.ndarray


class _Points:
    """A growing list of points fixed to links, each once."""

    def __init__(self) -> None:
        self.listed: list[tuple[str, tuple[float, ...]]] = []

    def add(self, link: str, offset: Sequence[float] = (0.0, 0.0, 0.0)) -> int:
        point = link, tuple(offset)
        if point not in self.listed:
            self.listed.append(point)
        return self.listed.index(point)

    def append(self, link: str) -> int:
        """A point that is this one's alone."""
        self.listed.append((link, (0.0, 0.0, 0.0)))
        return len(self.listed) - 1


def build_objective(config: HandConfig) -> Objective:
    """Lay out the objective of a hand.

    Raises:
        RetargetError: the URDF is unusable, or the config names what it does not have.
    """
    tree = read_urdf(config.urdf_path, config.add_dummy_free_joint, config.ignore_mimic_joint)
    tips = _tips(config, tree)
    points = _Points()
    origin, task, keypoints = _vectors(config, tree, tips, points)
    local = config.type == "dexpilot" and config.variant == "published"
    anchor = np.full(len(origin), -1, np.int64)
    if local:
        num_pairs = len(origin) - config.num_tips
        for v in range(num_pairs):
            anchor[v] = points.append(points.listed[origin[v]][0])
    vector_points = len(points.listed)
    surfaces = [Capsule(tip.link, tip.center_m, tip.center_m, tip.radius_m) for tip in tips if tip.radius_m]
    bodies = (*surfaces, *(config.capsules or capsules_of(tree, tips)))
    tip_points = np.array([points.add(tip.link, tip.center_m) for tip in tips], np.int64)
    start = np.array([points.add(c.link, c.start) for c in bodies], np.int64)
    end = np.array([points.add(c.link, c.end) for c in bodies], np.int64)
    names = config.target_joint_names or tuple(n for n in tree.joint_names if n not in FREE_BASE_JOINTS)
    if config.add_dummy_free_joint:
        names = (*FREE_BASE_JOINTS, *(n for n in names if n not in FREE_BASE_JOINTS))
    kinematics = Kinematics(tree, points.listed, names, axes=rotation_of(config.hand_frame_rpy))
    terms = _terms(config, kinematics, np.where(anchor >= 0, anchor, origin), task, vector_points)
    projection = build_projection(config, keypoints, [tip.radius_m for tip in tips], anchor)
    if local:
        _align(kinematics, origin, projection, terms.open_rad)
    touching = _capsules(config, kinematics, bodies, start, end, terms.open_rad)
    # Fingertips may touch, that is what a pinch is for; they stand first.
    margin = np.where(touching.second < len(surfaces), 0.0, config.collision_margin_m)
    return Objective(
        tree=tree,
        kinematics=kinematics,
        terms=terms,
        projection=projection,
        capsules=touching._replace(touch=touching.touch + margin),
        touching=touching,
        bodies=bodies,
        tips=tips,
        tip_points=tip_points,
    )


def rotation_of(rpy: Sequence[float]) -> np.ndarray:
    """(3,3) of roll, pitch, yaw about the fixed axes x, y, z, rad, as in a URDF."""
    (cr, cp, cy), (sr, sp, sy) = np.cos(rpy), np.sin(rpy)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def _tips(config: HandConfig, tree: RobotTree) -> tuple[TipSphere, ...]:
    found = []
    for i, link in enumerate(config.finger_tip_link_names):
        tree.link_index(link)
        tip = tip_sphere(tree, link)
        center = config.tip_centers_m[i] if config.tip_centers_m else tip.center_m
        radius = config.tip_radii_m[i] if config.tip_radii_m else tip.radius_m
        found.append(TipSphere(link, center, radius))
    return tuple(found)


def _vectors(
    config: HandConfig, tree: RobotTree, tips: Sequence[TipSphere], points: _Points
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points each vector starts and ends at, (V,) and (V,), and the keypoints it follows, (2,V)."""
    if config.type == "vector":
        start = [points.add(link) for link in config.target_origin_link_names]
        end = [points.add(link) for link in config.target_task_link_names]
        return np.array(start), np.array(end), np.array(config.target_link_human_indices)
    if config.type == "position":
        root = points.add(tree.link_names[0])
        end = [points.add(link) for link in config.target_link_names]
        indices = config.target_link_human_indices[0]
        return np.full(len(end), root), np.array(end), np.array([[-1] * len(indices), indices])
    # Surfaces touch around their centres; the published vectors go between the links themselves.
    surfaces = config.variant == "contact"
    listed = [points.add(config.wrist_link_name)]
    listed += [points.add(tip.link, tip.center_m if surfaces else (0.0, 0.0, 0.0)) for tip in tips]
    origin, task = vector_layout(config.num_tips)
    given = config.target_link_human_indices
    if len(given) == 2:
        return np.array(listed)[origin], np.array(listed)[task], np.array(given)
    human = np.array([given[0][0] if given else 0, *config.tip_keypoints])
    return np.array(listed)[origin], np.array(listed)[task], human[np.array([origin, task])]


def _terms(
    config: HandConfig, kinematics: Kinematics, origin: np.ndarray, task: np.ndarray, points: int
) -> Terms:
    names = kinematics.joint_names
    for coupling in config.coupled_joints:
        for joint in (coupling.follower, coupling.leader):
            if joint not in names:
                raise RetargetError(f"coupled_joints names {joint!r}; use target joints: {', '.join(names)}.")
    lower, upper = kinematics.lower_rad, kinematics.upper_rad
    if not config.has_joint_limits:
        lower, upper = np.full(len(names), -np.inf), np.full(len(names), np.inf)
    with np.errstate(invalid="ignore"):
        range_rad = upper - lower
    margin = np.where(np.isfinite(range_rad), np.minimum(_LIMIT_MARGIN_RAD, 0.01 * range_rad), 0.0)
    lower, upper = lower + margin, upper - margin
    coupled = [(names.index(c.follower), names.index(c.leader)) for c in config.coupled_joints]
    return Terms(
        points=points,
        origin=np.ascontiguousarray(origin, np.int64),
        task=np.ascontiguousarray(task, np.int64),
        huber_m=config.huber_delta,
        per_axis=config.type == "position",
        lower=lower,
        upper=upper,
        open_rad=np.clip(config.open_rad or np.zeros(len(names)), lower, upper),
        open_weight=np.full(len(names), config.open_weight),
        previous_weight=_per_joint(
            names, 2.0 * config.normal_delta, config.steady_joints, config.steady_delta
        ),
        coupled=np.array(coupled, np.int64).reshape(-1, 2),
        coupling_ratio=np.array([c.ratio for c in config.coupled_joints], np.float64),
        coupling_weight=config.coupling_weight,
    )


def _per_joint(names: Sequence[str], value: float, steady: Sequence[str], steady_delta: float) -> np.ndarray:
    """(n,) pull toward the previous pose, per rad²."""
    weight = np.full(len(names), value)
    for joint in steady:
        if joint not in names:
            raise RetargetError(f"steady_joints names {joint!r}; use target joints: {', '.join(names)}.")
        weight[names.index(joint)] = max(value, 2.0 * steady_delta)
    return weight


def _align(kinematics: Kinematics, origin: np.ndarray, projection: Projection, open_rad: np.ndarray) -> None:
    """Note in each anchored vector's body the frame its finger has in the open hand."""
    chain = kinematics.chain
    rotation, position = kinematics.bodies(open_rad)
    point = kinematics.positions(open_rad)
    frame = np.empty((3, 3))
    for v in np.flatnonzero(projection.anchor >= 0):
        body = chain.point_body[origin[v]]
        if body < 0:
            raise RetargetError("A fingertip is fixed to the root; the published variant needs all to move.")
        finger_frame(position[body], point[origin[v]], frame)
        projection.align[v] = rotation[body].T @ frame
        projection.origin_offset[v] = chain.point_offset[origin[v]]


def _capsules(
    config: HandConfig,
    kinematics: Kinematics,
    bodies: Sequence[Capsule],
    start: np.ndarray,
    end: np.ndarray,
    open_rad: np.ndarray,
) -> Capsules:
    pairs = np.array([*itertools.combinations(range(len(bodies)), 2)], np.int64).reshape(-1, 2)
    first, second = pairs[:, 0].copy(), pairs[:, 1].copy()
    radius = np.array([c.radius_m for c in bodies])
    every = Capsules(
        start=start,
        end=end,
        half_length=np.array([0.5 * math.dist(c.start, c.end) for c in bodies]),
        first=first,
        second=second,
        touch=radius[first] + radius[second],
        weight=config.collision_weight,
    )
    watched = can_meet(kinematics, every, kinematics.chain.point_body[start], open_rad)
    return every._replace(first=first[watched], second=second[watched], touch=every.touch[watched])
