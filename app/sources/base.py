"""What every source of frames can do."""

from __future__ import annotations

from typing import Protocol

from app.frame import Frame


class SourceFacts(Protocol):
    """What is known of a source of frames.

    Attributes:
        name: short description for logs, reports and windows.
        fps: nominal frame rate, Hz.
        size_px: (width, height).
        live: True if frames come at their own pace and are lost when not read (camera, stream).
        frame_count: number of frames where it is known beforehand, else None.
        status: one sentence on the source's health, empty while all is well ("camera unplugged, retrying").
    """

    name: str
    fps: float
    size_px: tuple[int, int]
    live: bool
    frame_count: int | None

    @property
    def status(self) -> str: ...


class Source(SourceFacts, Protocol):
    """Frames from a camera, file, stream, recording or renderer."""

    def read(self, timeout_s: float) -> Frame | None:
        """The newest unread frame; None if none came within `timeout_s`.

        Raises EndOfSource after the last frame of a source that ends.
        """
        ...

    def close(self) -> None:
        """Give the device or file back; safe to call twice."""
        ...


class EndOfSource(Exception):  # noqa: N818 — an ordinary end, not an error
    """There will be no more frames."""
