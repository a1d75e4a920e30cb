"""The rendered corpus: pictures with things in them, pairs on disk, split, resumed and reproducible."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.assets import CACHE_VARIABLE, HAND_LANDMARKER
from app.corpus import Settings, make_corpus
from app.corpus_bank import Settings as BankSettings
from app.corpus_bank import default_bank_path, make_bank
from app.corpus_clip import TEST_SHAPES, ClipMaker, PairClip, clip_path, split_of
from app.corpus_noise import Settings as NoiseSettings
from app.corpus_noise import fit_corpus
from app.corpus_props import Props, box, cylinder, sphere
from app.corpus_report import clip_paths, report
from app.corpus_scene import Defects, random_look, random_room
from app.errors import AppError, UsageError
from app.synthetic import renderer
from app.synthetic.look import Look
from app.synthetic.renderer import ArmRenderer, Prop
from app.synthetic.routine import FACING
from models.camera import Camera
from models.errors import ModelError
from models.hand_model import HandModel
from models.motion.bank import PoseBank

FRAMES = 16
CAMERA = Camera.assumed((160, 120))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, hand_landmarker_asset: Path) -> Path:
    """Two clips of half a second, made by a worker process."""
    folder = tmp_path_factory.mktemp("corpus")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        patch.setenv(HAND_LANDMARKER.path_variable, str(hand_landmarker_asset))
        make_corpus(Settings(output=folder, minutes=2 * FRAMES / 1800, frames=FRAMES, workers=1))
    return folder


def clear_defects(**changes: object) -> Defects:
    fine = Defects(0.3, 0.0, 0.0, 1.0, 1.0, np.ones(3), 1.0, 0)
    return replace(fine, **changes)  # type: ignore[arg-type]


def test_clips_hold_what_training_reads(corpus: Path) -> None:
    paths = clip_paths(corpus)
    assert len(paths) == 2
    for path in paths:
        with np.load(path, allow_pickle=False) as file:
            shapes = {name: file[name].shape for name in file.files}
            assert {file[name].dtype for name in ("rotations", "keypoints_m", "observed_m", "wrist_m")} == {
                np.dtype(np.float32)
            }
        assert shapes["rotations"] == (FRAMES, 16, 3, 3)
        assert shapes["keypoints_m"] == shapes["observed_m"] == (FRAMES, 21, 3)
        assert shapes["observed_px"] == (FRAMES, 21, 2)
        assert shapes["wrist_m"] == (FRAMES, 3)
        assert shapes["observed"] == shapes["score"] == (FRAMES,)
        clip = PairClip.load(path)
        assert clip.fps == 30.0
        assert np.array_equal(np.isfinite(clip.observed_m).all(axis=(1, 2)), clip.observed)
        model = HandModel.load(clip.shape).scaled(clip.scale)
        assert np.abs(model.keypoints(clip.rotations.astype(float)) - clip.keypoints_m).max() < 1e-5


def test_a_second_run_makes_only_what_is_missing(
    corpus: Path, hand_landmarker_asset: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setenv(HAND_LANDMARKER.path_variable, str(hand_landmarker_asset))
    kept, lost = clip_path(corpus, 0), clip_path(corpus, 1)
    before, made_at = PairClip.load(lost), kept.stat().st_mtime_ns
    lost.unlink()
    make_corpus(Settings(output=corpus, minutes=2 * FRAMES / 1800, frames=FRAMES, workers=1))
    again = PairClip.load(lost)
    assert kept.stat().st_mtime_ns == made_at
    assert np.array_equal(before.rotations, again.rotations)
    assert np.array_equal(before.observed, again.observed)
    assert np.allclose(before.observed_px, again.observed_px, atol=1e-3, equal_nan=True)


def test_report_counts_the_footage(corpus: Path) -> None:
    lines = report(corpus)
    assert lines[-1].startswith("| train | 2 | 0.0 |")


@pytest.fixture
def damaged_corpus(tmp_path: Path) -> Path:
    """A folder with one clip that was cut off."""
    frames = np.zeros((FRAMES, 21, 3))
    clip = PairClip(
        30.0, "adult", 1.0, np.zeros((FRAMES, 16, 3, 3)), frames, frames[:, 0], np.zeros(FRAMES, bool),
        frames, frames[..., :2], frames[..., 0], np.zeros(FRAMES), 500.0, np.zeros(2), np.zeros(2),
    )  # fmt: skip
    path = clip_path(tmp_path / "corpus", 0)
    clip.save(path)
    assert len(PairClip.load(path).observed) == FRAMES
    path.write_bytes(path.read_bytes()[:-100])
    return tmp_path / "corpus"


def test_a_damaged_clip_is_named_with_what_to_do(damaged_corpus: Path) -> None:
    for use in (
        lambda: report(damaged_corpus),
        lambda: make_corpus(Settings(output=damaged_corpus)),
        lambda: fit_corpus(NoiseSettings(corpus=damaged_corpus)),
    ):
        with pytest.raises(
            ModelError, match=r"clip_000000.npz is damaged .*; remove it; python -m app.corpus"
        ):
            use()


def test_a_clip_whose_arrays_do_not_belong_together_is_damaged(damaged_corpus: Path) -> None:
    path = clip_path(damaged_corpus, 0)
    frames = np.zeros((FRAMES, 21, 3))
    PairClip(
        30.0, "adult", 1.0, np.zeros((FRAMES - 5, 16, 3, 3)), frames, frames[:, 0], np.zeros(FRAMES, bool),
        frames, frames[..., :2], frames[..., 0], np.zeros(FRAMES), 500.0, np.zeros(2), np.zeros(2),
    ).save(path)  # fmt: skip
    with pytest.raises(ModelError, match="keypoints_m is"):
        PairClip.load(path)


def test_pictures_of_a_clip_repeat(hand_landmarker_asset: Path) -> None:
    maker = ClipMaker(hand_landmarker_asset, None, seed=4)
    first = [image.copy() for image in maker.images(1, 2)]
    assert np.array_equal(first, list(maker.images(1, 2)))
    assert not np.array_equal(first, list(ClipMaker(hand_landmarker_asset, None, seed=5).images(1, 2)))


def test_stills_are_unrelated_poses_before_one_camera(hand_landmarker_asset: Path) -> None:
    maker = ClipMaker(hand_landmarker_asset, None, 0)
    stills = maker.make_stills(3, 6)
    assert stills.rotations.shape == (6, 16, 3, 3)
    apart_m = np.linalg.norm(stills.wrist_m[:, None] - stills.wrist_m, axis=-1)[np.triu_indices(6, 1)]
    assert np.median(apart_m) > 0.02, "hands of a clip would be millimetres apart"
    assert stills.observed.any()
    seen = stills.observed
    middle_px = stills.observed_px[seen].mean(axis=1)
    hands_m = (stills.keypoints_m + stills.wrist_m[:, None])[seen].mean(axis=1)
    true_px = hands_m[:, :2] / hands_m[:, 2:] * stills.focal_px + stills.centre_px
    off_px = np.linalg.norm(middle_px - true_px, axis=-1)
    assert np.median(off_px) < 0.1 * stills.size_px[0], "each is what was said of its own picture"
    again = ClipMaker(hand_landmarker_asset, None, 0).make_stills(3, 6)
    np.testing.assert_array_equal(again.rotations, stills.rotations)
    np.testing.assert_allclose(again.observed_m, stills.observed_m, atol=1e-6)
    later = maker.make_stills(3, 6)
    np.testing.assert_allclose(later.observed_m, stills.observed_m, atol=1e-6, err_msg="whatever came before")


def test_stills_are_made_by_the_corpus_command_too(
    hand_landmarker_asset: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv(HAND_LANDMARKER.path_variable, str(hand_landmarker_asset))
    settings = Settings(output=tmp_path / "stills", minutes=2 * 6 / 1800, stills=True, workers=1)
    folder = make_corpus(settings)
    assert [PairClip.load(path).fps for path in clip_paths(folder)] == [0.0, 0.0]
    assert report(folder)[-1].startswith("| train | 2 | – |")
    with pytest.raises(AppError, match="holds stills"):
        make_corpus(replace(settings, stills=False))


def test_renderers_of_one_thread_give_pybullet_the_same_lists() -> None:
    """It never lets go of one: a hundred scenes would cost a hundred hands' memory."""
    look = Look.of_seed(0, (160, 120))
    model = HandModel.load()
    flat = model.rotations_of_angles(np.zeros((15, 3)), FACING)
    with ArmRenderer(look, model) as one, ArmRenderer(look, model) as other:
        pictures = [one.render(0, flat, np.array([0.0, 0.0, 0.5]), FACING)]
        given = {key: (id(lists.vertices), id(lists.uvs)) for key, lists in renderer._kept.lists.items()}
        pictures.append(other.render(0, flat, np.array([0.0, 0.0, 0.5]), FACING))
        assert given == {
            key: (id(lists.vertices), id(lists.uvs)) for key, lists in renderer._kept.lists.items()
        }
    np.testing.assert_array_equal(*pictures)


