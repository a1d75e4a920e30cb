"""A replayed pinch on a simulated hand over a table: retargeted, supervised and simulated in lock-step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import retarget
from robot.messages import JointTrajectory
from robot.scene import SceneConfig
from robot.simulation import HandSimulation
from robot.supervisor import Supervisor
from tests.retarget_examples import OPEN_THUMB_M, make_hand

FRAME_NS = 33_000_000
HORIZON = 4  # frames in a message
WAIT_FRAMES = 30  # the robot opens its hand before the pinch begins


@dataclass(frozen=True)
class Grasp:
    """What happened, one row every 20 ms.

    Attributes:
        t_s: (m,) time since the end of the replay; from there on the hand stays closed.
        height_m: (m,) how far the object is above where it stood.
        palm_m: (m,) how far the wrist has risen.
        forces_n: (m,4) on thumb, index, middle and ring.
    """

    t_s: np.ndarray
    height_m: np.ndarray
    palm_m: np.ndarray
    forces_n: np.ndarray

    def held_s(self, above_m: float = 0.05) -> float:
        """How long the object has been up without a break, at the end."""
        down = np.nonzero(self.height_m < above_m)[0]
        start = self.t_s[0] if len(down) == 0 else self.t_s[down[-1]]
        return float(self.t_s[-1] - start)


def retargeted(keypoints_m: np.ndarray) -> np.ndarray:
    """Joint angles (k,16) of a right hand for keypoints (k,21,3), camera or hand frame, a frame apart."""
    retargeter = retarget.load("allegro_right")
    return np.array(
        [
            retargeter.solve(retarget.to_hand_frame(points - points[0], "right"), k * FRAME_NS)
            for k, points in enumerate(keypoints_m)
        ]
    )


def synthetic_pinch(frames: int = 45) -> np.ndarray:
    """Keypoints (frames,21,3), hand frame: index and thumb come together, the other fingers stay straight."""
    flexion = np.zeros((4, 3))
    flexion[0] = [0.7, 0.9, 0.5]
    meeting_m = make_hand(flexion, OPEN_THUMB_M)[8]
    root_m = np.array([0.012, 0.025, 0.03])
    hands = []
    for closed in np.linspace(0.3, 1.0, frames):
        hand = make_hand(closed * flexion, OPEN_THUMB_M)
        tip_m = meeting_m + (1.0 - closed) * np.array([0.0, 0.01, -0.06])
        hand[1:5] = root_m + np.array([0.0, 0.4, 0.72, 1.0])[:, None] * (tip_m - root_m)
        hands.append(hand)
    return np.array(hands)


def grasp(q_rad: np.ndarray, scene: SceneConfig, hold_s: float) -> Grasp:
    """Replay the angles (k,16), a frame apart, and keep the last for `hold_s`."""
    rows = []
    with HandSimulation("right", scene) as simulation:
        spec = simulation.spec
        supervisor = Supervisor(spec)
        supervisor.command("arm", 0)
        names = retarget.load("allegro_right").joint_names
        start = simulation.scene_state()
        assert start is not None
        replay_ns = (WAIT_FRAMES + len(q_rad)) * FRAME_NS
        end_ns = replay_ns + int(hold_s * 1e9)
        seq = 0
        while simulation.t_ns < end_ns:
            t_ns = simulation.t_ns
            if t_ns >= seq * FRAME_NS:
                instants = seq + np.arange(HORIZON)
                trajectory = JointTrajectory(
                    seq=seq,
                    hand="right",
                    valid=True,
                    source_state="tracking",
                    t_capture_ns=t_ns,
                    t_publish_ns=t_ns,
                    joint_names=names,
                    t_ns=instants * FRAME_NS,
                    q_rad=q_rad[np.clip(instants - WAIT_FRAMES, 0, len(q_rad) - 1)],
                    wrist=None,
                    meta={},
                )
                assert supervisor.offer(trajectory, t_ns) == ""
                seq += 1
            target_rad = supervisor.step(t_ns, simulation.q_rad)
            assert target_rad is not None
            simulation.set_target(target_rad)
            simulation.step()
            if simulation.t_ns % 20_000_000 == 0:
                now = simulation.scene_state()
                assert now is not None
                rows.append(
                    (
                        (simulation.t_ns - replay_ns) * 1e-9,
                        now.thing[2] - start.thing[2],
                        now.palm[2] - start.palm[2],
                        simulation.contact_forces_n(),
                    )
                )
    t_s, height_m, palm_m, forces_n = (np.array(column) for column in zip(*rows, strict=True))
    return Grasp(t_s, height_m, palm_m, forces_n)
