"""PyBullet's KUKA arm with an Allegro hand on its flange, driven by motors."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType

import numpy as np

from robot.allegro_model import EFFORT_NM, Hand
from robot.arm_kinematics import REST_RAD, ArmPose, arm_and_hand_urdf, arm_kinematics
from robot.bullet import joint_indices, load_pybullet
from robot.hands import hand_spec

STEP_S = 1.0 / 240.0
_ARM_FORCE_NM = 300.0  # of the arm's own description
_GRAVITY_M_S2 = -9.81


class ArmSimulation:
    """The arm and the hand in an empty world.

    Args:
        hand: which Allegro hand it carries.

    Attributes:
        t_ns: simulated time.
        spec: the hand.

    Raises:
        RobotError: PyBullet is not installed, or there is no such hand.
    """

    def __init__(self, hand: Hand) -> None:
        self.spec = hand_spec(hand)
        self.t_ns = 0
        self._arm = arm_kinematics()
        self._bullet = load_pybullet()
        self._client = self._bullet.connect(self._bullet.DIRECT)
        self._steps = 0
        self._bullet.setTimeStep(STEP_S, physicsClientId=self._client)
        self._bullet.setGravity(0.0, 0.0, _GRAVITY_M_S2, physicsClientId=self._client)
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "arm.urdf"
            path.write_text(arm_and_hand_urdf(self.spec.urdf_path), encoding="utf-8")
            self._body = int(
                self._bullet.loadURDF(str(path), useFixedBase=True, physicsClientId=self._client)
            )
        names = (*self._arm.joint_names, *self.spec.joint_names)
        self._indices = joint_indices(self._bullet, self._client, self._body, names)
        self._forces = [_ARM_FORCE_NM] * len(REST_RAD) + [EFFORT_NM] * len(self.spec.joint_names)
        start_rad = np.concatenate([REST_RAD, self.spec.home_rad])
        for index, angle in zip(self._indices, start_rad, strict=True):
            self._bullet.resetJointState(self._body, index, float(angle), physicsClientId=self._client)
        self.drive(REST_RAD, self.spec.home_rad)

    def drive(self, arm_rad: np.ndarray, hand_rad: np.ndarray) -> None:
        """Command the joints: arm_rad (7,), hand_rad (16,) in driver order."""
        self._bullet.setJointMotorControlArray(
            self._body,
            self._indices,
            self._bullet.POSITION_CONTROL,
            targetPositions=[*np.asarray(arm_rad).tolist(), *np.asarray(hand_rad).tolist()],
            forces=self._forces,
            positionGains=[0.4] * len(self._indices),
            velocityGains=[1.0] * len(self._indices),
            physicsClientId=self._client,
        )

    def step(self) -> None:
        """One step of physics, `STEP_S`."""
        self._bullet.stepSimulation(physicsClientId=self._client)
        self._steps += 1
        self.t_ns = round(self._steps * STEP_S * 1e9)

    @property
    def q_rad(self) -> tuple[np.ndarray, np.ndarray]:
        """Measured joint angles of arm (7,) and hand (16,)."""
        states = self._bullet.getJointStates(self._body, self._indices, physicsClientId=self._client)
        angles = np.array([state[0] for state in states])
        return angles[: len(REST_RAD)], angles[len(REST_RAD) :]

    @property
    def pose(self) -> ArmPose:
        """Where the wrist on the flange is."""
        return self._arm.pose(self.q_rad[0])

    def close(self) -> None:
        """Free the physics; safe to call twice."""
        if self._client >= 0:
            self._bullet.disconnect(physicsClientId=self._client)
            self._client = -1

    def __enter__(self) -> ArmSimulation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
