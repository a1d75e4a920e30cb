"""Finds the detector's model files: a user's own, cached, downloaded, or rebuilt from an older wheel.

MediaPipe's wheels carry no models since 0.10.30. The official file lives on one server; where only a package
index can be reached, the same networks are in the mediapipe 0.10.21 wheel and are packed into an equivalent
file here.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import logging
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from tqdm import tqdm

from app.errors import AppError
from app.files import write_atomically
from app.tflite_metadata import with_normalization

logger = logging.getLogger(__name__)

CACHE_VARIABLE = "POSEHAND_CACHE_DIR"
_CONNECT_TIMEOUT_S = 5.0
_PIP_TIMEOUT_S = 600.0
_CHUNK_BYTES = 1 << 16
_ALIGNMENT_BYTES = 16  # TensorFlow Lite maps its buffers in place and wants them aligned
_PADDING_FIELD_ID = 0xD935  # zip extra field for alignment, as Android's zipalign writes it


@dataclass(frozen=True)
class WheelMember:
    """One network inside a wheel and its place inside the task file.

    Attributes:
        path: in the wheel.
        name: in the task file.
        sha256: of the network as it is in the wheel.
        normalization: mean and standard deviation of its input, where the wheel's file does not tell them as
            MediaPipe's Tasks want.
    """

    path: str
    name: str
    sha256: str
    normalization: tuple[float, float] | None = None


@dataclass(frozen=True)
class TaskAsset:
    """A MediaPipe task file and every way to get it.

    Attributes:
        file_name: its name in the cache.
        path_variable: environment variable with a user's own path.
        url: the official file; `sha256` and `size_bytes` are its digest and size.
        wheel: pip requirement of a wheel with the same networks, the `members`, in their order in the task
            file.
        rebuilt_sha256: digest of the file `build_task` makes of the members.
    """

    file_name: str
    path_variable: str
    url: str
    sha256: str
    size_bytes: int
    wheel: str
    members: tuple[WheelMember, ...]
    rebuilt_sha256: str


HAND_LANDMARKER = TaskAsset(
    file_name="hand_landmarker.task",
    path_variable="POSEHAND_HAND_LANDMARKER",
    url=(
        "https://storage.googleapis.com/mediapipe-models/hand_landmarker/hand_landmarker/float16/1/"
        "hand_landmarker.task"
    ),
    sha256="fbc2a30080c3c557093b5ddfc334698132eb341044ccee322ccf8bcf3607cde1",
    size_bytes=7_819_105,
    wheel="mediapipe==0.10.21",
    members=(
        WheelMember(
            path="mediapipe/modules/palm_detection/palm_detection_full.tflite",
            name="hand_detector.tflite",
            sha256="1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
        ),
        WheelMember(
            path="mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
            name="hand_landmarks_detector.tflite",
            sha256="11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
        ),
    ),
    rebuilt_sha256="1ae5a1f281c8a9dcc147d9993408fc187756205dde3c1bc014bb3ce69ecaba82",
)

POSE_LANDMARKER = TaskAsset(
    file_name="pose_landmarker_full.task",
    path_variable="POSEHAND_POSE_LANDMARKER",
    url=(
        "https://storage.googleapis.com/mediapipe-models/pose_landmarker/pose_landmarker_full/float16/1/"
        "pose_landmarker_full.task"
    ),
    sha256="4eaa5eb7a98365221087693fcc286334cf0858e2eb6e15b506aa4a7ecdcec4ad",
    size_bytes=9_398_198,
    wheel="mediapipe==0.10.21",
    members=(
        WheelMember(
            path="mediapipe/modules/pose_detection/pose_detection.tflite",
            name="pose_detector.tflite",
            sha256="9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        ),
        WheelMember(
            path="mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
            name="pose_landmarks_detector.tflite",
            sha256="e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
            normalization=(0.0, 255.0),
        ),
    ),
    rebuilt_sha256="e45e0c9eb9b72aa0cdac22368aad51e4037e17c3164471c21dc6921ea62eb608",
)


class AssetUnavailableError(Exception):
    """One way to get an asset did not work; the next is tried."""


def cache_dir() -> Path:
    """The user's cache directory of PoseHand; POSEHAND_CACHE_DIR overrides it."""
    override = os.environ.get(CACHE_VARIABLE)
    return Path(override) if override else Path(platformdirs.user_cache_dir("posehand", appauthor=False))


def resolve_hand_landmarker(path: Path | None = None) -> Path:
    """The path of a usable hand_landmarker.task, see `resolve`."""
    return resolve(HAND_LANDMARKER, path)


def resolve_pose_landmarker(path: Path | None = None) -> Path:
    """The path of a usable pose_landmarker_full.task, see `resolve`."""
    return resolve(POSE_LANDMARKER, path)


