"""export onnx and export tensorrt: the network as files for other runtimes and for other machines' GPUs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np

from app.errors import AppError, UsageError
from app.export_network_settings import ExportOnnxSettings, ExportTensorRtSettings
from app.files import require_writable, write_atomically
from models.backends import Network
from models.backends.base import cpu_session
from models.backends.cpu import CpuBackend
from models.backends.driver import Device, load_cudart, missing_gpu
from models.backends.parity import Difference, difference
from models.backends.tensorrt_engine import Engine, TensorRt
from models.backends.windows import check_windows
from models.errors import ModelError
from models.graph.prepare import TURING, Precision, prepare
from models.temporal import NETWORK_FILE

PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16")
DESCRIPTION_FILE = "network.json"
WINDOWS = (1, 2)  # one hand or body, and two at once
FP32_LIMIT_RAD, FP16_LIMIT_RAD = 1e-5, 2e-3  # further from the file's own poses is another network


def run_export_network(
    what: Literal["onnx", "tensorrt"], settings: ExportOnnxSettings | ExportTensorRtSettings
) -> list[str]:
    """Write the files and a .json that describes them; returns what to say of it.

    Raises:
        AppError, ModelError: a package or a file is missing or unusable; one sentence says what to do.
    """
    network = Network.load(settings.network or NETWORK_FILE, figure=None)
    if what == "onnx":
        about = _export_onnx(network, settings.output)
    else:
        wanted = settings.compute_capability if isinstance(settings, ExportTensorRtSettings) else ()
        about = _export_tensorrt(network, settings.output, wanted)
    facts = {"network": network.path.name, "network_sha256": network.sha256, "files": about}
    with write_atomically(settings.output / DESCRIPTION_FILE) as file:
        file.write((json.dumps(facts, indent=1) + "\n").encode())
    return [f"{entry['file']}: {entry['said']}" for entry in about] + [f"files: {settings.output}"]


def _export_onnx(network: Network, output: Path) -> list[dict[str, Any]]:
    """fp32 and fp16, for one window and two, each compared with the file it comes from."""
    require_writable(output / DESCRIPTION_FILE)
    about = []
    for precision in PRECISIONS:
        for windows in WINDOWS:
            graph = prepare(network.data, precision, windows)
            path = output / f"{network.path.stem}-{precision}-{windows}.onnx"
            data = graph.SerializeToString()
            if precision == "fp16":
                from models.graph.rounded import rounded

                apart = compare(network, rounded(graph).SerializeToString(), windows)
            else:
                apart = compare(network, data, windows)
            limit_rad = FP32_LIMIT_RAD if precision == "fp32" else FP16_LIMIT_RAD
            if apart.rotation_rad > limit_rad:
                raise ModelError(
                    f"{path.name} would give poses that differ from those of {network.path} by "
                    f"{apart.rotation_rad:.2g} rad; give a file that launch.py train exported"
                )
            with write_atomically(path) as file:
                file.write(data)
            said = f"{len(data) / 1e6:.1f} MB, poses within {apart.rotation_rad:.1e} rad"
            about.append(
                {
                    "file": path.name,
                    "precision": precision,
                    "shapes": {name: list(shape) for name, shape in network.shapes(windows).items()},
                    "difference_rad": apart.rotation_rad,
                    "said": said,
                }
            )
    return about


def compare(network: Network, data: bytes, windows: int) -> Difference:
    """How far a graph's poses are from those of the file it was made of, on generated windows, on the CPU."""
    ours, graph = CpuBackend(network.session), CpuBackend(cpu_session(data))
    given = check_windows(network)
    said: list[np.ndarray] = []
    expected: list[np.ndarray] = []
    for i in range(0, len(given), windows):
        group = given[i : i + windows]
        said.append(
            graph.run(
                np.concatenate([one.features for one in group]),
                np.concatenate([one.observed for one in group]),
                np.concatenate([one.start for one in group]),
            )
        )
        expected.extend(ours.run(one.features, one.observed, one.start) for one in group)
    return difference(np.concatenate(said), np.concatenate(expected))


def _export_tensorrt(network: Network, output: Path, wanted: tuple[int, ...]) -> list[dict[str, Any]]:
    """An engine for each GPU, precision and number of windows."""
    tensorrt = TensorRt.load()
    for capability in wanted:  # all of them first: no engine is built for nothing
        if capability not in tensorrt.capabilities:
            tensorrt.refuse(capability)
    capabilities = tuple(dict.fromkeys(wanted)) or (_capability_here(),)
    require_writable(output / DESCRIPTION_FILE)
    about = []
    for capability in capabilities:
        ahead = capability if capability in tensorrt.capabilities else None
        for precision in PRECISIONS:
            if capability == TURING and precision == "fp32":
                about.append(
                    {"file": f"sm{TURING} fp32", "said": "left out: Turing has no products in 32 bits"}
                )
                continue
            for windows in WINDOWS:
                graph = prepare(network.data, precision, windows, capability)
                engine = tensorrt.build(graph.SerializeToString(), ahead)
                path = output / f"{network.path.stem}-{precision}-{windows}-sm{capability}.engine"
                with write_atomically(path) as file:
                    file.write(engine.data)
                about.append({"file": path.name, "precision": precision, **_describe(engine, tensorrt)})
    return about


def _describe(engine: Engine, tensorrt: TensorRt) -> dict[str, Any]:
    return {
        "tensors": [asdict(tensor) for tensor in engine.tensors],
        "built_by": tensorrt.version,
        "said": f"{len(engine.data) / 1e6:.1f} MB, for {tensorrt.version}",
    }


def _capability_here() -> int:
    """Compute capability of the GPU in this machine.

    Raises:
        UsageError: there is none.
    """
    reason = missing_gpu()
    if reason is not None:
        raise UsageError(
            f"--compute-capability says which GPUs to build for, for example 86 89 120: {reason} to ask here"
        )
    device = Device(load_cudart())
    try:
        return device.capability
    except RuntimeError as error:
        raise AppError(f"the GPU does not answer ({error}); give --compute-capability") from error
    finally:
        device.close()
