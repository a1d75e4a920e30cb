"""PoseBERT live: from the first frame, through gaps, for either hand."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from training_examples import CAMERA, moving_hand

from app.rhythm import Rhythm
from app.window import ObservationWindow
from models import network_stage, posebert_stage
from models.backends.halves import Halves
from models.errors import ModelError
from models.export import export_onnx
from models.hand_model import HandModel
from models.observation import Observation
from models.posebert import FUTURE_SLOTS, PoseBert, PoseBertConfig
from models.posebert_input import IN_DIM
from models.poses import Poses
from models.rotations import (
    axis_angle_from_matrix,
    matrix_from_axis_angle,
    mirror_points,
    mirror_rotations,
)
from models.temporal import NETWORK_FILE
from models.window import SLOT_PERIOD_NS

_, KEYPOINTS_M, WRIST_M = moving_hand(80)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Passes observations through."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("network") / "untrained.onnx"
    export_onnx(PoseBert(PoseBertConfig.ours(IN_DIM["full"], 64)), file, "full")
    return file


def seen(i: int, hand: str = "right", away: float = 0.0) -> Observation:
    keypoints_m, wrist_m = KEYPOINTS_M[i], WRIST_M[i] + np.array([away, 0.0, 0.0])
    if hand == "left":
        keypoints_m, wrist_m = mirror_points(keypoints_m), mirror_points(wrist_m)
    pixels = CAMERA.project(keypoints_m + wrist_m)
    return Observation(i * SLOT_PERIOD_NS, hand, True, keypoints_m, pixels, (640, 480), 0.9)


def missing(i: int) -> Observation:
    return Observation.missing(i * SLOT_PERIOD_NS, "right", (640, 480))


def run(file: Path, observations: list[Observation], model: HandModel | None = None) -> list:
    stage = posebert_stage.load(file, model)
    window = ObservationWindow(observations[0].hand, CAMERA)
    trajectories = []
    for observation in observations:
        window.add(observation)
        trajectories.append(stage.update(window.snapshot()))
    return trajectories


def test_an_untrained_network_passes_the_first_frame_through(untrained):
    (trajectory,) = run(untrained, [seen(0)])
    assert trajectory.source_state == "tracking"
    np.testing.assert_allclose(trajectory.keypoints_m[0], KEYPOINTS_M[0], atol=2e-3)
    np.testing.assert_allclose(trajectory.wrist_m[0], WRIST_M[0], atol=2e-3)
    ahead_s = (trajectory.t_ns - trajectory.t_capture_ns) * 1e-9
    np.testing.assert_allclose(ahead_s[1:], posebert_stage.load(untrained).horizon_s)
    assert len(ahead_s) == 16  # half a second


def test_later_instants_are_there_for_who_asks(untrained):
    far = posebert_stage.load(untrained, ahead_s=1.0)
    np.testing.assert_allclose(far.horizon_s, np.array(FUTURE_SLOTS) / 30.0, atol=1e-6)
    window = ObservationWindow("right", CAMERA)
    window.add(seen(0))
    near = posebert_stage.load(untrained).update(window.snapshot())
    trajectory = far.update(window.snapshot())
    assert len(trajectory.t_ns) == 1 + len(FUTURE_SLOTS)
    np.testing.assert_array_equal(trajectory.keypoints_m[:16], near.keypoints_m)


def test_nothing_seen_yet_is_lost(untrained):
    (trajectory,) = run(untrained, [missing(0)])
    assert trajectory.source_state == "lost"
    assert len(trajectory.t_ns) == 16


def test_a_gap_is_predicted_then_lost_then_tracked_again(untrained):
    observations = [seen(i) for i in range(5)] + [missing(i) for i in range(5, 30)] + [seen(30)]
    trajectories = run(untrained, observations)
    states = [trajectory.source_state for trajectory in trajectories]
    limit = 4 + int(network_stage.GAP_BRIDGED_S * 30)
    assert states == ["tracking"] * 5 + ["predicting"] * (limit - 4) + ["lost"] * (29 - limit) + ["tracking"]
    np.testing.assert_allclose(trajectories[-1].keypoints_m[0], KEYPOINTS_M[30], atol=2e-3)


AWAY_M = 0.1  # where a hand is seen again, from where it would have been


def largest_step_m(trajectories: list) -> float:
    """Of the wrist from one update to the next, less what the hand itself moves."""
    wrists_m = np.array([trajectory.wrist_m[0] for trajectory in trajectories])
    t = np.array([trajectory.t_capture_ns for trajectory in trajectories]) // SLOT_PERIOD_NS
    own_m = np.linalg.norm(np.diff(WRIST_M[t], axis=0), axis=-1)
    return float((np.linalg.norm(np.diff(wrists_m, axis=0), axis=-1) - own_m).max())


def test_no_jump_when_the_hand_is_seen_again(untrained):
    before, gap = [seen(i) for i in range(10)], [missing(i) for i in range(10, 18)]
    trajectories = run(untrained, before + gap + [seen(i, away=AWAY_M) for i in range(18, 40)])
    assert largest_step_m(trajectories) < 0.25 * AWAY_M
    np.testing.assert_allclose(trajectories[-1].wrist_m[0], WRIST_M[39] + [AWAY_M, 0.0, 0.0], atol=2e-3)


@pytest.mark.parametrize("late", [1, 2])
def test_no_jump_when_the_network_believes_it_a_frame_or_two_later(untrained, late):
    before, gap = [seen(i) for i in range(10)], [missing(i) for i in range(10, 18)]
    again = [seen(i, away=AWAY_M * (i >= 18 + late)) for i in range(18, 40)]
    trajectories = run(untrained, before + gap + again)
    assert largest_step_m(trajectories) < 0.25 * AWAY_M
    np.testing.assert_allclose(trajectories[-1].wrist_m[0], WRIST_M[39] + [AWAY_M, 0.0, 0.0], atol=2e-3)


def test_half_a_turn_is_gone_in_one_sense():
    """The shorter way round changes sides where the estimate trembles about the prediction's opposite."""
    instants_ns = np.arange(20) * SLOT_PERIOD_NS
    still = Poses(instants_ns, np.tile(np.eye(3), (20, 16, 1, 1)), np.zeros((20, 3)))
    rejoining = network_stage.Rejoining(0, still)
    angles = []
    for i in range(9):
        turned = matrix_from_axis_angle(np.array([np.pi + 0.1 * (-1.0) ** i, 0.0, 0.0]))
        estimate = Poses(instants_ns[i : i + 2], np.tile(turned, (2, 16, 1, 1)), np.zeros((2, 3)))
        rejoining = rejoining.with_estimate(estimate)
        angles.append(axis_angle_from_matrix(rejoining.led_over(estimate).rotations[0, 0])[0])
    steps = np.diff(np.unwrap(angles))
    assert abs(np.sum(steps)) > np.pi - 0.2
    assert abs(steps).max() < np.pi / 7.5 + 0.2


