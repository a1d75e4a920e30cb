"""A person in a video, from pixels to what is published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app import assets
from app.errors import AppError
from app.settings import TeleopSettings
from app.teleop import run_teleop

FRAMES = 25
TIMINGS = ("stage_ms_", "age_ms", "body_age_ms")


@pytest.fixture(scope="module")
def pose_landmarker_asset() -> Path:
    try:
        return assets.resolve_pose_landmarker()
    except AppError as error:
        pytest.skip(str(error))


def run(tmp_path: Path, source: Path, name: str, **settings: object) -> dict[str, np.ndarray]:
    run_teleop(
        TeleopSettings(
            source=str(source),
            body=True,
            temporal="one-euro",
            robot="none",
            headless=True,
            realtime=False,
            video=False,
            max_frames=FRAMES,
            run_dir=tmp_path / name,
            **settings,
        )
    )
    with np.load(tmp_path / name / "trace.npz") as data:
        return dict(data)


@pytest.mark.usefixtures("pose_landmarker_asset", "hand_landmarker_asset")
def test_a_person_is_followed_alone_and_beside_the_hands_alike(tmp_path, shared_data):
    source = shared_data / "video" / "body_sit_walk.mp4"
    alone = run(tmp_path, source, "alone", hand="none")
    beside = run(tmp_path, source, "beside", hand="both")
    assert alone["body_detected"].all()
    assert np.isfinite(alone["body_keypoints_m"]).all()
    depth_m = alone["body_hip_m"][:, 2]
    assert ((depth_m > 0.8) & (depth_m < 6.0)).all()
    head, ankles = alone["body_keypoints_m"][:, 10, 1], alone["body_keypoints_m"][:, [3, 6], 1]
    assert (head[:, None] < ankles).all(), "the head is above the feet; y is down"
    for name in alone:
        if not name.startswith(TIMINGS):
            assert alone[name].tobytes() == beside[name].tobytes(), name
    assert len(beside["detected"]) == FRAMES