def test_one_clip_in_ten_is_kept_from_training() -> None:
    splits = [split_of(i) for i in range(200)]
    assert splits.count("val") == splits.count("test") == 10
    assert set(TEST_SHAPES) < {"adult_small_slim", "adult_large_thick", "child"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"minutes": 0.0}, {"minutes": math.nan}, {"minutes": math.inf}, {"minutes": -1.0},
        {"frames": 0}, {"frames": 15}, {"frames": 0, "stills": True}, {"workers": 0}, {"seed": -1},
    ],
    ids=str,
)  # fmt: skip
def test_wrong_settings_are_refused(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="minutes"):
        make_corpus(Settings(output=tmp_path, **wrong))


@pytest.mark.parametrize("share", [(2, 2), (-1, 2), (0, 0), (0, -1)])
def test_a_share_that_is_none_is_refused(share: tuple[int, int], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--share"):
        make_corpus(Settings(output=tmp_path, share=share))


def test_empty_corpus_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(AppError, match=r"app\.corpus"):
        report(tmp_path)
    with pytest.raises(AppError, match=r"app\.corpus"):
        fit_corpus(NoiseSettings(corpus=tmp_path))


def test_bank_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="recordings"):
        make_bank(BankSettings(data=tmp_path, output=tmp_path / "bank.npz"))


