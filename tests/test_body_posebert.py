"""PoseBERT for bodies: what it is given, how it is taught, and the stage that runs it live."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from body_examples import BODY, CAMERA, moving_body, seen_body, write_body_clips

from app.body_window import BodyObservationWindow
from models import body_posebert_stage, network_stage, posebert_stage
from models.body_canonical import hip_of_location, location_of_hip
from models.body_input import (
    BODY_IN_DIM,
    BodyEncoder,
    describe_bodies,
    mean_body_bone_lengths,
    seen_from_camera,
)
from models.body_observation import BodyObservation
from models.body_teacher import held_otherwise, mirrored, with_borrowed_limbs
from models.canonical import decode_6d, rays_of_pixels
from models.errors import ModelError
from models.export import export_onnx
from models.posebert import BODY_GROUPS, FUTURE_SLOTS, PoseBert, PoseBertConfig
from models.posebert_input import IN_DIM
from models.restored import restore_torch
from models.train import TrainConfig, open_teacher, train
from models.window import SLOT_PERIOD_NS

_, KEYPOINTS_M, HIP_M = moving_body(80)
SEEN = seen_body(80)


def untrained_network(future: tuple[int, ...] = FUTURE_SLOTS) -> PoseBert:
    torch.manual_seed(0)
    return PoseBert(PoseBertConfig.ours(BODY_IN_DIM["full"], 64, future, BODY_GROUPS))


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Passes observations through."""
    file = tmp_path_factory.mktemp("network") / "untrained.onnx"
    export_onnx(untrained_network(), file, "full")
    return file


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("clips")
    write_body_clips(directory / "motion")
    write_body_clips(directory / "pairs", filmed=True)
    write_body_clips(directory / "held_out", filmed=True)
    return directory


def config(clips: Path, out: Path) -> TrainConfig:
    return TrainConfig(
        out=out,
        figure="body",
        motion=(clips / "motion",),
        pairs=(clips / "pairs",),
        validate=(clips / "held_out",),
        width=64,
        batch=8,
        steps=3,
        warmup=2,
        log_every=1,
        threads=1,
    )


def missing(i: int) -> BodyObservation:
    return BodyObservation.missing(i * SLOT_PERIOD_NS, (640, 480))


def run(file: Path, observations: list[BodyObservation]) -> list:
    stage, window = body_posebert_stage.load(file), BodyObservationWindow(CAMERA)
    trajectories = []
    for observation in observations:
        window.add(observation)
        trajectories.append(stage.update(window.snapshot()))
    return trajectories


def test_what_the_camera_sees_moves_keypoints_across_the_line_of_sight_only():
    rng = np.random.default_rng(0)
    rays = rays_of_pixels(
        CAMERA.project(KEYPOINTS_M + HIP_M[:, None]), CAMERA.focal_px, np.array(CAMERA.centre_px)
    )
    across_m = KEYPOINTS_M + rng.normal(0.0, 0.05, KEYPOINTS_M.shape) * [1.0, 1.0, 0.0]
    across_m -= across_m[:, :1]
    sure = seen_from_camera(across_m, rays, np.ones((80, 17)), HIP_M)
    np.testing.assert_allclose(sure, KEYPOINTS_M, atol=1e-9)
    unseen = seen_from_camera(across_m, rays, np.zeros((80, 17)), HIP_M)
    np.testing.assert_allclose(unseen, across_m)


def test_features_are_the_same_in_numpy_and_in_torch():
    rays = rays_of_pixels(
        CAMERA.project(KEYPOINTS_M + HIP_M[:, None]), CAMERA.focal_px, np.array(CAMERA.centre_px)
    )
    given = (1.1 * KEYPOINTS_M, rays, np.full((80, 17), 0.9), mean_body_bone_lengths(BODY))
    for layout in ("paper", "full"):
        ours = describe_bodies(*given, layout)
        theirs = describe_bodies(*(torch.tensor(values) for values in given), layout)
        assert ours[0].shape == (80, BODY_IN_DIM[layout])
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other.numpy(), atol=1e-9)


def test_locations_come_back_as_hips():
    np.testing.assert_allclose(hip_of_location(location_of_hip(HIP_M)), HIP_M, atol=1e-12)
    far = hip_of_location(location_of_hip(np.array([0.0, 0.0, 400.0])))
    assert far[2] == pytest.approx(15.0)


