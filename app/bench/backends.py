"""bench temporal --backend all: is what every backend says right, and how long does it take to say it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from app.bench.backend_table import backend_lines, backend_markdown
from app.bench.real_windows import RealWindows, real_windows
from app.bench.results import save_results
from app.bench.settings import BenchSettings, refuse_others
from app.errors import AppError
from app.files import require_writable
from app.machine import describe_machine, package_versions
from models.backends import Backend, Network
from models.backends.base import THREADS, cpu_session
from models.backends.cpu import CpuBackend
from models.backends.cuda import CudaBackend
from models.backends.driver import Device, load_cudart, missing_gpu
from models.backends.openers import open_tensorrt
from models.backends.parity import difference
from models.backends.worker import Worker
from models.errors import ModelError
from models.graph.prepare import TURING, Precision, prepare
from models.temporal import NETWORK_FILE

logger = logging.getLogger(__name__)

WINDOWS = 1000
PARITY_RAD: dict[Precision, float] = {"fp32": 1e-5, "fp16": 1e-3}
PAPER_MS = 5.0  # PoseBERT, PAMI 2022: one forward pass on a GPU
_WARM_UP, _ROUNDS, _ROUNDS_QUICK = 100, 1000, 100
_LIMIT_S = 300.0  # for one way of computing; what hangs must not keep the others from being measured


@dataclass(frozen=True)
class Way:
    """One way to compute the network.

    Attributes:
        name: for the table.
        precision: of its products.
        windows: at once.
        open: makes it.
        timed: False if only its poses are of interest.
        on_gpu: it needs one.
    """

    name: str
    precision: Precision
    windows: int
    open: Callable[[], Backend]
    timed: bool = True
    on_gpu: bool = False


def run_backends(settings: BenchSettings) -> list[str]:
    """Compare and time all that can be computed here; writes backends.json and backends.md.

    Raises:
        AppError, ModelError: a setting, a file or a package is unusable.
    """
    refuse_others("temporal", settings)
    network = Network.load(settings.network or NETWORK_FILE)
    output = settings.output or Path("runs") / time.strftime("bench-backends-%Y%m%d-%H%M%S")
    for path in (output / "backends.json", settings.json):
        if path is not None:
            require_writable(path)
    windows = real_windows(network, settings.data, WINDOWS)
    reference = _reference(network)
    expected = np.concatenate([reference.run(*windows.batch(i, 1)) for i in _progress(len(windows), "torch")])
    no_gpu = missing_gpu()
    rounds = _ROUNDS_QUICK if settings.quick else _ROUNDS
    rows = []
    for way in ways(network):
        reason = no_gpu if way.on_gpu else None
        rows.append(_measure(way, windows, expected, rounds) if reason is None else _left_out(way, reason))
        logger.info("%s, %s, batch %d: done", way.name, way.precision, way.windows)
    results = {
        "machine": describe_machine(),
        "versions": package_versions(),
        "gpu": no_gpu or _gpu_name(),
        "network_sha256": network.sha256,
        "windows": windows.about,
        "threads": THREADS,
        "rounds": rounds,
        "paper_ms": PAPER_MS,
        "rows": rows,
    }
    save_results(results, output, "backends", settings.json, lambda *_: {}, lambda r, _: backend_markdown(r))
    return [*backend_lines(results), f"results: {output}"]


def ways(network: Network) -> list[Way]:
    """Every way to compute the network, one window at a time and two."""
    found = [way for windows in (1, 2) for way in _on_cpu(network, windows)]
    for name, capability in (("rounded as by a GPU", None), ("rounded as by Turing", TURING)):
        found.append(Way(name, "fp16", 1, partial(_rounded, network, capability), timed=False))
    return [*found, *(way for windows in (1, 2) for way in _on_gpu(network, windows))]


def _on_cpu(network: Network, windows: int) -> list[Way]:
    return [
        Way("torch, eager, CPU", "fp32", windows, partial(_torch, network, "cpu", False)),
        Way("torch, compiled, CPU", "fp32", windows, partial(_torch, network, "cpu", True)),
        *(
            Way("onnxruntime, CPU", precision, windows, partial(_cpu, network, precision, windows))
            for precision in PARITY_RAD
        ),
    ]


def _on_gpu(network: Network, windows: int) -> list[Way]:
    found = [
        Way("torch, eager, GPU", "fp32", windows, partial(_torch, network, "cuda", False), on_gpu=True),
        Way("torch, compiled, GPU", "fp32", windows, partial(_torch, network, "cuda", True), on_gpu=True),
    ]
    for precision in PARITY_RAD:
        for graph, name in ((False, "onnxruntime, CUDA"), (True, "onnxruntime, CUDA graph")):
            opens = partial(_cuda, network, precision, windows, graph)
            found.append(Way(name, precision, windows, opens, on_gpu=True))
        engine = partial(open_tensorrt, network, precision, windows)
        found.append(Way("TensorRT", precision, windows, engine, on_gpu=True))
    return found


def _measure(way: Way, windows: RealWindows, expected: np.ndarray, rounds: int) -> dict[str, Any]:
    """A row of the table; a way that does not work here gets its reason."""
    worker = Worker(way.name)
    try:
        return worker.call(lambda: _row(way, windows, expected, rounds), _LIMIT_S)
    except Exception as error:  # noqa: BLE001 — whatever a driver or a compiler raises is what the row says
        return _left_out(way, " ".join(str(error).split())[:200] or type(error).__name__)
    finally:
        worker.close()


def _row(way: Way, windows: RealWindows, expected: np.ndarray, rounds: int) -> dict[str, Any]:
    backend = way.open()
    try:
        starts = range(0, len(windows) - way.windows + 1, way.windows)
        poses = np.concatenate([backend.run(*windows.batch(i, way.windows)) for i in starts])
        apart = difference(poses, expected[: len(poses)])
        row: dict[str, Any] = {
            "name": way.name,
            "precision": way.precision,
            "batch": way.windows,
            "difference_rad": apart.rotation_rad,
            "difference_p99_rad": apart.rotation_p99_rad,
            "difference_location": apart.location,
            "within": apart.rotation_rad <= PARITY_RAD[way.precision],
            "how": backend.why,
        }
        if way.timed:
            row.update(_times(backend, windows, way.windows, rounds))
        return row
    finally:
        backend.close()


def _times(backend: Backend, windows: RealWindows, batch: int, rounds: int) -> dict[str, float]:
    """p50 and p99 of an update, from arrays in to arrays out, after enough of them to warm up the clocks."""
    times_ms = []
    for i in range(_WARM_UP + rounds):
        given = windows.batch(i, batch)
        began = time.perf_counter()
        backend.run(*given)
        times_ms.append(1e3 * (time.perf_counter() - began))
    p50, p99 = np.percentile(times_ms[_WARM_UP:], (50.0, 99.0))
    return {"p50_ms": float(p50), "p99_ms": float(p99), "times_faster": PAPER_MS / float(p50)}


def _left_out(way: Way, reason: str) -> dict[str, Any]:
    return {"name": way.name, "precision": way.precision, "batch": way.windows, "left_out": reason}


def _reference(network: Network) -> Backend:
    try:
        return _torch(network, "cpu", False)
    except ImportError as error:
        raise AppError(
            f"bench temporal --backend all needs {error.name}: pip install -r requirements-dev.txt"
        ) from error


def _torch(network: Network, device: str, compiled: bool) -> Backend:
    import torch

    from app.bench.torch_backend import TorchBackend
    from models.restored import restore_torch

    if device == "cuda" and not torch.cuda.is_available():
        raise ModelError("this torch is built without CUDA")
    return TorchBackend(restore_torch(network.path), device, compiled)


def _cpu(network: Network, precision: Precision, windows: int) -> Backend:
    why = "computed in 32 bits" if precision == "fp16" else ""
    return CpuBackend(cpu_session(prepare(network.data, precision, windows).SerializeToString()), why)


def _cuda(network: Network, precision: Precision, windows: int, graph: bool) -> Backend:
    data = prepare(network.data, precision, windows).SerializeToString()
    return CudaBackend(network, graph, data, windows)


def _rounded(network: Network, capability: int | None) -> Backend:
    from models.graph.rounded import rounded

    graph = rounded(prepare(network.data, "fp16", 1, capability))
    return CpuBackend(cpu_session(graph.SerializeToString()), "products rounded to 16 bits, on the CPU")


def _gpu_name() -> str:
    try:
        device = Device(load_cudart())
        try:
            return device.name
        finally:
            device.close()
    except (ModelError, RuntimeError) as error:
        return f"not named ({error})"


def _progress(count: int, label: str) -> Any:
    return tqdm(range(count), label, unit="window", disable=None, leave=False)
