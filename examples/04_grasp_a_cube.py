"""A human pinch picks up a cube from a table: retargeting, safety limits and physics, without a clock.

Writes grasp_0.png, grasp_1.png, … into the current directory. `--gui` shows PyBullet's window, `--object cup`
takes a cup.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import retarget
from models.hand_model import HandModel
from models.pinch import touch_tips
from robot import JointTrajectory
from robot.scene import OBJECTS, SceneConfig
from robot.scene_view import SceneView
from robot.simulation import HandSimulation
from robot.supervisor import Supervisor

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--object", choices=OBJECTS, default="cube")
parser.add_argument("--gui", action="store_true")
arguments = parser.parse_args()

# A hand that is open for a second, then brings thumb and index finger together within 1.5 s.
hand = HandModel.load()
pinch_rad = touch_tips(hand, "index", np.zeros((15, 3)))
retargeter = retarget.load("allegro_right")
q_rad = []
for frame in range(75):
    closed = 0.2 + 0.8 * np.clip((frame - 30) / 45, 0.0, 1.0)
    keypoints_m = hand.keypoints(hand.rotations_of_angles(closed * pinch_rad))
    seen = retarget.to_hand_frame(keypoints_m - keypoints_m[0], "right")
    q_rad.append(retargeter.solve(seen, t_ns=frame * 33_000_000))

scene = SceneConfig(arguments.object)
with HandSimulation("right", scene, gui=arguments.gui) as simulation:
    view = SceneView("right", arguments.object)
    supervisor = Supervisor(simulation.spec)
    supervisor.command("arm", 0)
    start_m = simulation.scene_state().thing[2]
    for frame in range(240):  # the last pose is kept for 5.5 s
        t_ns = frame * 33_000_000
        target_rad = q_rad[min(frame, len(q_rad) - 1)]
        supervisor.offer(
            JointTrajectory(
                seq=frame,
                hand="right",
                valid=True,
                source_state="tracking",
                t_capture_ns=t_ns,
                t_publish_ns=t_ns,
                joint_names=retargeter.joint_names,
                t_ns=np.array([t_ns]),
                q_rad=target_rad[None],
                wrist=None,
                meta={},
            ),
            t_ns,
        )
        while simulation.t_ns < t_ns + 33_000_000:
            driven_rad = supervisor.step(simulation.t_ns, simulation.q_rad)
            simulation.set_target(simulation.q_rad if driven_rad is None else driven_rad)
            simulation.step()
        if frame % 30 == 29:
            state = simulation.scene_state()
            thumb_n, index_n, *_ = simulation.contact_forces_n()
            print(
                f"{frame / 30:4.1f} s  {supervisor.mode:9s} {1e3 * (state.thing[2] - start_m):5.1f} mm up, "
                f"thumb {thumb_n:.2f} N, index {index_n:.2f} N"
            )
            picture = view.render(simulation.q_rad, simulation.spec.joint_names, state)
            cv2.imwrite(f"grasp_{frame // 30}.png", picture)
    if simulation.scene_state().thing[2] < start_m + 0.05:
        sys.exit("it was not picked up")
