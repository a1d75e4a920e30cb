"""The square in which a hand is looked for: framed, cut out, and points of it put back into the image."""

from __future__ import annotations

import math

import numpy as np
import pytest

from app.hand_region import HandRegion
from app.opencv import cv2

# A right hand held up, palm to the camera, in shares of its length.
HAND = np.array(
    [
        *[(0.0, 0.0), (0.18, -0.10), (0.30, -0.22), (0.38, -0.33), (0.45, -0.42)],
        *[(0.14, -0.50), (0.17, -0.68), (0.19, -0.80), (0.20, -0.90)],
        *[(0.03, -0.52), (0.03, -0.73), (0.03, -0.87), (0.03, -1.0)],
        *[(-0.07, -0.49), (-0.08, -0.68), (-0.09, -0.81), (-0.09, -0.92)],
        *[(-0.15, -0.43), (-0.19, -0.57), (-0.21, -0.66), (-0.23, -0.74)],
    ]
)


def turned(points: np.ndarray, turn_rad: float) -> np.ndarray:
    """Clockwise in an image, whose y points down."""
    cos, sin = math.cos(turn_rad), math.sin(turn_rad)
    return points @ np.array([[cos, sin], [-sin, cos]])


def region_of(points_px: np.ndarray) -> HandRegion:
    region = HandRegion.of_keypoints(points_px)
    assert region is not None
    return region


def test_a_raised_hand_is_framed_upright_and_whole():
    points_px = 200.0 * HAND + (320.0, 400.0)
    region = region_of(points_px)
    assert abs(region.turn_rad) < 0.1
    shares = (points_px - region.centre_px) @ region.axes / region.side_px + 0.5
    assert (shares > 0.05).all()
    assert (shares < 0.95).all()
    # Twice the longer side of what lies between wrist and middle joints, here its height.
    assert region.side_px == pytest.approx(2.0 * 200.0 * 0.73, rel=0.03)


@pytest.mark.parametrize("turn_deg", [-170, -90, -35, 20, 90, 179])
def test_the_square_turns_moves_and_grows_with_the_hand(turn_deg):
    still = region_of(200.0 * HAND)
    turn_rad = math.radians(turn_deg)
    moved = region_of(2.0 * turned(200.0 * HAND, turn_rad) + (31.0, -7.0))
    assert moved.side_px == pytest.approx(2.0 * still.side_px)
    difference_rad = moved.turn_rad - still.turn_rad - turn_rad
    assert math.cos(difference_rad) == pytest.approx(1.0)
    np.testing.assert_allclose(
        moved.centre_px, 2.0 * turned(still.centre_px, turn_rad) + (31.0, -7.0), atol=1e-9
    )


def test_fingertips_do_not_change_the_square():
    bent = HAND.copy()
    bent[[4, 8, 12, 16, 20]] = (0.0, -0.4)
    np.testing.assert_array_equal(region_of(200.0 * bent).centre_px, region_of(200.0 * HAND).centre_px)


def test_bent_fingers_do_not_turn_the_square():
    bent = HAND.copy()
    bent[[6, 10, 14, 18]] += (0.3, 0.2)
    assert region_of(200.0 * bent).turn_rad == region_of(200.0 * HAND).turn_rad


def test_a_palm_frames_the_hand_above_it():
    region = HandRegion.of_palm(
        np.array([320.0, 300.0]), np.array([80.0, 80.0]), np.array([320.0, 340.0]), np.array([320.0, 260.0])
    )
    assert region is not None
    assert region.turn_rad == pytest.approx(0.4646, abs=1e-4)  # as MediaPipe's
    up_px = turned(np.array([0.0, -40.0]), 0.4646)
    np.testing.assert_allclose(region.centre_px, np.array([320.0, 300.0]) + up_px, atol=0.01)
    assert region.side_px == pytest.approx(208.0)


def test_what_is_no_square_is_none():
    assert HandRegion.of_keypoints(np.full((21, 2), 7.0)) is None
    assert HandRegion.of_keypoints(np.full((21, 2), np.nan)) is None
    assert HandRegion.of_keypoints(np.where(HAND > 0.4, np.inf, HAND)) is None
    nowhere = np.zeros(2)
    assert HandRegion.of_palm(nowhere, nowhere, nowhere, nowhere) is None


@pytest.mark.parametrize("turn_deg", [0, 30, -120])
def test_points_found_in_the_crop_are_put_where_they_are_in_the_image(turn_deg):
    image = np.zeros((480, 640, 3), np.uint8)
    spot_px = np.array([352.0, 211.0])
    cv2.circle(image, (352, 211), 6, (255, 255, 255), -1)
    region = HandRegion(np.array([330.0, 240.0]), 160.0, math.radians(turn_deg))
    crop = region.crop(image, 224)
    assert crop.shape == (224, 224, 3)
    found = np.argwhere(crop[:, :, 0] > 127).mean(axis=0)[::-1] / 224.0
    np.testing.assert_allclose(region.to_image(found), spot_px, atol=0.5)


def test_outside_the_image_its_edge_goes_on_or_it_is_black():
    corner, image = HandRegion(np.array([0.0, 0.0]), 100.0, 0.0), np.full((80, 80, 3), 200, np.uint8)
    assert (corner.crop(image, 50) == 200).all()
    crop = corner.crop(image, 50, cv2.BORDER_CONSTANT)
    assert (crop[:24] == 0).all()
    assert (crop[:, :24] == 0).all()
    assert (crop[26:, 26:] == 200).all()


def test_the_whole_image_fits_into_its_square():
    region = HandRegion.of_image(480, 640)
    np.testing.assert_allclose(region.to_image(np.array([0.0, 0.125])), (0.0, 0.0))
    np.testing.assert_allclose(region.to_image(np.array([1.0, 0.875])), (640.0, 480.0))


def test_the_place_in_a_resized_image():
    region = HandRegion(np.array([300.0, 200.0]), 100.0, 0.4).resized((640, 480), (320, 240))
    np.testing.assert_allclose(region.centre_px, (150.0, 100.0))
    assert (region.side_px, region.turn_rad) == (50.0, 0.4)


def test_overlap_is_of_the_shared_area():
    def at(x: float, side: float = 100.0) -> HandRegion:
        return HandRegion(np.array([x, 0.0]), side, 0.3)

    assert at(0.0).overlap(at(0.0)) == pytest.approx(1.0)
    assert at(0.0).overlap(at(100.0)) == 0.0
    assert at(0.0).overlap(at(300.0)) == 0.0
    assert at(0.0).overlap(at(50.0)) == pytest.approx(1.0 / 3.0)
    assert at(0.0).overlap(at(10.0, 20.0)) == pytest.approx(0.04)
    assert at(10.0, 20.0).overlap(at(0.0)) == pytest.approx(0.04)
