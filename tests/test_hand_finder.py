"""Hands found and followed on our own runtime: the same as MediaPipe's own, and by its rules."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mediapipe as mp
import numpy as np
import pytest
from mediapipe.tasks.python import BaseOptions, vision

from app.hand_finder import HandFinder
from app.hand_networks import HandKeypoints, HandNetworks, Palm, _merged
from app.hand_tracks import Detection
from app.mediapipe_hands import _detections
from app.native_stderr import without_native_notices
from app.opencv import cv2
from app.synthetic.clip import clip_of_seed
from models.metrics import pa_mpjpe

FRAME_NS = 33_333_333
Find = Callable[[np.ndarray], list[Detection]]


@pytest.fixture(scope="module")
def model(hand_landmarker_asset: Path) -> bytes:
    return hand_landmarker_asset.read_bytes()


@pytest.fixture(scope="module")
def rendered() -> list[np.ndarray]:
    return images_of(clip_of_seed(0, 120).video)


@pytest.fixture
def mediapipe_of(model: bytes) -> Iterator[Callable[[int], Find]]:
    """MediaPipe's own hand landmarker on the CPU, for so many hands."""
    opened: list[Any] = []

    def open_one(num_hands: int) -> Find:
        options = vision.HandLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=model),
            running_mode=vision.RunningMode.VIDEO,
            num_hands=num_hands,
        )
        with without_native_notices():
            opened.append(vision.HandLandmarker.create_from_options(options))
        landmarker, times_ms = opened[-1], iter(range(0, 1 << 30, 33))

        def find(image: np.ndarray) -> list[Detection]:
            rgb = mp.Image(image_format=mp.ImageFormat.SRGB, data=cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
            return _detections(landmarker.detect_for_video(rgb, next(times_ms)), image.shape[1::-1])

        return find

    yield open_one
    for landmarker in opened:
        landmarker.close()


def images_of(path: Path, count: int = 1000) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    images = []
    while len(images) < count:
        good, image = capture.read()
        if not good:
            break
        images.append(image)
    capture.release()
    return images


def ours(model: bytes, num_hands: int) -> Find:
    finder, times_ns = HandFinder(model), iter(range(0, 1 << 60, FRAME_NS))
    return lambda image: finder.find(image, num_hands, next(times_ns))


def difference(one: Detection, other: Detection) -> tuple[float, float, float]:
    """Of the keypoints in hand sizes, their depths in hand sizes, and of the metric keypoints in m; means."""
    return (
        float(np.abs(one.keypoints_px - other.keypoints_px).mean() / other.size_px),
        float(np.abs(one.depth_px - other.depth_px).mean() / other.size_px),
        float(np.linalg.norm(one.keypoints_m - other.keypoints_m, axis=1).mean()),
    )


def assert_alike(images: list[np.ndarray], one: Find, other: Find) -> None:
    """The same hands in the same frames; not to the last bit, as each cuts them out with its own rounding."""
    same_count, same_label, differences = [], [], []
    for image in images:
        found, expected = one(image), other(image)
        same_count.append(len(found) == len(expected))
        for detection in expected:
            nearest = min(found, key=lambda d: difference(d, detection)[0], default=None)
            if nearest is not None:
                same_label.append(nearest.label == detection.label)
                differences.append(difference(nearest, detection))
    assert np.mean(same_count) >= 0.95
    assert len(differences) > 0.3 * len(images)
    assert np.mean(same_label) >= 0.98
    assert (np.median(differences, axis=0) < (0.002, 0.005, 0.0015)).all()
    assert (np.percentile(differences, 95, axis=0) < (0.01, 0.04, 0.006)).all()


def beside_its_mirror_image(image: np.ndarray) -> np.ndarray:
    return np.hstack([image, image[:, ::-1]])


# --- as MediaPipe's own -------------------------------------------------------------------------------------


def test_a_rendered_hand_is_found_as_by_mediapipe(model, rendered, mediapipe_of):
    assert_alike(rendered, ours(model, 1), mediapipe_of(1))


def test_keypoints_are_as_near_to_the_truth_as_mediapipes(model, mediapipe_of):
    clip = clip_of_seed(0, 120)
    errors: dict[str, list[tuple[float, float]]] = {"ours": [], "MediaPipe": []}
    finds = {"ours": ours(model, 1), "MediaPipe": mediapipe_of(1)}
    for i, image in enumerate(images_of(clip.video)):
        truth_px, truth_m = clip.truth.keypoints_px[i], clip.truth.keypoints_m[i]
        for name, find in finds.items():
            found = find(image)
            if clip.truth.visible[i] and found:
                error_px = np.linalg.norm(found[0].keypoints_px - truth_px, axis=1).mean()
                errors[name].append((error_px, float(pa_mpjpe(found[0].keypoints_m[None], truth_m[None])[0])))
    assert len(errors["ours"]) >= len(errors["MediaPipe"]) - 1 > 60
    np.testing.assert_array_less(np.mean(errors["ours"], axis=0), 1.05 * np.mean(errors["MediaPipe"], axis=0))


def test_two_rendered_hands_are_found_as_by_mediapipe(model, rendered, mediapipe_of):
    pairs = [beside_its_mirror_image(image) for image in rendered[30:90]]
    find = ours(model, 2)
    assert_alike(pairs, find, mediapipe_of(2))
    assert {detection.label for detection in find(pairs[-1])} == {"right", "left"}


@pytest.mark.parametrize("num_hands", [1, 2])
@pytest.mark.parametrize("clip", ["hand_counting.mp4", "hand_person_a.mp4", "hand_stereo_cam0.mp4"])
def test_filmed_hands_are_found_as_by_mediapipe(model, shared_data, mediapipe_of, clip, num_hands):
    assert_alike(images_of(shared_data / "video" / clip, 60), ours(model, num_hands), mediapipe_of(num_hands))


def test_hands_at_the_edge_of_the_image_are_found_as_by_mediapipe(model, rendered, mediapipe_of):
    cut = [np.ascontiguousarray(image[:, 260:]) for image in rendered[20:100]]
    assert_alike(cut, ours(model, 1), mediapipe_of(1))


def test_one_hand_is_not_found_twice(model, rendered):
    find = ours(model, 4)
    assert max(len(find(image)) for image in rendered[:60]) == 1


def test_a_hand_that_was_lost_is_found_in_the_next_image(model, rendered):
    find, empty = ours(model, 1), np.full_like(rendered[0], 90)
    assert len(find(rendered[60])) == 1
    assert find(empty) == []
    assert len(find(rendered[60])) == 1


def test_a_hand_elsewhere_after_a_pause_is_found_at_once(model, rendered):
    finder = HandFinder(model)
    (first,) = finder.find(rendered[60], 1, 0)
    (second,) = finder.find(np.ascontiguousarray(np.roll(rendered[60], 250, axis=1)), 1, 700_000_000)
    assert np.linalg.norm(first.centre_px - second.centre_px) > 100.0


def test_the_same_images_give_the_same_numbers(model, rendered):
    runs = [[find(image) for image in rendered[50:60]] for find in (ours(model, 1), ours(model, 1))]
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one[0].keypoints_m, other[0].keypoints_m)
        np.testing.assert_array_equal(one[0].keypoints_px, other[0].keypoints_px)


