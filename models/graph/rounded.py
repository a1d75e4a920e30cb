"""A 16-bit graph as a GPU computes it, for processors that do not: every product rounded, summed in 32 bits.

onnxruntime has no 16-bit products on most CPUs. It computes them in 32 bits and leaves the casts in between
out, as they cost nothing in precision; what 16 bits would have cost then does not show.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper

from models.graph.fold import constants, rebuilt


def rounded(model: ModelProto) -> ModelProto:
    """The graph of `models.graph.half` in 32 bits, rounding by casts of its own wherever that has 16.

    Args:
        model: as `half` gives it.
    """
    known = {
        name: value.astype(np.float32) if value.dtype == np.float16 else value
        for name, value in constants(model.graph).items()
    }
    nodes: list[NodeProto] = []
    narrow: set[str] = {w.name for w in model.graph.initializer if w.data_type == TensorProto.FLOAT16}
    for node in model.graph.node:
        gives_half = _casts_to_half(node) or (node.op_type == "MatMul" and set(node.input) <= narrow)
        if not gives_half:
            nodes.append(node)
            continue
        (out,) = node.output
        narrow.add(out)
        exact, half = f"{out}_exact", f"{out}_rounded"
        if node.op_type == "MatMul":
            nodes.append(helper.make_node("MatMul", list(node.input), [exact], name=node.name))
        else:
            exact = node.input[0]
        nodes.append(helper.make_node("Cast", [exact], [half], to=TensorProto.FLOAT16))
        nodes.append(helper.make_node("Cast", [half], [out], to=TensorProto.FLOAT))
    return rebuilt(model, nodes, known)


def _casts_to_half(node: NodeProto) -> bool:
    return node.op_type == "Cast" and helper.get_attribute_value(node.attribute[0]) == TensorProto.FLOAT16
