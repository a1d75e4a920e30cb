"""A graph whose matrix products are computed in 16 bits where that does little harm, else in 32.

Only products of tokens with weights change type, with a cast on either side: layer norms, softmaxes, the
masks with their −1e9 (which 16 bits cannot hold), sums along the residual path and all that handles poses
stay in 32 bits. So do the products of PRECISE and those of attention. Inputs and outputs keep name and type.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper

from models.graph.fold import constants, fixed_shapes, fold, infer, rebuilt

# Poses pass through the first three without being corrected afterwards; what goes wrong in the first blocks
# is made larger by those that follow. On 1,000 real windows rotations are off by 0.4 mrad at worst, with the
# second block in 16 bits by 1.0, with all but the first three by 1.6.
PRECISE = ("/mixture/", "/lifter/", "/heading/", "/embed/", "/blocks.0/", "/blocks.1/")
_SMALL = ("/mixture/", "/heading/")  # their products without weights are of a few slots only


def half(model: ModelProto, every_product: bool = False) -> ModelProto:
    """The network with matrix products in 16 bits, strongly typed: the graph alone says what is computed how.

    Args:
        model: with fixed input shapes.
        every_product: leave no matrix product in 32 bits, for GPUs that have none (Turing). All are then
            computed in 16 bits, but for those that mix poses: they become sums of products.
    """
    folded = fold(model)
    known = constants(folded.graph)
    shapes = fixed_shapes(infer(folded).graph)
    nodes: list[NodeProto] = []
    for node in folded.graph.node:
        if node.op_type != "MatMul":
            nodes.append(node)
            continue
        weighted = node.input[1] in known
        if weighted and not _within(node, PRECISE):
            nodes.extend(_in_half(node, known))
        elif not every_product:
            nodes.append(node)
        elif not weighted and _within(node, _SMALL):
            nodes.extend(_as_sum(node, shapes, known))
        else:
            nodes.extend(_in_half(node, known))
    return rebuilt(folded, nodes, known)


def _within(node: NodeProto, parts: tuple[str, ...]) -> bool:
    return any(part in node.name for part in parts)


def _in_half(node: NodeProto, known: dict[str, np.ndarray]) -> list[NodeProto]:
    """The product in 16 bits with casts before and after; constants are stored so."""
    made, inputs = [], []
    for place, name in enumerate(node.input):
        narrow = f"{name}_half"
        if name in known:
            known[narrow] = known[name].astype(np.float16)
        else:
            narrow = f"{node.output[0]}_given_{place}"
            made.append(helper.make_node("Cast", [name], [narrow], to=TensorProto.FLOAT16))
        inputs.append(narrow)
    product = f"{node.output[0]}_half"
    made.append(helper.make_node("MatMul", inputs, [product], name=node.name))
    made.append(helper.make_node("Cast", [product], list(node.output), to=TensorProto.FLOAT))
    return made


def _as_sum(
    node: NodeProto, shapes: dict[str, tuple[int, ...]], known: dict[str, np.ndarray]
) -> list[NodeProto]:
    """(…,n,k) @ (…,k,m) as products (…,n,k,m) summed over k; for small matrices."""
    left, right = node.input
    out = node.output[0]
    rank = max(len(shapes[left]), len(shapes[right]))
    last, before, summed = (f"{out}_{name}" for name in ("last", "before", "summed"))
    known[last] = np.array([len(shapes[left])], dtype=np.int64)
    known[before] = np.array([len(shapes[right]) - 2], dtype=np.int64)
    known[summed] = np.array([rank - 1], dtype=np.int64)
    return [
        helper.make_node("Unsqueeze", [left, last], [f"{out}_rows"]),
        helper.make_node("Unsqueeze", [right, before], [f"{out}_columns"]),
        helper.make_node("Mul", [f"{out}_rows", f"{out}_columns"], [f"{out}_products"]),
        helper.make_node("ReduceSum", [f"{out}_products", summed], [out], name=node.name, keepdims=0),
    ]
