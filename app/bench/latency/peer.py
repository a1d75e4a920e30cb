"""The pipeline people assemble from public packages: MediaPipe, dex-retargeting, a robot.

python -m app.bench.latency.peer VIDEO tcp://HOST:PORT ROWS.npz REPORT.json [--truth TRUTH.npz]

Each stage is used as its own examples do: MediaPipe's hand landmarker in video mode with dex-retargeting's
detection settings, its Allegro configuration with the output filter that is in it, one pose a message. It
gets what it would not have by itself, so that only the pipeline is compared: the newest frame instead of a
queue, our robot server, and, while no hand is seen, the last pose again, so that the robot stands still as
theirs does instead of letting go.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

from app.assets import resolve_hand_landmarker
from app.bench.latency.play import ABSENT
from app.bench.retargeting.peers import DexRetargeting, open_dex_retargeting
from app.errors import AppError
from app.frame import Frame
from app.opencv import cv2
from app.robot_port import RobotPort, open_robot
from app.sources.base import EndOfSource, Source
from app.sources.open import open_source
from app.trace import STAGES
from retarget import to_hand_frame
from robot import JointTrajectory

_CONFIDENCE = 0.8  # dex-retargeting's, of detection and of the landmarks while tracking
_READ_S = 0.1
_WARM_UP = 20
_NO_PIXELS = np.full((21, 2), np.nan)


class Peer:
    """Landmarker and solver, frame by frame.

    Attributes:
        rows: one dict a frame, of what `docs/trace.md` calls it.
    """

    def __init__(self, solver: DexRetargeting, landmarker: Any, robot: RobotPort) -> None:
        """
        Args:
            solver: with its filter.
            landmarker: MediaPipe's, in video mode.
            robot: to drive.
        """
        self.rows: list[dict[str, Any]] = []
        self._solver = solver
        self._landmarker = landmarker
        self._robot = robot
        self._q_rad: np.ndarray | None = None
        self._t_last_ms = -1
        self._t_start_ns: int | None = None

    def process(self, frame: Frame) -> None:
        """Detect, retarget and send one frame."""
        taken_ns = time.monotonic_ns()
        keypoints_m, pixels = self._detect(frame)
        detected_ns = time.monotonic_ns()
        if keypoints_m is not None:
            prepared = self._solver.prepare(to_hand_frame(keypoints_m, "right"), 0)
            self._q_rad = np.asarray(self._solver.solve(prepared), np.float64)
        retargeted_ns = time.monotonic_ns()
        if self._q_rad is not None:
            self._robot.send(
                JointTrajectory(
                    seq=len(self.rows) + 1,
                    hand="right",
                    valid=True,
                    source_state="tracking",
                    t_capture_ns=frame.t_capture_ns,
                    t_publish_ns=retargeted_ns,
                    joint_names=self._solver.joint_names,
                    t_ns=np.array([retargeted_ns]),
                    q_rad=self._q_rad[None],
                )
            )
        sent_ns = time.monotonic_ns()
        ends_ns = {"capture": taken_ns, "detect": detected_ns, "retarget": retargeted_ns, "publish": sent_ns}
        self.rows.append(
            {
                "t_capture_s": frame.t_capture_ns * 1e-9,
                "detected": keypoints_m is not None,
                "keypoints_image_px": pixels,
                "age_ms": (retargeted_ns - frame.t_capture_ns) * 1e-6,
                **_stage_ms(frame.t_capture_ns, ends_ns),
            }
        )

    def _detect(self, frame: Frame) -> tuple[np.ndarray | None, np.ndarray]:
        """(21,3) m, camera axes, and (21,2) px of a right hand; None and NaN where none is seen."""
        if self._t_start_ns is None:
            self._t_start_ns = frame.t_capture_ns
        rgb = cv2.cvtColor(frame.image, cv2.COLOR_BGR2RGB)
        self._t_last_ms = max(self._t_last_ms + 1, (frame.t_capture_ns - self._t_start_ns) // 1_000_000)
        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb)
        result = self._landmarker.detect_for_video(image, self._t_last_ms)
        for labels, landmarks, world in zip(
            result.handedness, result.hand_landmarks, result.hand_world_landmarks, strict=True
        ):
            if labels[0].category_name == "Right":
                height, width = frame.image.shape[:2]
                pixels = np.array([(p.x * width, p.y * height) for p in landmarks])
                keypoints_m = np.array([(p.x, p.y, p.z) for p in world])
                return keypoints_m - keypoints_m[0], pixels
        return None, _NO_PIXELS


def play(source: Source, peer: Peer) -> int:
    """Every frame that is the newest when the one before is done; returns how many were skipped."""
    skipped, next_index = 0, 0
    while True:
        try:
            frame = source.read(_READ_S)
        except EndOfSource:
            return skipped
        if frame is not None:
            skipped += frame.index - next_index
            next_index = frame.index + 1
            peer.process(frame)


def retarget_truth(solver: DexRetargeting, keypoints_m: np.ndarray) -> np.ndarray:
    """(F,n) what a solver makes of true keypoints (F,21,3), hand frame."""
    solver.reset()
    q_rad = [solver.solve(solver.prepare(hand, i)) for i, hand in enumerate(keypoints_m)]
    return np.asarray(q_rad, np.float64)


def open_landmarker() -> Any:
    """MediaPipe's hand landmarker for one hand, with the confidences of dex-retargeting's example."""
    return vision.HandLandmarker.create_from_options(
        vision.HandLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=resolve_hand_landmarker(None).read_bytes()),
            running_mode=vision.RunningMode.VIDEO,
            num_hands=1,
            min_hand_detection_confidence=_CONFIDENCE,
            min_hand_presence_confidence=_CONFIDENCE,
        )
    )


def main(arguments: list[str]) -> int:
    """Play a video to its end; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("video", type=Path)
    parser.add_argument("robot", help="tcp://HOST:PORT")
    parser.add_argument("rows", type=Path, help=".npz to write")
    parser.add_argument("report", type=Path, help=".json to write")
    parser.add_argument("--truth", type=Path, help=".npz with keypoints_m (F,21,3), hand frame")
    given = parser.parse_args(arguments)
    try:
        solver, unfiltered = open_dex_retargeting(filtered=True), open_dex_retargeting(filtered=False)
    except AppError as error:
        sys.stderr.write(f"error: {error}\n")
        return ABSENT
    truth = None if given.truth is None else np.load(given.truth, allow_pickle=False)["keypoints_m"]
    if truth is not None:
        retarget_truth(unfiltered, truth[:_WARM_UP])  # loads the code that the other one shares
    source = open_source(str(given.video), realtime=True)
    robot = open_robot(given.robot, "right", realtime=True, arm=True)
    peer = Peer(solver, open_landmarker(), robot)
    try:
        skipped = play(source, peer)
    finally:
        robot.close()
        source.close()
    rows: dict[str, np.ndarray] = {key: np.array([row[key] for row in peer.rows]) for key in peer.rows[0]}
    rows["joint_names"] = np.array(solver.joint_names)
    if truth is not None:
        rows["q_true_rad"] = retarget_truth(unfiltered, truth)
    np.savez(given.rows, **rows)  # type: ignore[arg-type]
    given.report.write_text(json.dumps({"dropped_frames": {"skipped_by_source": skipped}}), encoding="utf-8")
    return 0


def _stage_ms(begin_ns: int, ends_ns: Mapping[str, int]) -> dict[str, float]:
    """Durations of stages, given when each was done; NaN for those of a trace that a peer has not."""
    durations = {f"stage_ms_{stage}": float("nan") for stage in STAGES}
    for stage, end_ns in ends_ns.items():
        durations[f"stage_ms_{stage}"] = (end_ns - begin_ns) * 1e-6
        begin_ns = end_ns
    return durations


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
