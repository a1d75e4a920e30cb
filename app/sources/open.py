"""Opens the source that a `--source` argument names."""

from __future__ import annotations

import os
from pathlib import Path

from app.errors import AppError, UsageError
from app.recording_meta import is_recording
from app.sources.base import Source
from app.sources.recording import RecordingSource
from app.sources.stream import SCHEMES, StreamSource, without_password
from app.sources.video import VideoSource
from app.sources.webcam import WebcamSource

LARGEST_NUMBER = 2**31 - 1
LEGAL = (
    "webcam[:N], synthetic[:SEED], the path of a video file or of a recording's folder, "
    f"or a URL ({', '.join(SCHEMES)})"
)


def open_source(spec: str, *, realtime: bool, loop: bool = False, script: str = "demo") -> Source:
    """The source of frames that `spec` names; the caller closes it.

    Args:
        spec: webcam[:N] | synthetic[:SEED] | PATH of a video | PATH of a recording | URL of a stream.
        realtime: play files and the synthetic camera at their own pace; cameras and streams always are.
        loop: let the synthetic camera start again at its end.
        script: what the synthetic camera's hand does, a key of `app.synthetic.scripts.SCRIPTS`.

    Raises:
        UsageError: `spec` is of no legal form.
        AppError: what it names cannot be opened.
    """
    kind, colon, number = spec.partition(":")
    if kind == "webcam":
        return WebcamSource(_number(spec, number) if colon else 0)
    if kind == "synthetic":
        seed = _number(spec, number) if colon else 0
        # It renders with packages that take long to import.
        from app.sources.synthetic import SyntheticSource

        return SyntheticSource(seed=seed, realtime=realtime, loop=loop, script=script)
    scheme, is_url, _ = spec.partition("://")
    if is_url:
        if scheme.lower() not in SCHEMES:
            raise UsageError(f"cannot open {without_password(spec)!r}: use {LEGAL}")
        return StreamSource(spec)
    if not spec:
        raise UsageError(f"the source is empty: use {LEGAL}")
    recording = recording_of(spec)
    if recording is not None:
        return RecordingSource(recording, realtime=realtime)
    path = _path(spec)
    if not path.exists():
        raise AppError(f"there is no source {spec!r}: use {LEGAL}")
    return VideoSource(path, realtime=realtime)


def recording_of(spec: str) -> Path | None:
    """The folder of the recording that `spec` names; None if it names something else.

    Raises:
        AppError: it cannot be looked at.
    """
    if spec.partition(":")[0] in ("webcam", "synthetic") or "://" in spec:
        return None
    path = _path(spec)
    try:
        return path if path.is_dir() and (is_recording(path) or path.suffix == ".rec") else None
    except OSError as error:
        raise AppError(f"cannot read the source {spec!r}: {error.strerror}; use {LEGAL}") from error


def _path(spec: str) -> Path:
    return Path(os.path.expanduser(spec))  # a ~ that is no home is part of the name


def _number(spec: str, number: str) -> int:
    if not (number.isascii() and number.isdigit() and int(number) <= LARGEST_NUMBER):
        raise UsageError(
            f"the source {spec!r} has no number from 0 to {LARGEST_NUMBER} after its colon: use {LEGAL}"
        )
    return int(number)
