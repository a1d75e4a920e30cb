"""What all backends are given and have in common."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, InvalidGraph, InvalidProtobuf

from models.body_input import BODY_POSE_DIM
from models.errors import ModelError
from models.graph.cut import cut, outputs_of
from models.posebert_input import POSE_DIM, Layout
from models.window import WINDOW_SLOTS

BackendChoice = Literal["auto", "cpu", "cuda", "tensorrt"]
PosedFigure = Literal["hand", "body"]

INPUTS = ("features", "observed", "start")
OUTPUT, PROCEEDED = "pose", "proceeded"
THREADS = 2
_POSE_DIM: dict[PosedFigure, int] = {"hand": POSE_DIM, "body": BODY_POSE_DIM}
_UNREADABLE = (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf)  # what a file that is no ONNX raises


class Backend(Protocol):
    """Computes the network.

    Attributes:
        name: cpu, cuda or tensorrt; what the next window will be computed on.
        why: a few words: why this one, or what became of another.
        failed: windows that another backend could not compute, so that the CPU did at once.
    """

    @property
    def name(self) -> str: ...

    @property
    def why(self) -> str: ...

    @property
    def failed(self) -> int: ...

    def run(self, features: np.ndarray, observed: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Poses (B,K,P) float32 of windows; P is 99 for hands and 147 for bodies.

        Args:
            features: (B,64,in_dim) float32.
            observed: (B,64) bool.
            start: (B,64+F,P) float32.
        """
        ...

    def close(self) -> None:
        """Free what it holds; safe to call twice."""
        ...


@dataclass(frozen=True)
class Network:
    """An exported network's file and what it says of itself.

    Attributes:
        path: of the file.
        data: the network's graph, as a file of its own.
        sha256: of the file.
        layout: of the features.
        future: instants past the window that it predicts, in slots.
        newest: slots of the window that it estimates, counted from its end.
        in_dim: features of a slot.
        out_dim: numbers of a pose.
        session: the network on the CPU.
        halves: the same in two graphs, see `models.backends.halves`; None where it cannot be taken apart.
    """

    path: Path
    data: bytes
    sha256: str
    layout: Layout
    future: tuple[int, ...]
    newest: int
    in_dim: int
    out_dim: int
    session: onnxruntime.InferenceSession
    halves: tuple[bytes, bytes] | None

    @staticmethod
    def load(path: Path, figure: PosedFigure | None = "hand") -> Network:
        """Read a file written by models.export.

        Args:
            path: of the file.
            figure: what the network is to pose; None takes either.

        Raises:
            ModelError: it cannot be read, is no such network, or poses something else.
        """
        try:
            file = Path(path).read_bytes()
            data, halves = _parts(file)
            session = cpu_session(data)
            about = json.loads(session.get_modelmeta().custom_metadata_map["posehand"])
            layout, future, newest = about["layout"], tuple(about["future"]), int(about["newest"])
            shapes = {value.name: value.shape for value in session.get_inputs()}
            in_dim, out_dim = int(shapes["features"][2]), int(shapes["start"][2])
            if out_dim not in _POSE_DIM.values():
                raise ValueError(f"poses of {out_dim} numbers")
        except OSError as error:
            reason = error.strerror or error
            raise ModelError(f"cannot read the network {path}: {reason}; check the path") from error
        except (KeyError, ValueError, *_UNREADABLE) as error:
            raise ModelError(
                f"{path} is no network of this program; export one with launch.py train"
            ) from error
        if figure is not None and out_dim != _POSE_DIM[figure]:
            raise ModelError(
                f"{path} gives poses of {out_dim} numbers, not the {_POSE_DIM[figure]} of a {figure}; "
                f"give a network of launch.py train --figure {figure}"
            )
        sha256 = hashlib.sha256(file).hexdigest()
        return Network(Path(path), data, sha256, layout, future, newest, in_dim, out_dim, session, halves)

    @property
    def figure(self) -> PosedFigure:
        """What it poses."""
        return "body" if self.out_dim == BODY_POSE_DIM else "hand"

    def shapes(self, windows: int = 1) -> dict[str, tuple[int, ...]]:
        """Shapes of inputs and output for so many windows."""
        slots = WINDOW_SLOTS + len(self.future)
        return {
            "features": (windows, WINDOW_SLOTS, self.in_dim),
            "observed": (windows, WINDOW_SLOTS),
            "start": (windows, slots, self.out_dim),
            OUTPUT: (windows, self.newest + len(self.future), self.out_dim),
        }


def _parts(file: bytes) -> tuple[bytes, tuple[bytes, bytes] | None]:
    """The network's graph, and those of its two steps if the file has them.

    Raises:
        ValueError: the file is no ONNX, or lacks an output.
    """
    outputs = outputs_of(file)
    if PROCEEDED not in outputs:
        return file, None
    past = [name for name in outputs if name not in (OUTPUT, PROCEEDED)]
    halves = cut(file, INPUTS, past), cut(file, [*past, *INPUTS], [PROCEEDED])
    return cut(file, INPUTS, [OUTPUT]), halves


def input_types() -> dict[str, type]:
    """Types of the inputs."""
    return {"features": np.float32, "observed": np.bool_, "start": np.float32}


def cpu_session(data: bytes, threads: int = THREADS) -> onnxruntime.InferenceSession:
    """A network on so many threads of the CPU, which sleep between frames."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
