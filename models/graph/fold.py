"""Everything in a graph that does not depend on its inputs, worked out once."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator


def fold(model: ModelProto) -> ModelProto:
    """The same network without constant nodes, shape arithmetic and weights that are widened on loading.

    Args:
        model: with fixed input shapes.

    Returns:
        A new model whose initializers are all that is constant, under the names they had.
    """
    kept, known = separate(model)
    return rebuilt(model, kept, known)


def separate(model: ModelProto) -> tuple[list[NodeProto], dict[str, np.ndarray]]:
    """The nodes that depend on the inputs, and the value of all that does not, by name.

    Args:
        model: with fixed input shapes.
    """
    graph = infer(model).graph
    shapes = fixed_shapes(graph)
    opset = {opset.domain: opset.version for opset in model.opset_import}
    known = constants(graph)
    kept: list[NodeProto] = []
    for node in graph.node:
        if node.op_type == "Constant":
            known[node.output[0]] = _constant(node)
        elif node.op_type == "Shape" and not node.attribute and node.input[0] in shapes:
            known[node.output[0]] = np.array(shapes[node.input[0]], dtype=np.int64)
        elif all(name in known for name in node.input if name):
            given = {name: known[name] for name in node.input if name}
            values = ReferenceEvaluator(node, opsets=opset).run(None, given)
            known.update(zip(node.output, (np.asarray(value) for value in values), strict=True))
        else:
            kept.append(node)
    return kept, known


def rebuilt(model: ModelProto, nodes: list[NodeProto], known: dict[str, np.ndarray]) -> ModelProto:
    """A model with these nodes and those of these constants that the nodes use; the rest stays."""
    used = {name for node in nodes for name in node.input}
    weights = [numpy_helper.from_array(value, name) for name, value in known.items() if name in used]
    graph = helper.make_graph(nodes, model.graph.name, model.graph.input, model.graph.output, weights)
    made = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    made.metadata_props.extend(model.metadata_props)
    return made


def infer(model: ModelProto) -> ModelProto:
    """The model with the shapes of what its nodes give."""
    return onnx.shape_inference.infer_shapes(model, data_prop=True)


def constants(graph: GraphProto) -> dict[str, np.ndarray]:
    """The graph's initializers by name."""
    return {weight.name: numpy_helper.to_array(weight) for weight in graph.initializer}


def fixed_shapes(graph: GraphProto) -> dict[str, tuple[int, ...]]:
    """Shapes of inputs and inferred values, where every dimension is known."""
    shapes = {}
    for value in (*graph.input, *graph.value_info, *graph.output):
        dims = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(d.HasField("dim_value") for d in dims):
            shapes[value.name] = tuple(d.dim_value for d in dims)
    return shapes


def _constant(node: NodeProto) -> np.ndarray:
    (attribute,) = node.attribute
    if attribute.name == "value":
        return numpy_helper.to_array(attribute.t)
    return np.asarray(helper.get_attribute_value(attribute))
