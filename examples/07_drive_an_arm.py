"""A wrist drives a KUKA arm and fingers its Allegro hand: clutch, inverse kinematics with limits, physics.

Without an argument a made-up wrist leads, on a clock of its own; arm.mp4 and arm.png go into the current
directory. `07_drive_an_arm.py tcp://127.0.0.1:5580` follows you, beside
`launch.py teleop --robot none --publish tcp://127.0.0.1:5580 --clutch closed`, until Ctrl-C; it keeps drawing
the arm into arm.png.
"""

import argparse
import itertools
import sys
import time
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import retarget
from app.wrist_publisher import WristPublisher
from models.hand_model import HandModel
from models.pinch import touch_tips
from models.rotations import axis_angle_from_matrix, matrix_from_axis_angle
from models.trajectory import HandTrajectory
from retarget.arm_workspace import ArmWorkspace
from robot.arm_follower import ArmFollower
from robot.arm_kinematics import arm_kinematics
from robot.arm_simulation import STEP_S, ArmSimulation
from robot.arm_solver import ArmSolver
from robot.arm_view import ArmView
from robot.errors import RobotError
from robot.wrist_messages import decode_wrist, encode_wrist
from robot.wrist_subscriber import WristSubscriber

FRAME_NS = 33_333_333
SECONDS = 10.0
BOX_M = 0.8  # of the made-up operator's target
AHEAD = np.arange(8) * FRAME_NS


def wrist_at(t_s):
    """A wrist 0.8 m before the camera: circles and turns; from 5 s on it reaches far too far ahead."""
    swing = np.clip(t_s, 0.0, 1.0) * np.clip(4.0 - t_s, 0.0, 1.0)
    reach = 0.9 * np.clip(np.minimum(t_s - 5.0, 7.8 - t_s), 0.0, 0.7)
    offset_m = swing * np.sin(np.array([2.1, 1.7, 1.3]) * t_s) * (0.16, 0.12, 0.10)
    turn_rad = swing * np.sin(np.array([1.1, 1.9, 1.4]) * t_s) * (0.5, 0.6, 0.5)
    return np.array([0.0, 0.0, 0.8 - reach]) + offset_m, matrix_from_axis_angle(turn_rad)


class MadeUpOperator:
    """What a subscriber would hear: 30 times a second the wrist, and joint angles of a hand that pinches."""

    def __init__(self):
        # The arm's reach is to be met in here, so the box leaves it room.
        self._publisher = WristPublisher(("right",), ArmWorkspace.of(box_m=(BOX_M,) * 3), engaged=True)
        hand = HandModel.load()
        pinch_rad = touch_tips(hand, "index", np.zeros((15, 3)))
        retargeter = retarget.load("allegro_right")
        self._closing = []
        for frame, closed in enumerate(np.linspace(0.2, 1.0, 30)):
            keypoints_m = hand.keypoints(hand.rotations_of_angles(closed * pinch_rad))
            seen = retarget.to_hand_frame(keypoints_m - keypoints_m[0], "right")
            self._closing.append(retargeter.solve(seen, t_ns=frame * FRAME_NS))
        self._joint_names = retargeter.joint_names

    def hear(self, t_ns):
        """The wrist message at `t_ns`, and joint angles by name."""
        if t_ns == 120 * FRAME_NS:
            self._publisher.disengage()  # at 4 s, for half a second
        if t_ns == 135 * FRAME_NS:
            self._publisher.engage()
        instants_ns = t_ns + AHEAD
        poses = [wrist_at(t * 1e-9) for t in instants_ns]
        rotations = np.tile(np.eye(3), (len(AHEAD), 16, 1, 1))
        rotations[:, 0] = [R for _, R in poses]
        trajectory = HandTrajectory(
            hand="right",
            source_state="tracking",
            t_capture_ns=t_ns,
            t_ns=instants_ns,
            keypoints_m=np.zeros((len(AHEAD), 21, 3)),
            wrist_m=np.array([position_m for position_m, _ in poses]),
            rotations=rotations,
        )
        (message,) = self._publisher.update({"right": trajectory}, None, t_ns)
        pinch = 0.5 - 0.5 * np.cos(2.0 * t_ns * 1e-9)
        q_rad = self._closing[round(pinch * (len(self._closing) - 1))]
        return decode_wrist(encode_wrist(message)), dict(zip(self._joint_names, q_rad, strict=True))