def test_threads_change_no_number(model, rendered):
    image = cv2.resize(rendered[60], (224, 224))
    one, two = (HandNetworks(model, threads).keypoints(image) for threads in (1, 3))
    np.testing.assert_array_equal(one.world_m, two.world_m)


# --- rules --------------------------------------------------------------------------------------------------


class Scripted:
    """Networks that say what they are told; images are not looked at."""

    palm_input_px = hand_input_px = 8

    def __init__(self, palms: list[Palm], hands: list[HandKeypoints]) -> None:
        self.found, self.hands, self.searches, self.looks = palms, hands, 0, 0

    def palms(self, image: np.ndarray, least_score: float) -> list[Palm]:
        self.searches += 1
        return self.found

    def keypoints(self, image: np.ndarray) -> HandKeypoints:
        self.looks += 1
        return self.hands.pop(0)


def palm_at(x: float, size: float = 0.1, turn_rad: float = 0.0) -> Palm:
    """A palm whose square is turned by `turn_rad`; MediaPipe turns it by 0.4646 from where fingers point."""
    points = np.tile([x, 0.5], (7, 1))
    points[2] += size / 2.0 * np.array([np.sin(turn_rad - 0.4646), -np.cos(turn_rad - 0.4646)])
    return Palm(np.array([x, 0.5]), np.full(2, size), points, 0.9)


def hand(presence: float = 0.9, right: float = 0.8, spoilt: bool = False) -> HandKeypoints:
    shares = np.random.default_rng(0).uniform(0.35, 0.65, (21, 2))
    shares[0, 1], shares[10, 1] = 0.75, 0.25
    world_m = np.full((21, 3), np.nan) if spoilt else np.random.default_rng(1).normal(0.0, 0.05, (21, 3))
    return HandKeypoints(shares, np.zeros(21), world_m, presence, right)


def scripted(monkeypatch: pytest.MonkeyPatch, palms: list[Palm], hands: list[HandKeypoints]) -> Any:
    networks = Scripted(palms, hands)
    monkeypatch.setattr("app.hand_finder.HandNetworks", lambda content, threads: networks)
    finder = HandFinder(b"")
    image = np.zeros((400, 400, 3), np.uint8)
    return networks, lambda num_hands, t_ns=0: finder.find(image, num_hands, t_ns)


def test_palms_are_searched_only_while_a_hand_is_missing(monkeypatch):
    networks, find = scripted(monkeypatch, [palm_at(0.5)], [hand() for _ in range(5)])
    for _ in range(3):
        assert len(find(1)) == 1
    assert networks.searches == 1
    find(2)
    assert (networks.searches, networks.looks) == (2, 4)  # the palm there is that of the hand followed