def test_no_jump_after_a_gap_in_which_nobody_asked(untrained):
    trajectories = run(
        untrained, [seen(i) for i in range(10)] + [seen(i, away=AWAY_M) for i in range(15, 40)]
    )
    assert largest_step_m(trajectories) < 0.25 * AWAY_M


def test_no_jump_when_it_was_lost_for_a_moment(untrained):
    before, gap = [seen(i) for i in range(10)], [missing(i) for i in range(10, 27)]
    trajectories = run(untrained, before + gap + [seen(i, away=AWAY_M) for i in range(27, 40)])
    assert [trajectory.source_state for trajectory in trajectories].count("lost") == 2
    known = [trajectory for trajectory in trajectories if trajectory.source_state != "lost"]
    assert largest_step_m(known) < 0.25 * AWAY_M


def test_after_a_long_absence_the_hand_is_where_it_is_seen(untrained):
    trajectories = run(untrained, [seen(i) for i in range(10)] + [missing(10)] + [seen(70, away=AWAY_M)])
    assert trajectories[-1].source_state == "tracking"
    np.testing.assert_allclose(trajectories[-1].wrist_m[0], WRIST_M[70] + [AWAY_M, 0.0, 0.0], atol=2e-3)


def test_a_late_frame_counts_and_does_not_jump(untrained):
    stage, window = posebert_stage.load(untrained), ObservationWindow("right", CAMERA)
    trajectories = []
    for i in range(30):
        if i < 10 or i > 18:
            window.add(seen(i - (i > 18), away=AWAY_M * (i > 18)))  # from 19 on a frame late
        window.advance(i * SLOT_PERIOD_NS)
        trajectories.append(stage.update(window.snapshot()))
    states = [trajectory.source_state for trajectory in trajectories]
    assert states == ["tracking"] * 10 + ["predicting"] * 9 + ["tracking"] * 11
    assert largest_step_m(trajectories) < 0.25 * AWAY_M


