"""The rendered camera: its routine, its pictures against their truth, its cache and its source."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from app.errors import AppError
from app.opencv import cv2
from app.pacing import NS_PER_S, Playback
from app.sources.base import EndOfSource
from app.sources.synthetic import SyntheticSource
from app.synthetic import clip as clip_module
from app.synthetic.clip import FPS, SIZE_PX, Clip, Scene, clip_of_seed, truth_of
from app.synthetic.look import Look, background
from app.synthetic.poses import RELEASED, hand_poses
from app.synthetic.renderer import ArmRenderer
from app.synthetic.routine import Motion, minimum_jerk
from app.synthetic.surface import ArmSurface, boundary_loop, vertex_normals
from models.hand_model import HandModel, shape_names
from models.keypoints import FINGER_SLICES, FINGERTIPS
from models.metrics import pa_mpjpe

FRAMES = 60


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def short_clip(cache: Path) -> Clip:
    """Two seconds of seed 0."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSEHAND_CACHE_DIR", str(cache))
        return clip_of_seed(0, FRAMES, workers=1)


@pytest.fixture(scope="module")
def scene() -> tuple[Look, HandModel, Motion]:
    return Scene(0).build()


class FakeClock:
    """A clock that only moves when slept on or pushed."""

    def __init__(self) -> None:
        self.t_ns = 5 * NS_PER_S

    def now_ns(self) -> int:
        return self.t_ns

    def sleep(self, duration_s: float) -> None:
        self.t_ns += round(duration_s * NS_PER_S)

    def playback(self, realtime: bool) -> Playback:
        return Playback(realtime, self.now_ns, self.sleep)


@pytest.mark.parametrize("shape", ["child", "adult_medium", "adult_large"])
def test_poses_are_within_limits_and_pinches_touch(shape: str) -> None:
    model = HandModel.load(shape)
    for name, angles in hand_poses(model).items():
        assert (angles >= model.joint_limits[..., 0] - 1e-9).all(), name
        assert (angles <= model.joint_limits[..., 1] + 1e-9).all(), name
        keypoints = model.keypoints(model.rotations_of_angles(angles))
        gaps = np.linalg.norm(keypoints[list(FINGERTIPS[1:])] - keypoints[4], axis=1)
        if name.startswith("pinch"):
            finger = RELEASED.index(name.removeprefix("pinch_"))
            assert gaps[finger] < 2e-3, name
            assert np.delete(gaps, finger).min() > 0.03, name
        elif name != "fist":
            assert gaps.min() > 0.015, name


def test_counting_raises_that_many_fingers() -> None:
    model = HandModel.load()
    poses = hand_poses(model)
    for count in range(1, 6):
        keypoints = model.keypoints(model.rotations_of_angles(poses[f"count_{count}"]))
        raised = [
            keypoints[FINGER_SLICES[f].stop - 1, 0] < keypoints[FINGER_SLICES[f].start + 1, 0] - 0.02
            for f in RELEASED
        ]
        assert sum(raised) == min(count, 4)


def test_minimum_jerk_starts_and_ends_at_rest() -> None:
    s = np.linspace(0.0, 1.0, 1001)
    x = minimum_jerk(s)
    assert x[0] == 0.0
    assert x[-1] == 1.0
    assert (np.diff(x) >= 0.0).all()
    speed = np.diff(x) * 1000
    assert max(speed[0], speed[-1]) < 1e-3
    np.testing.assert_allclose(speed.max(), 1.875, atol=1e-3)


@pytest.mark.parametrize("seed", [0, 1, 2, 5])
def test_routine_leaves_returns_touches_and_is_smooth(seed: int) -> None:
    look, model, motion = Scene(seed).build()
    truth = truth_of(look, model, motion)
    assert 20.0 < len(truth.visible) / FPS < 25.0
    assert truth.visible[0]
    assert truth.visible[-1]
    away = np.flatnonzero(~truth.present)
    assert len(away) > 0.4 * FPS
    assert (np.diff(away) == 1).all()
    assert truth.visible[
        ~np.isin(np.arange(len(truth.visible)), np.arange(away[0] - 20, away[-1] + 21))
    ].all()
    relative = truth.keypoints_m - truth.wrist_m[:, None]
    gaps = np.linalg.norm(relative[:, list(FINGERTIPS[1:])] - relative[:, 4:5], axis=-1)
    assert (gaps.min(axis=0) < 3e-3).all()
    np.testing.assert_allclose(np.linalg.det(truth.rotations), 1.0, atol=1e-9)
    np.testing.assert_allclose(model.keypoints(truth.rotations, truth.wrist_m), truth.keypoints_m, atol=1e-12)
    speed = np.linalg.norm(np.diff(truth.keypoints_m, axis=0), axis=-1) * FPS
    assert speed.max() < 3.0  # m/s, a brisk hand
    accelerations = np.linalg.norm(np.diff(truth.keypoints_m, n=2, axis=0), axis=-1) * FPS**2
    assert accelerations.max() < 45.0  # m/s²
    # Loops without a visible jump.
    assert np.abs(truth.keypoints_m[-1] - truth.keypoints_m[0]).max() < 0.03


