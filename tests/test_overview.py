"""overview.mp4: as long as the run, and as wide as what it shows."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.errors import AppError
from app.frame import Frame
from app.interrupt import Interrupt
from app.opencv import cv2
from app.overview import OverviewFrame, OverviewRecorder
from app.robot_views import RobotViews
from robot import HandView, SceneState, SceneView, hand_spec

SPEC = hand_spec("right")
SHOWN = OverviewFrame(
    "right",
    np.full((21, 2), 50.0),
    np.full((21, 2), 52.0),
    "tracking",
    "TRACKING",
    SPEC.joint_names,
    SPEC.home_rad,
)


def record(run_dir: Path, times_ms: list[int]) -> OverviewRecorder:
    recorder = OverviewRecorder(run_dir, (320, 240), 30.0, blocking=True)
    for index, t_ms in enumerate(times_ms):
        image = np.full((240, 320, 3), 40 + index, np.uint8)
        recorder.add(Frame(index, t_ms * 1_000_000, image), [SHOWN])
    return recorder


compose = OverviewRecorder._compose


def frames_of(path: Path) -> int:
    video = cv2.VideoCapture(str(path))
    return int(video.get(cv2.CAP_PROP_FRAME_COUNT))


def test_the_video_shows_camera_and_robot_side_by_side(tmp_path):
    path = record(tmp_path, [0, 33, 67]).compose(Interrupt())
    video = cv2.VideoCapture(str(path))
    _, picture = video.read()
    assert picture.shape == (480, 640 + 480, 3)
    assert abs(int(picture[300, 320].mean()) - 40) < 12, "the camera's grey is not there"
    assert picture[:, 640:].std() > 20, "the robot is not there"
    assert not (tmp_path / ".camera").exists()


def test_a_hand_over_a_table_is_shown_with_what_stands_on_it():
    pose = np.array([0.0, 0.0, 0.04, 0.0, 0.0, 0.0, 1.0])
    palm = np.array([-0.03, -0.06, 0.13, 0.0, np.sqrt(0.5), 0.0, np.sqrt(0.5)])
    views = RobotViews((160, 160))
    for scene in (None, SceneState("cube", palm, pose), SceneState("pen", palm, pose), None):
        shown = replace(SHOWN, scene=scene)
        picture = views.render(shown.hand, shown.q_rad, shown.joint_names, shown.scene)
        if scene is None:
            expected = HandView("right", (160, 160)).render(SPEC.home_rad, SPEC.joint_names)
        else:
            expected = SceneView("right", scene.object, (160, 160)).render(
                SPEC.home_rad, SPEC.joint_names, scene
            )
        np.testing.assert_array_equal(picture, expected)


def test_slow_and_skipped_frames_keep_the_videos_time(tmp_path):
    assert frames_of(record(tmp_path, [0, 100, 200, 1000]).compose(Interrupt())) == 31


def test_an_interrupted_video_ends_where_it_is(tmp_path):
    recorder = record(tmp_path, [0, 33, 67, 100, 133])
    interrupt = Interrupt()
    drawn = []
    draw = recorder._compose_frame

    def draw_two(frame, row, views):
        drawn.append(frame.index)
        interrupt.asked = len(drawn) == 2
        return draw(frame, row, views)

    recorder._compose_frame = draw_two
    assert frames_of(recorder.compose(interrupt)) == 2


def test_images_left_by_a_killed_run_are_no_obstacle(tmp_path):
    record(tmp_path, [0]).stop()
    assert frames_of(record(tmp_path, [0, 33]).compose(Interrupt())) == 2


def test_without_images_there_is_no_video(tmp_path):
    with pytest.raises(AppError, match="no image"):
        record(tmp_path, []).compose(Interrupt())
    assert not (tmp_path / "overview.mp4").exists()


def test_images_are_gone_when_no_video_could_be_made_of_them(tmp_path):
    (tmp_path / "overview.part.mp4").mkdir()  # cannot be written
    with pytest.raises(AppError, match="cannot write"):
        record(tmp_path, [0, 33]).compose(Interrupt())
    assert not (tmp_path / ".camera").exists()


@pytest.mark.parametrize("size_px", [(8, 4000), (4000, 8), (1, 1)])
def test_images_of_any_shape_make_a_video_that_can_be_looked_at(tmp_path, size_px):
    width, height = size_px
    recorder = OverviewRecorder(tmp_path, size_px, 30.0, blocking=True)
    recorder.add(Frame(0, 0, np.full((height, width, 3), 200, np.uint8)), [SHOWN])
    video = cv2.VideoCapture(str(recorder.compose(Interrupt())))
    _, picture = video.read()
    assert picture.shape[0] == 480
    assert 482 <= picture.shape[1] <= 5 * 480
    camera = picture[:, : picture.shape[1] - 480]
    assert camera.max() > 150, "the camera's image is not there"


def test_a_video_in_whose_place_a_folder_is_fails_in_one_sentence(tmp_path):
    (tmp_path / "overview.mp4").mkdir()
    with pytest.raises(AppError, match=r"cannot write .*overview\.mp4: .*; choose another --run-dir"):
        record(tmp_path, [0, 33]).compose(Interrupt())
    assert {path.name for path in tmp_path.iterdir()} == {"overview.mp4"}


@pytest.mark.skipif(sys.platform != "linux", reason="names are text there")
def test_a_folder_whose_name_is_no_text_is_refused_before_the_run(tmp_path):
    with pytest.raises(AppError, match="is no UTF-8; rename it"):
        record(tmp_path / os.fsdecode(b"\xe9t\xe9"), [0, 33])


def test_a_disk_that_took_only_part_of_a_video_keeps_none_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(OverviewRecorder, "_compose", lambda *arguments: compose(*arguments) + 1)
    with pytest.raises(AppError, match=r"took 2 of 3 frames: make room"):
        record(tmp_path, [0, 33]).compose(Interrupt())
    assert not list(tmp_path.iterdir())