def test_no_more_hands_than_asked_for(monkeypatch):
    palms = [palm_at(0.2), palm_at(0.5), palm_at(0.8)]
    networks, find = scripted(monkeypatch, palms, [hand() for _ in range(3)])
    assert len(find(2)) == 2
    assert len(find(1)) == 1
    assert networks.looks == 3


@pytest.mark.parametrize(
    "bad",
    [hand(presence=0.49), hand(presence=float("nan")), hand(spoilt=True), hand(right=float("nan"))],
    ids=["absent", "nan", "spoilt", "no side"],
)
def test_what_is_no_hand_is_not_followed(monkeypatch, bad):
    networks, find = scripted(monkeypatch, [palm_at(0.5)], [hand(), bad, hand()])
    assert [len(find(1)) for _ in range(3)] == [1, 0, 1]
    assert networks.searches == 2


def test_two_that_come_upon_one_hand_are_one_and_the_other_is_searched(monkeypatch):
    one, other = palm_at(0.3, 0.08), palm_at(0.6, 0.08)
    stays, strays = hand(), hand()
    # The second square's network sees the first one's hand.
    strays.shares[:] = stays.shares + (0.3 - 0.6) / (2.6 * 0.08)
    strays.shares[:, 1] = stays.shares[:, 1]
    networks, find = scripted(monkeypatch, [one, other], [stays, strays, hand(), hand()])
    assert len(find(2)) == 1
    assert len(find(2)) == 2
    assert networks.searches == 2


def test_a_hand_is_followed_through_a_change_of_resolution_and_searched_after_one_of_shape(monkeypatch):
    networks, _ = scripted(monkeypatch, [palm_at(0.5)], [hand() for _ in range(4)])
    finder = HandFinder(b"")
    for height, width, searches in ((480, 640, 1), (240, 320, 1), (720, 1280, 2), (720, 1280, 2)):
        assert len(finder.find(np.zeros((height, width, 3), np.uint8), 1, 0)) == 1
        assert networks.searches == searches


def test_a_left_hand_is_as_sure_as_it_is_not_right(monkeypatch):
    _, find = scripted(monkeypatch, [palm_at(0.5)], [hand(right=0.25)])
    (found,) = find(1)
    assert (found.label, found.score) == ("left", 0.75)


def test_keypoints_begin_at_the_wrist_and_are_turned_with_the_square(monkeypatch):
    sideways, seen = palm_at(0.5, turn_rad=np.pi / 2.0), hand()
    _, find = scripted(monkeypatch, [sideways], [seen])
    (found,) = find(1)
    relative_m = seen.world_m - seen.world_m[0]
    np.testing.assert_allclose(found.keypoints_m[:, 0], -relative_m[:, 1], atol=1e-4)
    np.testing.assert_allclose(found.keypoints_m[:, 1], relative_m[:, 0], atol=1e-4)
    np.testing.assert_allclose(found.keypoints_m[:, 2], relative_m[:, 2], atol=1e-12)


def test_overlapping_guesses_are_one_palm_between_them():
    centres = np.array([[0.50, 0.5], [0.52, 0.5], [0.9, 0.5]])
    points = np.repeat(centres[:, None], 7, axis=1)
    palms = _merged(centres, np.full((3, 2), 0.1), points, np.array([0.6, 0.9, 0.7]))
    assert [palm.score for palm in palms] == [0.9, 0.7]
    np.testing.assert_allclose(palms[0].centre, (0.512, 0.5))
    np.testing.assert_allclose(palms[0].points, np.tile(palms[0].centre, (7, 1)))
    assert _merged(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros((0, 7, 2)), np.zeros(0)) == []


# --- unusable files -----------------------------------------------------------------------------------------


def packed(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return content.getvalue()


def with_a_byte_changed(content: bytes, place: int = 500_000) -> bytes:
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def test_files_that_are_no_hand_landmarker_say_so(model):
    with zipfile.ZipFile(io.BytesIO(model)) as archive:
        palm, keypoints = (archive.read(name) for name in archive.namelist()[:2])
    names = ("hand_detector.tflite", "hand_landmarks_detector.tflite")
    deflated = packed({names[0]: palm, names[1]: keypoints}, zipfile.ZIP_DEFLATED)
    HandNetworks(deflated)
    broken = {
        "deflated, a byte changed": with_a_byte_changed(deflated),
        "nothing": b"",
        "no archive": b"no model" * 100,
        "cut off": model[: len(model) // 2],
        "a byte changed": with_a_byte_changed(model),
        "empty archive": packed({}),
        "one network": packed({names[0]: palm}),
        "no networks": packed(dict.fromkeys(names, b"x" * 64)),
        "exchanged": packed({names[0]: keypoints, names[1]: palm}),
    }
    for what, content in broken.items():
        with pytest.raises((ValueError, RuntimeError)) as caught:
            HandNetworks(content)
        assert str(caught.value), what
