"""The network on an NVIDIA GPU by onnxruntime, with its inputs and its output kept on the GPU."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnxruntime

from models.backends.base import INPUTS, OUTPUT, Network, input_types
from models.errors import ModelError

PROVIDER = "CUDAExecutionProvider"
_WARM_UP = 3  # the first runs load kernels and record the graph, which takes longer than any update may
_WARNING, _FATAL = 2, 4  # as onnxruntime numbers them; the first is its default
HOW_TO_GET = "pip install -r requirements-gpu.txt"


class CudaBackend:
    """See `models.backends.base.Backend`; one window at a time, or as many as the graph takes."""

    name = "cuda"
    failed = 0

    def __init__(
        self, network: Network, graph: bool, data: bytes | None = None, windows: int = 1, library: Any = None
    ) -> None:
        """
        Args:
            network: whose shapes the graph has.
            graph: record the update once and have the GPU replay it whole.
            data: an ONNX graph made of the network, instead of its own file.
            windows: how many the graph takes at once.
            library: stands in for onnxruntime.

        Raises:
            ModelError: onnxruntime cannot compute it there; one sentence says why.
        """
        self.why = "by onnxruntime" + (", as a CUDA graph" if graph else "")
        runtime = onnxruntime if library is None else library
        if PROVIDER not in runtime.get_available_providers():
            raise ModelError(f"this onnxruntime is built without CUDA: {HOW_TO_GET}")
        options = runtime.SessionOptions()
        options.log_severity_level = _FATAL  # what is wrong is told by what is raised
        # TF32 rounds what is multiplied to 11 bits: ten times what poses may differ.
        about = {"device_id": "0", "use_tf32": "0", "enable_cuda_graph": "1" if graph else "0"}
        with _nothing_printed(runtime):
            if hasattr(runtime, "preload_dlls"):  # finds NVIDIA's libraries where pip has put them
                runtime.preload_dlls()
            session = runtime.InferenceSession(
                network.data if data is None else data, options, providers=[(PROVIDER, about)]
            )
        session.disable_fallback()
        if PROVIDER not in session.get_providers():
            raise ModelError(
                "onnxruntime found no way to use the GPU (CUDA and cuDNN of the version it was built for): "
                + HOW_TO_GET
            )
        shapes = network.shapes(windows)
        self._session = session
        self._binding = session.io_binding()
        self._inputs: dict[str, Any] = {}
        for name, kind in input_types().items():
            value = runtime.OrtValue.ortvalue_from_numpy(np.zeros(shapes[name], dtype=kind), "cuda", 0)
            self._binding.bind_ortvalue_input(name, value)
            self._inputs[name] = value
        self._output = runtime.OrtValue.ortvalue_from_shape_and_type(shapes[OUTPUT], np.float32, "cuda", 0)
        self._binding.bind_ortvalue_output(OUTPUT, self._output)
        for _ in range(_WARM_UP):
            session.run_with_iobinding(self._binding)

    def run(self, features: np.ndarray, observed: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Poses (B,K,P)."""
        for name, given in zip(INPUTS, (features, observed, start), strict=True):
            self._inputs[name].update_inplace(np.ascontiguousarray(given))
        self._session.run_with_iobinding(self._binding)
        return np.array(self._output.numpy())  # a copy even where this is a view of what is bound

    def close(self) -> None:
        """Let go of the session and what is bound to it: their memory goes with them."""
        self._inputs = {}
        self._session = self._binding = self._output = None


@contextlib.contextmanager
def _nothing_printed(runtime: Any) -> Iterator[None]:
    """Where CUDA's libraries are missing, onnxruntime fills the terminal; one sentence says it as well."""
    runtime.set_default_logger_severity(_FATAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        runtime.set_default_logger_severity(_WARNING)
