"""MANO pickles are read without chumpy, scipy or trust in their content."""

from __future__ import annotations

import io
import os
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import array_pickle
from models.errors import ModelError
from models.hand_model import HandModel
from models.keypoints import FINGER_JOINTS, FINGERTIPS, JOINT_PARENTS, KEYPOINTS_FROM_MANO
from models.mano_file import TIP_VERTICES_RIGHT, read_mano
from models.rotations import MIRROR, matrix_from_axis_angle, mirror_points, mirror_rotations


def made_up_mano(side: float = -1.0) -> dict[str, Any]:
    """The entries of a MANO file with invented numbers; fingers along −x, or +x with side = 1."""
    sparse = pytest.importorskip("scipy.sparse")
    rng = np.random.default_rng(0)
    open_hand = HandModel.load()
    joints = open_hand.joints_m
    vertices = rng.normal(0.0, 0.03, size=(778, 3))
    regressor = rng.uniform(size=(16, 778)) * (rng.uniform(size=(16, 778)) < 0.05)
    regressor /= regressor.sum(axis=1, keepdims=True)
    # Move the vertices so that the regressor gives a hand's joints, off the origin.
    vertices += np.linalg.pinv(regressor) @ (joints + np.array([0.09, 0.01, 0.005]) - regressor @ vertices)
    weights = rng.uniform(size=(778, 16)) ** 8
    data = {
        "v_template": vertices,
        "shapedirs": rng.normal(0.0, 0.002, size=(778, 3, 10)),
        "posedirs": rng.normal(0.0, 0.0005, size=(778, 3, 135)),
        "J_regressor": sparse.csc_matrix(regressor),
        "weights": weights / weights.sum(axis=1, keepdims=True),
        "f": rng.integers(0, 778, size=(1538, 3)).astype(np.uint32),
        "kintree_table": np.array([[4294967295, *JOINT_PARENTS[1:]], range(16)], dtype=np.uint32),
        "hands_mean": rng.normal(size=45),
        "hands_components": np.eye(45),
        "bs_type": "lrotmin",
    }
    if side > 0:
        sign = np.diag(MIRROR)
        data["v_template"] = data["v_template"] * sign
        data["shapedirs"] = data["shapedirs"] * sign[:, None]
        data["posedirs"] = data["posedirs"] * sign[:, None] * np.tile(np.outer(sign, sign).ravel(), 15)
    return data


def written(tmp_path: Path, data: object, protocol: int = 2, name: str = "MANO_RIGHT.pkl") -> Path:
    path = tmp_path / name
    path.write_bytes(pickle.dumps(data, protocol=protocol))
    return path


def reference_vertices(data: dict[str, Any], betas: np.ndarray, R: np.ndarray) -> np.ndarray:
    """MANO's mesh as its paper defines it, one vertex and joint at a time, the wrist at the origin."""
    shaped = data["v_template"] + data["shapedirs"] @ betas
    joints = data["J_regressor"] @ shaped
    bent = shaped + data["posedirs"] @ (R[1:] - np.eye(3)).ravel()
    transforms = np.tile(np.eye(4), (16, 1, 1))
    for j, p in enumerate(JOINT_PARENTS):
        local = np.eye(4)
        local[:3, :3] = R[j]
        local[:3, 3] = joints[j] - (joints[p] if p >= 0 else joints[0])
        transforms[j] = local if p < 0 else transforms[p] @ local
    for j in range(16):
        transforms[j, :3, 3] -= transforms[j, :3, :3] @ joints[j]
    blended = np.einsum("vj,jab->vab", data["weights"], transforms)
    return np.einsum("vab,vb->va", blended, np.c_[bent, np.ones(778)])[:, :3]


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_mesh_and_tips_follow_manos_definition(tmp_path: Path, protocol: int) -> None:
    data = made_up_mano()
    betas = np.linspace(-1.0, 1.0, 10)
    model = HandModel.from_mano(written(tmp_path, data, protocol), betas)
    R = matrix_from_axis_angle(np.random.default_rng(1).normal(0.0, 0.4, size=(16, 3)))
    np.testing.assert_allclose(model.vertices(R), reference_vertices(data, betas, R), atol=1e-9)
    shaped = data["v_template"] + data["shapedirs"] @ betas
    rest = np.broadcast_to(np.eye(3), (16, 3, 3))
    tips = shaped[list(TIP_VERTICES_RIGHT)] - data["J_regressor"][0] @ shaped
    np.testing.assert_allclose(model.keypoints(rest)[list(FINGERTIPS)], tips, atol=1e-9)
    assert TIP_VERTICES_RIGHT == (745, 317, 444, 556, 673)
    assert model.joint_limits.shape == (15, 3, 2)
    assert KEYPOINTS_FROM_MANO[20] == 20


