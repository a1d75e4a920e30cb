"""A simulated Allegro hand: PyBullet physics on its own client, gravity on; in the air or over a table.

Without a scene the palm is fixed, fingers up. In a scene the hand hangs palm down on a sliding wrist over a
table with something to grasp.

Joints are driven by torque, see `robot.servo`. Self-collision: phalanges and tips of different fingers and
the thumb touch each other, so a pinch closes on contact; the palm, the knuckle servos and neighbours along
one finger are left out, because their boxes overlap by construction and contacts there would only shake the
joints.
"""

from __future__ import annotations

from itertools import combinations
from types import TracebackType

import numpy as np

from robot.allegro_model import ROOT_LINK, TIP_LINKS, TIP_RADIUS_M, VELOCITY_RAD_S, Hand
from robot.bullet import joint_indices, link_indices, load_pybullet
from robot.bullet_window import BulletWindow
from robot.errors import RobotError
from robot.hands import hand_spec
from robot.lift import Lift, PutBack, holds
from robot.reach import Reach
from robot.scene import Scene, SceneConfig, SceneState, palm_start_m, side_of
from robot.servo import ServoGains, TorqueServo, allegro_gains
from robot.wrist import Wrist, load_sliding

STEP_NS = 2_000_000  # 1/500 s
_STEP_S = STEP_NS / 1e9
_GRAVITY_M_S2 = -9.81
_ARM_EVERY = 10  # physics steps
_WINDOW_PERIOD_NS = 16 * STEP_NS

_TIP_FRICTION = 1.0  # rubber; Bullet multiplies it with the friction of what is touched
_TIP_SPINNING_M = 0.004  # a soft tip touches with an area this wide, which keeps an object from turning on it

_CHAINS = tuple(tuple(f"link_{i}.0" for i in range(first, first + 4)) for first in (0, 4, 8, 12))
_TOUCHING_FROM = 1  # index in the chain from which links collide: past the knuckle servo (fingers)
_TOUCHING_FROM_THUMB = 2