def test_the_encoder_puts_each_detection_in_its_slot():
    window = BodyObservationWindow(CAMERA)
    for observation in [*SEEN[:10], missing(10), SEEN[11]]:
        window.add(observation)
    given = BodyEncoder(BODY, "full", 3).encode(window.snapshot())
    assert given.features.shape == (1, 64, BODY_IN_DIM["full"])
    assert given.observed[0].tolist() == [False] * 52 + [True] * 10 + [False, True]
    np.testing.assert_array_equal(given.features[0, 62], 0.0)
    np.testing.assert_array_equal(given.start[0, 62], given.start[0, 61])
    np.testing.assert_array_equal(given.start[0, 64:], np.repeat(given.start[0, 63:64], 3, 0))
    R = decode_6d(given.start[0, 63, :-3].reshape(24, 6).astype(np.float64))
    keypoints_m = BODY.keypoints(R)
    assert np.linalg.norm(keypoints_m - keypoints_m[0] - KEYPOINTS_M[11], axis=-1).mean() < 0.02
    np.testing.assert_allclose(hip_of_location(given.start[0, 63, -3:]), HIP_M[11], atol=0.05)


def test_an_untrained_network_passes_the_first_frame_through(untrained):
    (trajectory,) = run(untrained, SEEN[:1])
    assert trajectory.source_state == "tracking"
    assert np.linalg.norm(trajectory.keypoints_m[0] - KEYPOINTS_M[0], axis=-1).mean() < 0.02
    np.testing.assert_allclose(trajectory.hip_m[0], HIP_M[0], atol=0.05)
    assert trajectory.rotations.shape == (16, 24, 3, 3)
    ahead_s = (trajectory.t_ns - trajectory.t_capture_ns) * 1e-9
    np.testing.assert_allclose(ahead_s[1:], body_posebert_stage.load(untrained).horizon_s)


def test_a_gap_is_predicted_then_lost_then_tracked_again(untrained):
    assert run(untrained, [missing(0)])[0].source_state == "lost"
    gap = [missing(i) for i in range(5, 30)]
    trajectories = run(untrained, [*SEEN[:5], *gap, SEEN[30]])
    limit = 4 + int(network_stage.GAP_BRIDGED_S * 30)
    assert [trajectory.source_state for trajectory in trajectories] == (
        ["tracking"] * 5 + ["predicting"] * (limit - 4) + ["lost"] * (29 - limit) + ["tracking"]
    )
    assert np.isnan(trajectories[limit + 1].rotations).all()
    assert np.isfinite(trajectories[limit].rotations).all()


def test_networks_of_hands_and_of_bodies_are_not_taken_for_each_other(untrained, tmp_path):
    with pytest.raises(ModelError, match="--figure hand"):
        posebert_stage.load(untrained)
    export_onnx(PoseBert(PoseBertConfig.ours(IN_DIM["full"], 64)), tmp_path / "hand.onnx", "full")
    with pytest.raises(ModelError, match="--figure body"):
        body_posebert_stage.load(tmp_path / "hand.onnx")


def test_the_torch_network_behind_a_file_is_restored(untrained):
    network = untrained_network().eval()
    restored = restore_torch(untrained)
    given = BodyEncoder(BODY, "full", len(FUTURE_SLOTS)).encode(_window(12))
    arguments = (torch.tensor(given.features), torch.tensor(given.observed), torch.tensor(given.start))
    with torch.no_grad():
        torch.testing.assert_close(restored(*arguments, 5), network(*arguments, 5))


def test_what_is_taught_is_what_is_given_live(clips, tmp_path):
    """A window of a filmed clip through the teacher and through the stage's encoder: the same input."""
    plan = config(clips, tmp_path)
    teacher = open_teacher(plan, torch.device("cpu"), (0,))
    assert teacher.pairs is not None
    _, seen = teacher.pairs.ending(0, np.array([30]), 64, plan.future)
    features, observed, start = teacher.encode(seen, torch.ones(1, dtype=torch.bool))
    with np.load(clips / "pairs" / "clip_0.npz") as clip:
        window = BodyObservationWindow(CAMERA)
        told = (clip["observed_m"], clip["observed_px"], clip["score"])
        for one, keypoints_m, keypoints_px, score in zip(SEEN[:31], *told, strict=False):
            window.add(replace(one, keypoints_m=keypoints_m, keypoints_px=keypoints_px, score=score))
    given = BodyEncoder(BODY, "full", len(plan.future)).encode(window.snapshot())
    np.testing.assert_array_equal(observed.numpy(), given.observed)
    np.testing.assert_allclose(features.numpy()[observed], given.features[given.observed], atol=2e-4)
    np.testing.assert_allclose(start.numpy(), given.start, atol=2e-4)


