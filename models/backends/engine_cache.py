"""Engines once built, in the user's cache; under another name whenever anything they depend on changes."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import platformdirs

from models.backends.tensorrt_engine import TensorRt
from models.graph.prepare import REVISION, Precision

CACHE_VARIABLE = "POSEHAND_CACHE_DIR"  # as for everything else that is cached


def engine_path(
    network_sha256: str,
    precision: Precision,
    windows: int,
    tensorrt: TensorRt,
    capability: int,
    folder: Path | None = None,
) -> Path:
    """Where the engine of these weights for this GPU and this TensorRT is kept.

    Args:
        network_sha256: of the exported file.
        precision: of the matrix products.
        windows: that it takes at once.
        tensorrt: that builds and loads it.
        capability: compute capability of the GPU, as in 89 for 8.9.
        folder: instead of the user's cache.
    """
    parts = (network_sha256, precision, str(windows), tensorrt.version, str(capability), str(REVISION))
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return (folder or _cache_dir()) / f"posebert-{precision}-{windows}-sm{capability}-{key}.engine"


def kept(path: Path, build: Callable[[], bytes]) -> bytes:
    """The file's content; built and written first if it is not there.

    A folder that cannot be written to costs the next start the time, not this one the engine.
    """
    try:
        return path.read_bytes()
    except OSError:
        data = build()
        write_whole(path, data)
        return data


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all; nothing is said if it cannot be, caches may be lost."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        partial.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _cache_dir() -> Path:
    override = os.environ.get(CACHE_VARIABLE)
    cache = Path(override) if override else Path(platformdirs.user_cache_dir("posehand", appauthor=False))
    return cache / "engines"
