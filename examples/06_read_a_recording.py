"""Read a recording: what was seen, estimated, sent to the robot and measured on it, frame by frame.

Without an argument it reads the folder recording; where there is none, it first records a rendered clip that
drives the simulated hand into it. With one, `06_read_a_recording.py DIR`, it reads what
`launch.py teleop --record DIR` wrote. Writes joints.csv into the current directory.
"""

import csv
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.errors import AppError
from app.recording import RecordingReader
from app.settings import TeleopSettings
from app.synthetic.clip import clip_of_seed
from app.teleop import run_teleop


def record(directory):
    """Four seconds of a rendered hand, as fast as this machine can."""
    clip = clip_of_seed(0, frames=120)
    settings = TeleopSettings(
        source=str(clip.video),
        robot="sim",
        realtime=False,
        headless=True,
        video=False,
        record=directory,
        run_dir=directory,  # its report and trace, too
    )
    run_teleop(settings)


def main():
    if len(sys.argv) > 1:
        directory = Path(sys.argv[1])
    else:
        directory = Path("recording")
        if not directory.exists():
            record(directory)

    reader = RecordingReader(directory)
    frames = sum(1 for _ in reader.frames())  # each has index, t_capture_ns and image
    print(f"{directory}: {frames} frames of {reader.meta.source}")

    rows, apart_rad = [], []
    for hand in reader.hands():
        message, state = hand.message, hand.state
        if not message.valid or state is None:
            continue  # the hand was lost, or there was no robot
        measured = dict(zip(state.joint_names, state.q_rad, strict=True))
        row = {"t_s": hand.t_capture_ns * 1e-9, "hand": hand.hand, "state": hand.trajectory.source_state}
        # The first instant of what was sent; the others lie ahead.
        for name, angle_rad in zip(message.joint_names, message.q_rad[0], strict=True):
            row |= {f"{name} sent": angle_rad, f"{name} measured": measured[name]}
            apart_rad.append(abs(angle_rad - measured[name]))
        rows.append(row)

    if rows:
        with open("joints.csv", "w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
        print(f"joints.csv: {len(rows)} rows; what was sent and what was measured before it are", end=" ")
        print(f"{np.degrees(np.mean(apart_rad)):.1f} deg apart on average")
    if reader.truncated:
        print("the end is cut off; all that was written before it is above")


if __name__ == "__main__":  # the clip is rendered by processes that read this file, too
    try:
        main()
    except AppError as error:  # its one sentence says what is wrong and what to do
        sys.exit(f"error: {error}")