def test_borrowed_limbs_come_whole_and_from_one_window():
    rotations = torch.arange(16.0)[:, None, None, None, None].expand(16, 5, 24, 3, 3)
    mixed = with_borrowed_limbs(rotations, torch.Generator().manual_seed(0))[:, :, :, 0, 0]
    assert (mixed == mixed[:, :1]).all(), "a limb changes hands within a window"
    assert (mixed[:, 0, 0] == torch.arange(16.0)).all(), "the pelvis stays"
    for limb in ((1, 4, 7, 10), (14, 17, 19, 21, 23)):
        assert (mixed[:, 0, limb] == mixed[:, 0, limb[:1]]).all()
    assert 0.1 < (mixed[:, 0, 16] != torch.arange(16.0)).float().mean() < 0.6


def test_mirrored_windows_are_those_of_the_mirror_image(clips, tmp_path):
    teacher = open_teacher(config(clips, tmp_path), torch.device("cpu"), (0,))
    assert teacher.pairs is not None
    truth, seen = teacher.pairs.ending(0, np.array([30, 35]), 64, ())
    turned, shown = mirrored(truth, seen, torch.tensor([True, False]))
    torch.testing.assert_close(teacher.figure(turned.rotations), turned.keypoints_m, atol=2e-3, rtol=0.0)
    torch.testing.assert_close(
        turned.keypoints_m[0, 0, 13], truth.keypoints_m[0, 0, 16] * torch.tensor([-1.0, 1, 1])
    )
    torch.testing.assert_close(shown.rays[0, -1, 3], seen.rays[0, -1, 6] * torch.tensor([-1.0, 1.0]))
    torch.testing.assert_close(turned.wrist_m[1], truth.wrist_m[1])
    torch.testing.assert_close(shown.keypoints_m[1], seen.keypoints_m[1])
    again = mirrored(turned, shown, torch.tensor([True, False]))
    torch.testing.assert_close(again[0].rotations, truth.rotations)
    torch.testing.assert_close(again[1].rays, seen.rays)


def test_joints_held_otherwise_are_held_so_all_along():
    rotations = torch.eye(3).expand(6, 4, 24, 3, 3)
    held = held_otherwise(rotations, torch.Generator().manual_seed(0))
    torch.testing.assert_close(held, held[:, :1].expand_as(held))
    torch.testing.assert_close(held @ held.transpose(-1, -2), rotations, atol=1e-5, rtol=0.0)
    assert (held[:, 0, 16] - torch.eye(3)).abs().max() > 0.1
    torch.testing.assert_close(held[:, :, [0, 22, 23]], rotations[:, :, :3])


@pytest.mark.parametrize("network", ["ours", "paper", "gru"])
def test_a_run_leaves_a_network_for_bodies(network, clips, tmp_path):
    file = train(replace(config(clips, tmp_path), network=network))
    trajectory = run(file, SEEN[:3])[-1]
    assert np.isfinite(trajectory.rotations).all()
    assert np.isfinite(trajectory.hip_m).all()


def test_training_brings_the_error_down(clips, tmp_path):
    plan = replace(config(clips, tmp_path), steps=60, batch=16, learning_rate=3e-3, log_every=10, motion=())
    train(plan)
    rows = (tmp_path / "curves.csv").read_text().splitlines()
    totals = [float(row.split(",")[rows[0].split(",").index("total")]) for row in rows[1:]]
    assert totals[-1] < 0.8 * totals[0]


def test_fitted_noise_is_for_hands(clips, tmp_path):
    with pytest.raises(ModelError, match="--figure body"):
        train(replace(config(clips, tmp_path), noise="fitted"))


def _window(frames: int):
    window = BodyObservationWindow(CAMERA)
    for observation in SEEN[:frames]:
        window.add(observation)
    return window.snapshot()


def test_a_larger_body_is_as_much_further_away(untrained):
    window = _window(12)
    mean = body_posebert_stage.load(untrained).update(window)
    larger = body_posebert_stage.load(untrained, BODY.scaled(1.2)).update(window)
    np.testing.assert_allclose(larger.keypoints_m, 1.2 * mean.keypoints_m, atol=1e-9)
    np.testing.assert_allclose(larger.hip_m, 1.2 * mean.hip_m, rtol=1e-9)
    np.testing.assert_array_equal(larger.rotations, mean.rotations)
