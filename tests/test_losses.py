"""Losses vanish at the truth and see what they are named after."""

from __future__ import annotations

import numpy as np
import torch
from training_examples import MODEL, truth_windows

from models.canonical import location_of_wrist
from models.hand_torch import HandKinematics
from models.losses import LossConfig, pose_losses, pose_losses_alone
from models.noise import Truth
from models.posebert_input import start_pose
from models.rotations import matrix_from_axis_angle

T, S = 12, 16
TRUTH = truth_windows(4, S)
POSE = start_pose(TRUTH.rotations, location_of_wrist(TRUTH.wrist_m))
HAND = HandKinematics(MODEL)
VALID = torch.ones(4, dtype=torch.bool)


def losses(pose: torch.Tensor, config: LossConfig | None = None, valid: torch.Tensor = VALID) -> dict:
    return pose_losses(pose, POSE, TRUTH, valid, T, HAND, config or LossConfig())


def turned(angle_rad: torch.Tensor) -> torch.Tensor:
    """The true poses with the wrist turned about x by (S,) angles."""
    turn = torch.tensor(matrix_from_axis_angle(np.outer(angle_rad.numpy(), [1.0, 0.0, 0.0])))
    wrist = turn.float() @ TRUTH.rotations[:, :, 0]
    rotations = torch.cat([wrist[:, :, None], TRUTH.rotations[:, :, 1:]], 2)
    return start_pose(rotations, location_of_wrist(TRUTH.wrist_m))


def test_truth_costs_nothing():
    for name, value in losses(POSE, LossConfig(change=1.0)).items():
        assert value < 3e-3, name


def test_a_constant_turn_is_no_error_of_shape_and_little_of_motion():
    terms = losses(turned(torch.full((S,), 0.2)))
    assert terms["keypoint"] > 0.1
    assert terms["shape"] < 1e-3
    assert terms["velocity"] < 0.1 * terms["keypoint"]


def test_shaking_is_an_error_of_motion():
    shaking = 0.1 * (-1.0) ** torch.arange(S)
    terms = losses(turned(shaking))
    assert terms["acceleration"] > 3.0 * terms["keypoint"]


def test_windows_without_detections_do_not_count():
    pose = POSE.clone()
    pose[0] += 1.0
    valid = VALID.clone()
    valid[0] = False
    assert losses(pose, valid=valid)["total"] < 1e-2
    assert losses(pose, valid=valid & False)["total"] == 0.0


def test_a_future_that_nobody_knows_does_not_count():
    pose = POSE.clone()
    pose[0, T:] += 1.0
    foreseen = VALID.clone()
    foreseen[0] = False
    terms = pose_losses(pose, POSE, TRUTH, VALID, T, HAND, LossConfig(), foreseen=foreseen)
    assert terms["rotation"] < 1e-2
    assert terms["ahead"] < 1e-2
    assert losses(pose)["ahead"] > 0.05


def test_the_papers_loss_has_the_papers_terms():
    assert set(losses(POSE, LossConfig.paper())) == {"rotation", "location", "total"}


def test_every_term_can_be_descended():
    pose = (POSE + 0.01).requires_grad_()
    losses(pose, LossConfig(change=1.0))["total"].backward()
    assert torch.isfinite(pose.grad).all()
    assert (pose.grad.abs().sum((0, 1)) > 0).all()


def test_a_hand_twice_as_large_is_a_mean_hand_half_as_far():
    twice = Truth(TRUTH.rotations, 2.0 * TRUTH.keypoints_m, 2.0 * TRUTH.wrist_m)
    assert pose_losses(POSE, POSE, twice, VALID, T, HAND, LossConfig())["location"] < 1e-6


def test_poses_alone_cost_nothing_at_the_truth_and_only_where_observed():
    observed = torch.zeros(4, T, dtype=torch.bool)
    observed[:, ::2] = True
    pose = POSE[:, :T].clone()
    pose[:, 1::2] += 1.0
    assert pose_losses_alone(pose, observed, TRUTH, HAND, LossConfig()) < 3e-3
    assert pose_losses_alone(pose, ~observed, TRUTH, HAND, LossConfig()) > 1.0


def test_a_wrist_a_centimetre_aside_is_misplaced_by_a_tenth_of_a_decimetre():
    aside = TRUTH.wrist_m + torch.tensor([0.01, 0.0, 0.0])
    pose = start_pose(TRUTH.rotations, location_of_wrist(aside))
    assert abs(float(losses(pose)["place"]) - 0.1) < 2e-3


def test_what_is_foreseen_is_judged_by_how_the_hand_moves_not_by_where_it_is():
    still = POSE.clone()
    still[:, T:] = POSE[:, T - 1 : T]  # nothing is foreseen
    assert losses(still)["ahead"] > 10.0 * losses(POSE)["ahead"]
    off = turned(torch.full((S,), 0.3))  # wrong all the time, and moving rightly
    assert losses(off)["ahead"] < 0.1 * losses(still)["ahead"]
    assert "ahead" not in losses(POSE, LossConfig(ahead=0.0))
