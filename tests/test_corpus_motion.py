"""Generated motion on disk: what the trainer reads, the same for a seed, resumed."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from app.corpus_motion import Settings, write_motion
from app.errors import UsageError

torch = pytest.importorskip("torch", reason="training needs torch")


@pytest.fixture(autouse=True)
def no_bank(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POSEHAND_CACHE_DIR", str(tmp_path / "cache"))


def write(folder: Path, clips: int, seed: int = 0) -> list[Path]:
    assert write_motion(Settings(folder, hours=clips * 32 / 108_000, frames=32, seed=seed)) == clips
    return sorted(folder.glob("*.npz"))


def test_the_trainer_reads_what_is_written(tmp_path):
    from models.clips import load_clips

    files = write(tmp_path / "motion", 3)
    assert len(files) == 3
    with np.load(files[0]) as clip:
        assert clip["rotations"].shape == (32, 16, 3, 3)
        assert clip["keypoints_m"].shape == (32, 21, 3)
        assert np.abs(clip["keypoints_m"][:, 0]).max() == 0.0, "keypoints are relative to the wrist"
        assert (clip["wrist_m"][:, 2] > 0.1).all(), "the hand is in front of the camera"
    assert load_clips([tmp_path / "motion"], filmed=False) is not None


def test_a_seed_gives_the_same_motion_and_another_seed_another(tmp_path):
    first, again, other = (write(tmp_path / name, 2, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    with np.load(first[1]) as a, np.load(again[1]) as b, np.load(other[1]) as c:
        np.testing.assert_array_equal(a["rotations"], b["rotations"])
        assert np.abs(a["rotations"] - c["rotations"]).max() > 0.01


def test_clips_that_are_there_are_kept(tmp_path):
    files = write(tmp_path, 2)
    before = [file.stat().st_mtime_ns for file in files]
    assert [file.stat().st_mtime_ns for file in write(tmp_path, 2)] == before


@pytest.mark.parametrize("hours", [0.0, -1.0, math.nan, math.inf])
def test_senseless_settings_are_refused(hours, tmp_path):
    with pytest.raises(UsageError, match="hours above 0"):
        write_motion(Settings(tmp_path, hours=hours))
