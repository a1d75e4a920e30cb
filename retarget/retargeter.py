"""From a human hand to joint angles of a robot hand, frame after frame."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retarget.capsules import deepest_overlap_m
from retarget.config import Capsule, HandConfig
from retarget.config_file import read_config
from retarget.errors import RetargetError
from retarget.kernels import NOT_FINITE, SOUND, TOO_LARGE, hand_fault
from retarget.kinematics import Kinematics
from retarget.objective import rotation_of
from retarget.solver import Solver

_log = logging.getLogger(__name__)

# Outside these, keypoints are no hand in metres: wrist → middle knuckle is about 60–110 mm on people.
_PALM_RANGE_M = (0.02, 0.25)
_MAX_REACH_M = 0.5
_RETRY_RMS_M = 0.097  # a lower one doubles the p99, for searches that find nothing better
# dex-retargeting's filter counts in frames; its users' cameras give thirty a second.
_FILTER_RATE_HZ = 30.0


@dataclass(frozen=True)
class RetargetStatus:
    """How the last call went.

    Attributes:
        converged: every instant reached the solver's tolerance.
        iterations: solver steps taken, over all instants and starts.
        cost: objective of the first instant; NaN where it was rejected.
        rejected: why keypoints were not used, in words; "" when all were.
    """

    converged: bool
    iterations: int
    cost: float
    rejected: str = ""


class Retargeter:
    """Solves one robot hand; keeps the previous pose and which fingers pinch. One thread at a time.

    Attributes:
        config: what it was built from.
        joint_names: n names, the order of every q.
        lower_rad, upper_rad: (n,) limits of the joints; every q lies within them.
        home_rad: (n,) the pose before any hand was seen.
        tip_radii_m: (tips,) of the fingertips' surfaces, the thumb first; 0 where nothing is known.
        status: how the last `solve` or `solve_trajectory` went.
    """

    def __init__(self, config: HandConfig, low_pass: bool = False) -> None:
        """Build from a config.

        Args:
            config: the hand.
            low_pass: filter what `solve` returns as dex-retargeting does, by the config's low_pass_alpha (an
                exponential average, made independent of the frame rate); horizons are never filtered.

        Raises:
            RetargetError: config and URDF do not fit together.
        """
        self.config = config
        self._low_pass = low_pass and config.low_pass_alpha < 1.0
        self._solver = Solver(config)
        self._parts = self._solver.parts
        self.tip_radii_m = np.array([tip.radius_m for tip in self._parts.tips])
        self._retry_cost = config.retry_cost or self._solver.cost_of_error(_RETRY_RMS_M)
        self.joint_names = self._solver.joint_names
        self.lower_rad, self.upper_rad = self._solver.kinematics.lower_rad, self._solver.kinematics.upper_rad
        if not config.has_joint_limits:
            self.lower_rad, self.upper_rad = self._solver.lower_rad, self._solver.upper_rad
        self._futile_cost = 0.0
        self.home_rad = self._checked_home()
        self._seeds_rad = self._build_seeds()
        self.reset()

    def reset(self) -> None:
        """Forget the previous pose and pinches; the next solve searches from several poses."""
        self._q_rad = self.home_rad
        self._strength = np.zeros(self._solver.num_pairs)
        self._t_ns: int | None = None
        self._filtered_rad = self.home_rad
        self.status = RetargetStatus(converged=False, iterations=0, cost=float("nan"))

    def resume(self, q_rad: np.ndarray, t_ns: int) -> None:
        """Go on from the pose q_rad (n,) as if it had been solved at t_ns, for a robot that was moved.

        Raises:
            RetargetError: the shape is not (n,), or a value is not finite.
        """
        q = _numbers("q_rad", q_rad)
        if q.shape != self.home_rad.shape or not np.isfinite(q).all():
            raise RetargetError(f"q_rad is {q_rad!r}; give {len(self.joint_names)} finite angles.")
        self._q_rad = np.clip(q, self._solver.lower_rad, self._solver.upper_rad)
        self._filtered_rad = self._q_rad
        self._t_ns = _time(t_ns)

    def warm_up(self) -> None:
        """Compile (or load from the cache) now, so that the first frame is not slow. Changes no state."""
        keypoints = np.zeros((1, 21, 3))
        keypoints[:, 1:, 2] = 0.1
        hand_fault(keypoints[0], _MAX_REACH_M, *_PALM_RANGE_M)
        self._solver.solve(keypoints, self.home_rad[None], None, np.zeros(self._solver.num_pairs))
        self._solver.objective(self.home_rad, keypoints[0], np.zeros(self._solver.num_pairs))

    def solve(self, keypoints: np.ndarray, t_ns: int) -> np.ndarray:
        """Pose of the robot for one hand.

        Args:
            keypoints: (21,3) metres, hand frame (`to_hand_frame`), MediaPipe order.
            t_ns: when the hand was like that; only differences matter. Going backwards, or a pause longer
                than restart_after_s, makes the search start afresh.

        Returns:
            (n,) rad, strictly within the limits. Keypoints that are no hand (NaN, infinite, collapsed,
            gigantic) give the last good pose, home before any, and a reason in `status.rejected`.

        Raises:
            RetargetError: the shape is not (21,3).
        """
        keypoints = _numbers("Keypoints", keypoints)
        if keypoints.shape != (21, 3):
            raise RetargetError(f"Keypoints have shape {keypoints.shape}; give (21,3), one hand.")
        t_ns = _time(t_ns)
        before_ns = self._t_ns
        q_rad = self._solve(keypoints[None], t_ns)[0]
        if not self._low_pass:
            return q_rad
        if self.status.rejected:
            return self._filtered_rad.copy()
        if before_ns is not None and 0 <= t_ns - before_ns <= 1e9 * self.config.restart_after_s:
            frames = (t_ns - before_ns) * 1e-9 * _FILTER_RATE_HZ
            share = 1.0 - (1.0 - self.config.low_pass_alpha) ** frames
            q_rad = self._filtered_rad + share * (q_rad - self._filtered_rad)
        self._filtered_rad = q_rad
        return q_rad.copy()

    def solve_trajectory(self, keypoints: np.ndarray, t_ns: np.ndarray) -> np.ndarray:
        """Poses for a predicted horizon; the next call continues from the first instant, which is "now".

        Args:
            keypoints: (k,21,3) metres, hand frame, k ≥ 1.
            t_ns: (k,) int, increasing.

        Returns:
            (k,n) rad, as `solve`. An instant that is no hand repeats the one before it.

        Raises:
            RetargetError: the shapes do not fit, or the times do not increase.
        """
        keypoints = _numbers("Keypoints", keypoints)
        times = np.array([_time(t) for t in np.ravel(t_ns)])
        if keypoints.ndim != 3 or keypoints.shape[1:] != (21, 3) or len(keypoints) == 0:
            raise RetargetError(f"Keypoints have shape {keypoints.shape}; give (k,21,3) with k ≥ 1.")
        if times.shape != (len(keypoints),) or not np.all(np.diff(times) > 0):
            raise RetargetError(f"t_ns is {times.tolist()}; give {len(keypoints)} increasing times.")
        return self._solve(keypoints, int(times[0]))

    def cost(self, q_rad: np.ndarray, keypoints: np.ndarray, previous_rad: np.ndarray | None = None) -> float:
        """The objective of pose q_rad (n,) for keypoints (21,3), hand frame.

        Fingers that are pinching now count as pinching, so right after `solve` it is what was minimised,
        except for the pull toward the pose before, which is left out unless previous_rad (n,) is given.
        """
        return self._objective(q_rad, keypoints, previous_rad)[0]

    def cost_gradient(
        self, q_rad: np.ndarray, keypoints: np.ndarray, previous_rad: np.ndarray | None = None
    ) -> np.ndarray:
        """Derivative (n,) of `cost` with respect to q_rad, per rad."""
        return self._objective(q_rad, keypoints, previous_rad)[1]

    def tip_positions(self, q_rad: np.ndarray) -> np.ndarray:
        """Centres of the fingertips' surfaces at q_rad (n,): (tips,3) metres, the thumb first.

        Origin: the URDF's root. Axes: the hand frame's.
        """
        return self._solver.kinematics.positions(q_rad)[self._parts.tip_points]

    def penetration_m(self, q_rad: np.ndarray) -> float:
        """How deep the robot's capsules overlap at q_rad (n,), metres; 0 when they do not.

        Of the pairs that are kept apart: not of neighbours along a finger, which always touch, nor of those
        that overlap in the open hand already (`capsules.can_meet`).
        """
        return deepest_overlap_m(self._solver.kinematics, self._parts.touching, q_rad)

    def capsules(self, q_rad: np.ndarray) -> list[Capsule]:
        """What self-collision avoidance sees at q_rad (n,): segments in root position and hand-frame axes."""
        point = self._solver.kinematics.positions(q_rad)
        start, end = point[self._parts.capsules.start], point[self._parts.capsules.end]
        return [
            Capsule(body.link, tuple(a.tolist()), tuple(b.tolist()), body.radius_m)
            for body, a, b in zip(self._parts.bodies, start, end, strict=True)
        ]

    def links(self, q_rad: np.ndarray) -> dict[str, np.ndarray]:
        """Poses (4,4) of all links by name at q_rad (n,), from the root along the hand frame's axes."""
        names = self._parts.tree.link_names
        corners = [(name, offset) for name in names for offset in np.vstack([np.zeros(3), np.eye(3)])]
        kinematics = Kinematics(
            self._parts.tree, corners, self.joint_names, axes=rotation_of(self.config.hand_frame_rpy)
        )
        point = kinematics.positions(q_rad).reshape(-1, 4, 3)
        poses = np.tile(np.eye(4), (len(names), 1, 1))
        poses[:, :3, 3] = point[:, 0]
        poses[:, :3, :3] = (point[:, 1:] - point[:, :1]).transpose(0, 2, 1)
        return dict(zip(names, poses, strict=True))

    @property
    def all_joint_names(self) -> tuple[str, ...]:
        """Every moving joint of the robot, in the order of the URDF."""
        return tuple(self._parts.tree.moving_joints)

    def expand(self, q_rad: np.ndarray) -> np.ndarray:
        """Angles (m,) of `all_joint_names` at q_rad (n,): what a simulator wants, joints that mimic included.

        Joints that are not solved for stand at 0, or the limit nearest 0.
        """
        tree = self._parts.tree
        independent = np.clip(np.zeros(len(tree.joint_names)), tree.lower_rad, tree.upper_rad)
        independent[[tree.joint_names.index(name) for name in self.joint_names]] = q_rad
        return tree.expand(independent)

    def _objective(
        self, q_rad: np.ndarray, keypoints: np.ndarray, previous_rad: np.ndarray | None
    ) -> tuple[float, np.ndarray]:
        q_rad, keypoints = np.asarray(q_rad, np.float64), np.asarray(keypoints, np.float64)
        previous = q_rad if previous_rad is None else np.asarray(previous_rad, np.float64)
        shape = self.home_rad.shape
        if q_rad.shape != shape or keypoints.shape != (21, 3) or previous.shape != shape:
            raise RetargetError(
                f"q_rad has shape {q_rad.shape}, keypoints {keypoints.shape} and previous_rad "
                f"{previous.shape}; give ({len(self.joint_names)},), (21,3) and ({len(self.joint_names)},)."
            )
        anchor = None if previous_rad is None else previous
        return self._solver.objective(q_rad, self._placed(keypoints), self._strength, anchor)

    def _placed(self, keypoints: np.ndarray) -> np.ndarray:
        """A copy of keypoints (…,21,3) from the wrist; where the hand is, matters to positions only."""
        return keypoints.copy() if self.config.type == "position" else keypoints - keypoints[..., :1, :]

    def _solve(self, keypoints: np.ndarray, t_ns: int) -> np.ndarray:
        with np.errstate(invalid="ignore", over="ignore"):  # what is no hand is not used
            usable, rejected = self._placed(keypoints), ""
        for instant, hand in enumerate(keypoints):
            fault = hand_fault(hand, _MAX_REACH_M, *_PALM_RANGE_M)
            if fault == SOUND:
                continue
            rejected = rejected or (f"instant {instant}: " if instant else "") + _why_no_hand(hand, fault)
            if instant == 0:
                self.status = RetargetStatus(False, 0, float("nan"), rejected)
                return np.tile(self._q_rad, (len(keypoints), 1))
            usable[instant] = usable[instant - 1]
        fresh = self._t_ns is None or not 0 <= t_ns - self._t_ns <= 1e9 * self.config.restart_after_s
        if fresh:
            self._strength[:] = 0.0
        self._seeds_rad[0] = self._q_rad
        solution = self._solver.solve(
            usable,
            self._seeds_rad,
            previous_rad=None if fresh else self._q_rad,
            strength=self._strength,
            retry_cost=-1.0 if fresh else max(self._retry_cost, self._futile_cost),
        )
        self._q_rad = solution.q_rad[0].copy()
        self._t_ns = t_ns
        cost, iterations, converged = solution.report.T.tolist()
        # What stayed bad after a search from everywhere is out of reach; search again when it gets worse.
        self._futile_cost = 1.1 * cost[0] if cost[0] > self._retry_cost else 0.0
        self.status = RetargetStatus(
            converged=all(converged) and not rejected,
            iterations=int(sum(iterations)),
            cost=cost[0],
            rejected=rejected,
        )
        return solution.q_rad

    def _checked_home(self) -> np.ndarray:
        lower, upper = self._solver.lower_rad, self._solver.upper_rad
        if not self.config.home_rad:
            return np.clip(np.zeros(len(lower)), lower, upper)
        home = np.array(self.config.home_rad)
        if home.shape != lower.shape:
            raise RetargetError(
                f"home_rad has {len(home)} values; give one for each of {', '.join(self.joint_names)}."
            )
        outside = (home < lower) | (home > upper)
        if outside.any():
            joint = int(outside.argmax())
            raise RetargetError(
                f"home_rad puts {self.joint_names[joint]} at {home[joint]}; "
                f"keep it strictly between {self.lower_rad[joint]} and {self.upper_rad[joint]}."
            )
        return home

    def _build_seeds(self) -> np.ndarray:
        """(s,n) poses to start from: the first is the previous one, the others are spread over the ranges."""
        lower, upper = self._solver.lower_rad, self._solver.upper_rad
        with np.errstate(invalid="ignore"):
            middle = np.where(np.isfinite(lower) & np.isfinite(upper), 0.5 * (lower + upper), 0.0)
        return np.array([self.home_rad, self.home_rad, np.clip(np.zeros(len(lower)), lower, upper), middle])