def test_single_lost_frames_cost_no_delay(untrained):
    every_frame = run(untrained, [seen(i) for i in range(1, 60)])
    every_other = run(untrained, [seen(i) if i % 2 else missing(i) for i in range(1, 60)])
    for all_seen, half_seen in zip(every_frame[::2], every_other[::2], strict=True):
        np.testing.assert_allclose(half_seen.wrist_m[0], all_seen.wrist_m[0], atol=1e-3)


@pytest.mark.parametrize("every", [3, 4, 5, 6])
def test_a_slow_camera_costs_no_delay(untrained, every):
    """As of webcams in the dark, which give five frames a second; time goes on between them."""
    frames = [seen(i) if i % every == 0 else missing(i) for i in range(80)]
    for i, said in enumerate(run(untrained, frames)):
        if i % every == 0 and i > 6 * every:
            np.testing.assert_allclose(said.wrist_m[0], WRIST_M[i], atol=4e-3)


def test_an_uneven_slow_camera_costs_no_delay(untrained):
    """As where a machine takes now longer, now shorter, to look: nothing is said between its frames."""
    frames = list(itertools.accumulate([2, 6] * 9, initial=0))
    for i, said in zip(frames, run(untrained, [seen(i) for i in frames]), strict=True):
        if i > 24:
            np.testing.assert_allclose(said.wrist_m[0], WRIST_M[i], atol=4e-3)


def test_an_uneven_slow_camera_is_led_over_after_a_gap_too(untrained):
    frames = [seen(i) for i in itertools.accumulate([2, 6] * 4, initial=0)]
    foreseen, said = run(untrained, [*frames, missing(38), missing(44), seen(46, away=0.1)])[-2:]
    assert said.source_state == "tracking"
    assert np.linalg.norm(said.wrist_m[0] - foreseen.wrist_m[0]) < 0.02, "it jumped"


def test_a_slow_camera_is_led_over_after_a_gap_too(untrained):
    """Six frames a second, of which two show nothing, and the hand is elsewhere then."""
    frames = [seen(i) if i % 5 == 0 and i not in (35, 40) else missing(i) for i in range(45)]
    foreseen, said = run(untrained, [*frames, seen(45, away=0.1)])[-2:]
    assert said.source_state == "tracking"
    assert np.linalg.norm(said.wrist_m[0] - foreseen.wrist_m[0]) < 0.02, "it jumped"


def test_poor_sight_is_no_slow_camera(untrained):
    """What is seen now and then only is led over each time."""
    sights = (0, 1, 2, 7, 11, 12, 20, 24, 30, 36, 45)
    frames = [seen(i, away=0.1 * (i == 45)) if i in sights else missing(i) for i in range(46)]
    foreseen, said = run(untrained, frames)[-2:]
    assert np.linalg.norm(said.wrist_m[0] - foreseen.wrist_m[0]) < 0.02, "it jumped"


@pytest.mark.parametrize("number", [np.nan, np.inf, 0.0, 1.0])  # 6D of equal or no columns is no rotation
def test_a_network_that_gives_no_pose_loses_the_hand(untrained, monkeypatch, number):
    stage, window = posebert_stage.load(untrained), ObservationWindow("right", CAMERA)
    window.add(seen(0))
    monkeypatch.setattr(stage, "_estimate", lambda window: np.full((16, 99), number))
    assert stage.update(window.snapshot()).source_state == "lost"
    monkeypatch.undo()
    window.add(seen(1))
    assert np.isfinite(stage.update(window.snapshot()).keypoints_m).all()


def test_what_was_said_before_a_network_failed_is_no_prediction(untrained, monkeypatch):
    stage, window = posebert_stage.load(untrained), ObservationWindow("right", CAMERA)
    for i in range(5):
        window.add(seen(i))
        stage.update(window.snapshot())
    monkeypatch.setattr(stage, "_estimate", lambda window: np.full((16, 99), np.nan))
    for frame in (*map(missing, range(5, 70)), seen(70), missing(71)):
        window.add(frame)
        said = stage.update(window.snapshot())
    assert said.source_state == "lost"
    assert np.isnan(said.keypoints_m).all()


@pytest.mark.parametrize("file", ["untrained", "shipped"])
def test_prepared_for_or_not_a_frame_gives_the_same(file, request, monkeypatch):
    file = NETWORK_FILE if file == "shipped" else request.getfixturevalue(file)
    plain, prepared = posebert_stage.load(file), posebert_stage.load(file)
    window = ObservationWindow("right", CAMERA)
    for i in range(12):
        window.advance(i * SLOT_PERIOD_NS)
        prepared.prepare(window.snapshot())
        window.add(missing(i) if i == 6 else seen(i))
        one, other = (stage.update(window.snapshot()) for stage in (plain, prepared))
        np.testing.assert_allclose(other.keypoints_m, one.keypoints_m, atol=1e-5)
        monkeypatch.setattr(prepared.backend, "run", None)  # once there is a past, it need not be asked


