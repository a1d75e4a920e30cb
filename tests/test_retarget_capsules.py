"""Self-collision: capsules from a URDF's shapes, their distances, and that the solver keeps them apart."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from retarget_examples import fist, flat_hand, pinch

from retarget import Capsule, Retargeter, load, read_config
from retarget.capsules import capsules_of, tip_sphere
from retarget.kernels import Capsules, missing_distances
from retarget.urdf import Primitive, read_urdf

ASSETS = Path(__file__).parent.parent / "robot" / "assets"
RADIUS_M = 0.01


def one_pair(a: np.ndarray, b: np.ndarray) -> float:
    """Distance in metres of two segments (2,3), as the kernels see it."""
    capsules = Capsules(
        start=np.array([0, 2]),
        end=np.array([1, 3]),
        half_length=np.array([0.5 * np.linalg.norm(a[1] - a[0]), 0.5 * np.linalg.norm(b[1] - b[0])]),
        first=np.array([0]),
        second=np.array([1]),
        touch=np.array([1.0]),
        weight=1.0,
    )
    missing = np.empty(1)
    missing_distances(capsules, np.vstack([a, b]), missing)
    return 1.0 - float(missing[0])


def test_distances_agree_with_a_search_over_both_segments() -> None:
    rng = np.random.default_rng(0)
    share = np.linspace(0, 1, 201)[:, None]
    for kind in range(60):
        a, b = rng.uniform(-0.1, 0.1, (2, 2, 3))
        if kind % 3 == 1:
            b = a + np.array([0.0, 0.0, 0.03])  # parallel
        if kind % 3 == 2:
            b[1] = b[0]  # a sphere
        on_a, on_b = a[0] + share * (a[1] - a[0]), b[0] + share * (b[1] - b[0])
        nearest = np.linalg.norm(on_a[:, None] - on_b[None], axis=-1).min()
        # Blurred by 4 mm, a distance d grows to at most √(d² + 8 mm²).
        assert nearest - 1e-3 <= one_pair(a, b) <= np.hypot(nearest, np.sqrt(8e-6)) + 1e-6


def test_distance_of_nearly_parallel_segments_has_no_kink() -> None:
    a = np.array([[0.0, 0, 0], [0.0, 0, 0.05]])
    angles = np.linspace(-0.3, 0.3, 601)
    distances = []
    for angle in angles:
        tilt = np.array([0.0, np.sin(angle), np.cos(angle)]) * 0.025
        middle = np.array([0.02, 0.0, 0.025])
        distances.append(one_pair(a, np.array([middle - tilt, middle + tilt])))
    slope = np.diff(distances) / np.diff(angles)
    assert np.abs(np.diff(slope)).max() < 1e-3  # the exact distance's slope leaps where they are parallel


def test_shapes_become_capsules_that_fill_them() -> None:
    assert tip_sphere(read_urdf(ASSETS / "allegro_right.urdf"), "link_3.0_tip").radius_m == 0.012
    tree = read_urdf(ASSETS / "allegro_right.urdf")
    pose = np.eye(4)
    pose[:3, 3] = [0.1, 0.0, 0.0]
    shapes = (
        Primitive("a", "box", (0.02, 0.03, 0.06), pose),
        Primitive("b", "box", (0.02, 0.1, 0.06), pose),
        Primitive("c", "cylinder", (0.01, 0.08), pose),
        Primitive("d", "sphere", (0.01,), pose),
    )
    found = capsules_of(dataclasses.replace(tree, shapes=shapes))
    one = Capsule("a", (0.1, 0.0, -0.0175), (0.1, 0.0, 0.0175), 0.0125)
    assert found[0].start == pytest.approx(one.start)
    assert found[0].radius_m == pytest.approx(one.radius_m)
    row = [capsule for capsule in found if capsule.link == "b"]
    assert {capsule.radius_m for capsule in row} == {0.01}
    assert min(capsule.start[1] for capsule in row) == pytest.approx(-0.04)  # along the longest side, y
    assert max(capsule.end[1] for capsule in row) == pytest.approx(0.04)
    assert sorted({round(capsule.start[2], 6) for capsule in row}) == [-0.02, 0.0, 0.02]
    rest = {capsule.link: capsule for capsule in found if capsule.link in "cd"}
    assert (rest["c"].start[2], rest["c"].end[2]) == pytest.approx((-0.03, 0.03))
    assert rest["d"].start == rest["d"].end == (0.1, 0.0, 0.0)


def test_open_hand_touches_itself_nowhere_and_crossed_fingers_do() -> None:
    right = load()
    q = np.clip(np.zeros(16), right.lower_rad, right.upper_rad)
    assert right.penetration_m(q) == 0.0
    q[[0, 4]] = [-0.47, 0.47]  # index and middle toward each other
    q[5] = 0.3
    q[[1, 2, 3]] = [1.0, 1.2, 1.0]
    q[[12, 13, 14, 15]] = [1.3, 0.6, 0.9, 0.9]
    assert right.penetration_m(q) > 0.002, "the thumb stands in the index"


def test_solver_keeps_capsules_apart_where_the_plain_objective_does_not() -> None:
    config = read_config("allegro_right")
    careful = Retargeter(config)
    careless = Retargeter(dataclasses.replace(config, collision_weight=0.0))
    rng = np.random.default_rng(1)
    deepest = [0.0, 0.0]
    for i in range(150):
        hand = fist() if i % 2 else pinch(i % 3, 0.02)
        hand = hand + np.r_[np.zeros((1, 3)), rng.normal(0, 0.008, (20, 3))]
        for which, retargeter in enumerate((careful, careless)):
            retargeter.reset()
            deepest[which] = max(deepest[which], retargeter.penetration_m(retargeter.solve(hand, 0)))
    assert deepest[1] > 0.008, "the examples are to collide without it"
    assert deepest[0] < 0.001


def test_config_may_give_the_capsules_itself() -> None:
    config = read_config("allegro_right")
    only = Capsule("palm_link", (0.0, 0.0, -0.05), (0.0, 0.0, -0.01), 0.03)
    retargeter = Retargeter(dataclasses.replace(config, capsules=(only,)))
    listed = retargeter.capsules(retargeter.solve(flat_hand(), 0))
    assert [capsule.link for capsule in listed[4:]] == ["palm_link"]  # after the fingertips
    assert listed[4].start == pytest.approx(only.start)
    assert listed[0].radius_m == RADIUS_M + 0.002