class HandSimulation:
    """One simulated hand, at rest in its home pose at simulated time zero.

    Args:
        hand: "right" or "left".
        scene: a table under the hand and something on it; None for a hand in the air.
        gui: show it in PyBullet's window too.
        gains: of the joints; None for those of the real hand.

    Raises:
        RobotError: no such hand, PyBullet is missing, or a window is asked for where there is no display.
    """

    def __init__(
        self, hand: Hand, scene: SceneConfig | None = None, gui: bool = False, gains: ServoGains | None = None
    ) -> None:
        self.spec = hand_spec(hand)
        self.t_ns = 0
        self._bullet = load_pybullet()
        self._window = BulletWindow(hand, scene.object if scene else None) if gui else None
        self._client = self._bullet.connect(self._bullet.DIRECT)
        flags = self._bullet.URDF_USE_INERTIA_FROM_FILE | self._bullet.URDF_USE_SELF_COLLISION
        self._scene: Scene | None = None
        self._wrist: Wrist | None = None
        self._lift, self._put_back = Lift(), PutBack()
        if scene is None:
            self._body = self._bullet.loadURDF(
                str(self.spec.urdf_path), useFixedBase=True, flags=flags, physicsClientId=self._client
            )
        else:
            side = side_of(hand)
            start_m = palm_start_m(scene, side)
            self._reach = Reach(np.array(start_m))
            self._body = load_sliding(self._bullet, self._client, self.spec, start_m, flags)
            self._wrist = Wrist(self._bullet, self._client, self._body, _STEP_S)
            self._scene = Scene(self._bullet, self._client, scene, side)
        self._indices = joint_indices(self._bullet, self._client, self._body, self.spec.joint_names)
        self._links = link_indices(self._bullet, self._client, self._body)
        self._configure()
        self._servo = TorqueServo(gains or allegro_gains(), _STEP_S, self.spec.home_rad)
        self._target_rad, self._effort = self.spec.home_rad.copy(), 1.0
        self._first_joint = 0 if self._wrist is None else 3  # degrees of freedom of the wrist come before
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
            # The servo damps, implicitly; Bullet would integrate the file's damping explicitly.
            bullet.changeDynamics(body, index, jointDamping=0.0, physicsClientId=client)
        bullet.setJointMotorControlArray(  # Bullet brakes every joint until it is told not to
            body,
            self._indices,
            bullet.VELOCITY_CONTROL,
            forces=[0.0] * len(self._indices),
            physicsClientId=client,
        )
        for tip in TIP_LINKS:
            bullet.changeDynamics(
                body,
                self._links[tip],
                lateralFriction=_TIP_FRICTION,
                spinningFriction=_TIP_SPINNING_M,
                physicsClientId=client,
            )
        touching = [
            (*chain[start:], f"{chain[-1]}_tip")
            for chain, start in zip(_CHAINS, (*[_TOUCHING_FROM] * 3, _TOUCHING_FROM_THUMB), strict=True)
        ]
        wanted = {
            frozenset((self._links[a], self._links[b]))
            for one, other in combinations(touching, 2)
            for a in one
            for b in other
        }
        for a, b in combinations((-1, *self._links.values()), 2):
            enabled = int(frozenset((a, b)) in wanted)
            bullet.setCollisionFilterPair(body, body, a, b, enabled, physicsClientId=client)

    def set_target(self, q_rad: np.ndarray, effort: float = 1.0) -> None:
        """Drive the joints to `q_rad` (n,) rad from the next step on.

        Args:
            q_rad: (n,) rad, finite.
            effort: share of the motors' torque that is used, 0–1; at 0 the hand is limp.
        """
        self._target_rad = np.array(q_rad, dtype=np.float64)
        self._effort = effort

    @property
    def target_rad(self) -> np.ndarray:
        """(n,) rad the joints are driven to."""
        return self._target_rad.copy()

    def step(self) -> None:
        """One physics step of `STEP_NS`."""
        self._drive_joints()
        if self._wrist is not None and self._scene is not None:
            self._drive_wrist(self._wrist, self._scene)
        self._bullet.stepSimulation(physicsClientId=self._client)
        self.t_ns += STEP_NS
        self._read()
        if self._window is not None and self.t_ns % _WINDOW_PERIOD_NS == 0:
            self._window.show(self.q_rad, self.scene_state())

    def _drive_joints(self) -> None:
        bullet, client, first = self._bullet, self._client, self._first_joint
        rest = [0.0] * first  # the dynamics of the joints, as if the wrist stood still
        q = rest + self.q_rad.tolist()
        dq = rest + self.dq_rad_s.tolist()
        bias_nm = bullet.calculateInverseDynamics(self._body, q, dq, [0.0] * len(q), physicsClientId=client)
        mass = np.array(bullet.calculateMassMatrix(self._body, q, physicsClientId=client))
        self.torque_nm = self._servo.torque(
            self.q_rad,
            self.dq_rad_s,
            self._servo.plan(self._target_rad),
            np.array(bias_nm[first:]),
            mass[first:, first:],
            self._effort,
        )
        bullet.setJointMotorControlArray(
            self._body,
            self._indices,
            bullet.TORQUE_CONTROL,
            forces=self.torque_nm.tolist(),
            physicsClientId=client,
        )

    def _drive_wrist(self, wrist: Wrist, scene: Scene) -> None:
        if self.t_ns % (_ARM_EVERY * STEP_NS) == 0:
            if scene.config.arm:
                self._move_arm(wrist, scene)
            if scene.fell:
                scene.reset()
        wrist.step()

    def _move_arm(self, wrist: Wrist, scene: Scene) -> None:
        forces_n = self._forces_n(scene.thing)
        height_m = self._lift.step(self.t_ns, holds(forces_n))
        palm, *tips = (
            np.array(state[4])
            for state in self._bullet.getLinkStates(
                self._body,
                [self._links[link] for link in (ROOT_LINK, *TIP_LINKS)],
                computeForwardKinematics=1,
                physicsClientId=self._client,
            )
        )
        touching = bool(forces_n.any()) or height_m > 0.0
        offset_m = self._reach.step(self.t_ns, np.array(tips) - palm, TIP_RADIUS_M, scene.grip_m(), touching)
        wrist.move(offset_m + np.array([0.0, 0.0, height_m]))
        lying = scene.fallen and height_m == 0.0 and not forces_n.any()
        if self._put_back.step(self.t_ns, lying) and scene.place_is_free:
            scene.reset()

    def advance_to(self, t_ns: int) -> None:
        """Step until less than one step is missing to the simulated time `t_ns`, if that is ahead."""
        while self.t_ns + STEP_NS <= t_ns:
            self.step()

    def _read(self) -> None:
        states = self._bullet.getJointStates(self._body, self._indices, physicsClientId=self._client)
        self.q_rad = np.array([state[0] for state in states])
        self.dq_rad_s = np.array([state[1] for state in states])

    # -- the scene
    # --------------------------------------------------------------------------------------------------------

    def contact_forces_n(self) -> np.ndarray:
        """(4,) N that press on the last phalanges of thumb, index, middle and ring, as of the last step.

        Normal forces are summed, whatever pushes: the object, the table, another finger.
        """
        return self._forces_n(None)

    def _forces_n(self, other: int | None) -> np.ndarray:
        only = {} if other is None else {"bodyB": other}
        points = self._bullet.getContactPoints(bodyA=self._body, physicsClientId=self._client, **only)
        forces_n = np.zeros(len(TIP_LINKS))
        for k, tip in enumerate(TIP_LINKS):
            links = (self._links[tip], self._links[tip.removesuffix("_tip")])
            for point in points:
                # A contact of the hand with itself is listed once; it presses on both.
                mine = point[3] in links or (point[2] == self._body and point[4] in links)
                forces_n[k] += point[9] if mine else 0.0
        return forces_n

    def move_wrist(self, offset_m: np.ndarray) -> None:
        """Move the wrist to `offset_m` (3,) from where it starts, world axes, at the speed of a small arm.

        Raises:
            RobotError: the hand is not in a scene, or its wrist moves by itself.
        """
        if self._wrist is None or self._scene is None:
            raise RobotError("The hand hangs in the air and its wrist is fixed; simulate it with a scene.")
        if self._scene.config.arm:
            raise RobotError("The wrist moves by itself in this scene; use a scene with arm=False.")
        self._wrist.move(offset_m)

    def reset_scene(self) -> None:
        """Put the object and the wrist back to where they started; without a scene nothing happens."""
        if self._wrist is not None and self._scene is not None:
            self._lift.reset()
            self._reach.reset()
            self._wrist.reset()
            self._scene.reset()

    def scene_state(self) -> SceneState | None:
        """Where palm and object are; None without a scene."""
        if self._wrist is None or self._scene is None:
            return None
        state = self._bullet.getLinkState(
            self._body, self._links[ROOT_LINK], computeForwardKinematics=1, physicsClientId=self._client
        )
        palm = np.array([*state[4], *state[5]])
        return SceneState(self._scene.config.object, palm, self._scene.thing_pose())

    def close(self) -> None:
        """Give the Bullet client back; calling it twice does no harm."""
        if self._client >= 0:
            self._bullet.disconnect(physicsClientId=self._client)
            self._client = -1
            if self._window is not None:
                self._window.close()

    def __enter__(self) -> HandSimulation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
