"""Temporal stages that are filters."""

import numpy as np
import pytest

from app.window import ObservationWindow
from models.camera import Camera
from models.errors import ModelError
from models.hand_model import HandModel
from models.observation import Observation
from models.temporal import TEMPORAL_STAGES, load_temporal
from models.window import SLOT_PERIOD_NS

CAMERA = Camera.assumed((640, 480))
WRIST_M = np.array([0.05, 0.1, 0.6])
FILTERS = [name for name in TEMPORAL_STAGES if name != "posebert"]


def open_hand() -> np.ndarray:
    keypoints_m = HandModel.load().keypoints(np.tile(np.eye(3), (16, 1, 1)))
    return keypoints_m - keypoints_m[0]


def observe(t_ns: int, keypoints_m: np.ndarray, hand: str = "right") -> Observation:
    keypoints_px = CAMERA.project(keypoints_m + WRIST_M)
    return Observation(t_ns, hand, True, keypoints_m, keypoints_px, (640, 480), 0.9)


def run(name: str, observations: list[Observation]):
    stage = load_temporal(name)
    window = ObservationWindow(observations[0].hand, CAMERA)
    trajectories = []
    for observation in observations:
        window.add(observation)
        trajectories.append(stage.update(window.snapshot()))
    return trajectories


def bending(i: int) -> np.ndarray:
    """A hand whose index tip moves steadily, 3 mm a frame."""
    keypoints_m = open_hand()
    keypoints_m[8] += np.array([0.0, 0.0, -0.003 * i])
    return keypoints_m


@pytest.mark.parametrize("name", FILTERS)
def test_speaks_from_the_first_frame_on(name):
    (trajectory,) = run(name, [observe(0, open_hand())])
    assert trajectory.source_state == "tracking"
    np.testing.assert_allclose(trajectory.keypoints_m[0], open_hand())
    np.testing.assert_allclose(trajectory.wrist_m[0], WRIST_M, atol=1e-9)
    assert np.isfinite(trajectory.rotations).all()


@pytest.mark.parametrize("name", FILTERS)
def test_instants_start_at_capture_and_follow_the_stages_horizon(name):
    trajectory = run(name, [observe(i * SLOT_PERIOD_NS, open_hand()) for i in range(3)])[-1]
    assert trajectory.t_ns[0] == trajectory.t_capture_ns == 2 * SLOT_PERIOD_NS
    ahead_s = (trajectory.t_ns[1:] - trajectory.t_ns[0]) * 1e-9
    np.testing.assert_allclose(ahead_s, load_temporal(name).horizon_s)


def test_none_passes_detections_through_and_extrapolates_their_velocity():
    trajectory = run("none", [observe(i * SLOT_PERIOD_NS, bending(i)) for i in range(5)])[-1]
    np.testing.assert_allclose(trajectory.keypoints_m[0], bending(4), atol=1e-12)
    np.testing.assert_allclose(trajectory.keypoints_m[2], bending(6), atol=1e-9)


def test_velocity_is_not_trusted_beyond_a_tenth_of_a_second():
    trajectory = run("none", [observe(i * SLOT_PERIOD_NS, bending(i)) for i in range(5)])[-1]
    np.testing.assert_allclose(trajectory.keypoints_m[5], bending(7), atol=1e-5)


def test_a_short_gap_is_predicted_and_a_long_one_is_lost():
    observations = [observe(i * SLOT_PERIOD_NS, bending(i)) for i in range(5)]
    observations += [Observation.missing(i * SLOT_PERIOD_NS, "right", (640, 480)) for i in range(5, 20)]
    states = [trajectory.source_state for trajectory in run("one-euro", observations)]
    assert states[:5] == ["tracking"] * 5
    assert states[5:12] == ["predicting"] * 7
    assert set(states[13:]) == {"lost"}