def test_left_file_is_mirrored_to_right(tmp_path: Path) -> None:
    right = HandModel.from_mano(written(tmp_path, made_up_mano()))
    left_data = made_up_mano(side=1.0)
    left = HandModel.from_mano(written(tmp_path, left_data, name="MANO_LEFT.pkl"))
    R = matrix_from_axis_angle(np.random.default_rng(2).normal(0.0, 0.4, size=(16, 3)))
    assert left.joints_m[FINGER_JOINTS["middle"][0], 0] < 0.0
    np.testing.assert_allclose(left.vertices(R), right.vertices(R), atol=1e-9)
    as_the_left_file_says = reference_vertices(left_data, np.zeros(10), mirror_rotations(R))
    np.testing.assert_allclose(mirror_points(left.vertices(R)), as_the_left_file_says, atol=1e-9)


def test_chumpy_objects_are_read_as_arrays_without_chumpy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Objects shaped like chumpy's, pickled under its module names."""
    for name in ("chumpy", "chumpy.ch", "chumpy.reordering"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    chumpy_array = type("Ch", (), {"__module__": "chumpy.ch"})
    selection = type("Select", (), {"__module__": "chumpy.reordering"})
    monkeypatch.setattr(sys.modules["chumpy.ch"], "Ch", chumpy_array, raising=False)
    monkeypatch.setattr(sys.modules["chumpy.reordering"], "Select", selection, raising=False)
    data = made_up_mano()
    expected = HandModel.from_mano(written(tmp_path, data), np.ones(10))
    template, directions = chumpy_array(), selection()
    template.x = data["v_template"]
    whole = chumpy_array()
    whole.x = np.concatenate([data["shapedirs"].ravel(), np.zeros(100)])
    directions.a, directions.idxs = whole, np.arange(data["shapedirs"].size)
    directions.preferred_shape = data["shapedirs"].shape
    path = written(tmp_path, {**data, "v_template": template, "shapedirs": directions})
    for name in ("chumpy", "chumpy.ch", "chumpy.reordering"):
        monkeypatch.delitem(sys.modules, name)
    np.testing.assert_allclose(HandModel.from_mano(path, np.ones(10)).vertices_m, expected.vertices_m)


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("pwned",)


def test_code_in_the_file_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, {**made_up_mano(), "v_template": _Evil()})
    with pytest.raises(ModelError, match="mkdir"):
        read_mano(path)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("name", ["builtins.eval", "os.system", "numpy.load", "chumpyx.Ch"])
def test_only_arrays_get_through(name: str) -> None:
    module, attribute = name.rsplit(".", 1)
    stream = f"c{module}\n{attribute}\n.".encode()
    with pytest.raises(pickle.UnpicklingError, match="no array"):
        array_pickle._ArraysOnly(io.BytesIO(stream)).load()


def test_missing_file_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"mano\.is\.tue\.mpg\.de"):
        HandModel.from_mano(tmp_path / "MANO_RIGHT.pkl")


@pytest.mark.parametrize("content", [b"", b"not a pickle at all", pickle.dumps([1, 2]), pickle.dumps({})])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "MANO_RIGHT.pkl"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="MANO_RIGHT"):
        read_mano(path)


def test_truncated_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, made_up_mano())
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(ModelError, match="no MANO model"):
        read_mano(path)


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("weights", np.zeros((778, 24))),
        ("v_template", "text"),
        ("f", np.zeros(3)),
        ("kintree_table", np.zeros((2, 16))),
        ("posedirs", None),
    ],
)
def test_wrong_entries_are_named(tmp_path: Path, entry: str, value: object) -> None:
    path = written(tmp_path, {**made_up_mano(), entry: value})
    with pytest.raises(ModelError, match=f"{entry}|parents"):
        read_mano(path)


def test_too_many_or_bad_betas_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, made_up_mano())
    for betas in (np.zeros(11), np.array([np.nan])):
        with pytest.raises(ModelError, match="up to 10"):
            read_mano(path, betas)
