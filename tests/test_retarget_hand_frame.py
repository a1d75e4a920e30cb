"""The hand frame: its axes on a posed hand, on recorded hands, on left hands and on hands that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from retarget_examples import fist, flat_hand

from retarget import RetargetError, hand_frame, to_hand_frame

MIRROR = np.array([-1.0, 1.0, 1.0])


def raised_right_hand() -> np.ndarray:
    """A right hand held up, palm toward the camera; camera axes: x right, y down, z away from the camera."""
    # Fingers point up (−y). The thumb of a right hand seen from its palm side is on the viewer's right (+x).
    x_hand, y_hand, z_hand = np.array([0.0, 0, -1]), np.array([1.0, 0, 0]), np.array([0.0, -1, 0])
    return flat_hand() @ np.stack([x_hand, y_hand, z_hand]) + [0.1, 0.2, 0.7]


def test_raised_right_hand_has_its_palm_toward_the_camera() -> None:
    R = hand_frame(raised_right_hand(), "right")
    np.testing.assert_allclose(R[:, 0], [0, 0, -1], atol=1e-12)
    np.testing.assert_allclose(R[:, 1], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(R[:, 2], [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(to_hand_frame(raised_right_hand(), "right"), flat_hand(), atol=1e-12)


def test_mirrored_left_hand_also_faces_the_camera_with_its_thumb_on_negative_y() -> None:
    left = to_hand_frame(raised_right_hand() * MIRROR, "left")
    np.testing.assert_allclose(left, flat_hand() * [1, -1, 1], atol=1e-12)


def test_frame_is_a_rotation_and_follows_the_hand() -> None:
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    for hand in ("right", "left"):
        R = hand_frame(fist() @ turn.T + rng.normal(size=3), hand)
        np.testing.assert_allclose(R.T @ R, np.eye(3), atol=1e-12)
        assert np.linalg.det(R) == pytest.approx(1.0)
        np.testing.assert_allclose(R, turn @ hand_frame(fist(), hand), atol=1e-12)


def test_recorded_hand_in_the_operator_frame_gets_the_identity(shared_data: Path) -> None:
    with np.load(shared_data / "motion" / "human_joint_right.npz") as data:
        keypoints = data["keypoints"].astype(np.float64)
    np.testing.assert_allclose(hand_frame(keypoints, "right"), np.tile(np.eye(3), (621, 1, 1)), atol=1e-6)
    np.testing.assert_allclose(to_hand_frame(keypoints, "right"), keypoints, atol=1e-6)


def test_recorded_fingers_bend_out_of_the_palm_and_thumbs_are_on_their_side(shared_data: Path) -> None:
    recordings = sorted((shared_data / "motion" / "leap").glob("*.npz"))
    assert recordings
    for path in recordings:
        with np.load(path) as data:
            hand = "left" if "_left_" in path.name else "right"
            keypoints = to_hand_frame(data["kp"], hand)
        keypoints = keypoints[np.isfinite(keypoints).all(axis=(1, 2))]
        assert np.median(keypoints[:, [8, 12, 16, 20], 0]) > 0.005, path.name
        thumb_y = np.median(keypoints[:, 2, 1])
        assert (thumb_y > 0.02) if hand == "right" else (thumb_y < -0.02), path.name


def test_leading_dimensions_are_kept() -> None:
    batch = np.broadcast_to(raised_right_hand(), (4, 3, 21, 3))
    assert hand_frame(batch, "right").shape == (4, 3, 3, 3)
    np.testing.assert_array_equal(
        to_hand_frame(batch, "right")[2, 1], to_hand_frame(raised_right_hand(), "right")
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0.0, 1.0, np.nan, np.inf, 1e308])
def test_degenerate_hands_give_nan_without_complaint(value: float) -> None:
    assert np.isnan(hand_frame(np.full((21, 3), value), "right")).all()
    assert np.isnan(to_hand_frame(np.full((21, 3), value), "left")).all()
    line = np.outer(np.arange(21), [0.01, 0.02, 0.03])
    assert np.isnan(hand_frame(line, "right")).all()


def test_one_bad_hand_of_a_batch_spoils_only_itself() -> None:
    batch = np.stack([raised_right_hand(), np.zeros((21, 3))])
    R = hand_frame(batch, "right")
    assert np.isfinite(R[0]).all()
    assert np.isnan(R[1]).all()


def test_wrong_arguments_are_explained() -> None:
    with pytest.raises(RetargetError, match="'both'; use one of: right, left"):
        hand_frame(flat_hand(), "both")
    with pytest.raises(RetargetError, match=r"shape \(20, 3\)"):
        hand_frame(flat_hand()[:20], "right")