def test_prediction_continues_the_motion_through_a_gap():
    observations = [observe(i * SLOT_PERIOD_NS, bending(i)) for i in range(5)]
    observations.append(Observation.missing(5 * SLOT_PERIOD_NS, "right", (640, 480)))
    np.testing.assert_allclose(run("none", observations)[-1].keypoints_m[0], bending(5), atol=1e-9)


def test_the_first_detection_after_a_loss_is_not_blended_with_the_past():
    there = open_hand()
    back = there @ np.diag([1.0, -1.0, -1.0])
    observations = [observe(0, there)]
    observations += [Observation.missing(i * SLOT_PERIOD_NS, "right", (640, 480)) for i in range(1, 30)]
    observations.append(observe(30 * SLOT_PERIOD_NS, back))
    np.testing.assert_allclose(run("one-euro", observations)[-1].keypoints_m[0], back)


def test_a_left_hand_is_the_mirror_image_of_a_right_one():
    x_flip = np.array([-1.0, 1.0, 1.0])
    right = run("one-euro", [observe(i * SLOT_PERIOD_NS, bending(i)) for i in range(4)])[-1]
    left = run("one-euro", [observe(i * SLOT_PERIOD_NS, bending(i) * x_flip, "left") for i in range(4)])[-1]
    np.testing.assert_allclose(left.keypoints_m, right.keypoints_m * x_flip, atol=1e-12)
    M = np.diag(x_flip)
    np.testing.assert_allclose(left.rotations, M @ right.rotations @ M, atol=1e-9)


def test_an_unknown_stage_is_named_with_the_known_ones():
    with pytest.raises(ModelError, match="posebert, one-euro, none"):
        load_temporal("kalman")


def test_a_frame_that_comes_after_time_went_on_without_it_still_counts():
    stage = load_temporal("none")
    window = ObservationWindow("right", CAMERA)
    window.add(observe(0, bending(0)))
    stage.update(window.snapshot())
    window.add(Observation.missing(150_000_000, "right", (640, 480)))
    assert stage.update(window.snapshot()).source_state == "predicting"
    late = observe(100_000_000, bending(3))  # seen before that moment, delivered after it
    window.add(late)
    trajectory = stage.update(window.snapshot())
    assert trajectory.source_state == "tracking"
    assert trajectory.keypoints_m[0, 8, 2] < bending(2)[8, 2], "the late frame was not used"


def test_an_unknown_wrist_is_not_a_number():
    nowhere = observe(0, open_hand())
    behind_px = CAMERA.project(open_hand() - np.array([0.0, 0.0, 0.6]))
    nowhere.keypoints_px[:] = behind_px
    (trajectory,) = run("one-euro", [nowhere])
    assert np.isfinite(trajectory.keypoints_m).all()
    assert np.isnan(trajectory.wrist_m).all()


@pytest.mark.parametrize("name", FILTERS)
def test_a_wrist_that_becomes_known_does_not_come_from_the_camera(name):
    nowhere = observe(0, open_hand())
    nowhere.keypoints_px[:] = CAMERA.project(open_hand() - np.array([0.0, 0.0, 0.6]))
    trajectories = run(name, [nowhere, *(observe(i * SLOT_PERIOD_NS, open_hand()) for i in (1, 2))])
    for trajectory in trajectories[1:]:
        assert trajectory.source_state == "tracking"
        np.testing.assert_allclose(trajectory.wrist_m, np.tile(WRIST_M, (6, 1)), atol=1e-6)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("apart_ns", [1, 200_000, 3_000_000])
def test_frames_that_come_in_a_burst_are_not_taken_for_a_throw(name, apart_ns):
    t_ns = [i * SLOT_PERIOD_NS for i in range(5)]
    trajectory = run(name, [observe(t, bending(i)) for i, t in enumerate([*t_ns, t_ns[-1] + apart_ns])])[-1]
    assert np.abs(trajectory.keypoints_m[-1] - bending(5)).max() < 0.02
