"""The network on an NVIDIA GPU by TensorRT: pinned memory in, one graph launched, pinned memory out."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from models.backends.base import INPUTS, OUTPUT
from models.backends.driver import Device
from models.backends.engine_cache import write_whole
from models.backends.tensorrt_engine import TensorRt
from models.errors import ModelError

logger = logging.getLogger(__name__)


class TensorRtBackend:
    """See `models.backends.base.Backend`; as many windows at a time as the engine was built for."""

    name = "tensorrt"
    failed = 0

    def __init__(
        self, tensorrt: TensorRt, device: Device, engine: bytes, why: str, kernels: Path | None = None
    ) -> None:
        """
        Args:
            tensorrt: that built the engine.
            device: whose memory and stream are used, and closed with this.
            engine: serialised, with fixed shapes.
            why: what to say of it.
            kernels: where TensorRT-RTX keeps what it compiles on the GPU, which takes seconds otherwise.

        Raises:
            ModelError: TensorRT does not take the engine here.
            RuntimeError: the GPU refuses a call.
        """
        trt = tensorrt.module
        self._tensorrt = tensorrt
        self._device = device
        self._runtime = trt.Runtime(tensorrt.logger)
        self._engine = self._runtime.deserialize_cuda_engine(engine)
        if self._engine is None:
            raise ModelError(f"{tensorrt.version} cannot load the engine on this GPU{tensorrt.complaint()}")
        self._context, compiled = self._make_context(kernels)
        if self._context is None:
            raise ModelError(f"{tensorrt.version} cannot run the engine on this GPU{tensorrt.complaint()}")
        self._host: dict[str, np.ndarray] = {}
        self._address: dict[str, int] = {}
        for i in range(self._engine.num_io_tensors):
            name = self._engine.get_tensor_name(i)
            kind = np.dtype(trt.nptype(self._engine.get_tensor_dtype(name)))
            self._host[name] = device.pinned(tuple(self._engine.get_tensor_shape(name)), kind)
            self._address[name] = device.allocate(self._host[name].nbytes)
            self._context.set_tensor_address(name, self._address[name])
        self._begin()  # compiles what is still to be compiled, which no graph may hold
        device.wait()
        self._recorded = self._record()
        self.why = f"{why}, by {tensorrt.version}" + (", as a CUDA graph" if self._recorded else "")
        if kernels is not None and compiled is not None:
            write_whole(kernels, bytes(compiled.serialize()))

    def run(self, features: np.ndarray, observed: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Poses (B,K,P)."""
        for name, given in zip(INPUTS, (features, observed, start), strict=True):
            if given.shape != self._host[name].shape:  # copying would broadcast one window to several
                raise ValueError(f"{name} is {given.shape}; the engine takes {self._host[name].shape}")
            np.copyto(self._host[name], given)
        if self._recorded:
            self._device.replay()
        else:
            self._begin()
        self._device.wait()
        return self._host[OUTPUT].copy()

    def close(self) -> None:
        """Free the engine and the GPU's memory; safe to call twice."""
        self._host = {}
        self._context = self._engine = None
        self._device.close()

    def _make_context(self, kernels: Path | None) -> tuple[Any, Any]:
        """The execution context, and what it has compiled and will compile, where it does."""
        if not self._tensorrt.rtx:
            return self._engine.create_execution_context(), None
        config = self._engine.create_runtime_config()
        compiled = config.create_runtime_cache()
        if kernels is not None and kernels.is_file():
            compiled.deserialize(kernels.read_bytes())  # refused and done anew where it does not fit
        config.set_runtime_cache(compiled)
        return self._engine.create_execution_context(config), compiled

    def _begin(self) -> None:
        """Begin to copy in, compute and copy out."""
        for name in INPUTS:
            self._device.to_gpu(self._address[name], self._host[name])
        if not self._context.execute_async_v3(int(self._device.stream)):
            raise RuntimeError(f"{self._tensorrt.version} could not compute{self._tensorrt.complaint()}")
        self._device.from_gpu(self._host[OUTPUT], self._address[OUTPUT])

    def _record(self) -> bool:
        """Whether an update could be recorded as a graph; without one it takes a few calls more."""
        try:
            self._device.record(self._begin)
            self._device.replay()
            self._device.wait()
        except RuntimeError as error:
            logger.debug("no CUDA graph: %s", error)
            return False
        return True
