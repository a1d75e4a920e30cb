"""Real recordings: read, fitted to the skeleton, cut and kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.errors import ModelError
from models.hand_model import HandModel
from models.keypoints import FINGER_SLICES
from models.metrics import pa_mpjpe
from models.motion.adroit import adroit_keypoints
from models.motion.bank import RATE_HZ, SOURCES, PoseBank, build_bank
from models.motion.coverage import nearest_pa_mpjpe, normalised_keypoints
from models.motion.fitting import fit_angles, wide_limits
from models.motion.recordings import Recording, read_recordings
from models.rotations import mirror_points


@pytest.fixture(scope="module")
def model() -> HandModel:
    return HandModel.load()


def random_angles(model: HandModel, count: int, seed: int = 0) -> np.ndarray:
    """Poses well inside the model's own limits."""
    low, high = model.joint_limits[..., 0], model.joint_limits[..., 1]
    share = np.random.default_rng(seed).uniform(0.15, 0.85, (count, 15, 3))
    return low + share * (high - low)


def recording(keypoints_m: np.ndarray, fps: float = 60.0, **changes: object) -> Recording:
    count = len(keypoints_m)
    values = {
        "source": "leap", "name": "x", "t_s": np.arange(count) / fps, "keypoints_m": keypoints_m,
        "trusted": np.ones(count, bool), "is_motion": True,
    }  # fmt: skip
    return Recording(**{**values, **changes})  # type: ignore[arg-type]


def slow_wave(model: HandModel, frames: int) -> np.ndarray:
    """From one pose to another and back, keypoints (frames,21,3)."""
    ends = random_angles(model, 2)
    share = 0.5 - 0.5 * np.cos(np.linspace(0.0, 2.0 * np.pi, frames))[:, None, None]
    return model.keypoints(model.rotations_of_angles(ends[0] + share * (ends[1] - ends[0])))


def test_fit_recovers_poses_of_another_hand_size(model: HandModel) -> None:
    other = HandModel.load("child")
    truth = random_angles(model, 200)
    seen = other.keypoints(other.rotations_of_angles(truth))
    fit = fit_angles(seen * 3.0 + 1.0, other)
    remade = other.keypoints(other.rotations_of_angles(fit.angles_rad, fit.wrist))
    assert np.degrees(fit.residual_rad).max() < 3.0
    assert 1e3 * pa_mpjpe(remade, seen).mean() < 1.0


def test_fit_stays_within_wide_limits(model: HandModel) -> None:
    fit = fit_angles(np.random.default_rng(0).normal(0.0, 0.05, (50, 21, 3)), model)
    limits = wide_limits(model)
    assert (fit.angles_rad >= limits[..., 0] - 1e-9).all()
    assert (fit.angles_rad <= limits[..., 1] + 1e-9).all()


def test_bank_resamples_motion_to_its_rate(model: HandModel) -> None:
    keypoints = slow_wave(model, 241)  # 4 s at 60 Hz
    bank = build_bank([recording(keypoints)], model)
    assert len(bank) == pytest.approx(4.0 * RATE_HZ, abs=2)
    remade = model.keypoints(model.rotations_of_angles(bank.angles_rad))
    expected = model.keypoints(model.rotations_of_angles(fit_angles(keypoints, model).angles_rad))[::2]
    assert 1e3 * np.abs(remade[5:100] - expected[5:100]).mean() < 2.0


def test_bank_cuts_where_a_recording_cannot_be_trusted(model: HandModel) -> None:
    trusted = np.ones(240, bool)
    trusted[100:130] = False
    bank = build_bank([recording(slow_wave(model, 240), trusted=trusted)], model)
    clips = bank.motion_clips()
    assert len(clips) == 2
    assert sum(clip.stop - clip.start for clip in clips) < 0.5 * 210 + 3


