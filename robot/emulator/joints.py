"""Sixteen decoupled joints: drive, inertia, friction, mechanical stops. Explicit time steps, no gravity."""

from __future__ import annotations

import numpy as np

from robot.allegro_model import EFFORT_NM, Hand, bodies, joints
from robot.hands import HandSpec, mirror_q

_MAX_STEP_S = 0.001
# The vendor's ROS 2 description (v4): what the geared motor itself brings to every joint.
_ROTOR_INERTIA_KG_M2 = 1e-4
_DAMPING_NM_S = 0.1
_FRICTION_NM = 0.01
_PLAY_RAD = 0.05  # the mechanical stops lie this far outside the joint limits

# How a real right hand v4 lay when its trace was recorded, rad; the thumb's first joint is below its limit.
REST_RAD = (
    *(-0.05024, -0.02867, -0.00994, -0.00444),
    *(-0.00062, -0.02707, -0.00905, -0.00586),
    *(0.00213, -0.02672, -0.00790, -0.00373),
    *(0.23185, -0.00151, 0.01553, -0.00036),
)


def inertia_kg_m2(hand: Hand) -> np.ndarray:
    """(16,) inertia about each joint with everything beyond it stretched out, motor included."""
    chain, solids = joints(hand), bodies(hand)
    inertia = np.full(len(chain), _ROTOR_INERTIA_KG_M2)
    for i, joint in enumerate(chain):
        axis = np.array(joint.axis)
        origin = np.zeros(3)  # of the link looked at, in the frame of joint i
        for beyond in chain[i : i - i % 4 + 4]:
            origin = origin + (np.array(beyond.xyz) if beyond is not joint else 0.0)
            body = solids[beyond.child]
            lever = np.cross(axis, origin + np.array(body.center_m))
            inertia[i] += body.mass_kg * float(lever @ lever) + float(np.abs(axis) @ body.inertia_kg_m2)
    return inertia


class EmulatedJoints:
    """The joints of one hand, at rest at first.

    Args:
        spec: the hand.

    Attributes:
        q_rad, dq_rad_s: (16,) rad and rad/s.
    """

    def __init__(self, spec: HandSpec) -> None:
        rest_rad = np.array(REST_RAD)
        self._lower_rad = spec.lower_rad - _PLAY_RAD
        self._upper_rad = spec.upper_rad + _PLAY_RAD
        self.q_rad = np.clip(
            rest_rad if spec.hand == "right" else mirror_q(rest_rad), self._lower_rad, self._upper_rad
        )
        self.dq_rad_s = np.zeros(len(self.q_rad))
        self._inertia = inertia_kg_m2(spec.hand)

    def advance(self, drive_u: np.ndarray, dt_s: float) -> None:
        """Let `dt_s` ≥ 0 pass under (16,) dimensionless drives; 1 is the motors' stall torque."""
        steps = max(1, int(np.ceil(dt_s / _MAX_STEP_S)))
        h = dt_s / steps
        for _ in range(steps):
            self._step(drive_u, h)

    def _step(self, drive_u: np.ndarray, h: float) -> None:
        # Damping is implicit, so that no step is too long for it; dry friction stops a joint, never turns it.
        free = (self.dq_rad_s + h * EFFORT_NM * drive_u / self._inertia) / (
            1.0 + h * _DAMPING_NM_S / self._inertia
        )
        braked = np.maximum(np.abs(free) - h * _FRICTION_NM / self._inertia, 0.0)
        self.dq_rad_s = np.copysign(braked, free)
        moved = self.q_rad + h * self.dq_rad_s
        self.q_rad = np.clip(moved, self._lower_rad, self._upper_rad)
        self.dq_rad_s = np.where(moved == self.q_rad, self.dq_rad_s, 0.0)
