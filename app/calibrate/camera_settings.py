"""What `calibrate camera` is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.errors import UsageError


@dataclass(frozen=True)
class CalibrateCameraSettings:
    """Settings of one camera calibration; every field is a flag of `calibrate camera`."""

    source: str = "webcam"
    """Where the board is shown: webcam[:N], a video file, or a stream URL."""
    images: Path | None = None
    """Folder of images of the board to use instead of showing it to the source."""
    camera: str | None = None
    """The source whose calibration this is (default: --source), such as webcam:1 for a video made with it."""
    board: Path | None = None
    """Write the board to this .pdf file, to be printed at 100 %, and end."""
    paper: Literal["a4", "letter"] = "a4"
    """--board: what it is printed on."""
    square_mm: float = 30.0
    """Side of one square as measured on the print. It changes nothing about the camera: any scale will do."""
    keep_images: Path | None = None
    """Also write the images that were picked into this folder; --images takes them again."""
    output: Path | None = None
    """Where the calibration goes (default: where the other commands look for it)."""
    mirror: bool = False
    """The source or the images show a mirror image, as selfie cameras do; give teleop --mirror as well."""
    headless: bool = False
    """Instructions in the terminal instead of a window; implied when there is no display."""


def check_settings(settings: CalibrateCameraSettings) -> None:
    """Refuse what cannot be followed, before anything is opened.

    Raises:
        UsageError: naming the flag and its legal values.
    """
    if settings.board is not None and settings.board.suffix.lower() != ".pdf":
        raise UsageError(f"--board {settings.board} is no .pdf file; give one, such as board.pdf")
    if settings.output is not None and settings.output.suffix.lower() != ".json":
        raise UsageError(f"--output {settings.output} is no .json file; give one, such as camera.json")
    if settings.images is not None and settings.keep_images is not None:
        raise UsageError("--keep-images is for images picked from --source, and --images are kept already")
    kind = settings.source.partition(":")[0]
    if kind == "synthetic" and settings.images is None and settings.board is None:
        raise UsageError("--source synthetic shows no board: use webcam[:N], a video file, or a stream URL")
