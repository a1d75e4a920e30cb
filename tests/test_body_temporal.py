"""Temporal stages of bodies that are filters."""

from __future__ import annotations

import numpy as np
import pytest
from body_run_examples import CAMERA, HIP_M, body_seen, standing, waving

from app.body_window import BodyObservationWindow
from models.body_keypoints import BODY_KEYPOINT_PARENTS
from models.body_model import BodyModel
from models.body_observation import BodyObservation
from models.body_temporal import BODY_TEMPORAL_STAGES, load_body_temporal, observed_hip_m
from models.body_trajectory import BodyTrajectory
from models.errors import ModelError
from models.window import SLOT_PERIOD_NS

FILTERS = [name for name in BODY_TEMPORAL_STAGES if name != "posebert"]


def run(name: str, observations: list[BodyObservation]) -> list[BodyTrajectory]:
    stage = load_body_temporal(name)
    window = BodyObservationWindow(CAMERA)
    trajectories = []
    for observation in observations:
        window.add(observation)
        trajectories.append(stage.update(window.snapshot()))
    return trajectories


def seen(count: int) -> list[BodyObservation]:
    return [body_seen(i * SLOT_PERIOD_NS, waving(i)) for i in range(count)]


@pytest.mark.parametrize("name", FILTERS)
def test_speaks_from_the_first_frame_on(name):
    (trajectory,) = run(name, [body_seen(0)])
    assert trajectory.source_state == "tracking"
    np.testing.assert_allclose(trajectory.keypoints_m[0], standing())
    np.testing.assert_allclose(trajectory.hip_m[0], HIP_M, atol=1e-9)
    assert trajectory.t_ns[0] == trajectory.t_capture_ns == 0
    np.testing.assert_allclose(trajectory.t_ns[1:] * 1e-9, load_body_temporal(name).horizon_s)


@pytest.mark.parametrize("name", FILTERS)
def test_rotations_point_the_bones_where_the_keypoints_are(name):
    trajectory = run(name, seen(3))[-1]
    np.testing.assert_allclose(
        trajectory.rotations @ np.swapaxes(trajectory.rotations, -1, -2),
        np.broadcast_to(np.eye(3), trajectory.rotations.shape),
        atol=1e-9,
    )
    rebuilt = BodyModel.load().keypoints(trajectory.rotations[0])
    for keypoint in (2, 3, 5, 6, 12, 13, 15, 16):  # of arms and legs
        parent = BODY_KEYPOINT_PARENTS[keypoint]
        one, other = (pose[keypoint] - pose[parent] for pose in (rebuilt, trajectory.keypoints_m[0]))
        assert one @ other / np.linalg.norm(one) / np.linalg.norm(other) > 1.0 - 1e-6


def test_none_passes_detections_through_and_extrapolates_their_velocity():
    trajectory = run("none", seen(5))[-1]
    np.testing.assert_allclose(trajectory.keypoints_m[0], waving(4), atol=1e-12)
    np.testing.assert_allclose(trajectory.keypoints_m[2], waving(6), atol=1e-9)
    np.testing.assert_allclose(trajectory.keypoints_m[5], waving(7), atol=1e-5)  # 0.1 s of it


def test_one_euro_is_steadier_than_the_detector():
    rng = np.random.default_rng(0)
    shaking = [
        body_seen(
            i * SLOT_PERIOD_NS, standing() + rng.normal(0.0, 0.01, (17, 3)) * (np.arange(17) > 0)[:, None]
        )
        for i in range(90)
    ]
    smooth = np.array([trajectory.keypoints_m[0] for trajectory in run("one-euro", shaking)])
    raw = np.array([observation.keypoints_m for observation in shaking])
    assert np.diff(smooth, axis=0).std() < 0.4 * np.diff(raw, axis=0).std()


@pytest.mark.parametrize("name", FILTERS)
def test_a_short_gap_is_predicted_and_a_long_one_is_lost(name):
    nobody = [BodyObservation.missing(i * SLOT_PERIOD_NS, (640, 480)) for i in range(5, 20)]
    trajectories = run(name, seen(5) + nobody)
    states = [trajectory.source_state for trajectory in trajectories]
    assert states[:5] == ["tracking"] * 5
    assert states[5:12] == ["predicting"] * 7
    assert set(states[13:]) == {"lost"}
    for arrays in (trajectories[-1].keypoints_m, trajectories[-1].hip_m, trajectories[-1].rotations):
        assert np.isnan(arrays).all()


@pytest.mark.parametrize("name", FILTERS)
def test_after_a_reset_a_new_body_begins(name):
    stage = load_body_temporal(name)
    for observations in (seen(10), [body_seen(20 * SLOT_PERIOD_NS)]):
        window = BodyObservationWindow(CAMERA)
        for observation in observations:
            window.add(observation)
            trajectory = stage.update(window.snapshot())
        stage.reset()
    np.testing.assert_allclose(trajectory.keypoints_m, np.broadcast_to(standing(), (6, 17, 3)))


def test_the_hip_is_placed_even_where_nothing_is_said_to_be_visible():
    window = BodyObservationWindow(CAMERA)
    body = body_seen(0)
    body.score[:] = 0.0
    window.add(body)
    np.testing.assert_allclose(observed_hip_m(window.snapshot(), -1), HIP_M, atol=1e-9)


def test_an_unknown_stage_names_those_there_are():
    with pytest.raises(ModelError, match=r"'median' for bodies; choose one of posebert, one-euro, none"):
        load_body_temporal("median")


def test_a_missing_network_is_one_sentence(tmp_path):
    with pytest.raises(ModelError, match=r"no body network at .*nowhere\.onnx: give .* or choose"):
        load_body_temporal("posebert", tmp_path / "nowhere.onnx")