def test_bank_leaves_out_what_the_skeleton_cannot_do(model: HandModel) -> None:
    broken = slow_wave(model, 120)
    broken[:, FINGER_SLICES["index"].start + 1 :][:, :3] *= -1.0
    bank = build_bank([recording(slow_wave(model, 120)), recording(broken)], model)
    assert set(np.unique(bank.clip)) == {0}


def test_bank_keeps_only_shapes_that_differ_of_a_source_without_motion(model: HandModel) -> None:
    still = np.repeat(slow_wave(model, 2)[:1], 50, axis=0)
    bank = build_bank([recording(still, source="fingerspelling", is_motion=False)], model)
    assert len(bank) == 1
    assert not bank.motion_clips()


def test_bank_survives_its_file(model: HandModel, tmp_path: Path) -> None:
    bank = build_bank([recording(slow_wave(model, 100))], model)
    path = tmp_path / "bank.npz"
    with path.open("wb") as file:
        bank.save(file)
    loaded = PoseBank.load(path)
    assert np.abs(loaded.angles_rad - bank.angles_rad).max() < 1e-5
    assert np.abs(loaded.wrist - bank.wrist).max() < 1e-5


def test_bad_bank_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "bank.npz"
    np.savez(path, nothing=np.zeros(3))
    with pytest.raises(ModelError, match="corpus_bank"):
        PoseBank.load(path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ModelError, match=r"is damaged or no .*corpus_bank"):
        PoseBank.load(path)


def test_directory_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="leap"):
        read_recordings(tmp_path)


def test_adroit_is_a_right_hand_that_flexes_to_its_palm() -> None:
    straight = adroit_keypoints(np.zeros((1, 24)))[0]
    bent = np.zeros((1, 24))
    bent[0, 3] = 1.2  # index knuckle
    curled = adroit_keypoints(bent)[0]
    palm = np.cross(straight[5] - straight[0], straight[17] - straight[0])  # of a right hand: out of the palm
    assert (curled[8] - straight[8]) @ palm > 0.0
    assert np.linalg.norm(straight[6] - straight[5]) == pytest.approx(0.045)


def test_normalised_poses_do_not_depend_on_size_place_or_turn(model: HandModel) -> None:
    from models.rotations import matrix_from_axis_angle

    poses = model.keypoints(model.rotations_of_angles(random_angles(model, 5)))
    turned = 1.7 * poses @ matrix_from_axis_angle(np.array([0.3, -1.0, 2.0])).T
    a, b = normalised_keypoints(poses, model), normalised_keypoints(turned, model)
    assert np.abs(a - b).max() < 1e-9
    assert 1e3 * nearest_pa_mpjpe(a, b).max() < 1e-6
    assert 1e3 * nearest_pa_mpjpe(a[:1], b[1:]).min() > 2.0


def test_real_recordings_fit_the_skeleton(shared_data: Path, model: HandModel) -> None:
    recordings = read_recordings(shared_data / "motion")
    assert {r.source for r in recordings} == set(SOURCES)
    for source, limit_deg in {
        "leap": 1.0,
        "intel": 2.0,
        "adroit": 2.0,
        "dexmv": 2.0,
        "fingerspelling": 6.0,
    }.items():
        ours = np.concatenate([r.keypoints_m[r.trusted] for r in recordings if r.source == source])[::40]
        assert np.degrees(np.median(fit_angles(ours, model).residual_rad)) < limit_deg, source


def test_real_recordings_are_right_hands(shared_data: Path, model: HandModel) -> None:
    """A mirrored hand's fingers would have to bend backwards."""
    for recorded in read_recordings(shared_data / "motion"):
        if recorded.source == "fingerspelling":
            continue  # its depth is too noisy for single clips
        seen = recorded.keypoints_m[recorded.trusted][::20]
        if len(seen):
            right = fit_angles(seen, model).residual_rad.mean()
            assert right <= fit_angles(mirror_points(seen), model).residual_rad.mean() + 1e-3, recorded.name