def test_what_was_prepared_for_another_frame_is_not_used(untrained):
    plain, prepared = posebert_stage.load(untrained), posebert_stage.load(untrained)
    window, other = ObservationWindow("right", CAMERA), ObservationWindow("right", CAMERA)
    for i in range(5):
        window.add(seen(i))
        other.add(seen(40 + i))
    other.advance(45 * SLOT_PERIOD_NS)
    prepared.prepare(other.snapshot())
    expected, got = (stage.update(window.snapshot()) for stage in (plain, prepared))
    np.testing.assert_array_equal(got.keypoints_m, expected.keypoints_m)


def test_nothing_is_prepared_twice(untrained, monkeypatch):
    stage, window = posebert_stage.load(untrained), ObservationWindow("right", CAMERA)
    for i in range(5):
        window.add(seen(i))
    stage.update(window.snapshot())
    times, remember = [], Halves.remember
    monkeypatch.setattr(Halves, "remember", lambda self, given: times.append(0) or remember(self, given))
    for off_ms in (0.0, 0.9, -0.9, 1.2):  # the last is another window
        stage.prepare(window.snapshot(5 * SLOT_PERIOD_NS + round(off_ms * 1e6)))
    assert len(times) == 2


@pytest.mark.parametrize("fps", [12.0, 15.0, 20.0, 24.0, 25.0, 29.97, 30.0])
@pytest.mark.parametrize("jitter_ms", [0.0, 0.1, 3.0])
def test_at_any_rate_all_but_the_newest_is_prepared(untrained, monkeypatch, fps, jitter_ms):
    """Guessed from the rhythm, then corrected when the frame is there, as `FrameLoop` and lanes do."""
    stage, window, rhythm = posebert_stage.load(untrained), ObservationWindow("right", CAMERA), Rhythm()
    rng = np.random.default_rng(1)
    for i in range(40):
        t_ns = round((i * 1000.0 / fps + jitter_ms * rng.uniform(-1.0, 1.0)) * 1e6) + 10**9
        if rhythm.next_ns is not None:
            stage.prepare(window.snapshot(rhythm.next_ns))
        if i:
            stage.prepare(window.snapshot(t_ns))
        if i == 1:
            monkeypatch.setattr(stage.backend, "run", None)
        rhythm.add(t_ns)
        window.add(dataclasses.replace(seen(i), t_capture_ns=t_ns))
        assert stage.update(window.snapshot()).source_state == "tracking"


def test_left_hands_are_the_mirror_image(untrained):
    right = run(untrained, [seen(i) for i in range(10)])[-1]
    left = run(untrained, [seen(i, "left") for i in range(10)])[-1]
    np.testing.assert_allclose(left.keypoints_m, mirror_points(right.keypoints_m), atol=1e-5)
    np.testing.assert_allclose(left.wrist_m, mirror_points(right.wrist_m), atol=1e-5)
    np.testing.assert_allclose(left.rotations, mirror_rotations(right.rotations), atol=1e-5)


def test_keypoints_are_of_the_operators_hand(untrained):
    child = HandModel.load("child")
    trajectory = run(untrained, [seen(i) for i in range(5)], child)[-1]
    np.testing.assert_allclose(trajectory.keypoints_m, child.keypoints(trajectory.rotations), atol=1e-9)


def test_reset_forgets(untrained):
    stage = posebert_stage.load(untrained)
    window = ObservationWindow("right", CAMERA)
    for i in range(5):
        window.add(seen(i))
        stage.update(window.snapshot())
    stage.reset()
    window = ObservationWindow("right", CAMERA)
    window.add(seen(40))
    np.testing.assert_allclose(stage.update(window.snapshot()).keypoints_m[0], KEYPOINTS_M[40], atol=2e-3)


@pytest.mark.parametrize("content", [None, b"no network"])
def test_a_file_that_is_no_network_is_refused(content, tmp_path):
    file = tmp_path / "network.onnx"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ModelError, match=r"network\.onnx"):
        posebert_stage.load(file)


def test_the_runtime_does_without_torch(untrained):
    code = (
        "import sys; from models import posebert_stage as p; p.load(sys.argv[1]); "
        "assert not {'torch', 'onnx', 'tqdm'} & set(sys.modules), 'imported'"
    )
    subprocess.run([sys.executable, "-c", code, str(untrained)], check=True, cwd=Path(__file__).parents[1])
