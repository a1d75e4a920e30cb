"""A graph of one window, made to take several at once: two hands, say."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import ModelProto, helper

from models.graph.fold import constants, fold, rebuilt


def batched(model: ModelProto, windows: int) -> ModelProto:
    """The network for so many windows at once, with fixed shapes and all constants folded.

    Args:
        model: of one window, as `models.export` writes it: what depends on the inputs has the batch first
            wherever it is reshaped.
        windows: at least 1.
    """
    one = fold(model)
    if windows == 1:
        return one
    known = constants(one.graph)
    nodes = []
    for number, node in enumerate(one.graph.node):
        if node.op_type in ("Reshape", "Expand"):
            shape = known.get(node.input[1])
            if shape is not None and len(shape) > 1 and shape[0] == 1:
                # A name of its own: equal shapes may share a constant with something that has no batch.
                name = f"{node.input[1]}_{number}"
                known[name] = np.concatenate([[windows], shape[1:]]).astype(np.int64)
                node.input[1] = name
        elif node.op_type == "Concat" and helper.get_attribute_value(node.attribute[0]) != 0:
            for place, part in enumerate(node.input):
                if part in known and known[part].ndim > 1 and len(known[part]) == 1:
                    name = f"{part}_{number}"
                    known[name] = np.repeat(known[part], windows, axis=0)
                    node.input[place] = name
        nodes.append(node)
    many = rebuilt(one, nodes, known)
    for value in (*many.graph.input, *many.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = windows
    onnx.checker.check_model(many, full_check=True)
    return many