def load(
    hand: str | Path = "allegro_right",
    urdf_dir: str | Path | None = None,
    low_pass: bool = False,
    side: str | None = None,
) -> Retargeter:
    """A retargeter that is ready for its first frame.

    Args:
        hand: the name of a hand that ships (`config_file.hand_names`), or the path of a YAML file.
        urdf_dir: a folder to look for the hand's URDF in.
        low_pass: filter as dex-retargeting does; see `Retargeter`.
        side: "right" or "left", for a file that holds both.

    Raises:
        RetargetError: no such hand, or its config or URDF is unusable.
    """
    retargeter = Retargeter(read_config(hand, urdf_dir, side), low_pass)
    retargeter.warm_up()
    return retargeter


def _numbers(what: str, value: object) -> np.ndarray:
    """`value` as float64; anything that is no array of numbers raises RetargetError."""
    try:
        return np.asarray(value, np.float64)
    except (TypeError, ValueError) as error:
        raise RetargetError(f"{what} are no array of numbers ({error}); give one.") from error


def _time(t_ns: object) -> int:
    """`t_ns` as nanoseconds; anything that is no whole number raises RetargetError."""
    try:
        return int(t_ns)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError) as error:
        raise RetargetError(f"t_ns is {t_ns!r}; give a time in nanoseconds.") from error


def _why_no_hand(keypoints: np.ndarray, fault: int) -> str:
    """What `hand_fault` found wrong with keypoints (21,3), in words."""
    if fault == NOT_FINITE:
        return "the keypoints are not finite"
    with np.errstate(over="ignore"):
        reach = np.sqrt(np.square(keypoints - keypoints[0]).sum(axis=1))
    if fault == TOO_LARGE:
        return f"the hand spans {reach.max():.3g} m, more than {_MAX_REACH_M} m"
    low, high = _PALM_RANGE_M
    return f"wrist and middle knuckle are {reach[9]:.3g} m apart, not {low} to {high} m"
