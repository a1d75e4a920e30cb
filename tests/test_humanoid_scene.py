"""Pictures of the humanoid: sides, floor, shadow, and what is shown of somebody who is lost."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from humanoid_examples import facing

from app import assets
from app.body_detector import BodyDetector
from app.errors import AppError
from app.frame import Frame
from app.humanoid import HumanoidPoser, HumanoidScene
from app.humanoid.balls import Balls, LinkShape
from app.humanoid.figure import HumanoidFigure
from app.humanoid.floor import Floor
from app.humanoid.place import Place
from app.humanoid.skeleton import draw_body_detection, draw_body_skeleton
from app.opencv import cv2
from models.body_inverse_kinematics import fit_body_rotations
from models.body_model import BodyModel
from models.body_observation import BodyObservation
from models.camera import Camera

SIZE_PX = (240, 240)
BEFORE_M = np.array([0.0, 0.0, 3.0])
NOBODY = np.full((24, 3, 3), np.nan)
RIGHT_HAND_UP = facing(right_shoulder=(0.0, 0.0, -1.2), left_shoulder=(0.0, 0.0, -1.4))
FRAME_S = 0.05


@pytest.fixture
def scene() -> Iterator[HumanoidScene]:
    with HumanoidScene(SIZE_PX) as made:
        yield made


def side_pixels(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,2) columns and rows of the left limbs' pixels and of the right ones'."""
    hue, saturation, _ = cv2.split(cv2.cvtColor(picture, cv2.COLOR_BGR2HSV))
    blue = (hue > 90) & (hue < 125) & (saturation > 110)
    orange = (hue > 5) & (hue < 30) & (saturation > 110)
    return np.argwhere(blue)[:, ::-1], np.argwhere(orange)[:, ::-1]


def test_a_lifted_right_hand_goes_up_where_the_camera_sees_it(scene):
    left, right = side_pixels(scene.show(RIGHT_HAND_UP, BEFORE_M, 0.0))
    assert len(left) > 300
    assert len(right) > 300
    assert right[:, 0].mean() < left[:, 0].mean(), "the right of who faces a camera is left in its image"
    assert right[:, 1].min() < left[:, 1].min() - 20, "the right hand is not up"


def test_from_behind_right_is_right():
    with HumanoidScene(SIZE_PX, mirror=False) as scene:
        left, right = side_pixels(scene.show(RIGHT_HAND_UP, BEFORE_M, 0.0))
    assert right[:, 0].mean() > left[:, 0].mean()
    assert right[:, 1].min() < left[:, 1].min() - 20


def test_steps_to_the_side_are_seen_where_the_camera_sees_them(scene):
    middles = []
    for x_m in (-0.4, 0.0, 0.4):
        pixels = np.concatenate(side_pixels(scene.show(facing(), BEFORE_M + np.array([x_m, 0.0, 0.0]), 0.0)))
        middles.append(pixels[:, 0].mean())
    assert np.all(np.diff(middles) > 20.0)


def test_who_steps_back_is_drawn_smaller():
    sizes = []
    for depth_m in (3.0, 3.5):
        with HumanoidScene(SIZE_PX) as scene:
            scene.show(facing(), BEFORE_M, 0.0)
            pixels = np.concatenate(side_pixels(scene.show(facing(), np.array([0.0, 0.0, depth_m]), 0.1)))
            sizes.append(np.ptp(pixels[:, 1]))
    assert sizes[1] < sizes[0] - 3


def test_nobody_leaves_the_picture(scene):
    for hip_m in ((-6.0, 0.0, 5.0), (6.0, 0.5, 5.0), (0.0, -0.5, 0.8), (0.0, 0.0, 9.0)):
        left, right = side_pixels(scene.show(RIGHT_HAND_UP, np.array(hip_m), 0.0))
        assert len(left) > 200, hip_m
        assert len(right) > 200, hip_m


def test_a_lost_body_stays_as_it_was_in_grey(scene):
    before = scene.show(RIGHT_HAND_UP, BEFORE_M, 0.0)
    lost = scene.show(NOBODY, np.full(3, np.nan), 0.1)
    assert cv2.cvtColor(lost, cv2.COLOR_BGR2HSV)[..., 1].max() < 70
    # The same picture: what was darker still is.
    grey, was = (cv2.cvtColor(p, cv2.COLOR_BGR2GRAY).ravel().astype(float) for p in (lost, before))
    assert np.corrcoef(grey, was)[0, 1] > 0.99
    np.testing.assert_array_equal(scene.show(RIGHT_HAND_UP, BEFORE_M, 0.2), before)


def test_before_anybody_came_a_grey_humanoid_stands_there(scene):
    first = scene.show(NOBODY, np.full(3, np.nan), 0.0)
    assert first.std() > 10
    assert cv2.cvtColor(first, cv2.COLOR_BGR2HSV)[..., 1].max() < 70
    # Whoever comes then is not taken for somebody who has walked there.
    came = scene.show(facing(), BEFORE_M, 0.1)
    with HumanoidScene(SIZE_PX) as fresh:
        np.testing.assert_array_equal(came, fresh.show(facing(), BEFORE_M, 0.1))


