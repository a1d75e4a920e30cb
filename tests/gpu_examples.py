"""Stand-ins for a GPU: its memory, its streams and graphs, TensorRT on it, and onnxruntime's way to it."""

# ruff: noqa: N815 — the names are NVIDIA's
from __future__ import annotations

import ctypes
import types
from typing import Any

import numpy as np
import onnxruntime

from models.backends import Network
from models.backends.base import PosedFigure
from models.backends.cuda import PROVIDER
from models.body_temporal import BODY_NETWORK_FILE
from models.temporal import NETWORK_FILE


def shipped(figure: PosedFigure = "hand") -> Network:
    return Network.load(BODY_NETWORK_FILE if figure == "body" else NETWORK_FILE, figure)


class Cudart:
    """cuda.bindings.runtime on ordinary memory; what is captured runs when its graph is launched.

    Attributes:
        memory: blocks that are allocated, by address.
        fails: names of functions that are to fail.
        calls: names of functions called.
    """

    cudaError_t = types.SimpleNamespace(cudaSuccess=0)
    cudaDeviceAttr = types.SimpleNamespace(
        cudaDevAttrComputeCapabilityMajor=75, cudaDevAttrComputeCapabilityMinor=76
    )
    cudaMemcpyKind = types.SimpleNamespace(cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2)
    cudaStreamCaptureMode = types.SimpleNamespace(cudaStreamCaptureModeThreadLocal=1)
    cudaStreamNonBlocking = 1
    cudaHostAllocDefault = 0

    def __init__(self) -> None:
        self.memory: dict[int, Any] = {}
        self.streams = 0
        self.graphs: list[Any] = []
        self.capturing: list[Any] | None = None
        self.fails: set[str] = set()
        self.calls: list[str] = []

    def do(self, work: Any) -> None:
        """Begin something on the stream."""
        if self.capturing is None:
            work()
        else:
            self.capturing.append(work)

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("cuda") and callable(method := object.__getattribute__(self, name)):
            self.calls.append(name)
            return (lambda *_: (2,)) if name in self.fails else method
        return object.__getattribute__(self, name)

    def cudaSetDevice(self, number: int) -> tuple:
        return (0,)

    def cudaStreamCreateWithFlags(self, flags: int) -> tuple:
        self.streams += 1
        return 0, 7

    def cudaStreamDestroy(self, stream: int) -> tuple:
        self.streams -= 1
        return (0,)

    def cudaStreamSynchronize(self, stream: int) -> tuple:
        return (0,)

    def cudaDeviceGetAttribute(self, kind: int, device: int) -> tuple:
        return 0, {75: 8, 76: 9}[kind]

    def cudaMalloc(self, size: int) -> tuple:
        block = ctypes.create_string_buffer(size)
        self.memory[ctypes.addressof(block)] = block
        return 0, ctypes.addressof(block)

    def cudaHostAlloc(self, size: int, flags: int) -> tuple:
        return object.__getattribute__(self, "cudaMalloc")(size)

    def cudaFree(self, address: int) -> tuple:
        del self.memory[address]
        return (0,)

    cudaFreeHost = cudaFree

    def cudaMemcpyAsync(self, to: int, of: int, size: int, kind: int, stream: int) -> tuple:
        self.do(lambda: ctypes.memmove(to, of, size))
        return (0,)

    def cudaStreamBeginCapture(self, stream: int, mode: int) -> tuple:
        self.capturing = []
        return (0,)

    def cudaStreamEndCapture(self, stream: int) -> tuple:
        graph, self.capturing = self.capturing, None
        return 0, graph

    def cudaGraphInstantiate(self, graph: Any, flags: int) -> tuple:
        self.graphs.append(list(graph))
        return 0, self.graphs[-1]

    def cudaGraphDestroy(self, graph: Any) -> tuple:
        return (0,)

    def cudaGraphExecDestroy(self, graph: Any) -> tuple:
        self.graphs.remove(graph)
        return (0,)

    def cudaGraphLaunch(self, graph: Any, stream: int) -> tuple:
        for work in graph:
            work()
        return (0,)


class FakeTensorRt:
    """A TensorRT whose engines compute the shipped network on the CPU from "GPU" memory.

    Attributes:
        rtx: False, classic.
        loads: False if it refuses engines here.
    """

    rtx = False
    version = "TensorRT 0"

    def __init__(self, cudart: Cudart, network: Network, loads: bool = True) -> None:
        self.cudart, self.network = cudart, network
        self.logger = None
        engine = _Engine(self) if loads else None
        self.module = types.SimpleNamespace(
            Runtime=lambda logger: types.SimpleNamespace(deserialize_cuda_engine=lambda data: engine),
            nptype=lambda kind: kind,
        )

    def complaint(self) -> str:
        return ": not for this GPU"


class _Engine:
    def __init__(self, owner: FakeTensorRt) -> None:
        self._owner = owner
        self._shapes = owner.network.shapes()
        self.num_io_tensors = len(self._shapes)
        self._addresses: dict[str, int] = {}

    def get_tensor_name(self, i: int) -> str:
        return list(self._shapes)[i]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self._shapes[name]

    def get_tensor_dtype(self, name: str) -> type:
        return np.bool_ if name == "observed" else np.float32

    def create_execution_context(self) -> _Engine:
        return self

    def set_tensor_address(self, name: str, address: int) -> None:
        self._addresses[name] = address

    def execute_async_v3(self, stream: int) -> bool:
        self._owner.cudart.do(self._compute)
        return True

    def _array(self, name: str) -> np.ndarray:
        shape, kind = self._shapes[name], np.dtype(self.get_tensor_dtype(name))
        size = int(np.prod(shape)) * kind.itemsize
        memory = (ctypes.c_uint8 * size).from_address(self._addresses[name])
        return np.frombuffer(memoryview(memory).cast("B"), dtype=kind).reshape(shape)

    def _compute(self) -> None:
        given = {name: self._array(name) for name in ("features", "observed", "start")}
        (pose,) = self._owner.network.session.run(None, given)
        self._array("pose")[...] = pose


class CudaRuntime:
    """onnxruntime with its CPU in place of a GPU.

    Attributes:
        options: what the CUDA provider was asked for.
        works: False if sessions fall back to the CPU, as where CUDA's libraries are missing.
    """

    def __init__(self, works: bool = True, built: bool = True) -> None:
        self.options: dict[str, str] = {}
        self.works = works
        self._providers = [PROVIDER, "CPUExecutionProvider"] if built else ["CPUExecutionProvider"]
        self.SessionOptions = onnxruntime.SessionOptions
        self.set_default_logger_severity = onnxruntime.set_default_logger_severity
        self.OrtValue = types.SimpleNamespace(
            ortvalue_from_numpy=lambda array, device, _: onnxruntime.OrtValue.ortvalue_from_numpy(array),
            ortvalue_from_shape_and_type=lambda shape, kind, device, _: (
                onnxruntime.OrtValue.ortvalue_from_shape_and_type(shape, kind)
            ),
        )

    def get_available_providers(self) -> list[str]:
        return self._providers

    def InferenceSession(self, data: bytes, options: Any, providers: list) -> Any:
        ((name, self.options),) = providers
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        used = [name] if self.works else ["CPUExecutionProvider"]
        session.get_providers = lambda: used  # type: ignore[method-assign]
        return session
