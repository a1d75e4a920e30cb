"""The joint targets of a run as lines of JSON on standard output, for programs that must not import PoseHand.

    python -m app.target_stream --source webcam --hand right

takes the flags of `teleop`. Each line is one message to the robot: hand, valid, source_state, t_capture_ns,
t_publish_ns, joint_names, t_ns (k) and q_rad (k × n), with times on the machine's monotonic clock. The first
line of each hand holds the pose in which the robot hand rests. The run ends with its source, with a polite
kill, or when nobody reads any more.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

import numpy as np

from app.command_line import read_arguments
from app.errors import AppError, UsageError
from app.robot_port import RobotPort
from app.settings import TeleopSettings
from app.teleop import run_teleop
from calibration.errors import CalibrationError
from models.errors import ModelError
from models.observation import Hand
from retarget import load as load_retargeter
from retarget.errors import RetargetError
from robot import JointTrajectory, RobotError

logger = logging.getLogger(__name__)

PROGRAM = "python -m app.target_stream"


class StreamPort:
    """Writes what a robot would be sent; the robot at the other end tells nothing back."""

    endpoint: str | None = None
    version: str = "v4"

    def __init__(self, hand: Hand, out: BinaryIO) -> None:
        self._out = out
        retargeter = load_retargeter(f"allegro_{hand}")
        t_now_ns = time.monotonic_ns()
        rest = JointTrajectory(
            seq=0,
            hand=hand,
            valid=False,
            source_state="lost",
            t_capture_ns=t_now_ns,
            t_publish_ns=t_now_ns,
            joint_names=retargeter.joint_names,
            t_ns=np.array([t_now_ns]),
            q_rad=retargeter.home_rad[None],
        )
        self.send(rest)

    def send(self, message: JointTrajectory) -> None:
        """Write one line.

        Raises:
            BrokenPipeError: nobody reads any more.
        """
        line = {
            "hand": message.hand,
            "valid": message.valid,
            "source_state": message.source_state,
            "t_capture_ns": message.t_capture_ns,
            "t_publish_ns": message.t_publish_ns,
            "joint_names": message.joint_names,
            "t_ns": message.t_ns.tolist(),
            "q_rad": message.q_rad.tolist(),
        }
        self._out.write(json.dumps(line).encode() + b"\n")
        self._out.flush()

    def command(self, name: str) -> str:
        """There is nobody to command."""
        return ""

    def counters(self) -> dict[str, int]:
        return {}

    def close(self) -> None:
        """The stream ends with its program."""


def stream_targets(settings: TeleopSettings, out: BinaryIO) -> None:
    """Run the pipeline and write its joint targets until the source ends.

    Args:
        settings: of the run; robot, window and video are not used.
        out: where the lines go.

    Raises:
        UsageError: a flag has an illegal value.
        AppError, CalibrationError, ModelError, RetargetError, RobotError: something is missing or broken.
        BrokenPipeError: nobody reads any more.
    """
    if not settings.hands:
        raise UsageError("targets are those of hands: give --hand right, left or both")
    if not settings.realtime:
        raise UsageError("targets are streamed in real time: leave out --no-realtime")

    def open_robot(spec: str, hand: Hand, *_: object) -> RobotPort:
        return StreamPort(hand, out)

    with tempfile.TemporaryDirectory(prefix="posehand-") as folder:
        settings = dataclasses.replace(
            settings, robot="none", headless=True, window=False, video=False, run_dir=Path(folder) / "run"
        )
        run_teleop(settings, open_robot=open_robot)


def main() -> int:
    """Stream with the flags of the command line; what anything else prints goes to standard error."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("app.assets").setLevel(logging.INFO)  # the one-time download is worth a line
    try:
        settings = read_arguments(TeleopSettings, sys.argv[1:], PROGRAM, __doc__)
        out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        stream_targets(settings, out)
    except (AppError, CalibrationError, ModelError, RetargetError, RobotError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2 if isinstance(error, UsageError) else 1
    except (BrokenPipeError, KeyboardInterrupt):
        logger.debug("ended from outside")
    return 0


if __name__ == "__main__":
    sys.exit(main())