def demo():
    arm, operator, follower = arm_kinematics(), MadeUpOperator(), ArmFollower(box_m=BOX_M)
    view, rows = ArmView("right", (640, 512)), []
    video = cv2.VideoWriter("arm.mp4", cv2.VideoWriter.fourcc(*"mp4v"), 15.0, (640, 512))
    with ArmSimulation("right") as simulation:
        solver = ArmSolver(arm)
        for frame in range(round(SECONDS * 30)):
            wrist, angles = operator.hear(frame * FRAME_NS)
            hand_rad = [angles[name] for name in simulation.spec.joint_names]
            while simulation.t_ns < (frame + 1) * FRAME_NS:
                goal = follower.goal(wrist, arm.pose(solver.q_rad), simulation.t_ns)
                before_rad = solver.q_rad
                simulation.drive(solver.step(goal, STEP_S), hand_rad)
                simulation.step()
                speed = np.abs(solver.q_rad - before_rad) / STEP_S / arm.max_velocity_rad_s
                pose = simulation.pose
                off_m = np.linalg.norm(pose.position_m - goal.position_m)
                off_rad = np.linalg.norm(axis_angle_from_matrix(pose.rotation @ goal.rotation.T))
                rows.append((simulation.t_ns * 1e-9, 1e3 * off_m, np.degrees(off_rad), speed.max()))
            if frame % 2 == 0:
                picture = view.render(*simulation.q_rad, goal.position_m)
                video.write(picture)
            if frame == 80:
                cv2.imwrite("arm.png", picture)
    video.release()

    t_s, off_mm, off_deg, speed = np.array(rows).T
    for name, shown in (
        ("in reach", t_s < 5.0),
        ("out of reach", (t_s > 6.6) & (t_s < 7.0)),
        ("back again", t_s > 9.5),
    ):
        print(
            f"{name:12s} {off_mm[shown].mean():5.1f} mm and {off_deg[shown].mean():3.1f} deg off its goal "
            f"(at most {off_mm[shown].max():5.1f} mm, {off_deg[shown].max():3.1f} deg), "
            f"fastest joint at {100 * speed[shown].max():3.0f} % of its limit"
        )
    print("arm.mp4, arm.png")
    if off_mm[t_s < 5.0].mean() > 20.0 or off_mm[t_s > 9.5].mean() > 20.0 or speed.max() > 1.0 + 1e-9:
        sys.exit("the arm does not follow")


def status(wrist, told, address):
    """A line on the newest wrist; the one last told of is no news."""
    if wrist is told:
        return f"nothing heard from {address}"
    clutch = "closed" if wrist.engaged else "open"
    return f"{wrist.source_state:10s} {wrist.source or '-':5s} clutch {clutch}"


def follow(address, box_m):
    arm, follower = arm_kinematics(), ArmFollower(box_m)
    view, solver = ArmView("right", (640, 512)), ArmSolver(arm)
    with WristSubscriber(address, "right") as operator, ArmSimulation("right") as simulation:
        print(f"waiting for the right wrist from {address}; the arm is drawn into arm.png, over and over")
        told, tell_s = None, time.monotonic() + 1.0
        hand_rad = simulation.spec.home_rad
        goal, started_ns = arm.pose(solver.q_rad), time.monotonic_ns()
        for frame in itertools.count():
            operator.poll()
            if operator.targets is not None and operator.targets.valid:
                angles = dict(zip(operator.targets.joint_names, operator.targets.q_rad[0], strict=True))
                hand_rad = [angles[name] for name in simulation.spec.joint_names]
            while simulation.t_ns < time.monotonic_ns() - started_ns:
                if operator.wrist is not None:
                    goal = follower.goal(operator.wrist, arm.pose(solver.q_rad), started_ns + simulation.t_ns)
                simulation.drive(solver.step(goal, STEP_S), hand_rad)
                simulation.step()
            if frame % 4 == 0:
                cv2.imwrite("arm.png", view.render(*simulation.q_rad, goal.position_m))
            if time.monotonic() > tell_s:  # by time, as a picture takes as long as many steps
                print(status(operator.wrist, told, address), flush=True)
                told, tell_s = operator.wrist, time.monotonic() + 1.0
            time.sleep(0.01)


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("address", nargs="?", help="what teleop was told to --publish on; none is the demo")
parser.add_argument("--demo", action="store_true", help="a made-up wrist, as without an address")
parser.add_argument("--box-m", type=float, default=0.4, help="how far the arm may go along each axis, metres")
arguments = parser.parse_args()
if arguments.address is None or arguments.demo:
    demo()
else:
    try:
        follow(arguments.address, arguments.box_m)
    except RobotError as error:  # its one sentence says what is wrong with the address, or the box
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("ended")