def test_raised_right_hand_has_its_thumb_on_the_right_of_the_picture(
    scene: tuple[Look, HandModel, Motion],
) -> None:
    pixels = truth_of(*scene).keypoints_px[0]
    assert pixels[4, 0] > pixels[20, 0] + 50
    assert pixels[12, 1] < pixels[0, 1] - 100


def test_same_seed_same_motion_other_seed_another() -> None:
    first, again, other = (Scene(seed).build()[2] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.rotations, again.rotations)
    assert len(first.wrist_m) != len(other.wrist_m) or not np.allclose(first.wrist_m, other.wrist_m)
    assert Look.of_seed(3, SIZE_PX) == Look.of_seed(3, SIZE_PX) != Look.of_seed(4, SIZE_PX)


@pytest.mark.parametrize("shape", shape_names())
def test_arm_continues_the_hand_without_a_gap_and_faces_outward(shape: str) -> None:
    model = HandModel.load(shape)
    surface = ArmSurface(model)
    assert len(boundary_loop(model.faces)) == 20
    assert len(boundary_loop(surface.skin.faces)) == 20  # only the far end of the arm is open
    R = np.broadcast_to(np.eye(3), (16, 3, 3))
    skin, _ = surface.vertices(R, np.zeros(3), np.eye(3))
    arm = skin[len(model.vertices_m) :]
    outward = arm * [0.0, 1.0, 1.0]
    outward -= outward.mean(axis=0)
    normals = vertex_normals(skin, surface.skin.faces)[len(model.vertices_m) :]
    assert (np.sum(outward * normals, axis=1) > 0.0).all()
    assert surface.skin.uv.min() >= 0.0
    assert surface.skin.uv.max() <= 1.0


def test_picture_shows_the_hand_where_the_truth_says(scene: tuple[Look, HandModel, Motion]) -> None:
    look, model, motion = scene
    truth = truth_of(*scene)
    hidden = cv2.GaussianBlur(background(look), (0, 0), 0.6).astype(np.int32)
    away = int(np.flatnonzero(~truth.present)[3])
    with ArmRenderer(look, model) as renderer:
        for i in (0, 200, 400, away):
            image = renderer.render(i, motion.rotations[i], motion.wrist_m[i], motion.forearm[i])
            assert image.shape == (480, 640, 3)
            changed = np.abs(image.astype(np.int32) - hidden).max(axis=2) > 15
            if i == away:
                assert changed.mean() < 0.02
                continue
            inside = truth.keypoints_px[i, [0, 1, 5, 6, 9, 13, 17]].round().astype(int)
            assert changed[inside[:, 1], inside[:, 0]].mean() > 0.8
            hull = cv2.boundingRect(truth.keypoints_px[i].astype(np.float32))
            rows, columns = np.nonzero(changed[: hull[1] + hull[3]])
            assert abs(rows.min() - hull[1]) < 14
            assert abs(columns.min() - hull[0]) < 25
            assert abs(columns.max() - hull[0] - hull[2]) < 25


def test_a_frame_does_not_depend_on_what_was_rendered_before(scene: tuple[Look, HandModel, Motion]) -> None:
    look, model, motion = scene
    with ArmRenderer(look, model) as first, ArmRenderer(look, model) as second:
        for i in (3, 4, 5):
            late = first.render(i, motion.rotations[i], motion.wrist_m[i], motion.forearm[i])
        alone = second.render(5, motion.rotations[5], motion.wrist_m[5], motion.forearm[5])
    np.testing.assert_array_equal(late, alone)


def test_renderers_of_two_sizes_do_not_disturb_each_other(scene: tuple[Look, HandModel, Motion]) -> None:
    look, model, motion = scene
    small = model.scaled(0.9)
    moment = (5, motion.rotations[5], motion.wrist_m[5], motion.forearm[5])
    with ArmRenderer(look, model) as alone:
        expected = alone.render(*moment)
    with ArmRenderer(look, model) as first, ArmRenderer(look, small) as second:
        first.render(*moment)
        other = second.render(*moment)
        after = first.render(*moment)
    np.testing.assert_array_equal(after, expected)
    assert np.abs(other.astype(int) - expected).max() > 50


def test_memory_does_not_grow_with_the_sizes_of_hands_rendered(
    scene: tuple[Look, HandModel, Motion],
) -> None:
    look, model, motion = scene
    room = background(look)

    def render(scale: float) -> None:
        with ArmRenderer(look, model.scaled(scale), room) as renderer:
            renderer.render(0, motion.rotations[0], motion.wrist_m[0], motion.forearm[0])

    render(1.0)
    tracemalloc.start()
    try:
        render(1.01)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for scale in (1.02, 1.03, 1.04, 1.05):
            render(scale)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 200_000  # a hand's lists are 1 MB


