"""The humanoid beside the camera: in the console, in its snapshots, and in overview.mp4."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from console_examples import hand_snapshot, snapshot
from humanoid_examples import facing
from PySide6 import QtGui, QtWidgets

from app.body_lane import BodyLaneFrame
from app.body_snapshot import BodySnapshot
from app.console.latency_history import LatencyHistory
from app.console.layout import Box, lay_out
from app.console.maker import SnapshotMaker
from app.console.painter import ConsolePainter, View
from app.frame import Frame
from app.interrupt import Interrupt
from app.opencv import cv2
from app.overview import OverviewFrame, OverviewRecorder
from app.snapshot import Snapshot
from models.body_observation import BodyObservation
from models.body_trajectory import BodyTrajectory
from robot import hand_spec

SIZE = (1280, 720)
SPEC = hand_spec("right")
UPRIGHT = facing(right_shoulder=(0.0, 0.0, -1.2))
POINTS_PX = np.random.default_rng(0).uniform(60.0, 200.0, (17, 2))
BODY = BodySnapshot(POINTS_PX, POINTS_PX + 3.0, UPRIGHT, np.array([0.0, 0.0, 3.0]), 1.0, "tracking")
LOST = replace(
    BODY,
    keypoints_px=np.full((17, 2), np.nan),
    estimate_px=np.full((17, 2), np.nan),
    rotations=np.full((24, 3, 3), np.nan),
    hip_m=np.full(3, np.nan),
    source_state="lost",
)


@pytest.fixture(scope="module")
def application() -> QtWidgets.QApplication:
    return QtWidgets.QApplication.instance() or QtWidgets.QApplication([])


@pytest.fixture
def painter(application: QtWidgets.QApplication) -> Iterator[ConsolePainter]:
    made = ConsolePainter()
    yield made
    made.close()


def lane_frame(detected: bool = True, t_ns: int = 0) -> BodyLaneFrame:
    """A body that is followed, or was never there."""
    observation = BodyObservation.missing(t_ns, (320, 240))
    trajectory = BodyTrajectory.lost(np.array([t_ns]))
    if detected:
        observation = replace(observation, detected=True, keypoints_px=POINTS_PX)
        trajectory = replace(
            trajectory,
            source_state="tracking",
            rotations=UPRIGHT[None],
            hip_m=np.array([[0.0, 0.0, 3.0]]),
        )
    estimate_px = POINTS_PX if detected else np.full((17, 2), np.nan)
    return BodyLaneFrame(observation, trajectory, estimate_px, message=None)


def without_hands(body: BodySnapshot) -> Snapshot:
    return replace(snapshot(), hands=(), body=body)


def part(image: QtGui.QImage, box: Box) -> np.ndarray:
    """(h,w,3) BGR of what is in the box."""
    image = image.convertToFormat(QtGui.QImage.Format.Format_RGB32)
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1, 4)[..., :3]
    return pixels[round(box.y) : round(box.bottom), round(box.x) : round(box.right)]


def colourful(pixels: np.ndarray) -> float:
    """Share of the pixels that have a colour."""
    return float((cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_BGR2HSV)[..., 1] > 120).mean())


def test_a_body_survives_its_journey():
    got = Snapshot.decode(snapshot(body=BODY).encode()).body
    assert (got.t_s, got.source_state) == (1.0, "tracking")
    for name in ("keypoints_px", "estimate_px", "rotations", "hip_m"):
        np.testing.assert_allclose(getattr(got, name), getattr(BODY, name), err_msg=name)
    lost = Snapshot.decode(snapshot(body=LOST).encode()).body
    assert lost.rotations.shape == (24, 3, 3)
    assert not np.isfinite(lost.rotations).any()
    assert Snapshot.decode(snapshot().encode()).body is None


def test_the_maker_tells_of_the_body_and_counts_how_often_it_is_seen():
    run = SimpleNamespace(result=None)
    maker = SnapshotMaker({}, run)
    image = np.zeros((240, 320, 3), np.uint8)
    assert maker.make(image, 0).body is None, "before the first frame nobody knows"
    for number in range(10):
        t_ns = number * 33_000_000
        run.result = lane_frame(number % 2 == 0, t_ns)
        maker.count(t_ns)
    made = maker.make(image, t_ns)
    assert made.detection_rate == pytest.approx(0.5)
    assert made.body.source_state == "searching", "nobody was shown yet"
    run.result = lane_frame(t_ns=t_ns)
    np.testing.assert_allclose(maker.make(image, t_ns).body.rotations, UPRIGHT, atol=1e-6)
    run.result = lane_frame(False, t_ns)
    assert maker.make(image, t_ns).body.source_state == "lost"
    assert SnapshotMaker({}).make(image, 0).body is None


def test_a_body_alone_is_mirrored_beside_a_larger_camera(painter):
    painter.take(without_hands(BODY), 0.0)
    image, layout = painter.paint(View(*SIZE), 0.1), lay_out(*SIZE)
    assert colourful(part(image, layout.humanoid.inset(40))) > 0.01, "no humanoid"
    # The camera's grey reaches down to where the joints' panel is otherwise.
    low = part(image, Box(layout.tall_camera.x + 200, layout.joints.y - 20, 200, 40))
    assert abs(float(np.median(low)) - 90.0) < 10.0


def test_beside_hands_the_humanoid_has_the_place_of_the_hand_in_space(painter):
    painter.take(snapshot(hand_snapshot(), body=BODY), 0.0)
    image, layout = painter.paint(View(*SIZE), 0.1), lay_out(*SIZE)
    assert np.median(part(image, layout.hand)) > 150, "no light backdrop of the humanoid"
    assert colourful(part(image, layout.hand.inset(10))) > 0.01, "no humanoid"
    assert part(image, layout.robot).std() > 20, "no robot"


def test_the_humanoid_of_a_lost_body_turns_grey_at_once(painter):
    layout = lay_out(*SIZE)
    painter.take(without_hands(BODY), 0.0)
    painter.paint(View(*SIZE), 0.1)
    painter.take(without_hands(LOST), 0.2)  # of the same frame time, as in a gap
    image = painter.paint(View(*SIZE), 0.3)
    assert colourful(part(image, layout.humanoid.inset(40))) == 0.0


def test_the_humanoid_follows_a_window_that_changes_its_size(painter):
    painter.take(without_hands(BODY), 0.0)
    for size in ((960, 540), (1920, 1080), (700, 1000)):
        box = lay_out(*size).humanoid
        assert colourful(part(painter.paint(View(*size), 0.1), box.inset(30))) > 0.005, size


def test_a_body_alone_has_its_own_stages():
    history = LatencyHistory()
    stage_ms = {"capture": 2.0, "body_detect": 18.0, "body_temporal": 5.0, "body_publish": 0.5}
    history.add(replace(without_hands(BODY), stage_ms=stage_ms, age_ms=26.0), 0.0)
    assert history.stage_ms == {"capture": 2.0, "detect": 18.0, "temporal": 5.0, "publish": 0.5}
    beside = LatencyHistory()
    beside.add(snapshot(stage_ms={**stage_ms, "detect": 15.0}), 0.0)
    assert beside.stage_ms == {"capture": 2.0, "detect": 15.0}, "the body makes hands no older"


def record(run_dir: Path, hands: int, frames: int = 3) -> Path:
    recorder = OverviewRecorder(run_dir, (320, 240), 30.0, blocking=True)
    shown = OverviewFrame(
        "right",
        np.full((21, 2), 50.0),
        np.full((21, 2), 52.0),
        "tracking",
        "",
        SPEC.joint_names,
        SPEC.home_rad,
    )
    for index in range(frames):
        body = BodySnapshot.of(lane_frame(detected=index != 1, t_ns=index * 33_000_000), "tracking")
        image = np.full((240, 320, 3), 90, np.uint8)
        recorder.add(Frame(index, index * 33_000_000, image), [shown] * hands, body)
    return recorder.compose(Interrupt())


def pictures(path: Path) -> list[np.ndarray]:
    video, read = cv2.VideoCapture(str(path)), []
    while (frame := video.read())[0]:
        read.append(frame[1])
    return read


def test_the_video_shows_camera_with_skeleton_and_humanoid_side_by_side(tmp_path):
    tracked, lost, again = pictures(record(tmp_path, hands=0))
    assert tracked.shape == (480, 640 + 480, 3)
    for picture, there in ((tracked, True), (lost, False), (again, True)):
        assert (colourful(picture[60:400, 640:]) > 0.01) == there, "the humanoid is grey while nobody is seen"
        assert (colourful(picture[60:400, :640]) > 0.001) == there, "the skeleton is over the camera's image"


@pytest.mark.parametrize(("hands", "width"), [(1, 640 + 480 + 480), (2, 640 + 480 + 240)])
def test_hands_fit_beside_the_humanoid(tmp_path, hands, width):
    picture = pictures(record(tmp_path, hands, frames=1))[0]
    assert picture.shape == (480, width, 3)
    assert colourful(picture[60:400, 640:1120]) > 0.01
    for top in (0, 240):
        assert picture[top : top + 240, 1120:].std() > 20, "a robot hand is not there"
