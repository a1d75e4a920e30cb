"""Rotations: conventions, round trips, special angles."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from models import rotations as rot


def random_rotations(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rot.matrix_from_axis_angle(rng.normal(size=(count, 3)) * rng.uniform(0.1, 2.0, size=(count, 1)))


def assert_rotation(R: np.ndarray) -> None:
    np.testing.assert_allclose(np.swapaxes(R, -1, -2) @ R, np.broadcast_to(np.eye(3), R.shape), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(R), 1.0, atol=1e-9)


def test_6d_is_the_first_two_columns_row_major() -> None:
    R = np.arange(9.0).reshape(3, 3)
    np.testing.assert_array_equal(rot.encode_6d(R), [0.0, 1.0, 3.0, 4.0, 6.0, 7.0])


def test_6d_round_trip_with_leading_dimensions() -> None:
    R = random_rotations(12).reshape(3, 4, 3, 3)
    np.testing.assert_allclose(rot.decode_6d(rot.encode_6d(R)), R, atol=1e-12)


@given(st.lists(st.floats(-10, 10), min_size=6, max_size=6))
def test_6d_decodes_anything_but_parallel_columns_to_a_rotation(values: list[float]) -> None:
    c0, c1 = np.array(values).reshape(3, 2).T
    if np.linalg.norm(np.cross(c0, c1)) > 1e-3:
        assert_rotation(rot.decode_6d(np.array(values)))


def test_6d_keeps_the_first_column_and_the_second_columns_side() -> None:
    R = rot.decode_6d(np.array([2.0, 1.0, 0.0, 3.0, 0.0, 0.0]))  # columns (2,0,0) and (1,3,0)
    np.testing.assert_allclose(R, np.eye(3), atol=1e-12)


def test_6d_of_parallel_columns_is_nan() -> None:
    assert np.isnan(rot.decode_6d(np.array([1.0, 2.0, 0.0, 0.0, 0.0, 0.0]))).any()


def test_axis_angle_quarter_turn_about_z() -> None:
    R = rot.matrix_from_axis_angle(np.array([0.0, 0.0, np.pi / 2]))
    np.testing.assert_allclose(R @ [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], atol=1e-12)


@given(
    st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1)),
    st.one_of(st.floats(0, np.pi), st.sampled_from([0.0, 1e-12, 1e-7, np.pi - 1e-7, np.pi])),
)
def test_axis_angle_round_trip_up_to_half_turns(axis: tuple[float, float, float], angle: float) -> None:
    v = np.array(axis)
    if np.linalg.norm(v) < 1e-3:
        return
    R = rot.matrix_from_axis_angle(v / np.linalg.norm(v) * angle)
    assert_rotation(R)
    back = rot.axis_angle_from_matrix(R)
    assert np.linalg.norm(back) <= np.pi + 1e-9
    np.testing.assert_allclose(rot.matrix_from_axis_angle(back), R, atol=1e-7)


def test_mirror_is_an_involution_and_negates_y_and_z_of_axis_angle() -> None:
    v = np.array([0.3, -0.5, 0.7])
    mirrored = rot.mirror_rotations(rot.matrix_from_axis_angle(v))
    np.testing.assert_allclose(mirrored, rot.matrix_from_axis_angle(v * [1, -1, -1]), atol=1e-12)
    np.testing.assert_allclose(rot.mirror_rotations(mirrored), rot.matrix_from_axis_angle(v), atol=1e-12)
    p = np.array([[1.0, 2.0, 3.0]])
    R = random_rotations(1)[0]
    np.testing.assert_allclose(
        rot.mirror_points(p @ R.T), rot.mirror_points(p) @ rot.mirror_rotations(R).T, atol=1e-12
    )


def test_minimal_rotation_aligns_and_has_no_twist() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(50, 3)), rng.normal(size=(50, 3))
    R = rot.minimal_rotation(a, b)
    assert_rotation(R)
    np.testing.assert_allclose((R @ rot.unit(a)[..., None])[..., 0], rot.unit(b), atol=1e-12)
    turn = rot.axis_angle_from_matrix(R)
    np.testing.assert_allclose(np.sum(turn * a, axis=-1), 0.0, atol=1e-9)


@pytest.mark.parametrize("tilt", [0.0, 1e-10, 1e-6])
def test_minimal_rotation_between_opposite_directions(tilt: float) -> None:
    a = np.array([1.0, 0.0, 0.0])
    b = np.array([-1.0, tilt, 0.0])
    R = rot.minimal_rotation(a, b)
    assert_rotation(R)
    np.testing.assert_allclose(R @ a, rot.unit(b), atol=1e-6)


def test_procrustes_recovers_a_rotation_and_never_reflects() -> None:
    rng = np.random.default_rng(2)
    R = random_rotations(20, seed=3)
    points = rng.normal(size=(6, 3))
    found = rot.procrustes_rotation(points, points @ np.swapaxes(R, -1, -2), np.ones(6))
    np.testing.assert_allclose(found, R, atol=1e-9)
    flat = points * [1.0, 1.0, 0.0]
    mirrored = rot.procrustes_rotation(points, rot.mirror_points(points), np.ones(6))
    assert_rotation(rot.procrustes_rotation(flat, flat, np.ones(6)))
    assert_rotation(mirrored)


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1e-4, 1e-2, 1.0, 3.0])
def test_axis_angle_is_what_scipy_says(scale: float) -> None:
    vectors = scale * np.random.default_rng(3).uniform(-1.0, 1.0, (4, 50, 3))
    R = rot.matrix_from_axis_angle(vectors)
    reference = Rotation.from_rotvec(vectors.reshape(-1, 3))
    np.testing.assert_allclose(R.reshape(-1, 3, 3), reference.as_matrix(), atol=1e-15, rtol=0.0)
    shortest = reference.as_rotvec().reshape(vectors.shape)
    np.testing.assert_allclose(rot.axis_angle_from_matrix(R), shortest, atol=1e-13, rtol=0.0)


def test_what_is_no_number_stays_none() -> None:
    nothing = np.full(3, np.nan)
    assert np.isnan(rot.matrix_from_axis_angle(nothing)).all()
    assert np.isnan(rot.axis_angle_from_matrix(np.full((3, 3), np.nan))).all()
    for pair in ((nothing, [0.0, 0.0, 1.0]), ([0.0, 0.0, 1.0], nothing), (np.zeros(3), [0.0, 0.0, 1.0])):
        assert np.isnan(rot.minimal_rotation(*map(np.asarray, pair))).all()


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (rot.matrix_from_axis_angle, (8, 6)),
        (rot.axis_angle_from_matrix, (9,)),
        (rot.decode_6d, (2, 3)),
        (lambda v: rot.minimal_rotation(v, v), (3, 6)),
    ],
)
def test_other_shapes_are_refused(function, shape) -> None:
    with pytest.raises(ValueError, match="shape"):
        function(np.ones(shape))


def test_kernels_are_loaded_with_a_temporal_stage_and_not_before() -> None:
    """Half a second that no other command and no frame shall wait for."""
    code = (
        "import sys\n"
        "from models import rotations, temporal, body_temporal\n"
        "assert 'models.rotation_kernels' not in sys.modules\n"
        "getattr(sys.modules['models.' + sys.argv[1]], sys.argv[2])('none')\n"
        "assert 'models.rotation_kernels' in sys.modules\n"
    )
    for arguments in (("temporal", "load_temporal"), ("body_temporal", "load_body_temporal")):
        subprocess.run([sys.executable, "-c", code, *arguments], check=True)
