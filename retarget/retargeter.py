"""From a human hand to joint angles of a robot hand, frame after frame."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retarget.config import HandConfig, read_config
from retarget.errors import RetargetError
from retarget.solver import Solver

_log = logging.getLogger(__name__)

# Outside these, keypoints are no hand in metres: wrist → middle knuckle is about 60–110 mm on people.
_PALM_RANGE_M = (0.02, 0.25)
_MAX_REACH_M = 0.5


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
        lower_rad, upper_rad: (n,) limits of the joints; every q lies strictly between them.
        home_rad: (n,) the pose before any hand was seen.
        status: how the last `solve` or `solve_trajectory` went.
    """

    def __init__(self, config: HandConfig) -> None:
        """Build from a config; raises RetargetError when config and URDF do not fit together."""
        self.config = config
        self._solver = Solver(config)
        self.joint_names = self._solver.joint_names
        self.lower_rad = self._solver.kinematics.lower_rad
        self.upper_rad = self._solver.kinematics.upper_rad
        self.home_rad = self._checked_home()
        self._starts_rad = self._build_starts()
        self.reset()

    def reset(self) -> None:
        """Forget the previous pose and pinches; the next solve searches from several poses."""
        self._q_rad = self.home_rad
        self._strength = np.zeros(self._solver.num_pairs)
        self._t_ns: int | None = None
        self.status = RetargetStatus(converged=False, iterations=0, cost=float("nan"))

    def warm_up(self) -> None:
        """Compile (or load from the cache) now, so that the first frame is not slow. Changes no state."""
        keypoints = np.zeros((1, 21, 3))
        keypoints[:, 1:, 2] = 0.1
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
        keypoints = np.asarray(keypoints, np.float64)
        if keypoints.shape != (21, 3):
            raise RetargetError(f"Keypoints have shape {keypoints.shape}; give (21,3), one hand.")
        return self._solve(keypoints[None], int(t_ns))[0]

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
        keypoints = np.asarray(keypoints, np.float64)
        times = np.asarray(t_ns)
        if keypoints.ndim != 3 or keypoints.shape[1:] != (21, 3) or len(keypoints) == 0:
            raise RetargetError(f"Keypoints have shape {keypoints.shape}; give (k,21,3) with k ≥ 1.")
        if times.shape != (len(keypoints),) or not np.all(np.diff(times) > 0):
            raise RetargetError(f"t_ns is {times.tolist()}; give {len(keypoints)} increasing times.")
        return self._solve(keypoints, int(times[0]))

    def cost(self, q_rad: np.ndarray, keypoints: np.ndarray) -> float:
        """The objective of pose q_rad (n,) for keypoints (21,3), hand frame, without the previous-pose pull.

        Fingers that are pinching now count as pinching, so right after `solve` it is what was minimised.
        """
        return self._objective(q_rad, keypoints)[0]

    def cost_gradient(self, q_rad: np.ndarray, keypoints: np.ndarray) -> np.ndarray:
        """Derivative (n,) of `cost` with respect to q_rad, per rad."""
        return self._objective(q_rad, keypoints)[1]

    def tip_positions(self, q_rad: np.ndarray) -> np.ndarray:
        """Fingertip links at q_rad (n,): (tips,3) metres in the robot's wrist frame, the thumb first."""
        return self._solver.kinematics.positions(q_rad)[1:]

    def _objective(self, q_rad: np.ndarray, keypoints: np.ndarray) -> tuple[float, np.ndarray]:
        q_rad, keypoints = np.asarray(q_rad, np.float64), np.asarray(keypoints, np.float64)
        if q_rad.shape != self.home_rad.shape or keypoints.shape != (21, 3):
            raise RetargetError(
                f"q_rad has shape {q_rad.shape} and keypoints {keypoints.shape}; "
                f"give ({len(self.joint_names)},) and (21,3)."
            )
        return self._solver.objective(q_rad, keypoints, self._strength)

    def _solve(self, keypoints: np.ndarray, t_ns: int) -> np.ndarray:
        reasons = [_why_no_hand(instant) for instant in keypoints]
        if reasons[0]:
            self.status = RetargetStatus(False, 0, float("nan"), reasons[0])
            return np.tile(self._q_rad, (len(keypoints), 1))
        usable = keypoints - keypoints[:, :1]
        for instant, reason in enumerate(reasons):
            if reason:
                usable[instant] = usable[instant - 1]
        fresh = self._t_ns is None or not 0 <= t_ns - self._t_ns <= 1e9 * self.config.restart_after_s
        if fresh:
            self._strength[:] = 0.0
        seeds = np.vstack([self._q_rad[None], self._starts_rad])
        solution = self._solver.solve(
            usable,
            seeds,
            previous_rad=None if fresh else self._q_rad,
            strength=self._strength,
            retry_cost=-1.0 if fresh else self.config.retry_cost,
        )
        self._q_rad = solution.q_rad[0].copy()
        self._t_ns = t_ns
        worst = next((f"instant {i}: {reason}" for i, reason in enumerate(reasons) if reason), "")
        self.status = RetargetStatus(
            converged=bool(solution.converged.all()) and not worst,
            iterations=int(solution.iterations.sum()),
            cost=float(solution.cost[0]),
            rejected=worst,
        )
        return solution.q_rad

    def _checked_home(self) -> np.ndarray:
        lower, upper = self._solver.lower_rad, self._solver.upper_rad
        if not self.config.home_rad:
            return np.clip(np.zeros(len(lower)), lower, upper)
        home = np.array(self.config.home_rad)
        outside = (home < lower) | (home > upper)
        if outside.any():
            joint = int(outside.argmax())
            raise RetargetError(
                f"home_rad puts {self.joint_names[joint]} at {home[joint]}; "
                f"keep it strictly between {self.lower_rad[joint]} and {self.upper_rad[joint]}."
            )
        return home

    def _build_starts(self) -> np.ndarray:
        """(s,n) poses spread over the joint ranges, the same for a hand and its mirror image."""
        lower, upper = self._solver.lower_rad, self._solver.upper_rad
        middle = np.where(np.isfinite(lower) & np.isfinite(upper), 0.5 * (lower + upper), 0.0)
        return np.array([self.home_rad, np.clip(np.zeros(len(lower)), lower, upper), middle])


def load(hand: str | Path = "allegro_right") -> Retargeter:
    """A retargeter that is ready for its first frame.

    Args:
        hand: the name of a hand that ships ("allegro_right", "allegro_left"), or the path of a YAML file.

    Raises:
        RetargetError: no such hand, or its config or URDF is unusable.
    """
    retargeter = Retargeter(read_config(hand))
    retargeter.warm_up()
    return retargeter


def _why_no_hand(keypoints: np.ndarray) -> str:
    """ "" for a plausible hand (21,3), else what is wrong with it."""
    if not np.isfinite(keypoints).all():
        return "the keypoints are not finite"
    with np.errstate(over="ignore"):
        reach = np.sqrt(np.square(keypoints - keypoints[0]).sum(axis=1))
    if not reach.max() <= _MAX_REACH_M:
        return f"the hand spans {reach.max():.3g} m, more than {_MAX_REACH_M} m"
    low, high = _PALM_RANGE_M
    if not low <= reach[9] <= high:
        return f"wrist and middle knuckle are {reach[9]:.3g} m apart, not {low} to {high} m"
    return ""
