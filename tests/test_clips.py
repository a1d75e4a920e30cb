"""Clips in, windows out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from body_examples import write_body_clips
from training_examples import moving_hand, write_clips

from models.clips import load_clips, load_stills
from models.errors import ModelError


def test_windows_are_stretches_of_a_clip(tmp_path):
    clips = load_clips((write_clips(tmp_path / "a"),), filmed=False)
    truth, seen = clips.sample(20, 64, range(1, 16), np.random.default_rng(0))
    assert seen is None
    assert clips.minutes == pytest.approx(300 / 1800)
    sources = [moving_hand(100, seed)[1].astype(np.float32) for seed in range(3)]
    for window in truth.keypoints_m.numpy():
        assert any((window == source[i : i + 79]).all() for source in sources for i in range(22))


def test_short_clips_are_shown_as_often_as_their_frames_are_many(tmp_path):
    write_clips(tmp_path / "a", count=1, frames=300)
    write_clips(tmp_path / "b", count=3, frames=100)
    clips = load_clips((tmp_path / "a", tmp_path / "b"), filmed=False)
    truth, _ = clips.sample(400, 64, (30,), np.random.default_rng(0))
    long_m = moving_hand(300, 0)[1].astype(np.float32)
    of_long = [(window[0] == long_m).all(axis=(1, 2)).any() for window in truth.keypoints_m.numpy()]
    assert 0.4 < np.mean(of_long) < 0.75  # half of them, and a short one that begins like it


def test_of_stills_every_detected_frame_is_as_likely_as_any(tmp_path):
    stills = load_stills((write_clips(tmp_path / "a", count=2, frames=50, filmed=True, fps=0.0),))
    assert stills.lengths.tolist() == [45, 45]
    truth, seen = stills.singles(9000, np.random.default_rng(0))
    assert seen.observed.all()
    assert seen.keypoints_m.shape == truth.keypoints_m.shape == (9000, 1, 21, 3)
    assert (seen.keypoints_m - truth.keypoints_m).norm(dim=-1).mean() < 0.02
    _, counts = np.unique(truth.keypoints_m[:, 0, 8].numpy(), axis=0, return_counts=True)
    assert len(counts) == 90
    assert counts.min() > 60


def test_stills_and_clips_are_not_taken_for_each_other(tmp_path):
    stills, clips = tmp_path / "stills", tmp_path / "clips"
    write_clips(stills, filmed=True, fps=0.0)
    write_clips(clips, filmed=True)
    with pytest.raises(ModelError, match="of stills: give it to --stills"):
        load_clips((stills,), filmed=True)
    with pytest.raises(ModelError, match="is a clip"):
        load_stills((clips,))


def test_stills_in_which_nothing_was_detected_are_refused(tmp_path):
    directory = write_clips(tmp_path / "a", count=1, frames=45, filmed=True, fps=0.0)
    file = next(directory.glob("*.npz"))
    with np.load(file) as data:
        empty = {**data, "observed": np.zeros(45, bool)}
    np.savez(file, **empty)
    with pytest.raises(ModelError, match="nothing was detected"):
        load_stills((directory,))


def test_no_window_is_faster_than_its_clip_is_long(tmp_path):
    clips = load_clips((write_clips(tmp_path / "a", frames=100),), filmed=False)
    truth, _ = clips.sample(100, 64, (1, 30), np.random.default_rng(0), paces=(1.4, 1.5))
    assert (truth.wrist_m[:, 65] - truth.wrist_m[:, 64]).abs().sum(-1).min() > 1e-4  # it goes on to the end


def test_at_another_pace_each_detection_tells_how_late_it_is(tmp_path):
    clips = load_clips((write_clips(tmp_path / "a", frames=200, filmed=True),), filmed=True)
    truth, seen = clips.sample(200, 64, (1, 30), np.random.default_rng(0), paces=(0.6, 0.6))
    slow = np.abs(seen.offset.numpy()).max(axis=1) > 0.1
    assert 60 < slow.sum() < 140  # the others take a frame a slot
    assert np.abs(seen.offset.numpy()).max() <= 0.5 / 0.6 + 1e-6
    np.testing.assert_array_equal(seen.offset[:, -1], 0.0)
    assert seen.observed[torch.tensor(slow)].float().mean() < 0.7  # three frames for five slots
    # A detection, 5 mm of noise aside, is the truth moved on by its offset.
    velocity = np.gradient(truth.keypoints_m[:, :64].numpy(), axis=1)
    moved_m = truth.keypoints_m[:, :64].numpy() + seen.offset.numpy()[..., None, None] * velocity
    error_m = np.linalg.norm(moved_m - seen.keypoints_m.numpy(), axis=-1).mean(-1)
    assert error_m[seen.observed.numpy()].mean() < 0.009
    R = truth.rotations.numpy()
    np.testing.assert_allclose(R @ np.swapaxes(R, -1, -2), np.broadcast_to(np.eye(3), R.shape), atol=1e-5)


def test_a_clip_shorter_than_a_window_is_held(tmp_path):
    clips = load_clips((write_clips(tmp_path / "a", frames=30, filmed=True),), filmed=True)
    truth, seen = clips.sample(4, 64, range(1, 16), np.random.default_rng(0))
    np.testing.assert_array_equal(truth.wrist_m[:, 30:], truth.wrist_m[:, 29:30].expand(-1, 49, -1))
    assert seen.observed[:, :30].all()
    assert not seen.observed[:, 30:].any()


def test_online_windows_end_at_their_frame_and_hold_nothing_from_before_the_clip(tmp_path):
    clips = load_clips((write_clips(tmp_path / "a", filmed=True),), filmed=True)
    frames = np.array([0, 10, 99])
    truth, seen = clips.ending(1, frames, 64, (1, 2, 30))
    _, keypoints_m, _ = moving_hand(100, 1)
    np.testing.assert_allclose(truth.keypoints_m[:, 63], keypoints_m[frames], atol=1e-6)
    np.testing.assert_array_equal(seen.observed.sum(1), [1, 11, 64 - 5])
    np.testing.assert_array_equal(seen.observed[:, -1], True)
    assert np.isfinite(seen.keypoints_m.numpy()).all()


def test_wrong_directories_and_files_are_told(tmp_path):
    with pytest.raises(ModelError, match="no clips"):
        load_clips((tmp_path,), filmed=False)
    with pytest.raises(ModelError, match="observed_px"):
        load_clips((write_clips(tmp_path / "a"),), filmed=True)
    assert load_clips((), filmed=True) is None


def changed(file, **arrays):
    with np.load(file) as data:
        values = dict(data)
    np.savez(file, **{**values, **{name: change(values[name]) for name, change in arrays.items()}})


def with_nan(values):
    values[3] = np.nan
    return values


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:5000]), "is damaged or no clip"),
        (lambda file: file.write_text("a note"), "is damaged or no clip"),
        (lambda file: file.write_bytes(b""), "is damaged or no clip"),
        (lambda file: np.save(file.open("wb"), np.zeros(3)), "is damaged or no clip"),
        (lambda file: changed(file, fps=lambda fps: [fps, fps]), "is damaged or no clip"),
        (
            lambda file: changed(file, rotations=lambda R: R[:-5]),
            r"keypoints_m is .100,21,3. instead of .95,",
        ),
        (lambda file: changed(file, score=lambda score: score[:-1]), r"score is .99. instead of .100."),
        (lambda file: changed(file, rotations=lambda R: R[:, 0]), r"instead of .100,16,3,3."),
        (lambda file: changed(file, wrist_m=with_nan), "numbers that are not finite"),
        (lambda file: changed(file, observed_px=with_nan), "numbers that are not finite"),
        (lambda file: changed(file, focal_px=lambda focal_px: 0.0), "no camera"),
        (lambda file: changed(file, centre_px=lambda centre_px: 0.0), "is damaged or no clip"),
    ],
)
def test_a_damaged_clip_is_named(tmp_path, how, words):
    file = sorted(write_clips(tmp_path / "a", filmed=True).glob("*.npz"))[1]
    how(file)
    with pytest.raises(ModelError, match=f"clip_1.npz .*{words}.*move it away"):
        load_clips((tmp_path / "a",), filmed=True)


def test_a_clip_without_a_second_opinion_on_depth_is_read(tmp_path):
    directory = write_clips(tmp_path / "a", count=1, filmed=True)
    changed(next(directory.glob("*.npz")), observed_depth_px=with_nan)
    assert load_clips((directory,), filmed=True) is not None


def test_bodies_and_hands_are_not_taken_for_each_other(tmp_path):
    for filmed, name in ((False, "motion"), (True, "pairs")):
        hands, bodies = (tmp_path / kind / name for kind in ("hands", "bodies"))
        write_clips(hands, filmed=filmed)
        write_body_clips(bodies, filmed=filmed)
        with pytest.raises(ModelError, match="is of a body: give --figure body"):
            load_clips((bodies,), filmed=filmed)
        with pytest.raises(ModelError, match="is of a hand: give --figure hand"):
            load_clips((hands,), filmed=filmed, figure="body")
        assert load_clips((bodies,), filmed=filmed, figure="body") is not None
