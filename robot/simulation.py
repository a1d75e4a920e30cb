"""A simulated Allegro hand: PyBullet physics on its own DIRECT client, palm fixed, fingers up, gravity on.

Joints are position-servoed with the torque of the real motors. Self-collision: phalanges and tips of
different fingers and the thumb touch each other, so a pinch closes on contact; the palm, the knuckle servos
and neighbours along one finger are left out, because their boxes overlap by construction and contacts there
would only shake the joints.
"""

from __future__ import annotations

from itertools import combinations
from types import TracebackType

import numpy as np

from robot.allegro_model import EFFORT_NM, VELOCITY_RAD_S, Hand
from robot.bullet import joint_indices, load_pybullet
from robot.hands import hand_spec

STEP_NS = 2_000_000  # 1/500 s
_STEP_S = STEP_NS / 1e9
_GRAVITY_M_S2 = -9.81

# Bullet's servo asks, every step, for the speed gain · error / step: the error shrinks with the time constant
# step / gain, here 17 ms, which is about what the real hand's PD loop at 333 Hz does.
_POSITION_GAIN = 0.12
_VELOCITY_GAIN = 1.0

_CHAINS = tuple(tuple(f"link_{i}.0" for i in range(first, first + 4)) for first in (0, 4, 8, 12))
_TOUCHING_FROM = 1  # index in the chain from which links collide: past the knuckle servo (fingers)
_TOUCHING_FROM_THUMB = 2


class HandSimulation:
    """One simulated hand, at rest in its home pose at simulated time zero.

    Args:
        hand: "right" or "left".

    Raises:
        RobotError: no such hand, or PyBullet is missing.
    """

    def __init__(self, hand: Hand) -> None:
        self.spec = hand_spec(hand)
        self.t_ns = 0
        self._bullet = load_pybullet()
        self._client = self._bullet.connect(self._bullet.DIRECT)
        self._body = self._bullet.loadURDF(
            str(self.spec.urdf_path),
            useFixedBase=True,
            flags=self._bullet.URDF_USE_INERTIA_FROM_FILE | self._bullet.URDF_USE_SELF_COLLISION,
            physicsClientId=self._client,
        )
        self._indices = joint_indices(self._bullet, self._client, self._body, self.spec)
        self._target_rad = self.spec.home_rad.copy()
        self._configure()
        self.set_target(self.spec.home_rad)
        self._read()

    def _configure(self) -> None:
        bullet, client, body = self._bullet, self._client, self._body
        bullet.setGravity(0.0, 0.0, _GRAVITY_M_S2, physicsClientId=client)
        bullet.setPhysicsEngineParameter(
            fixedTimeStep=_STEP_S,
            numSolverIterations=50,
            numSubSteps=0,
            deterministicOverlappingPairs=1,
            physicsClientId=client,
        )
        # The gears of the real motors let nothing turn a joint faster either, not even when it slips free.
        bullet.changeDynamics(body, -1, maxJointVelocity=VELOCITY_RAD_S, physicsClientId=client)
        for index, angle in zip(self._indices, self.spec.home_rad, strict=True):
            bullet.resetJointState(body, index, float(angle), physicsClientId=client)
        links = {
            bullet.getJointInfo(body, i, physicsClientId=client)[12].decode(): i
            for i in range(bullet.getNumJoints(body, physicsClientId=client))
        }
        touching = [
            (*chain[start:], f"{chain[-1]}_tip")
            for chain, start in zip(_CHAINS, (*[_TOUCHING_FROM] * 3, _TOUCHING_FROM_THUMB), strict=True)
        ]
        wanted = {
            frozenset((links[a], links[b]))
            for one, other in combinations(touching, 2)
            for a in one
            for b in other
        }
        for a, b in combinations((-1, *links.values()), 2):
            enabled = int(frozenset((a, b)) in wanted)
            bullet.setCollisionFilterPair(body, body, a, b, enabled, physicsClientId=client)

    def set_target(self, q_rad: np.ndarray) -> None:
        """Drive the joints to `q_rad` (n,) rad from the next step on."""
        self._target_rad = np.array(q_rad, dtype=np.float64)
        n = len(self._indices)
        self._bullet.setJointMotorControlArray(
            self._body,
            self._indices,
            self._bullet.POSITION_CONTROL,
            targetPositions=self._target_rad.tolist(),
            targetVelocities=[0.0] * n,
            forces=[EFFORT_NM] * n,
            positionGains=[_POSITION_GAIN] * n,
            velocityGains=[_VELOCITY_GAIN] * n,
            physicsClientId=self._client,
        )

    @property
    def target_rad(self) -> np.ndarray:
        """(n,) rad the joints are driven to."""
        return self._target_rad.copy()

    def step(self) -> None:
        """One physics step of `STEP_NS`."""
        self._bullet.stepSimulation(physicsClientId=self._client)
        self.t_ns += STEP_NS
        self._read()

    def advance_to(self, t_ns: int) -> None:
        """Step until less than one step is missing to the simulated time `t_ns`, if that is ahead."""
        while self.t_ns + STEP_NS <= t_ns:
            self.step()

    def _read(self) -> None:
        states = self._bullet.getJointStates(self._body, self._indices, physicsClientId=self._client)
        self.q_rad = np.array([state[0] for state in states])
        self.dq_rad_s = np.array([state[1] for state in states])

    def close(self) -> None:
        """Give the Bullet client back; calling it twice does no harm."""
        if self._client >= 0:
            self._bullet.disconnect(physicsClientId=self._client)
            self._client = -1

    def __enter__(self) -> HandSimulation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
