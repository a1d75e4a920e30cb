"""The images of a recording, turned the way their keypoints are."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from app.frame import Frame
from app.opencv import cv2
from app.recording import RecordingReader


def unmirrored_frames(reader: RecordingReader) -> Iterator[Frame]:
    """Every frame; those of a source that shows a mirror image are turned over, as keypoints have it.

    Raises:
        AppError: the recording cannot be read.
    """
    settings = reader.meta.run.get("settings", {})
    mirrored = isinstance(settings, dict) and settings.get("mirror") is True
    for frame in reader.frames():
        yield dataclasses.replace(frame, image=cv2.flip(frame.image, 1)) if mirrored else frame