def resolve(
    asset: TaskAsset,
    path: Path | None = None,
    *,
    download: Callable[[TaskAsset], bytes] | None = None,
    fetch_wheel: Callable[[str, Path], Path] | None = None,
) -> Path:
    """The path of a usable copy of `asset`, fetched and cached if need be.

    The order: `path`, the environment variable `asset.path_variable`, the cache, the official download, a
        rebuild from the wheel. What is fetched is verified by SHA-256, and so is the cached copy at every
        use.

    Args:
        asset: what to find, for example HAND_LANDMARKER.
        path: the user's own file; trusted as it is.
        download: gives the official file's bytes; `download_official` if None.
        fetch_wheel: puts the wheel of a pip requirement into a directory; `pip_download` if None.

    Raises:
        AppError: the user's file is missing, the cache cannot be written, or no way worked.
    """
    own = path if path is not None else _path_from_environment(asset)
    if own is not None:
        if not own.is_file():
            raise AppError(f"there is no file {own}: give the path of {asset.file_name}, from {asset.url}")
        return own

    cached = cache_dir() / asset.file_name
    if _is_intact(cached, asset):
        return cached

    failures = []
    for get in (
        lambda: (download or download_official)(asset),
        lambda: rebuild_from_wheel(asset, fetch_wheel or pip_download),
    ):
        try:
            _keep(cached, _verified(get(), asset))
        except AssetUnavailableError as failure:
            logger.info("%s: %s", asset.file_name, failure)
            failures.append(str(failure))
        else:
            return cached
    raise AppError(
        f"{asset.file_name} is missing and could not be fetched ({'; '.join(failures)}): "
        f"download {asset.url} and put it at {cached}, or set {asset.path_variable} to its path"
    )


def download_official(asset: TaskAsset) -> bytes:
    """The official file's bytes, not yet verified.

    Raises:
        AssetUnavailableError: the server cannot be reached or refuses.
    """
    try:
        with (
            urllib.request.urlopen(asset.url, timeout=_CONNECT_TIMEOUT_S) as response,
            tqdm(total=asset.size_bytes, unit="B", unit_scale=True, desc=asset.file_name, leave=False) as bar,
        ):
            content = bytearray()
            while chunk := response.read(_CHUNK_BYTES):
                content += chunk
                bar.update(len(chunk))
    except (OSError, http.client.HTTPException, urllib.error.URLError) as error:
        raise AssetUnavailableError(f"download failed: {_one_line(error)}") from error
    return bytes(content)


def pip_download(requirement: str, directory: Path) -> Path:
    """Fetch the wheel of `requirement` into `directory` with pip, for any host system.

    The wheel is only unpacked, never installed, so its platform does not matter and is fixed.

    Raises:
        AssetUnavailableError: pip is missing or finds no such wheel.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--platform", "manylinux_2_28_x86_64", "--python-version", "3.11", "--implementation", "cp"]
    command += ["--disable-pip-version-check", "--no-input", "--quiet", "--retries", "1"]
    command += ["--dest", str(directory), requirement]
    logger.info("fetching the %s wheel (about 35 MB) with pip", requirement)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PIP_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AssetUnavailableError(f"pip download {requirement} failed: {_one_line(error)}") from error
    wheels = sorted(directory.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        lines = done.stderr.strip().splitlines() or ["no wheel"]
        raise AssetUnavailableError(f"pip download {requirement} failed: {lines[-1].strip()}")
    return wheels[0]


def rebuild_from_wheel(asset: TaskAsset, fetch_wheel: Callable[[str, Path], Path]) -> bytes:
    """The task file packed from the networks inside the asset's wheel.

    Raises:
        AssetUnavailableError: the wheel cannot be had, or is not the one expected.
    """
    with tempfile.TemporaryDirectory(prefix="posehand-") as directory:
        wheel = fetch_wheel(asset.wheel, Path(directory))
        contents = []
        try:
            with zipfile.ZipFile(wheel) as archive:
                for member in asset.members:
                    content = archive.read(member.path)
                    if hashlib.sha256(content).hexdigest() != member.sha256:
                        raise AssetUnavailableError(f"{member.path} in {wheel.name} has a wrong SHA-256")
                    if member.normalization is not None:
                        content = with_normalization(content, *member.normalization)
                    contents.append((member.name, content))
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise AssetUnavailableError(f"{wheel.name} is no such wheel: {_one_line(error)}") from error
    return build_task(contents)


def build_task(contents: list[tuple[str, bytes]]) -> bytes:
    """A MediaPipe task file: a zip of (name, content), uncompressed, aligned, always the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in contents:
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            info.external_attr = 0o644 << 16
            local_header_bytes = 30 + len(name.encode()) + 4
            padding = -(buffer.tell() + local_header_bytes) % _ALIGNMENT_BYTES
            info.extra = (
                _PADDING_FIELD_ID.to_bytes(2, "little") + padding.to_bytes(2, "little") + bytes(padding)
            )
            archive.writestr(info, content)
    return buffer.getvalue()


def _path_from_environment(asset: TaskAsset) -> Path | None:
    value = os.environ.get(asset.path_variable)
    return Path(value) if value else None


def _is_intact(path: Path, asset: TaskAsset) -> bool:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return False
    except OSError as error:
        logger.warning("%s cannot be read (%s) and is fetched again", path, _one_line(error))
        return False
    if hashlib.sha256(content).hexdigest() in (asset.sha256, asset.rebuilt_sha256):
        return True
    logger.warning("%s is corrupt and is fetched again", path)
    return False


def _verified(content: bytes, asset: TaskAsset) -> bytes:
    digest = hashlib.sha256(content).hexdigest()
    if digest not in (asset.sha256, asset.rebuilt_sha256):
        raise AssetUnavailableError(f"the copy has a wrong SHA-256 ({digest[:12]}…, {len(content)} bytes)")
    return content


def _keep(path: Path, content: bytes) -> None:
    try:
        with write_atomically(path) as file:
            file.write(content)
    except AppError as error:
        reason = _one_line(error.__cause__ or error)
        raise AppError(
            f"cannot write {path}: {reason}; set {CACHE_VARIABLE} to a writable directory"
        ) from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