def test_bank_command_writes_what_it_read(shared_data: Path, tmp_path: Path) -> None:
    small = tmp_path / "data"
    small.mkdir()
    (small / "dexmv_mano.npz").write_bytes((shared_data / "motion" / "dexmv_mano.npz").read_bytes())
    bank = make_bank(BankSettings(data=small, output=tmp_path / "bank.npz"))
    assert len(PoseBank.load(tmp_path / "bank.npz")) == len(bank) > 100
    assert default_bank_path().name == "bank.npz"


@pytest.mark.parametrize(
    "mesh",
    [sphere(0.03), cylinder(0.01, 0.1), box(np.array([0.01, 0.02, 0.03]))],
    ids=["ball", "stick", "box"],
)
def test_things_are_closed_and_face_outward(mesh: tuple[np.ndarray, np.ndarray]) -> None:
    vertices, faces = mesh
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    assert np.linalg.norm(np.cross(b - a, c - a).sum(axis=0)) < 1e-5  # no hole
    assert (a * np.cross(b, c)).sum() / 6.0 > 1e-6  # volume


def test_a_thing_before_the_hand_hides_it() -> None:
    model = HandModel.load()
    rotations = model.rotations_of_angles(model.rest_angles_rad, FACING)
    look = random_look(np.random.default_rng(0), "adult_medium", CAMERA)
    wrist_m = np.array([0.0, 0.08, 0.4])
    vertices, faces = box(np.array([0.03, 0.03, 0.005]))
    near = Prop(vertices + np.array([0.0, 0.0, 0.3]), faces, (1.0, 0.0, 0.0))
    far = Prop(vertices + np.array([0.0, 0.0, 0.9]), faces, (1.0, 0.0, 0.0))
    with ArmRenderer(look, model, np.zeros((120, 160, 3), np.uint8)) as renderer:
        plain = renderer.render(0, rotations, wrist_m, FACING)
        hidden = renderer.render(0, rotations, wrist_m, FACING, [near])
        behind = renderer.render(0, rotations, wrist_m, FACING, [far])
    red = [int(((image[..., 2] > 90) & (image[..., 1] < 40)).sum()) for image in (plain, hidden, behind)]
    assert red[1] > 200
    assert red[2] < 0.6 * red[1]
    assert red[0] == 0


def test_held_things_move_with_the_palm() -> None:
    model = HandModel.load()
    for seed in range(100):
        props = Props(np.random.default_rng(seed), model, CAMERA)
        first = props.at(0.0, FACING, np.array([0.0, 0.0, 0.5]))
        moved = props.at(0.0, FACING, np.array([0.1, 0.0, 0.5]))
        shifts = {
            round(float((b.vertices_m - a.vertices_m)[0, 0]), 3) for a, b in zip(first, moved, strict=True)
        }
        if shifts == {0.1}:
            return
    pytest.fail("no clip in a hundred held anything")


def test_defects_do_what_they_say() -> None:
    rng = np.random.default_rng(0)
    image = np.zeros((120, 160, 3), np.uint8)
    image[40:80, 60:100] = 200
    still = np.zeros(2)
    edge = clear_defects().apply(image, still, rng)
    assert np.abs(edge.astype(int) - image).mean() < 2.0
    smeared = clear_defects(exposure=0.5).apply(image, np.array([20.0, 0.0]), rng)
    assert np.abs(np.diff(smeared[60, :, 0].astype(int))).max() < 60  # no sharp edge along the motion
    assert np.abs(np.diff(smeared[:, 80, 0].astype(int))).max() > 120  # still sharp across it
    assert clear_defects(noise=8.0).apply(image, still, rng)[:30, :50].std() > 2.0
    assert clear_defects(gain=0.5).apply(image, still, rng).max() == pytest.approx(100, abs=2)
    assert clear_defects(quality=30, downscale=2.0).apply(image, still, rng).shape == image.shape


def test_rooms_fill_the_picture_and_differ() -> None:
    look = random_look(np.random.default_rng(0), "elder", CAMERA)
    rooms = [random_room(np.random.default_rng(seed), look) for seed in range(8)]
    assert {room.shape for room in rooms} == {(120, 160, 3)}
    assert {room.dtype for room in rooms} == {np.dtype(np.uint8)}
    assert len({room.tobytes() for room in rooms}) == 8
