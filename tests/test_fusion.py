"""Two opinions of the detector made into one."""

import numpy as np

from models.fusion import fuse_depth
from models.hand_model import HandModel


def open_hand() -> np.ndarray:
    keypoints_m = HandModel.load().keypoints(np.tile(np.eye(3), (16, 1, 1)))
    return keypoints_m - keypoints_m[0]


def image_of(keypoints_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return 1500.0 * keypoints_m[:, :2] + np.array([320.0, 240.0]), 1500.0 * keypoints_m[:, 2]


def test_opinions_that_agree_change_nothing():
    keypoints_m = open_hand()
    np.testing.assert_allclose(fuse_depth(keypoints_m, *image_of(keypoints_m)), keypoints_m, atol=1e-12)


def test_a_second_opinion_without_the_firsts_error_halves_it():
    truth_m = open_hand()
    wrong_m = truth_m.copy()
    wrong_m[5:9, 2] += np.linspace(0.0, 0.03, 4)  # the index bent away
    fused_m = fuse_depth(wrong_m, *image_of(truth_m))
    assert np.abs(fused_m - truth_m).max() < 0.5 * np.abs(wrong_m - truth_m).max()


def test_without_a_second_opinion_the_first_stands():
    keypoints_m = open_hand()
    for depth_px in (np.full(21, np.nan), np.full(21, np.inf)):
        assert fuse_depth(keypoints_m, image_of(keypoints_m)[0], depth_px) is keypoints_m
    assert fuse_depth(keypoints_m, np.zeros((21, 2)), np.zeros(21)) is keypoints_m
