"""Torque control of the simulated joints: the real hand's PD law under its torque caps, and a feedforward.

    torque = clip( feedforward + kp · (reference − q) + kd · (reference speed − dq),  ± cap )

Gains and caps are those of the real hand's driver. They decide what is felt from outside: a joint that is
held up pushes with kp · error and never more than its cap, so a grasp is compliant. Alone they would follow
poorly: the firmware's law brakes with the joint's own speed, which makes it lag up to 60 ms, and an
outstretched finger sags by 0.15 rad under its weight. The feedforward, which is the torque of the wanted
motion and of gravity, takes both away, as the vendor's gravity compensation does on the real hand.

The reference follows the target with two equal poles, within what the caps can accelerate; its lag is the
joints' lag in free motion.

Damping is integrated implicitly. The links are so light (a distal one is felt as 3·10⁻⁶ kg·m²) that the same
damping, held constant over a step of 2 ms, would turn a joint around within the step; what calms the real
joints is the inertia of their rotors, which the vendor's description leaves out. Speeds come from the physics
without encoder noise, so they pass no filter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robot.allegro_config import load_config
from robot.allegro_model import EFFORT_NM, VELOCITY_RAD_S

_REFERENCE_RATE_S = 140.0  # two poles there lag by 14 ms
# Shares of the caps for the planned motion; the rest is for the PD law. Braking may use more than speeding
# up, so that a joint can always stop where it wants to.
_SPEEDING_SHARE, _BRAKING_SHARE = 0.6, 0.9

_JOINTS_PER_FINGER = 4


@dataclass(frozen=True)
class ServoGains:
    """PD gains and caps of n joints, each (n,).

    Attributes:
        kp_nm_rad: stiffness, N·m/rad.
        kd_nms_rad: damping, N·m·s/rad.
        cap_nm: largest torque, N·m.
    """

    kp_nm_rad: np.ndarray
    kd_nms_rad: np.ndarray
    cap_nm: np.ndarray


def allegro_gains() -> ServoGains:
    """Gains and caps of the real hand's driver, its full drive taken for the motors' stall torque."""
    config = load_config("v4")
    return ServoGains(
        EFFORT_NM * config.kp_per_rad, EFFORT_NM * config.kd_s_per_rad, EFFORT_NM * config.torque_caps
    )


class TorqueServo:
    """Drives the joints of one hand; every control step is `plan`, then `torque`.

    Args:
        gains: of the n joints, n a multiple of four: fingers of four joints that share no joint.
        dt_s: control period, s.
        q_rad: (n,) where the joints are and shall stay, rad.
    """

    def __init__(self, gains: ServoGains, dt_s: float, q_rad: np.ndarray) -> None:
        self.gains = gains
        self._dt_s = dt_s
        self._reference_rad = np.array(q_rad, dtype=np.float64)
        self._reference_rad_s = np.zeros_like(self._reference_rad)
        fingers = len(self._reference_rad) // _JOINTS_PER_FINGER
        self._blocks = (fingers, _JOINTS_PER_FINGER)
        self._damping = gains.kd_nms_rad.reshape(self._blocks)
        self._step_damping = dt_s * self._damping[:, :, None] * np.eye(_JOINTS_PER_FINGER)

    def plan(self, target_rad: np.ndarray) -> np.ndarray:
        """The acceleration (n,) rad/s² with which the reference shall go on towards `target_rad` (n,) rad."""
        dt_s, rate = self._dt_s, _REFERENCE_RATE_S
        ahead = target_rad - self._reference_rad - dt_s * self._reference_rad_s
        wanted = (rate * rate * ahead - 2.0 * rate * self._reference_rad_s) / (1.0 + rate * dt_s) ** 2
        slowest = (-VELOCITY_RAD_S - self._reference_rad_s) / dt_s
        fastest = (VELOCITY_RAD_S - self._reference_rad_s) / dt_s
        return np.clip(wanted, slowest, fastest)

    def torque(
        self,
        q_rad: np.ndarray,
        dq_rad_s: np.ndarray,
        acceleration_rad_s2: np.ndarray,
        bias_nm: np.ndarray,
        mass: np.ndarray,
        effort: float = 1.0,
    ) -> np.ndarray:
        """(n,) N·m for the coming period, by which the reference moves on.

        Args:
            q_rad, dq_rad_s: (n,) where the joints are and how fast they move.
            acceleration_rad_s2: (n,) from `plan`.
            bias_nm: (n,) torque that keeps the joints from accelerating: gravity's and that of their motion.
            mass: (n,n) mass matrix, kg·m².
            effort: share of the torque that is used, 0–1; the damping stays, as a gear's friction does.
        """
        fingers, joints = self._blocks
        numbers = np.arange(fingers)
        blocks = mass.reshape(fingers, joints, fingers, joints)[numbers, :, numbers, :]
        pushing = (blocks @ acceleration_rad_s2.reshape(fingers, joints, 1)).reshape(-1)
        # A finger's wish that is beyond its motors is shortened as a whole: single joints cut off at their
        # caps would pull each other to where none of them wants to go.
        power = (pushing * self._reference_rad_s).reshape(self._blocks).sum(axis=1)
        usable = np.repeat(np.where(power > 0.0, _SPEEDING_SHARE, _BRAKING_SHARE), joints) * self.gains.cap_nm
        spare = np.maximum(usable - np.copysign(bias_nm, bias_nm * pushing), 0.0)
        shares = np.minimum(1.0, spare / np.maximum(np.abs(pushing), 1e-9)).reshape(self._blocks)
        share = np.repeat(shares.min(axis=1), joints)

        braking = self._damping * (self._reference_rad_s - dq_rad_s).reshape(self._blocks)
        # Kd (M + dt Kd)⁻¹ M: the damping as felt when the joints slow down within the period already. A joint
        # that stands still gets no less torque for it, unlike with an implicit stiffness.
        damped = blocks @ np.linalg.solve(blocks + self._step_damping, braking[:, :, None])
        stiff = self.gains.kp_nm_rad * (self._reference_rad - q_rad)
        torque_nm = effort * (bias_nm + share * pushing + stiff) + damped.reshape(-1)
        self._reference_rad_s = self._reference_rad_s + self._dt_s * share * acceleration_rad_s2
        self._reference_rad = self._reference_rad + self._dt_s * self._reference_rad_s
        return np.clip(torque_nm, -self.gains.cap_nm, self.gains.cap_nm)
