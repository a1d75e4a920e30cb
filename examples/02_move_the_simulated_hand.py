"""Start a simulated Allegro hand, arm it, and wave its fingers with trajectories of a third of a second."""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import robot

with robot.spawn_simulation("right") as simulation:
    link = simulation.connect()  # to a server elsewhere: robot.connect("tcp://127.0.0.1:5570", "right")
    link.arm()
    names = link.joint_names
    home_rad = robot.hand_spec("right").home_rad
    fingers = np.array([name in ("joint_1.0", "joint_5.0", "joint_9.0") for name in names])

    started_ns = time.monotonic_ns()
    for seq in range(90):  # three seconds at 30 Hz
        now_ns = time.monotonic_ns()
        t_ns = now_ns + np.arange(6) * 33_333_333
        wave = 0.4 * np.sin(2 * np.pi * 0.8 * (t_ns - started_ns) * 1e-9)
        link.publish(
            robot.JointTrajectory(
                seq=seq,
                hand="right",
                valid=True,
                source_state="tracking",
                t_capture_ns=now_ns,
                t_publish_ns=now_ns,
                joint_names=names,
                t_ns=t_ns,
                q_rad=home_rad + np.outer(0.3 + wave, fingers),
                wrist=None,
                meta={"clock_offset_ns": link.clock_offset_ns},
            )
        )
        state = link.state()
        if state is not None and seq % 15 == 0:
            print(f"{state.mode:9s} index at {np.degrees(state.q_rad[1]):6.1f} deg")
        time.sleep(1 / 30)
    link.close()
