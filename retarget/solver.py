"""The compiled solver behind plain numpy calls; it holds no state between calls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retarget.config import HandConfig
from retarget.kernels import Limits, Targets, differentiate, evaluate, linearise, project, solve_horizon
from retarget.objective import build_objective

# A step this short changes no fingertip by more than 1 µm.
_STEP_TOLERANCE_RAD = 1e-5
_GRADIENT_TOLERANCE = 1e-7
# What a call may spend, so that its time is bounded: so many full searches on its first instant, and so many
# steps on each later one, which starts where the one before ended and usually takes three.
_FULL_SEARCHES = 4
_LATER_ITERATIONS = 25


@dataclass(frozen=True)
class Solution:
    """k solved instants.

    Attributes:
        q_rad: (k,n).
        report: (k,3) cost, iterations and whether it converged, as numbers; see the properties.
    """

    q_rad: np.ndarray
    report: np.ndarray

    @property
    def cost(self) -> np.ndarray:
        """(k,) the objective at the end."""
        return self.report[:, 0]

    @property
    def iterations(self) -> np.ndarray:
        """(k,) int, over all starts."""
        return self.report[:, 1].astype(int)

    @property
    def converged(self) -> np.ndarray:
        """(k,) bool; False where max_iterations ended the search."""
        return self.report[:, 2] > 0.0


class Solver:
    """The objective of one hand and its minimiser.

    Attributes:
        parts: what the objective is made of.
        kinematics: FK of its points.
        joint_names: n names, the order of q.
        lower_rad, upper_rad: (n,) the box q stays in, just inside the robot's own limits.
        num_pairs: length of the projection-strength array that the caller keeps (S1 + S2 vectors).
    """

    def __init__(self, config: HandConfig) -> None:
        """Read the robot and lay out the objective; raises RetargetError when config and URDF do not fit."""
        self.parts = build_objective(config)
        self.kinematics = self.parts.kinematics
        self._terms = self.parts.terms
        self._projection = self.parts.projection
        self._limits = Limits(
            _FULL_SEARCHES * config.max_iterations,
            _LATER_ITERATIONS,
            config.max_iterations,
            _STEP_TOLERANCE_RAD,
            _GRADIENT_TOLERANCE,
        )
        self.joint_names = self.kinematics.joint_names
        self.lower_rad, self.upper_rad = self._terms.lower, self._terms.upper
        self.num_pairs = self._projection.num_pairs

    def solve(
        self,
        keypoints: np.ndarray,
        seeds_rad: np.ndarray,
        previous_rad: np.ndarray | None,
        strength: np.ndarray,
        retry_cost: float = -1.0,
    ) -> Solution:
        """Solve k instants, each warm-started from the one before.

        Args:
            keypoints: (k,21,3) metres, hand frame, finite.
            seeds_rad: (s,n) poses to start the first instant from; the end with the lowest cost wins.
            previous_rad: (n,) pose the first instant is pulled toward; None for no pull.
            strength: (num_pairs,) projection of each pair, 0–1; the first instant advances it in place.
            retry_cost: further seeds are tried only while the best end costs more than this.
        """
        count = len(keypoints)
        q, report = np.empty((count, len(self.joint_names))), np.empty((count, 3))
        solve_horizon(
            np.ascontiguousarray(keypoints, np.float64),
            np.ascontiguousarray(seeds_rad, np.float64),
            np.ascontiguousarray(seeds_rad[0] if previous_rad is None else previous_rad, np.float64),
            0.0 if previous_rad is None else 1.0,
            retry_cost,
            strength,
            self.kinematics.chain,
            self._terms,
            self._projection,
            self.parts.capsules,
            self._limits,
            q,
            report,
        )
        return Solution(q, report)

    def cost_of_error(self, error_m: float) -> float:
        """The cost of every vector but the pairs' being error_m off, metres."""
        huber_m = self._terms.huber_m
        loss = error_m * error_m if error_m <= huber_m else huber_m * (2.0 * error_m - huber_m)
        return float(0.5 * self._projection.base_weight[self.num_pairs :].sum() * loss)

    def objective(
        self,
        q_rad: np.ndarray,
        keypoints: np.ndarray,
        strength: np.ndarray,
        previous_rad: np.ndarray | None = None,
    ) -> tuple[float, np.ndarray]:
        """The objective and its gradient.

        Args:
            q_rad: (n,).
            keypoints: (21,3) metres, hand frame.
            strength: (num_pairs,) projection strengths before this hand is seen; not changed.
            previous_rad: (n,) pose that q is pulled toward; None leaves this pull out.

        Returns:
            The cost and its gradient (n,), per rad.
        """
        q = np.ascontiguousarray(q_rad, np.float64)
        previous = q if previous_rad is None else np.ascontiguousarray(previous_rad, np.float64)
        hold, terms = 0.0 if previous_rad is None else 1.0, self._terms
        chain, capsules = self.kinematics.chain, self.parts.capsules
        n, bodies, points, vectors = len(q), len(chain.parent), len(chain.point_body), len(terms.task)
        targets = Targets(np.empty((vectors, 3)), np.empty(vectors), np.empty(vectors), np.empty(vectors))
        keypoints = np.ascontiguousarray(keypoints, np.float64)
        project(keypoints, self._projection, strength.copy(), targets, chain)
        rotation, position, point = np.empty((bodies, 3, 3)), np.empty((bodies, 3)), np.empty((points, 3))
        jacobian, gradient = np.empty((terms.points, 3, n)), np.empty(n)
        hessian, damper = np.empty((n, n)), np.empty(n)
        cost = evaluate(q, previous, hold, chain, terms, targets, capsules, rotation, position, point)
        differentiate(chain, rotation, position, point, jacobian)
        linearise(
            q,
            previous,
            hold,
            chain,
            terms,
            targets,
            capsules,
            rotation,
            position,
            point,
            jacobian,
            gradient,
            hessian,
            damper,
        )
        return float(cost), gradient