def test_clip_is_rendered_once_and_complete(
    short_clip: Clip, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSEHAND_CACHE_DIR", str(cache))
    monkeypatch.setattr(clip_module, "_render_into", lambda *_: pytest.fail("rendered again"))
    again = clip_of_seed(0, FRAMES)
    assert again.video == short_clip.video
    assert len(again.truth.visible) == FRAMES
    np.testing.assert_array_equal(again.truth.keypoints_m, short_clip.truth.keypoints_m)
    assert again.truth.shape == "adult_medium"
    assert [path.name for path in (cache / "synthetic").iterdir()] == [short_clip.video.parent.name]


def test_interrupted_rendering_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEHAND_CACHE_DIR", str(tmp_path))
    original = ArmRenderer.render

    def interrupted(self: ArmRenderer, index: int, *rest: np.ndarray) -> np.ndarray:
        if index == 3:
            raise KeyboardInterrupt
        return original(self, index, *rest)

    monkeypatch.setattr(ArmRenderer, "render", interrupted)
    with pytest.raises(KeyboardInterrupt):
        clip_of_seed(0, 6, workers=1)
    assert list((tmp_path / "synthetic").iterdir()) == []


def test_two_processes_render_what_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = []
    for workers in (1, 2):
        monkeypatch.setenv("POSEHAND_CACHE_DIR", str(tmp_path / str(workers)))
        capture = cv2.VideoCapture(str(clip_of_seed(1, 20, workers).video))
        pictures.append([capture.read()[1] for _ in range(20)])
        assert not capture.read()[0]
        capture.release()
    np.testing.assert_array_equal(pictures[0], pictures[1])


def test_unwritable_cache_and_negative_seed_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("POSEHAND_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(AppError, match="POSEHAND_CACHE_DIR"):
        clip_of_seed(0, 3, workers=1)
    with pytest.raises(AppError, match="-1"):
        clip_of_seed(-1)


@pytest.fixture
def source_cache(short_clip: Clip, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEHAND_CACHE_DIR", str(cache))


@pytest.mark.usefixtures("source_cache")
def test_every_frame_on_the_clips_own_clock_when_not_in_real_time() -> None:
    source = SyntheticSource(0, realtime=False, frames=FRAMES)
    assert source.frame_count == FRAMES
    assert (source.fps, source.size_px, source.live, source.status) == (30.0, (640, 480), False, "")
    frames = [source.read(1.0) for _ in range(FRAMES)]
    with pytest.raises(EndOfSource):
        source.read(1.0)
    assert [f.index for f in frames if f] == list(range(FRAMES))
    assert [f.t_capture_ns for f in frames if f] == [round(i * NS_PER_S / 30) for i in range(FRAMES)]
    source.close()
    source.close()
    with pytest.raises(EndOfSource):
        source.read(0.0)


@pytest.mark.usefixtures("source_cache")
def test_late_reader_gets_the_newest_frame_in_real_time() -> None:
    clock = FakeClock()
    source = SyntheticSource(0, realtime=True, frames=FRAMES, make_playback=clock.playback)
    first = source.read(1.0)
    assert first is not None
    assert first.index == 0
    assert first.t_capture_ns == 5 * NS_PER_S
    clock.sleep(0.5)
    late = source.read(1.0)
    assert late is not None
    assert late.index == 15
    assert source.read(0.001) is None
    following = source.read(1.0)
    assert following is not None
    assert following.index == 16
    assert following.t_capture_ns > late.t_capture_ns
    source.close()


@pytest.mark.parametrize("realtime", [True, False])
@pytest.mark.usefixtures("source_cache")
def test_looping_counts_on_and_never_ends(realtime: bool) -> None:
    clock = FakeClock()
    source = SyntheticSource(0, realtime=realtime, loop=True, frames=FRAMES, make_playback=clock.playback)
    assert source.frame_count is None
    frames = []
    for _ in range(2 * FRAMES + 5):
        frame = source.read(1.0)
        assert frame is not None
        frames.append(frame)
    assert [f.index for f in frames] == list(range(2 * FRAMES + 5))
    assert (np.diff([f.t_capture_ns for f in frames]) > 0).all()
    source.close()


@pytest.mark.usefixtures("source_cache")
def test_mediapipe_tracks_it_as_a_right_hand(hand_landmarker_asset: Path) -> None:
    mediapipe = pytest.importorskip("mediapipe")
    from mediapipe.tasks.python import BaseOptions, vision

    source = SyntheticSource(0, realtime=False, frames=FRAMES)
    options = vision.HandLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(hand_landmarker_asset)),
        running_mode=vision.RunningMode.VIDEO,
    )
    labels, errors_mm = [], []
    with vision.HandLandmarker.create_from_options(options) as detector:
        for i in range(FRAMES):
            frame = source.read(1.0)
            assert frame is not None
            rgb = np.ascontiguousarray(frame.image[..., ::-1])
            image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb)
            result = detector.detect_for_video(image, frame.t_capture_ns // 1_000_000)
            if result.hand_world_landmarks:
                found = np.array([[p.x, p.y, p.z] for p in result.hand_world_landmarks[0]])
                labels.append(result.handedness[0][0].category_name)
                errors_mm.append(1e3 * pa_mpjpe(found, source.truth.keypoints_m[i]))
    source.close()
    assert len(labels) >= 0.95 * FRAMES
    assert labels.count("Right") >= 0.95 * len(labels)
    assert np.mean(errors_mm) < 20.0
