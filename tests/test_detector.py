"""The hand detector on real clips, and the vote that makes its left/right labels steady."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.detector import HandDetector, mirrored_px, turned_round
from app.errors import AppError
from app.frame import Frame
from app.hand_tracks import Detection, HandTracks
from app.native_stderr import without_native_notices
from app.opencv import cv2
from models.hand_model import HandModel
from models.observation import Hand, Observation
from retarget import to_hand_frame

FRAME_NS = 33_333_333


def read_frames(path: Path, first: int = 0, count: int | None = None, step: int = 1) -> list[Frame]:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    frames: list[Frame] = []
    index = 0
    while count is None or len(frames) < count:
        good, image = capture.read()
        if not good:
            break
        if index >= first and (index - first) % step == 0:
            frames.append(Frame(index, index * FRAME_NS, image))
        index += 1
    capture.release()
    return frames


def flipped(frames: list[Frame]) -> list[Frame]:
    return [Frame(f.index, f.t_capture_ns, f.image[:, ::-1]) for f in frames]


def run(detector: HandDetector, frames: list[Frame]) -> list[dict[Hand, Observation]]:
    return [detector.detect(frame) for frame in frames]


def rate(observations: list[dict[Hand, Observation]], hand: Hand) -> float:
    return float(np.mean([o[hand].detected for o in observations]))


@pytest.fixture(scope="module")
def counting(shared_data: Path) -> list[Frame]:
    return read_frames(shared_data / "video" / "hand_counting.mp4", count=30)


@pytest.fixture
def detector(hand_landmarker_asset: Path) -> Iterator[HandDetector]:
    with HandDetector(hand_landmarker_asset) as opened:
        yield opened


# --- real clips ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clip", "step", "least"),
    [("hand_counting.mp4", 5, 0.99), ("hand_stereo_cam0.mp4", 3, 0.93), ("hand_person_a.mp4", 2, 0.9)],
)
def test_right_hands_of_real_clips_are_found(
    detector: HandDetector, shared_data: Path, clip: str, step: int, least: float
) -> None:
    assert rate(run(detector, read_frames(shared_data / "video" / clip, step=step)), "right") >= least


def test_observations_have_the_agreed_shapes_frames_and_units(
    detector: HandDetector, counting: list[Frame]
) -> None:
    seen = run(detector, counting)[-1]["right"]
    assert seen.detected
    assert seen.hand == "right"
    assert seen.t_capture_ns == counting[-1].t_capture_ns
    assert seen.image_size_px == (1280, 720)
    assert seen.keypoints_m.shape == (21, 3)
    assert seen.keypoints_m.dtype == np.float64
    assert seen.keypoints_px.shape == (21, 2)
    np.testing.assert_array_equal(seen.keypoints_m[0], np.zeros(3))
    assert 0.06 < np.linalg.norm(seen.keypoints_m[9]) < 0.13  # wrist to middle knuckle
    # Axes: a raised hand has its middle knuckle above the wrist, in metres (y down) as in pixels.
    assert seen.keypoints_m[9, 1] < -0.05
    assert seen.keypoints_px[9, 1] < seen.keypoints_px[0, 1] - 20
    assert (seen.keypoints_px > 0).all()
    assert 0.5 < seen.score <= 1.0


def test_the_flipped_clip_shows_the_other_hand(hand_landmarker_asset: Path, counting: list[Frame]) -> None:
    with HandDetector(hand_landmarker_asset, hands=("left",)) as left:
        assert rate(run(left, flipped(counting)), "left") == 1.0


def test_a_mirrored_source_gives_the_real_hand(
    hand_landmarker_asset: Path, detector: HandDetector, counting: list[Frame]
) -> None:
    direct = run(detector, counting[:5])[-1]["right"]
    with HandDetector(hand_landmarker_asset, mirrored=True) as mirror:
        seen = run(mirror, flipped(counting[:5]))[-1]["right"]
    np.testing.assert_array_equal(seen.keypoints_m, direct.keypoints_m)
    np.testing.assert_array_equal(seen.keypoints_px, direct.keypoints_px)


def test_mirrored_pixels_are_those_of_the_mirror_image() -> None:
    image = np.zeros((40, 64, 3), np.uint8)
    image[10, 5] = 255
    y, x = np.argwhere(image[:, ::-1, 0])[0]
    # Pixel centres lie half a pixel from the edges from which coordinates are counted.
    np.testing.assert_allclose(mirrored_px(np.array([5.5, 10.5]), 64), (x + 0.5, y + 0.5))


def test_the_hand_not_asked_for_is_reported_and_not_used(
    hand_landmarker_asset: Path, counting: list[Frame]
) -> None:
    with HandDetector(hand_landmarker_asset, hands=("left",)) as left:
        assert rate(run(left, counting), "left") == 0.0
        assert left.other_hand_in_view
        left.detect(Frame(99, 99 * FRAME_NS, np.zeros((480, 640, 3), np.uint8)))
        assert not left.other_hand_in_view


def beside_its_mirror_image(frame: Frame, right_shown: bool = True) -> Frame:
    """A right hand in the left half, when shown, and a left hand in the right half; 1280×720."""
    right, left = frame.image[:, 320:960], frame.image[:, 959:319:-1]
    return Frame(
        frame.index, frame.t_capture_ns, np.hstack([right if right_shown else np.full_like(right, 128), left])
    )


def test_the_wanted_hand_is_found_although_the_other_was_seen_first(
    hand_landmarker_asset: Path, counting: list[Frame]
) -> None:
    """A search for one hand holds on to the first it finds: with both in view that may be the wrong one."""
    with HandDetector(hand_landmarker_asset, hands=("right",)) as detector:
        alone = run(detector, [beside_its_mirror_image(frame, right_shown=False) for frame in counting[:15]])
        assert rate(alone, "right") == 0.0
        assert detector.other_hand_in_view
        both = run(detector, [beside_its_mirror_image(frame) for frame in counting[15:]])
        assert rate(both[2:], "right") == 1.0
        assert both[-1]["right"].keypoints_px[0, 0] < 640
        assert not detector.other_hand_in_view


def test_both_hands_are_told_apart(hand_landmarker_asset: Path, counting: list[Frame]) -> None:
    with HandDetector(hand_landmarker_asset, hands=("right", "left")) as detector:
        observations = run(detector, [beside_its_mirror_image(frame) for frame in counting])[10:]
    assert rate(observations, "right") == rate(observations, "left") == 1.0
    for seen in observations:
        assert seen["right"].keypoints_px[0, 0] < 640 < seen["left"].keypoints_px[0, 0]


def test_the_same_frames_give_the_same_numbers(hand_landmarker_asset: Path, counting: list[Frame]) -> None:
    runs = []
    for _ in range(2):
        with HandDetector(hand_landmarker_asset) as fresh:
            runs.append(np.array([o["right"].keypoints_m for o in run(fresh, counting[:8])]))
    np.testing.assert_array_equal(runs[0], runs[1])


def test_times_may_repeat_and_go_backwards(detector: HandDetector, counting: list[Frame]) -> None:
    times_ns = [10**9, 10**9, 5 * 10**8, 0, 10**12, 10**9, -5]
    frames = [Frame(i, t, counting[i].image) for i, t in enumerate(times_ns)]
    observations = run(detector, frames)
    assert rate(observations, "right") == 1.0
    assert [o["right"].t_capture_ns for o in observations] == times_ns
    assert detector.bad_frames == 0


# --- bad input ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "image",
    [
        None,
        np.zeros((480, 640), np.uint8),
        np.zeros((480, 640, 4), np.uint8),
        np.zeros((480, 640, 3), np.float32),
        np.zeros((0, 640, 3), np.uint8),
        "no image",
    ],
    ids=["none", "grey", "bgra", "float", "empty", "text"],
)
def test_bad_frames_are_missing_hands(
    detector: HandDetector, counting: list[Frame], image: object, caplog: pytest.LogCaptureFixture
) -> None:
    for i in range(2):
        seen = detector.detect(Frame(i, i, image))["right"]  # type: ignore[arg-type]
        assert not seen.detected
        assert np.isnan(seen.keypoints_m).all()
    assert detector.bad_frames == 2
    assert len([r for r in caplog.records if r.name == "app.detector"]) == 1
    assert detector.detect(counting[0])["right"].detected


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 2000, 3), (3000, 2, 3)])
def test_images_of_odd_shapes_do_no_harm(
    detector: HandDetector, counting: list[Frame], shape: tuple[int, int, int]
) -> None:
    assert not detector.detect(Frame(0, 0, np.zeros(shape, np.uint8)))["right"].detected
    assert rate(run(detector, counting[:3]), "right") > 0.5


def test_image_size_may_change_midway(detector: HandDetector, counting: list[Frame]) -> None:
    small = [Frame(f.index, f.t_capture_ns, cv2.resize(f.image, (640, 360))) for f in counting[4:8]]
    observations = run(detector, counting[:4] + small)
    assert rate(observations, "right") == 1.0
    assert observations[-1]["right"].image_size_px == (640, 360)


def test_unusable_files_are_named_in_one_sentence(tmp_path: Path) -> None:
    bad = tmp_path / "bad.task"
    bad.write_bytes(b"no model")
    for path in (bad, tmp_path / "absent.task", tmp_path):
        with pytest.raises(AppError) as caught:
            HandDetector(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("hands", [(), ("both",), ("right", "right")])
def test_unknown_hands_are_refused(tmp_path: Path, hands: tuple[Hand, ...]) -> None:
    with pytest.raises(AppError, match="'right', 'left' or both"):
        HandDetector(tmp_path / "any.task", hands)


def test_closing_twice_is_fine(hand_landmarker_asset: Path) -> None:
    detector = HandDetector(hand_landmarker_asset)
    detector.close()
    detector.close()


def test_nothing_native_reaches_the_terminal(
    hand_landmarker_asset: Path, shared_data: Path, tmp_path: Path
) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from app.detector import HandDetector; from app.frame import Frame; from app.opencv import cv2\n"
        "image = cv2.VideoCapture(sys.argv[2]).read()[1]\n"
        "with HandDetector(Path(sys.argv[1])) as detector:\n"
        "    assert detector.detect(Frame(0, 0, image))['right'].detected\n"
        "sys.stderr.write('ours\\n')\n"
    )
    clip = shared_data / "video" / "hand_counting.mp4"
    done = subprocess.run(
        [sys.executable, "-c", program, str(hand_landmarker_asset), str(clip)],
        cwd=Path(__file__).resolve().parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "ours\n"


# --- the vote -----------------------------------------------------------------------------------------------


def hand_at(x_px: float, label: Hand = "right", score: float = 0.95) -> Detection:
    grid = np.stack(np.meshgrid(np.linspace(-50, 50, 7), np.linspace(-40, 40, 3)), axis=-1).reshape(21, 2)
    return Detection(label, score, np.zeros((21, 3)), grid + np.array([x_px, 200.0]), np.zeros(21))


def test_single_wrong_labels_do_not_matter() -> None:
    tracks = HandTracks()
    labels: list[Hand] = ["right"] * 10 + ["left"] * 8 + ["right"] * 3 + ["left", "left"] + ["right"] * 4
    hands = [tracks.update(i * FRAME_NS, [hand_at(100.0, label)])[0].hand for i, label in enumerate(labels)]
    assert hands == ["right"] * len(labels)


def test_a_label_that_stays_wrong_is_believed_in_the_end() -> None:
    tracks = HandTracks()
    for i in range(90):
        track = tracks.update(i * FRAME_NS, [hand_at(100.0, "right" if i < 30 else "left")])[0]
    assert track.hand == "left"


def test_unsure_labels_count_little() -> None:
    tracks = HandTracks()
    tracks.update(0, [hand_at(100.0, "left", 0.95)])
    for i in range(1, 6):
        track = tracks.update(i * FRAME_NS, [hand_at(100.0, "right", 0.55)])[0]
    assert track.hand == "left"
    assert track.score == pytest.approx(0.45)


def test_votes_start_afresh_after_a_gap() -> None:
    tracks = HandTracks()
    for i in range(30):
        first = tracks.update(i * FRAME_NS, [hand_at(100.0, "right")])[0]
    after = tracks.update(29 * FRAME_NS + 600_000_000, [hand_at(100.0, "left")])[0]
    assert after.hand == "left"
    assert after.number != first.number


def test_a_short_gap_keeps_the_vote() -> None:
    tracks = HandTracks()
    for i in range(30):
        tracks.update(i * FRAME_NS, [hand_at(100.0, "right")])
    tracks.update(30 * FRAME_NS, [])
    assert tracks.update(33 * FRAME_NS, [hand_at(110.0, "left")])[0].hand == "right"


def test_votes_follow_each_hand_by_its_place() -> None:
    tracks = HandTracks()
    for i in range(20):
        tracks.update(i * FRAME_NS, [hand_at(100.0 + 4 * i, "right"), hand_at(400.0 - 4 * i, "left")])
    # Both labels are wrong in this frame, and the detector lists the hands the other way round.
    seen = tracks.update(20 * FRAME_NS, [hand_at(320.0, "right"), hand_at(180.0, "left")])
    assert {track.hand: float(track.detection.centre_px[0]) for track in seen} == {
        "right": 180.0,
        "left": 320.0,
    }


def test_a_hand_elsewhere_is_a_new_one() -> None:
    tracks = HandTracks()
    first = tracks.update(0, [hand_at(100.0)])[0]
    assert tracks.update(FRAME_NS, [hand_at(500.0)])[0].number != first.number


def test_one_hand_found_twice_counts_once() -> None:
    tracks = HandTracks()
    seen = tracks.update(0, [hand_at(100.0, "left", 0.6), hand_at(104.0, "right", 0.9)])
    assert [track.hand for track in seen] == ["right"]


# --- stderr -------------------------------------------------------------------------------------------------


def test_only_native_notices_are_held_back(capfd: pytest.CaptureFixture[str]) -> None:
    with without_native_notices():
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n")
        os.write(2, b"W0000 00:00:1795271182.522291    5862 feedback_manager.cc:121] Feedback\n")
        os.write(2, b"a line of ours\n")
        os.write(2, b"E0000 00:00:1795271182.522291    5862 graph.cc:1] a native error\n")
    os.write(2, b"afterwards\n")
    lines = capfd.readouterr().err.splitlines()
    assert [line.split("] ")[-1] for line in lines] == ["a line of ours", "a native error", "afterwards"]


# --- depth the wrong way round ---------------------------------------------------------------------------


def curled_right_hand() -> np.ndarray:
    """A right fist, palm toward the camera: fingertips nearer than the knuckles."""
    model = HandModel.load()
    angles_rad = np.zeros((15, 3))
    angles_rad[:12, 0] = 1.2
    rotations = model.rotations_of_angles(angles_rad)
    keypoints_m = model.keypoints(rotations)
    return keypoints_m - keypoints_m[0]


def taken_for(label: Hand, keypoints_m: np.ndarray) -> Detection:
    return Detection(label, 0.9, keypoints_m, 1000.0 * keypoints_m[:, :2], 1000.0 * keypoints_m[:, 2])


def test_backward_fingers_with_the_wrong_label_are_depth_turned_round() -> None:
    right = curled_right_hand()
    turned = right * np.array([1.0, 1.0, -1.0])
    assert turned_round(taken_for("left", turned), "right")
    assert not turned_round(taken_for("left", right), "right"), "only the label was wrong"
    assert not turned_round(taken_for("right", turned), "right"), "the label agrees: the detector is believed"


def test_fists_of_a_low_resolution_clip_do_not_bend_backwards(
    detector: HandDetector, shared_data: Path
) -> None:
    """MediaPipe takes this right hand for a left one in 50 frames, mostly with the depth turned round."""
    frames = read_frames(shared_data / "video" / "hand_person_a.mp4", first=60, count=130)
    seen = [o["right"] for o in run(detector, frames) if o["right"].detected]
    assert len(seen) > 110
    tips_m = np.array([to_hand_frame(o.keypoints_m, "right")[[8, 12, 16, 20], 0].mean() for o in seen])
    assert (tips_m > -0.02).mean() > 0.97


def test_the_second_opinion_on_depth_shares_the_pixels_scale(
    detector: HandDetector, counting: list[Frame]
) -> None:
    for observed in run(detector, counting[:5]):
        observation = observed["right"]
        image = np.column_stack([observation.keypoints_px, observation.depth_px])
        assert observation.depth_px[0] == 0.0
        # Bones of one hand: the middle finger is as long in the image as in metres, but for perspective.
        palm_px, palm_m = image[9] - image[0], observation.keypoints_m[9]
        finger_px, finger_m = image[12] - image[9], observation.keypoints_m[12] - observation.keypoints_m[9]
        ratio = np.linalg.norm(finger_px) / np.linalg.norm(palm_px)
        assert ratio == pytest.approx(np.linalg.norm(finger_m) / np.linalg.norm(palm_m), rel=0.25)


def test_a_run_that_follows_hands_starts_without_mediapipe() -> None:
    slow = "{'mediapipe', 'matplotlib', 'torch', 'onnx'}"
    code = f"import sys, app.teleop; print(sorted({slow} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.stdout == "[]\n", "imported by every run, which takes most of a second"
