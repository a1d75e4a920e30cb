"""Which backend computes the network here: the one asked for, or the fastest that gives the CPU's poses."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import numpy as np

from models.backends.base import Backend, BackendChoice, Network
from models.backends.cpu import CpuBackend
from models.backends.driver import missing_gpu
from models.backends.guarded import GuardedBackend
from models.backends.openers import Opener, openers
from models.backends.parity import difference
from models.backends.windows import check_windows
from models.errors import ModelError
from models.posebert_input import NetworkInput

logger = logging.getLogger(__name__)

GPU_BACKENDS = ("tensorrt", "cuda")
PARITY_RAD = 1e-3
"""A backend whose poses differ by more on the eight windows is computing something else."""
PARITY_LOCATION = 2e-3
_ROUNDS, _WARM_UP = 40, 10


def open_backend(
    choice: BackendChoice,
    network: Network,
    missing: Callable[[], str | None] = missing_gpu,
    ways: Callable[[Network, str], list[Opener]] = openers,
) -> Backend:
    """The backend asked for; for auto the fastest that gives the CPU's poses on a few windows.

    Args:
        choice: auto, cpu, cuda or tensorrt.
        network: to compute.
        missing: tells why there is no GPU, or None.
        ways: gives the ways to open a GPU's backend.

    Raises:
        ModelError: cuda or tensorrt was asked for and cannot be; one sentence says why.
    """
    if choice == "cpu":
        return CpuBackend(network.session)
    if choice != "auto" and choice not in GPU_BACKENDS:
        raise ModelError(f"unknown backend {choice!r}; choose one of auto, cpu, {', '.join(GPU_BACKENDS)}")
    reason = missing()
    if reason is not None:
        if choice != "auto":
            raise ModelError(
                f"--backend {choice} needs an NVIDIA GPU, and {reason}; use --backend cpu or auto"
            )
        return CpuBackend(network.session, reason)  # as nearly everywhere: the report says why
    windows = check_windows(network)
    cpu = CpuBackend(network.session)
    expected = [cpu.run(w.features, w.observed, w.start) for w in windows]
    opened, reasons = [], []
    for name in GPU_BACKENDS if choice == "auto" else (choice,):
        backend, why_not = _first_that_works(ways(network, name), cpu, windows, expected)
        if backend is not None:
            opened.append(backend)
        else:
            reasons.append(f"{name}: {why_not}")
    if choice != "auto":
        if not opened:
            raise ModelError(f"--backend {choice} cannot be used ({why_not}); use --backend cpu or auto")
        return _chosen(opened[0])
    return _chosen(_fastest(opened, cpu, windows, "; ".join(reasons)))


def _first_that_works(
    ways: list[Opener], cpu: CpuBackend, windows: list[NetworkInput], expected: list[np.ndarray]
) -> tuple[GuardedBackend | None, str]:
    """A backend opened one of these ways, or why none can be."""
    reasons = []
    for way in ways:
        try:
            backend = GuardedBackend(way, cpu)
        except ModelError as error:
            reasons.append(str(error))
            continue
        poses = [backend.run(w.features, w.observed, w.start) for w in windows]
        if backend.failed:
            reasons.append(backend.why)
        else:
            apart = difference(np.concatenate(poses), np.concatenate(expected))
            if apart.rotation_rad <= PARITY_RAD and apart.location <= PARITY_LOCATION:
                return backend, ""
            reasons.append(f"its poses differ from the CPU's by {1e3 * apart.rotation_rad:.2g} mrad")
        backend.close()
    return None, "; then ".join(dict.fromkeys(reasons))


def _fastest(
    opened: list[GuardedBackend], cpu: CpuBackend, windows: list[NetworkInput], reasons: str
) -> Backend:
    """The fastest of these and the CPU; the others are closed."""
    rivals: list[Backend] = [*opened, cpu]
    times_ms = {backend.name: _median_ms(backend, windows) for backend in rivals}
    said = ", ".join(f"{name} {time_ms:.2f} ms" for name, time_ms in times_ms.items())
    why = f"fastest of {said} an update" if opened else "no GPU backend can be used"
    why += f" ({reasons})" if reasons else ""
    best: Backend = CpuBackend(cpu.session, why)
    for backend in opened:
        if not backend.failed and times_ms[backend.name] == min(times_ms.values()):
            backend.why = f"{why}; {backend.why}"
            best = backend
        else:
            backend.close()
    return best


def _median_ms(backend: Backend, windows: list[NetworkInput]) -> float:
    times_ms = []
    for i in range(_WARM_UP + _ROUNDS):
        w = windows[i % len(windows)]
        began = time.perf_counter()
        backend.run(w.features, w.observed, w.start)
        times_ms.append(1e3 * (time.perf_counter() - began))
    return float(np.median(times_ms[_WARM_UP:]))


def _chosen(backend: Backend) -> Backend:
    logger.info("temporal stage on %s: %s", backend.name, backend.why)
    return backend
