"""Network input: the same in training and live, for either hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from training_examples import CAMERA, MODEL, moving_hand

from app.window import ObservationWindow
from models.canonical import locate_wrist, rays_of_pixels, wrist_of_location
from models.inverse_kinematics import fit_rotations
from models.observation import Observation
from models.posebert import slot_times
from models.posebert_input import (
    IN_DIM,
    WindowEncoder,
    describe,
    mean_bone_lengths,
    nearest_observed,
    set_offset,
)
from models.rotations import decode_6d, mirror_points
from models.teacher import nearest_observed as nearest_observed_torch
from models.window import SLOT_PERIOD_NS

ROTATIONS, KEYPOINTS_M, WRIST_M = moving_hand(40)
RAYS = rays_of_pixels(
    CAMERA.project(KEYPOINTS_M + WRIST_M[:, None]), CAMERA.focal_px, np.array(CAMERA.centre_px)
)
SCORE = np.full(40, 0.9)
IMAGE_M = KEYPOINTS_M + np.random.default_rng(7).normal(0.0, 0.01, KEYPOINTS_M.shape)
LENGTHS_M = mean_bone_lengths(MODEL)


def filled(frames: list[int], hand: str = "right", step_ns: int = SLOT_PERIOD_NS) -> ObservationWindow:
    window = ObservationWindow(hand, CAMERA)
    for i in frames:
        keypoints_m = KEYPOINTS_M[i] if hand == "right" else mirror_points(KEYPOINTS_M[i])
        wrist_m = WRIST_M[i] if hand == "right" else mirror_points(WRIST_M[i])
        pixels = CAMERA.project(keypoints_m + wrist_m)
        window.add(Observation(i * step_ns, hand, True, keypoints_m, pixels, (640, 480), 0.9))
    return window


@pytest.mark.parametrize("layout", ["paper", "full"])
def test_numpy_and_torch_agree(layout):
    features, location = describe(KEYPOINTS_M, IMAGE_M, RAYS, SCORE, LENGTHS_M, layout)
    assert features.shape == (40, IN_DIM[layout])
    tensors = (torch.tensor(x) for x in (KEYPOINTS_M, IMAGE_M, RAYS, SCORE, LENGTHS_M))
    features_torch, location_torch = describe(*tensors, layout)
    np.testing.assert_allclose(features_torch, features, atol=1e-12)
    np.testing.assert_allclose(location_torch, location, atol=1e-12)


def test_location_is_the_wrists():
    _, location = describe(KEYPOINTS_M, IMAGE_M, RAYS, SCORE, LENGTHS_M, "full")
    np.testing.assert_allclose(wrist_of_location(location), WRIST_M, atol=1e-9)
    np.testing.assert_allclose(locate_wrist(KEYPOINTS_M, RAYS), WRIST_M, atol=1e-9)


def test_features_do_not_tell_the_size_of_the_hand():
    small, _ = describe(0.8 * KEYPOINTS_M, 0.8 * IMAGE_M, RAYS, SCORE, LENGTHS_M, "full")
    large, _ = describe(KEYPOINTS_M, IMAGE_M, RAYS, SCORE, LENGTHS_M, "full")
    changed = np.abs(small - large).max(axis=0) > 1e-9
    lengths = 63 + 6 + 63 + 42 + 3
    np.testing.assert_array_equal(np.nonzero(changed)[0], np.arange(lengths, lengths + 20))


def test_slots_start_from_the_nearest_detection():
    observed = np.zeros(8, dtype=bool)
    observed[[2, 5]] = True
    np.testing.assert_array_equal(nearest_observed(observed, 2), [2, 2, 2, 2, 2, 5, 5, 5, 5, 5])
    times = slot_times(8, (1, 5), torch.device("cpu"))
    rows = torch.tensor(observed).expand(2, -1)
    both = nearest_observed_torch(rows, times, torch.tensor([True, False]))
    np.testing.assert_array_equal(both[0], nearest_observed(observed, 2))
    np.testing.assert_array_equal(both[1], [2, 2, 2, 2, 5, 5, 5, 5, 5, 5])
    several = np.random.default_rng(0).random((50, 8)) < 0.4
    several[:, 3] = True
    live = nearest_observed_torch(torch.tensor(several), times, torch.ones(50, dtype=torch.bool))
    np.testing.assert_array_equal(live, [nearest_observed(row, 2) for row in several])


def test_a_window_is_encoded_as_in_training():
    given = WindowEncoder(MODEL, "full", 15).encode(filled(list(range(40))).snapshot())
    features, _ = describe(KEYPOINTS_M, KEYPOINTS_M, RAYS, SCORE, LENGTHS_M, "full")
    assert given.features.shape == (1, 64, IN_DIM["full"])
    assert given.start.shape == (1, 79, 99)
    np.testing.assert_array_equal(given.observed[0], np.arange(64) >= 24)
    np.testing.assert_allclose(given.features[0, 24:], features, atol=1e-5)
    np.testing.assert_array_equal(given.features[0, :24], 0.0)
    fitted = decode_6d(given.start[0, 24:64, :96].reshape(40, 16, 6))
    np.testing.assert_allclose(fitted, fit_rotations(KEYPOINTS_M, MODEL), atol=1e-5)
    np.testing.assert_allclose(given.start[0, 64:], given.start[0, 63:64].repeat(15, 0))


def test_what_is_remembered_is_what_would_be_worked_out_again():
    live = WindowEncoder(MODEL, "full", 15)
    window = ObservationWindow("right", CAMERA)
    for i in range(20):
        pixels = CAMERA.project(KEYPOINTS_M[i] + WRIST_M[i])
        window.add(
            Observation(
                round(i * 1.2 * SLOT_PERIOD_NS), "right", True, KEYPOINTS_M[i], pixels, (640, 480), 0.9
            )
        )
        given = live.encode(window.snapshot())
    anew = WindowEncoder(MODEL, "full", 15).encode(window.snapshot())
    np.testing.assert_array_equal(given.features, anew.features)
    np.testing.assert_array_equal(given.start, anew.start)


@pytest.mark.parametrize("fps", [10, 30, 60, 120])
def test_each_detection_is_worked_out_once(fps, monkeypatch):
    live, window, described = WindowEncoder(MODEL, "full", 15), ObservationWindow("right", CAMERA), []
    work_out = live._described

    def watched(window, new):
        described.extend(new)
        return work_out(window, new)

    monkeypatch.setattr(live, "_described", watched)
    count = 3 * fps  # longer than the window
    for i in range(count):
        pixels = CAMERA.project(KEYPOINTS_M[0] + WRIST_M[0])
        window.add(Observation(i * 10**9 // fps, "right", True, KEYPOINTS_M[0], pixels, (640, 480), 0.9))
        live.encode(window.snapshot())
    assert len(described) <= count
    assert len(live._known) <= 2.3 * fps, "what is out of view is kept"


def test_offsets_tell_when_between_slots_a_detection_was_made():
    window = filled([0, 1, 2], step_ns=SLOT_PERIOD_NS + SLOT_PERIOD_NS // 5)
    offset = WindowEncoder(MODEL, "full", 15).encode(window.snapshot()).features[0, -4:, -1]
    np.testing.assert_allclose(offset, [0.0, -0.4, -0.2, 0.0], atol=1e-6)
    np.testing.assert_array_equal(set_offset(np.zeros((2, 111)), np.ones(2), "paper"), 0.0)


def test_left_hands_are_mirrored():
    right = WindowEncoder(MODEL, "full", 15).encode(filled(list(range(10))).snapshot())
    left = WindowEncoder(MODEL, "full", 15).encode(filled(list(range(10)), "left").snapshot())
    np.testing.assert_allclose(left.features, right.features, atol=1e-5)
    np.testing.assert_allclose(left.start, right.start, atol=1e-5)
