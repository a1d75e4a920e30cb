"""The few calls of the CUDA runtime that an update needs, by NVIDIA's own bindings."""

from __future__ import annotations

import ctypes
import importlib
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from models.errors import ModelError

DRIVER_LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


def missing_gpu(load: Callable[[str], Any] = ctypes.CDLL) -> str | None:
    """Why no NVIDIA GPU can be used here, in a few words; None if there is one.

    Asks the driver itself, which takes no time and prints nothing where there is none.

    Args:
        load: gives a shared library by its name.
    """
    try:
        driver = load(DRIVER_LIBRARY)
    except OSError:
        return "no NVIDIA driver is installed"
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value < 1:
        return "the NVIDIA driver finds no GPU"
    return None


def load_cudart() -> Any:
    """cuda.bindings.runtime.

    Raises:
        ModelError: it is not installed.
    """
    try:
        return importlib.import_module("cuda.bindings.runtime")
    except ImportError as error:
        raise ModelError(
            "TensorRT needs cuda-bindings to run: pip install -r requirements-gpu.txt"
        ) from error


class Device:
    """The first GPU: memory on it, pinned memory beside it, and one stream."""

    def __init__(self, cudart: Any) -> None:
        """
        Args:
            cudart: cuda.bindings.runtime, or something with its functions.

        Raises:
            RuntimeError: a call fails, here and in every method.
        """
        self._cudart = cudart
        self._memory: list[int] = []
        self._pinned: list[int] = []
        self._graph: Any = None
        self._call("cudaSetDevice", 0)
        self.stream = self._call("cudaStreamCreateWithFlags", cudart.cudaStreamNonBlocking)

    @property
    def capability(self) -> int:
        """Compute capability as in 89 for 8.9."""
        kinds = self._cudart.cudaDeviceAttr
        major = self._call("cudaDeviceGetAttribute", kinds.cudaDevAttrComputeCapabilityMajor, 0)
        minor = self._call("cudaDeviceGetAttribute", kinds.cudaDevAttrComputeCapabilityMinor, 0)
        return 10 * int(major) + int(minor)

    @property
    def name(self) -> str:
        """As NVIDIA calls it."""
        name = self._call("cudaGetDeviceProperties", 0).name
        return name.decode().strip("\0 ") if isinstance(name, bytes) else str(name)

    def allocate(self, size_bytes: int) -> int:
        """Address of so many bytes on the GPU."""
        address = int(self._call("cudaMalloc", size_bytes))
        self._memory.append(address)
        return address

    def pinned(self, shape: tuple[int, ...], kind: np.dtype) -> np.ndarray:
        """A zeroed array in host memory that the GPU can reach by itself."""
        size_bytes = math.prod(shape) * kind.itemsize
        address = int(self._call("cudaHostAlloc", size_bytes, self._cudart.cudaHostAllocDefault))
        self._pinned.append(address)
        buffer = (ctypes.c_uint8 * size_bytes).from_address(address)
        array = np.frombuffer(memoryview(buffer).cast("B"), dtype=kind).reshape(shape)
        array[...] = 0
        return array

    def to_gpu(self, address: int, array: np.ndarray) -> None:
        """Begin to copy a pinned array to the GPU."""
        kind = self._cudart.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._call("cudaMemcpyAsync", address, array.ctypes.data, array.nbytes, kind, self.stream)

    def from_gpu(self, array: np.ndarray, address: int) -> None:
        """Begin to copy from the GPU to a pinned array."""
        kind = self._cudart.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._call("cudaMemcpyAsync", array.ctypes.data, address, array.nbytes, kind, self.stream)

    def wait(self) -> None:
        """Until all that was begun is done."""
        self._call("cudaStreamSynchronize", self.stream)

    def record(self, work: Callable[[], None]) -> None:
        """Record what `work` begins as a graph, to be begun by `replay` with one call."""
        mode = self._cudart.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._call("cudaStreamBeginCapture", self.stream, mode)
        try:
            work()
        finally:  # an error within leaves the stream unusable until the capture is ended
            graph = self._call("cudaStreamEndCapture", self.stream)
        self._graph = self._call("cudaGraphInstantiate", graph, 0)
        self._call("cudaGraphDestroy", graph)

    def replay(self) -> None:
        """Begin what was recorded."""
        self._call("cudaGraphLaunch", self._graph, self.stream)

    def close(self) -> None:
        """Free everything; safe to call twice."""
        if self._graph is not None:
            self._call("cudaGraphExecDestroy", self._graph)
            self._graph = None
        while self._memory:
            self._call("cudaFree", self._memory.pop())
        while self._pinned:
            self._call("cudaFreeHost", self._pinned.pop())
        if self.stream is not None:
            self._call("cudaStreamDestroy", self.stream)
            self.stream = None

    def _call(self, name: str, *arguments: Any) -> Any:
        """What a function gives beside its status."""
        status, *values = getattr(self._cudart, name)(*arguments)
        if status != self._cudart.cudaError_t.cudaSuccess:
            raise RuntimeError(f"{name} failed: {getattr(status, 'name', status)}")
        return values[0] if values else None