def test_without_a_place_the_humanoid_stays_where_it_was(scene):
    where = BEFORE_M + np.array([0.3, 0.0, 0.0])
    before = scene.show(facing(), where, 0.0)
    np.testing.assert_array_equal(scene.show(facing(), np.full(3, np.nan), 0.0), before)


def test_impossible_sizes_are_refused():
    with pytest.raises(AppError, match="16 to 4096"):
        HumanoidScene((4, 4))


def test_the_lowest_point_is_on_the_floor_and_places_are_kept_within_reach():
    place = Place(aside_m=1.0, ahead_m=0.8)
    roots = np.cumsum(np.random.default_rng(0).normal(0.0, 0.5, (200, 3)), axis=0)
    for frame, root in enumerate(roots):
        shift = place.of(root, lowest_m=root[1] - 0.9, t_s=frame / 30.0)
        moved = root + shift
        assert root[1] - 0.9 + shift[1] == pytest.approx(0.0, abs=1e-12)
        assert abs(moved[2]) <= 1.0
        assert abs(moved[0]) <= 0.8


def test_small_steps_are_as_long_as_they_were():
    place = Place(aside_m=1.0, ahead_m=0.8)
    first, second = (np.array([-3.0, 0.0, 0.1]), np.array([-2.9, 0.0, 0.3]))
    a = first + place.of(first, 0.0, 0.0)
    b = second + place.of(second, 0.0, 0.033)
    np.testing.assert_allclose((b - a)[[0, 2]], [0.1, 0.2], atol=2e-3)


def test_a_shadow_falls_where_the_light_throws_it():
    """A camera straight above: x of the ground is down in the picture, y is to the right."""
    light = np.array([0.6, 0.0, 0.8])
    view = np.array([[0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, -1.0, 4.0]])
    floor = Floor(view, 200.0, np.full((200, 200, 3), 240, np.uint8), light)
    balls = Balls([[LinkShape("sphere", (0.2,), np.eye(4))]])
    far, near = (floor.picture(balls, np.array([[0.0, y, 0.8]])).astype(int) for y in (1.5, 0.0))
    ahead_m, aside_m = 0.0 - 0.8 * 0.6 / 0.8, 0.0  # along the light down to the ground
    row, column = round(100 + 200 * ahead_m / 4.0), round(100 + 200 * aside_m / 4.0)
    darker = far.sum(axis=2) - near.sum(axis=2)
    assert darker[row, column] > 100
    ys, xs = np.nonzero(darker > 60)
    np.testing.assert_allclose([ys.mean(), xs.mean()], [row, column], atol=2.0)


@pytest.mark.parametrize("draw", [draw_body_skeleton, draw_body_detection])
def test_a_skeleton_is_drawn_only_of_who_is_there(draw):
    image = np.zeros((120, 160, 3), np.uint8)
    draw(image, np.full((17, 2), np.nan))
    assert not image.any()
    rng = np.random.default_rng(0)
    draw(image, rng.uniform(10, 110, (17, 2)))
    assert image.any()
    draw(image, rng.uniform(-1e9, 1e9, (17, 2)))


@pytest.fixture(scope="module")
def seen(shared_data) -> list[BodyObservation]:
    """Every second frame of a person who walks in, sits, stretches and walks out."""
    try:
        asset = assets.resolve_pose_landmarker()
    except AppError as error:
        pytest.skip(str(error))
    capture = cv2.VideoCapture(str(shared_data / "video" / "body_sit_walk.mp4"))
    observations = []
    with BodyDetector(asset) as detector:
        for index in range(187):
            ok, image = capture.read()
            if ok and index % 2 == 0:
                observations.append(detector.detect(Frame(index, round(index * FRAME_S * 1e9), image)))
    capture.release()
    return observations


def test_a_filmed_persons_limbs_do_not_swap_or_flip(seen):
    body = BodyModel.load()
    camera = Camera.assumed(seen[0].image_size_px)
    rotations = fit_body_rotations(np.stack([one.keypoints_m for one in seen]), body)
    poser, figure = HumanoidPoser(body), HumanoidFigure()
    at = {name: number for number, name in enumerate(figure.links)}
    compared, before = 0, None
    for number, one in enumerate(seen):
        hip_m = camera.locate_wrist(one.keypoints_m, one.keypoints_px)
        figure.take(poser.pose(rotations[number], hip_m, 2 * number * FRAME_S))
        links = figure.link_poses()
        for left, right, joint in ((3, 6, "ankle"), (13, 16, "wrist")):
            apart_px = one.keypoints_px[left, 0] - one.keypoints_px[right, 0]
            apart_m = links[at[f"right_{joint}"], 2, 3] - links[at[f"left_{joint}"], 2, 3]
            if abs(apart_px) > 40.0:
                assert np.sign(apart_px) == np.sign(apart_m), f"{joint}s swapped in frame {2 * number}"
                compared += 1
        if before is not None:
            moved = np.swapaxes(before[:, :3, :3], 1, 2) @ links[:, :3, :3]
            turned = np.degrees(np.arccos(np.clip((np.trace(moved, axis1=1, axis2=2) - 1) / 2, -1, 1)))
            assert turned.max() < 100.0, f"{figure.links[turned.argmax()]} flipped at frame {2 * number}"
        before = links
    figure.close()
    assert compared > 80
