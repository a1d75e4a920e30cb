"""`meta.json` of a recording: its format, facts of the source, and how the run was set up."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from app.errors import AppError

FORMAT = "posehand-recording"
VERSION = 2  # 1 had images only
META_FILE = "meta.json"
_LARGEST_PX = 65_535  # of a JPEG


@dataclass(frozen=True)
class RecordingMeta:
    """What `meta.json` says.

    Attributes:
        size_px: (width, height) of the source.
        fps: its nominal rate, Hz.
        source: its name.
        frame_count: images written; None while recording, and so after a crash.
        dropped: frames the disk was too slow for.
        run: the run it was made in, as plain data: settings, calibration, horizon_s, versions, machine.
    """

    size_px: tuple[int, int]
    fps: float
    source: str = ""
    frame_count: int | None = None
    dropped: int = 0
    run: dict[str, Any] = field(default_factory=dict)


def is_recording(path: Path) -> bool:
    """True if `path` is a directory that a recorder has begun."""
    return (Path(path) / META_FILE).is_file()


def write_meta(directory: Path, meta: RecordingMeta) -> None:
    """Replace the meta file of a recording.

    Raises:
        OSError: it cannot be written.
    """
    content = {"format": FORMAT, "version": VERSION, **asdict(meta)}
    temporary = directory / f"{META_FILE}.part"
    try:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        temporary.replace(directory / META_FILE)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def read_meta(directory: Path) -> RecordingMeta:
    """The meta file of a recording.

    Raises:
        AppError: there is none, it is damaged, of something else, or of a newer version.
    """
    path = directory / META_FILE
    try:
        there = path.is_file()
    except OSError as error:
        raise AppError(
            f"cannot read the recording {directory}: {error.strerror}; give a directory made with --record"
        ) from error
    if not there:
        raise AppError(
            f"{directory} is not a recording: it has no {META_FILE}; give a directory made with --record"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise AppError(
                f"{directory} is not a recording of PoseHand: its {META_FILE} says {content['format']!r}; "
                "give a directory made with --record"
            )
        if content["version"] > VERSION:
            raise AppError(
                f"{directory} is a recording of version {content['version']} and this PoseHand reads up to "
                f"{VERSION}: update PoseHand"
            )
        width, height = (int(n) for n in content["size_px"])
        if not (1 <= width <= _LARGEST_PX and 1 <= height <= _LARGEST_PX):
            raise ValueError(f"size_px is {content['size_px']!r}")
        frame_count = content["frame_count"]
        if not (frame_count is None or (isinstance(frame_count, int) and frame_count >= 0)):
            raise ValueError(f"frame_count is {frame_count!r}")
        run = dict(content.get("run", {}))
        if not isinstance(run.get("settings", {}), dict):
            raise TypeError(f"the settings are {run['settings']!r}")
        return RecordingMeta(
            size_px=(width, height),
            fps=float(content["fps"]),
            source=str(content["source"]),
            frame_count=frame_count,
            dropped=int(content["dropped"]),
            run=run,
        )
    except (OSError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise AppError(
            f"{path} is damaged ({type(error).__name__}: {error}); copy the recording again"
        ) from error
