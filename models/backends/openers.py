"""How each kind of GPU backend is opened on this machine."""

from __future__ import annotations

from collections.abc import Callable

from models.backends.base import Backend, Network
from models.backends.cuda import CudaBackend
from models.backends.driver import Device, load_cudart
from models.backends.engine_cache import engine_path, kept
from models.backends.tensorrt import TensorRtBackend
from models.backends.tensorrt_engine import TensorRt
from models.graph.prepare import Precision, prepare

Opener = Callable[[], Backend]


def openers(network: Network, name: str) -> list[Opener]:
    """Ways to open a backend, the one that is fastest where it works first.

    Args:
        network: to compute.
        name: cuda or tensorrt.
    """
    if name == "cuda":
        return [lambda: CudaBackend(network, graph=True), lambda: CudaBackend(network, graph=False)]
    return [lambda: open_tensorrt(network, "fp16"), lambda: open_tensorrt(network, "fp32")]


def open_tensorrt(network: Network, precision: Precision, windows: int = 1) -> TensorRtBackend:
    """The network by TensorRT on the GPU in this machine; its engine is built on first use.

    Raises:
        ModelError: a package is missing, or TensorRT cannot; one sentence says why.
        RuntimeError: the GPU refuses a call.
    """
    tensorrt = TensorRt.load()
    device = Device(load_cudart())
    try:
        capability = device.capability
        # A GPU unknown to the list of those that engines can be built ahead for may still be able by itself.
        target = capability if capability in tensorrt.capabilities else None
        path = engine_path(network.sha256, precision, windows, tensorrt, capability)

        def build() -> bytes:
            graph = prepare(network.data, precision, windows, capability)
            return tensorrt.build(graph.SerializeToString(), target).data

        return TensorRtBackend(
            tensorrt, device, kept(path, build), f"in {precision}", path.with_suffix(".kernels")
        )
    except BaseException:
        device.close()
        raise
