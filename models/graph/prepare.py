"""The graph of an exported file as a backend wants it: so many windows, in 32 or 16 bits, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from models.errors import ModelError

if TYPE_CHECKING:
    from onnx import ModelProto

Precision = Literal["fp32", "fp16"]
REVISION = 1  # of these rewrites: engines of another one are built anew
TURING = 75  # its tensor cores take 16 bits only, and TensorRT-RTX no product in 32


def prepare(data: bytes, precision: Precision, windows: int, capability: int | None = None) -> ModelProto:
    """The graph with fixed shapes and folded constants; names and types of inputs and output are kept.

    Args:
        data: a file written by models.export.
        precision: fp32, or fp16: strongly typed, see `models.graph.half`.
        windows: to compute at once.
        capability: of the GPU it is for; Turing gets every product in 16 bits.

    Raises:
        ModelError: `onnx` is missing, or the graph cannot be rewritten.
    """
    try:
        import onnx

        from models.graph.batch import batched
        from models.graph.half import half
    except ImportError as error:
        raise ModelError("rewriting a network needs onnx: pip install onnx") from error
    try:
        graph = batched(onnx.load_from_string(data), windows)
        if precision == "fp16":
            graph = half(graph, every_product=capability == TURING)
        onnx.checker.check_model(graph, full_check=True)
    except (ValueError, RuntimeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as e:
        raise ModelError(
            f"the network's graph cannot be rewritten ({' '.join(str(e).split())}); "
            "give a file that launch.py train exported"
        ) from e
    return graph
