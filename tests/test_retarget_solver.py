"""The objective's derivatives and the solver's promises, on the Allegro and on a robot with odd joints."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from retarget_examples import ZOO, fist, flat_hand, pinch

from retarget.config import Coupling, HandConfig
from retarget.config_file import read_config
from retarget.dexpilot import vector_layout
from retarget.solver import Solver

HANDS = [flat_hand(), fist(), pinch(0, 0.005), pinch(1, 0.034), pinch(2, 0.045)]


@pytest.fixture(scope="module")
def allegro() -> Solver:
    return Solver(read_config("allegro_right"))


@pytest.fixture
def odd_robot(tmp_path: Path) -> Solver:
    """Two "fingers" with prismatic, continuous and mimic joints."""
    (tmp_path / "zoo.urdf").write_text(ZOO)
    return Solver(
        HandConfig(
            urdf_path=tmp_path / "zoo.urdf",
            wrist_link_name="base",
            finger_tip_link_names=("f", "d", "g"),
            target_joint_names=("g_joint", "d_joint", "b_joint", "a_joint"),
            coupled_joints=(Coupling("d_joint", "a_joint", 0.5),),
        )
    )


def random_pose(solver: Solver, rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(np.maximum(solver.lower_rad, -2), np.minimum(solver.upper_rad, 2))


def test_vectors_are_the_published_ten() -> None:
    origin, task = vector_layout(4)
    assert origin.tolist() == [2, 3, 4, 3, 4, 4, 0, 0, 0, 0]
    assert task.tolist() == [1, 1, 1, 2, 2, 3, 1, 2, 3, 4]
    assert len(vector_layout(5)[0]) == 15


def test_gradient_agrees_with_finite_differences(allegro: Solver, odd_robot: Solver) -> None:
    rng = np.random.default_rng(0)
    for solver in (allegro, odd_robot):
        n = len(solver.joint_names)
        for keypoints in HANDS:
            q, strength = random_pose(solver, rng), rng.uniform(0, 1, solver.num_pairs)

            def cost(q: np.ndarray, solver=solver, keypoints=keypoints, strength=strength) -> float:
                return solver.objective(q, keypoints, strength)[0]

            numeric = [(cost(q + step) - cost(q - step)) / 2e-6 for step in 1e-6 * np.eye(n)]
            gradient = solver.objective(q, keypoints, strength)[1]
            np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-6)


def test_objective_does_not_change_the_strengths_it_is_given(allegro: Solver) -> None:
    strength = np.zeros(allegro.num_pairs)
    allegro.objective(np.zeros(16), pinch(0, 0.0), strength)
    assert not strength.any()


def test_solution_is_a_minimum_in_the_box(allegro: Solver, odd_robot: Solver) -> None:
    rng = np.random.default_rng(1)
    for solver in (allegro, odd_robot):
        for keypoints in HANDS:
            strength = np.zeros(solver.num_pairs)
            start = random_pose(solver, rng)
            solution = solver.solve(keypoints[None], start[None], None, strength)
            q = solution.q_rad[0]
            assert solution.converged[0]
            cost, gradient = solver.objective(q, keypoints, strength)
            assert cost == pytest.approx(solution.cost[0], rel=1e-12)
            free = (q > solver.lower_rad) & (q < solver.upper_rad)
            assert np.abs(gradient[free]).max(initial=0.0) < 1e-5
            assert (gradient[q <= solver.lower_rad] >= 0).all()
            assert (gradient[q >= solver.upper_rad] <= 0).all()


def test_every_iteration_lowers_the_objective() -> None:
    config = read_config("allegro_right")
    rng = np.random.default_rng(2)
    solvers = [Solver(dataclasses.replace(config, max_iterations=limit)) for limit in range(1, 12)]
    for keypoints in HANDS:
        start = random_pose(solvers[0], rng)
        before = solvers[0].objective(start, keypoints, np.zeros(6))[0]
        costs = [s.solve(keypoints[None], start[None], None, np.zeros(6)).cost[0] for s in solvers]
        assert (np.diff([before, *costs]) <= 0).all()
        assert costs[-1] < before


def test_running_out_of_iterations_is_reported() -> None:
    solver = Solver(dataclasses.replace(read_config("allegro_right"), max_iterations=2))
    solution = solver.solve(fist()[None], np.zeros((1, 16)), None, np.zeros(6))
    assert not solution.converged[0]
    assert solution.iterations[0] == 2


def test_best_of_several_starts_wins(allegro: Solver) -> None:
    rng = np.random.default_rng(3)
    starts = np.array([random_pose(allegro, rng) for _ in range(8)])
    for keypoints in HANDS:
        each = [allegro.solve(keypoints[None], start[None], None, np.zeros(6)).cost[0] for start in starts]
        together = allegro.solve(keypoints[None], starts, None, np.zeros(6))
        assert together.cost[0] == min(each)


def test_start_outside_the_box_is_brought_inside(allegro: Solver) -> None:
    for value in (-1e3, 1e3):
        q = allegro.solve(fist()[None], np.full((1, 16), value), None, np.zeros(6)).q_rad[0]
        assert (q >= allegro.lower_rad).all()
        assert (q <= allegro.upper_rad).all()


def test_previous_pose_holds_the_next_one_back(allegro: Solver) -> None:
    open_q = allegro.solve(flat_hand()[None], np.zeros((1, 16)), None, np.zeros(6)).q_rad[0]
    free = allegro.solve(fist()[None], open_q[None], None, np.zeros(6)).q_rad[0]
    held = allegro.solve(fist()[None], open_q[None], open_q, np.zeros(6)).q_rad[0]
    assert 0 < np.linalg.norm(held - open_q) < np.linalg.norm(free - open_q)
