"""Inverse kinematics of the arm, one step of time after the other, inside its limits.

Each step asks for the joint speeds that bring the wrist nearer to its goal, and minimises

    ‖W (J·dq − e)‖² + λ² ‖dq‖² + μ² ‖dq − (q_rest − q)·dt/τ‖²     with   lower ≤ dq ≤ upper

where e is the error of the pose, cut to what a step may make up for, and the bounds are those of the joints'
angles and speeds for this step. It is damped least squares in which limits are part of the problem and not
cut off its answer: a joint at its limit hands its share to the others. The damping grows with the error, so
that out of reach, where the error stays, the arm comes to rest at the nearest place it finds instead of
trembling there. The weak pull to the rest pose spends the seventh joint, which the pose leaves free.

Elbow and wrist keep to the side they are on at rest: joints 4 and 6 stay short of straight, where the arm is
singular and from where it could come back bent the other way. That costs 4 mm of reach.

Nakamura and Hanafusa, Inverse kinematic solutions with singularity robustness for robot manipulator control
(1986); Chan and Lawrence, General inverse kinematics with the error damped pseudoinverse (1988).
"""

from __future__ import annotations

import numpy as np

from robot.arm_kinematics import REST_RAD, ArmKinematics, ArmPose

LEVER_M = 0.25  # an error of a radian weighs as much as one of so many metres
_DAMPING = 0.01  # m/rad; half of the motion along directions in which the arm is this close to singular
_DAMPING_OF_ERROR_M = 1.0  # m²/rad² for each metre: a bound on how much the joints bend the wrist's way
_MOST_M_S = 1.5  # cut of the error; above the wrist's usual limits
_MOST_RAD_S = 4.0
# Of the joints from the base; see above.
_POSTURE_UPPER_RAD = np.array([np.inf, np.inf, np.inf, -0.20, np.inf, -0.15, np.inf])
_REST_WEIGHT = 0.004  # m/rad
_REST_S = 1.0
_GAIN_PER_S = 100.0  # the error left falls by a factor e in 10 ms; the goal itself is limited in speed
_MARGIN_RAD = 0.02  # kept from the ends of the joints
_MOST_EXCHANGES = 30


class ArmSolver:
    """Follows goals; keeps the joint angles it commands.

    Args:
        kinematics: of the arm.
        start_rad: (7,) joint angles to start from, within the limits; the rest pose if None.

    Attributes:
        q_rad: (7,) joint angles commanded now.
    """

    def __init__(self, kinematics: ArmKinematics, start_rad: np.ndarray | None = None) -> None:
        self._kinematics = kinematics
        self.q_rad = np.array(REST_RAD if start_rad is None else start_rad, dtype=np.float64)

    def step(self, goal: ArmPose, dt_s: float) -> np.ndarray:
        """Joint angles (7,) after `dt_s` on the way to `goal`; as they are if the goal is not finite."""
        arm = self._kinematics
        pose, J = arm.pose_and_jacobian(self.q_rad)
        share = 1.0 - np.exp(-_GAIN_PER_S * dt_s)
        way_m = _cut(share * (goal.position_m - pose.position_m), _MOST_M_S * dt_s)
        turn_rad = _cut(share * turn_between(pose.rotation, goal.rotation), _MOST_RAD_S * dt_s)
        error = np.concatenate([way_m, LEVER_M * turn_rad])
        if not np.isfinite(error).all():
            return self.q_rad
        J = J * np.array([1.0, 1.0, 1.0, LEVER_M, LEVER_M, LEVER_M])[:, None]
        rest = (REST_RAD - self.q_rad) * (dt_s / _REST_S)
        damping = _DAMPING**2 + _DAMPING_OF_ERROR_M * float(np.linalg.norm(error))
        H = J.T @ J + (damping + _REST_WEIGHT**2) * np.eye(len(J.T))
        g = J.T @ error + _REST_WEIGHT**2 * rest
        fastest = arm.max_velocity_rad_s * dt_s
        lower = np.clip(arm.lower_rad + _MARGIN_RAD - self.q_rad, -fastest, fastest)
        most_rad = np.minimum(arm.upper_rad - _MARGIN_RAD, _POSTURE_UPPER_RAD)
        upper = np.clip(most_rad - self.q_rad, -fastest, fastest)
        self.q_rad = self.q_rad + bounded_minimum(H, g, lower, upper)
        return self.q_rad


def bounded_minimum(H: np.ndarray, g: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """The x (n,) in lower ≤ x ≤ upper that minimises ½ xᵀHx − gᵀx, by exchanging active bounds.

    Args:
        H: (n,n) symmetric, positive definite.
        g: (n,).
        lower, upper: (n,) with lower ≤ upper.
    """
    at = np.zeros(len(g), dtype=int)  # −1 at the lower bound, 1 at the upper, 0 free
    x = np.zeros_like(g)
    for _ in range(_MOST_EXCHANGES):
        x = np.where(at < 0, lower, upper)
        free = at == 0
        x[free] = np.linalg.solve(H[np.ix_(free, free)], g[free] - H[np.ix_(free, ~free)] @ x[~free])
        beyond = np.maximum(lower - x, x - upper) * free
        pull = (g - H @ x) * -at  # above zero where a bound holds back what would come off it by itself
        if beyond.max(initial=0.0) > 0.0:
            worst = int(np.argmax(beyond))
            at[worst] = -1 if x[worst] < lower[worst] else 1
        elif pull.max(initial=0.0) > 1e-12:
            at[int(np.argmax(pull))] = 0
        else:
            break
    return np.clip(x, lower, upper)


def _cut(vector: np.ndarray, longest: float) -> np.ndarray:
    """The vector, no longer than that."""
    return vector * min(1.0, longest / max(float(np.linalg.norm(vector)), 1e-12))


def turn_between(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(3,) shortest turn from one rotation to the other, about base axes; finite at half a turn, too."""
    R = end @ start.T
    w = 0.5 * np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])
    sine, cosine = float(np.linalg.norm(w)), 0.5 * (float(np.trace(R)) - 1.0)
    if sine > 1e-6:
        return w * (np.arctan2(sine, cosine) / sine)
    # At half a turn the way round is anyone's choice, and a step later it is clear.
    return w if cosine > 0.0 else np.pi * np.eye(3)[int(np.argmax(np.diag(R)))]
