"""The temporal model alone: detections of a video in, the hand now and in the next half second out.

Without an argument it looks at a rendered clip, whose truth is known; `05_use_the_hand_trajectory.py VIDEO`
looks at yours. Writes trajectory.npz into the current directory.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.assets import resolve_hand_landmarker
from app.detector import HandDetector
from app.errors import AppError
from app.sources.base import EndOfSource
from app.sources.synthetic import SyntheticSource
from app.sources.video import VideoSource
from app.window import ObservationWindow
from models import load_temporal
from models.camera import Camera
from models.metrics import mpjpe


def detect(source):
    """What the detector says of a right hand in every frame; another detector's Observations do as well."""
    observations = []
    with HandDetector(resolve_hand_landmarker(), ("right",)) as detector:
        try:
            while (frame := source.read(timeout_s=1.0)) is not None:
                observations.append(detector.detect(frame)["right"])
        except EndOfSource:
            source.close()
    return observations


def estimate(observations, stage, camera):
    """A trajectory per frame, as a live run has it: from what was seen until then."""
    window = ObservationWindow("right", camera)
    trajectories = []
    for observation in observations:
        window.add(observation)
        trajectories.append(stage.update(window.snapshot()))
    return trajectories


def main():
    if len(sys.argv) > 1:
        source, truth_m = VideoSource(Path(sys.argv[1]), realtime=False), None
    else:
        source = SyntheticSource(realtime=False, frames=120)
        truth_m = source.truth.keypoints_m
    observations = detect(source)
    print(f"{sum(seen.detected for seen in observations)} of {len(observations)} frames show a right hand")

    for name in ("none", "one-euro", "posebert"):
        stage = load_temporal(name)
        trajectories = estimate(observations, stage, Camera.assumed(source.size_px))
        # (frames, 1 + H, 21, 3) m relative to the wrist, NaN while lost; [:, 0] is at the frames themselves.
        keypoints_m = np.array([trajectory.keypoints_m for trajectory in trajectories])
        if truth_m is not None:
            now = 1e3 * np.nanmean(mpjpe(keypoints_m[:, 0], truth_m))
            ahead = 1e3 * np.nanmean(mpjpe(keypoints_m[:-3, 3], truth_m[3:]))
            print(f"{name:9s} {now:5.1f} mm off at the frames, {ahead:5.1f} mm off 0.1 s after them")

    states = [trajectory.source_state for trajectory in trajectories]
    np.savez("trajectory.npz", keypoints_m=keypoints_m, horizon_s=stage.horizon_s, states=states)
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    print(f"trajectory.npz: {keypoints_m.shape[1]} instants for each frame; {counts}")


if __name__ == "__main__":  # the clip is rendered by processes that read this file, too
    try:
        main()
    except AppError as error:  # its one sentence says what is wrong and what to do
        sys.exit(f"error: {error}")
