"""Two opinions of the detector made into one."""

import numpy as np
import torch

from models.fusion import fuse_depth, image_hand
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
        fused_m = fuse_depth(keypoints_m, image_of(keypoints_m)[0], depth_px)
        np.testing.assert_allclose(fused_m, keypoints_m, atol=1e-15)
    fused_m = fuse_depth(keypoints_m, np.zeros((21, 2)), np.zeros(21))
    np.testing.assert_allclose(fused_m, keypoints_m, atol=1e-15)


def test_many_hands_at_once_in_torch_as_one_by_one_in_numpy():
    rng = np.random.default_rng(0)
    keypoints_m = open_hand() + rng.normal(0.0, 0.01, (2, 3, 21, 3))
    pixels, depth_px = rng.normal(0.0, 60.0, (2, 3, 21, 2)), rng.normal(0.0, 30.0, (2, 3, 21))
    depth_px[0, 0] = np.nan
    together = image_hand(*(torch.as_tensor(x) for x in (keypoints_m, pixels, depth_px))).numpy()
    for i, j in np.ndindex(2, 3):
        alone = image_hand(keypoints_m[i, j], pixels[i, j], depth_px[i, j])
        np.testing.assert_allclose(together[i, j], alone, atol=1e-12)
