"""What export onnx and export tensorrt are asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ExportOnnxSettings:
    """Settings of `export onnx`; every field is a flag."""

    output: Path
    """Folder for the files; made if it is not there."""
    network: Path | None = None
    """ONNX file that training exported, of hands or of bodies, instead of the one that ships."""


@dataclass(frozen=True)
class ExportTensorRtSettings(ExportOnnxSettings):
    """Settings of `export tensorrt`; every field is a flag."""

    compute_capability: tuple[int, ...] = ()
    """GPUs to build for, as in 89 for 8.9; none of them need be here. Default: the GPU in this machine."""
