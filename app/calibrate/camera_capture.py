"""Views of the board from a folder of images, or picked from a source while somebody is guided."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from tqdm import tqdm

from app.calibrate.camera_guide import CaptureGuide, GuideState
from app.errors import AppError
from app.frame import Frame, unmirrored
from app.interrupt import Interrupt
from app.opencv import cv2
from app.sources.base import EndOfSource, Source
from calibration.board import Board, BoardDetector, BoardView

logger = logging.getLogger(__name__)

Say = Callable[[str], None]
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
_READ_TIMEOUT_S = 0.1
_SILENT_S = 10.0
_UNSEEN_S = 60.0  # headless only: with a window, whoever sits there sees that nothing is found
_BETWEEN_LINES_S = 1.5
_BOARD_QUESTION = "is it the one that --board makes, sharp, well lit, and near enough?"


class CaptureDisplay(Protocol):
    """Shows whoever holds the board what to do.

    Attributes:
        cancelled: an end was asked for.
        patient: somebody sees that no board is found, so there is no need to give up.
    """

    patient: bool

    @property
    def cancelled(self) -> bool: ...

    def show(self, frame: Frame, view: BoardView | None, state: GuideState, notice: str) -> None:
        """Show one image and what the guide makes of it."""
        ...

    def wait(self, notice: str) -> None:
        """No image came; stay responsive."""
        ...

    def close(self) -> None: ...


class InstructionLines:
    """Instructions as lines of text, one where they change, at a pace that can be read."""

    patient = False
    cancelled = False

    def __init__(self, say: Say) -> None:
        self._say = say
        self._said = ""
        self._t_said_ns: int | None = None

    def show(self, frame: Frame, view: BoardView | None, state: GuideState, notice: str) -> None:
        if state.taken:
            self._say(f"image {state.images} taken")
        instruction = notice or state.instruction
        paused = self._t_said_ns is None or frame.t_capture_ns - self._t_said_ns >= _BETWEEN_LINES_S * 1e9
        if instruction != self._said and (paused or state.done):
            self._say(instruction)
            self._said, self._t_said_ns = instruction, frame.t_capture_ns

    def wait(self, notice: str) -> None:
        if notice and notice != self._said:
            self._say(notice)
            self._said = notice

    def close(self) -> None:
        """There is nothing to close."""


@dataclass(frozen=True)
class Captured:
    """What came of guiding somebody.

    Attributes:
        views: that were taken.
        cancelled: whoever held the board gave up.
        complete: all that was wanted was seen.
    """

    views: tuple[BoardView, ...]
    cancelled: bool
    complete: bool


def capture_views(
    source: Source,
    board: Board,
    display: CaptureDisplay,
    keep_images: Path | None = None,
    mirrored: bool = False,
) -> Captured:
    """Guide a board in front of `source` until there is enough, the source ends, or somebody cancels.

    Args:
        source: of the images; the caller closes it.
        board: that is shown.
        display: of the instructions; the caller closes it.
        keep_images: folder for the images taken, as the source gave them.
        mirrored: the source shows a mirror image; views are of the image it mirrors.

    Raises:
        AppError: the source gives no images, or never shows the board.
    """
    detector = BoardDetector(board)
    guide = CaptureGuide(source.size_px, board, mirrored=source.live)
    t_first_ns: int | None = None
    silent_s = 0.0
    seen = cancelled = False
    with Interrupt() as interrupt:
        while not guide.done:
            cancelled = interrupt.asked or display.cancelled
            if cancelled:
                break
            try:
                frame = source.read(_READ_TIMEOUT_S)
            except EndOfSource:
                break
            if frame is None:
                silent_s += _READ_TIMEOUT_S
                if silent_s >= _SILENT_S and not display.patient:
                    raise AppError(
                        f"{source.name} gives no images; {source.status or 'unplug it and plug it in again'}"
                    )
                display.wait(source.status)
                continue
            silent_s = 0.0
            if t_first_ns is None:
                t_first_ns = frame.t_capture_ns
            image = unmirrored(frame.image, mirrored)  # markers cannot be read in a mirror
            whole = (image.shape[1], image.shape[0]) == source.size_px
            view = detector.detect(image, f"image {len(guide.views) + 1}") if whole else None
            seen = seen or view is not None
            state = guide.look(view, frame.t_capture_ns)
            if state.taken and keep_images is not None:
                _write_image(keep_images / f"board_{state.images:03d}.png", frame.image)
            display.show(replace(frame, image=image), view, state, source.status)
            if not seen and not display.patient and frame.t_capture_ns - t_first_ns > _UNSEEN_S * 1e9:
                break
    if not seen and not cancelled:
        raise AppError(f"{source.name} never showed the board: {_BOARD_QUESTION}")
    return Captured(tuple(guide.views), cancelled, guide.done)


def read_views(directory: Path, board: Board, mirrored: bool = False) -> tuple[list[BoardView], list[str]]:
    """Views of the board in a folder's images, and the names of images without.

    Args:
        directory: with the images.
        board: that they show.
        mirrored: they are mirror images; views are of what they mirror.

    Raises:
        AppError: there is no such folder, or no image of the board in it.
    """
    if not directory.is_dir():
        raise AppError(f"--images {directory} is no folder: give one with images of the board")
    try:
        paths = sorted(path for path in directory.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise AppError(f"cannot read the folder {directory}: {error.strerror}") from error
    if not paths:
        raise AppError(
            f"{directory} holds no images ({', '.join(SUFFIXES)}): give a folder with some of the board"
        )
    detector = BoardDetector(board)
    views: list[BoardView] = []
    without: list[str] = []
    for path in tqdm(paths, desc="looking for the board", unit="image", leave=False, disable=None):
        image = _read_image(path)
        view = None if image is None else detector.detect(unmirrored(image, mirrored), path.name)
        if view is None:
            without.append(path.name)
        else:
            views.append(view)
    if not views:
        count = "the image" if len(paths) == 1 else f"any of the {len(paths)} images"
        raise AppError(f"the board was not found in {count} in {directory}: {_BOARD_QUESTION}")
    return views, without


def _read_image(path: Path) -> np.ndarray | None:
    """(height, width, 3) BGR; None, with a word, if the file is no image."""
    try:
        # OpenCV's own reader cannot open every name that Windows allows.
        content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        image = (
            cv2.imdecode(content, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION) if len(content) else None
        )
    except (OSError, cv2.error) as error:
        logger.debug("%s: %s", path, error)
        image = None
    if image is None:
        logger.warning("%s is no image that can be read, and is left out", path)
    return image


def _write_image(path: Path, image: np.ndarray) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    except OSError as error:
        raise AppError(f"cannot write {path}: {error.strerror}; give another --keep-images") from error
