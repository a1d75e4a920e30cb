"""Part of an ONNX file's graph, without the onnx package."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from models.graph.cut import cut, outputs_of


def file() -> bytes:
    """half = 2 x + w, all = half · y, with weights of 200 numbers so that lengths take two bytes."""
    value = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [200]) for name in "xy"}
    out = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [200]) for name in ("all", "half")}
    weights = [
        numpy_helper.from_array(np.full(200, 2.0, np.float32), "two"),
        numpy_helper.from_array(np.arange(200, dtype=np.float32), "w"),
        numpy_helper.from_array(np.ones(200, np.float32), "unused"),
    ]
    nodes = [
        helper.make_node("Mul", ["x", "two"], ["doubled"]),
        helper.make_node("Add", ["doubled", "w"], ["half"]),
        helper.make_node("Mul", ["half", "y"], ["all"]),
    ]
    graph = helper.make_graph(nodes, "g", list(value.values()), list(out.values()), weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"about": "kept"})
    return model.SerializeToString()


def run(data: bytes, **inputs: np.ndarray) -> list[np.ndarray]:
    return onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"]).run(None, inputs)


def test_two_parts_compute_what_the_whole_does():
    x, y = np.linspace(0, 1, 200, dtype=np.float32), np.linspace(1, 2, 200, dtype=np.float32)
    first, rest = cut(file(), ["x", "y"], ["half"]), cut(file(), ["half", "x", "y"], ["all"])
    whole, half = run(file(), x=x, y=y)
    (same_half,) = run(first, x=x)
    (same,) = run(rest, half=same_half, y=y)
    np.testing.assert_array_equal(same_half, half)
    np.testing.assert_array_equal(same, whole)


def test_only_what_is_needed_is_kept():
    first = onnx.load_from_string(cut(file(), ["x", "y"], ["half"]))
    onnx.checker.check_model(first, full_check=True)
    assert [value.name for value in first.graph.input] == ["x"]
    assert [value.name for value in first.graph.output] == ["half"]
    assert [weight.name for weight in first.graph.initializer] == ["two", "w"]
    assert [node.op_type for node in first.graph.node] == ["Mul", "Add"]
    assert {entry.key: entry.value for entry in first.metadata_props} == {"about": "kept"}
    rest = onnx.load_from_string(cut(file(), ["half", "x", "y"], ["all"]))
    assert [node.op_type for node in rest.graph.node] == ["Mul"]
    assert not rest.graph.initializer


def test_outputs_are_named():
    assert outputs_of(file()) == ["all", "half"]


def test_what_is_not_there_is_told():
    with pytest.raises(ValueError, match=r"the graph has no nothing; it has x, y, all, half"):
        cut(file(), ["x"], ["nothing"])


@pytest.mark.parametrize(
    "data", [b"", b"no network", b"\xff" * 40, b"\x3a\x05ab", bytes(10_000_000), file()[:-3], file()[:40]]
)
def test_what_is_no_onnx_is_refused(data):
    with pytest.raises(ValueError, match="no ONNX file"):
        outputs_of(data)
