"""TensorRT engines: built from ONNX for a GPU that need not be there, by TensorRT-RTX or classic TensorRT."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from models.errors import ModelError

# TensorRT-RTX as its meta package calls it, its bindings alone, and classic TensorRT.
MODULES = ("tensorrt_rtx", "tensorrt_rtx_bindings", "tensorrt")
HOW_TO_GET = "pip install tensorrt-rtx-cu13-bindings tensorrt-rtx-cu13-libs"


@dataclass(frozen=True)
class EngineTensor:
    """An input or output of an engine.

    Attributes:
        name: of it.
        shape: fixed.
        dtype: as numpy calls it.
        is_input: or output.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    is_input: bool


@dataclass(frozen=True)
class Engine:
    """An engine, serialised.

    Attributes:
        data: what TensorRT loads.
        tensors: its inputs and outputs.
    """

    data: bytes
    tensors: tuple[EngineTensor, ...]


class TensorRt:
    """The TensorRT that is installed.

    Attributes:
        module: TensorRT-RTX's or classic TensorRT's.
        rtx: which of the two.
        version: of it, as in "TensorRT-RTX 1.7.1".
        logger: collects what it complains of.
    """

    def __init__(self, module: Any) -> None:
        self.module = module
        self.rtx = hasattr(module, "ComputeCapability")
        self.version = f"TensorRT{'-RTX' if self.rtx else ''} {module.__version__}"
        self.logger = _collecting_logger(module)

    @staticmethod
    def load() -> TensorRt:
        """Whichever is installed.

        Raises:
            ModelError: none is; the message says how to get one.
        """
        for name in MODULES:
            try:
                return TensorRt(importlib.import_module(name))
            except (ImportError, OSError, RuntimeError):  # not there, or a library that it needs is not
                continue
        raise ModelError(f"TensorRT is not installed: {HOW_TO_GET}")

    @property
    def capabilities(self) -> tuple[int, ...]:
        """Compute capabilities that engines can be built for without such a GPU, as in 89 for 8.9."""
        if not self.rtx:
            return ()
        names = (re.fullmatch(r"SM(\d+)", name) for name in dir(self.module.ComputeCapability))
        return tuple(sorted(int(name.group(1)) for name in names if name))

    def build(self, onnx_data: bytes, capability: int | None) -> Engine:
        """The engine of a strongly typed graph with fixed shapes.

        Args:
            onnx_data: the graph.
            capability: of the GPU it is for; None builds for the one in this machine.

        Raises:
            ModelError: TensorRT cannot; one sentence gives its reason.
        """
        trt = self.module
        self.logger.complaints.clear()
        builder = trt.Builder(self.logger)
        if builder is None:
            raise ModelError(f"{self.version} cannot build engines here{self.complaint()}")
        flags = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        definition = builder.create_network(flags)
        parser = trt.OnnxParser(definition, self.logger)
        if not parser.parse(onnx_data):
            errors = "; ".join(str(parser.get_error(i)) for i in range(parser.num_errors))
            raise ModelError(f"{self.version} cannot read the graph: {' '.join(errors.split())}")
        config = builder.create_builder_config()
        # TF32 rounds what is multiplied to 11 bits: ten times what poses may differ.
        config.clear_flag(trt.BuilderFlag.TF32)
        if capability is not None:
            self._aim(config, capability)
        data = builder.build_serialized_network(definition, config)
        if data is None:
            wanted = "this GPU" if capability is None else f"compute capability {capability}"
            raise ModelError(f"{self.version} cannot build an engine for {wanted}{self.complaint()}")
        given = [(definition.get_input(i), True) for i in range(definition.num_inputs)]
        given += [(definition.get_output(i), False) for i in range(definition.num_outputs)]
        tensors = tuple(
            EngineTensor(x.name, tuple(x.shape), trt.nptype(x.dtype).__name__, is_input)
            for x, is_input in given
        )
        return Engine(bytes(data), tensors)

    def _aim(self, config: Any, capability: int) -> None:
        if capability not in self.capabilities:
            self.refuse(capability)
        config.num_compute_capabilities = 1
        config.set_compute_capability(getattr(self.module.ComputeCapability, f"SM{capability}"), 0)

    def refuse(self, capability: int) -> NoReturn:
        """Say which compute capabilities engines can be built ahead for, instead of this one."""
        if not self.rtx:
            raise ModelError(
                f"{self.version} builds engines for the GPU in the machine only: leave out "
                f"--compute-capability, or install TensorRT-RTX: {HOW_TO_GET}"
            )
        known = " ".join(str(number) for number in self.capabilities)
        raise ModelError(
            f"{self.version} builds ahead for compute capabilities {known}, not for {capability}; "
            "choose among these"
        )

    def complaint(self) -> str:
        """What it complained of last, as the end of a sentence."""
        return f": {self.logger.complaints[-1]}" if self.logger.complaints else ""


def _collecting_logger(module: Any) -> Any:
    """A logger for TensorRT that prints nothing and keeps what is wrong."""

    class Collecting(module.ILogger):
        def __init__(self) -> None:
            super().__init__()
            self.complaints: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (module.ILogger.Severity.ERROR, module.ILogger.Severity.INTERNAL_ERROR):
                self.complaints.append(" ".join(message.split()))

    return Collecting()
