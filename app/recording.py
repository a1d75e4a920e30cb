"""A recording: a directory with every image and its capture time, readable even after a crash.

`meta.json` holds the format, its version and facts of the source; `frames.msgpack` is a sequence of msgpack
maps {index, t_capture_ns, jpeg}, one per frame, appended and flushed one by one.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import msgpack
import numpy as np

from app.errors import AppError
from app.frame import Frame
from app.opencv import cv2

logger = logging.getLogger(__name__)

FORMAT = "posehand-recording"
VERSION = 1
META_FILE = "meta.json"
FRAMES_FILE = "frames.msgpack"
JPEG_QUALITY = 95
_QUEUED_FRAMES = 32  # about one second: rides out a busy disk without holding much memory
_CHUNK_BYTES = 1 << 20
_LARGEST_RECORD_BYTES = 64 << 20


@dataclass(frozen=True)
class RecordingMeta:
    """What `meta.json` says.

    Attributes:
        size_px: (width, height) of the source.
        fps: its nominal rate, Hz.
        source: its name.
        frame_count: images written; None while recording, and so after a crash.
        dropped: frames the disk was too slow for.
    """

    size_px: tuple[int, int]
    fps: float
    source: str = ""
    frame_count: int | None = None
    dropped: int = 0


class RecordingWriter:
    """Writes frames on a thread of its own; trouble with the disk never disturbs the caller.

    Attributes:
        written: frames on disk so far.
        dropped: frames lost because the disk was too slow, only when not `blocking`, or after an error.
        error: one sentence once writing has failed; nothing is written from then on. Empty while all is well.
    """

    def __init__(
        self,
        directory: Path,
        size_px: tuple[int, int],
        fps: float,
        blocking: bool,
        source: str = "",
        open_file: Callable[[Path], BinaryIO] | None = None,
    ) -> None:
        """Make the directory and start.

        Args:
            directory: new, or without a recording in it.
            size_px, fps, source: facts of the source, see RecordingMeta.
            blocking: wait for the disk instead of dropping frames (for runs that are not in real time).
            open_file: opens the frames file for writing; tests inject failing ones.

        Raises:
            AppError: the directory holds a recording already or cannot be written.
        """
        self._directory = Path(directory)
        self._meta = RecordingMeta(size_px, fps, source)
        self._blocking = blocking
        self.written = 0
        self.dropped = 0
        self.error = ""
        frames_path = self._directory / FRAMES_FILE
        if frames_path.exists():
            raise AppError(f"{self._directory} already holds a recording; record into another directory")
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            _write_meta(self._directory, self._meta)
            self._file = (open_file or _open_for_writing)(frames_path)
        except OSError as error:
            raise AppError(
                f"cannot record into {self._directory}: {error.strerror or error}; choose another directory"
            ) from error
        self._queue: queue.Queue[Frame | None] = queue.Queue(_QUEUED_FRAMES)
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self._thread.start()

    def write(self, frame: Frame) -> None:
        """Hand over one frame, whose image must not change afterwards. Does not raise."""
        if self._closed or self.error:
            self.dropped += 1
            return
        try:
            self._queue.put(frame, block=self._blocking)
        except queue.Full:
            if self.dropped == 0:
                logger.warning("recording: the disk is too slow, frames are dropped")
            self.dropped += 1

    def close(self) -> None:
        """Write what is queued and finish the recording; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        try:
            self._file.close()
            meta = RecordingMeta(
                self._meta.size_px, self._meta.fps, self._meta.source, self.written, self.dropped
            )
            _write_meta(self._directory, meta)
        except OSError as error:
            self._fail(error)

    def __enter__(self) -> RecordingWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self) -> None:
        # After an error the queue is still emptied, so that a blocking caller is never held up.
        while (frame := self._queue.get()) is not None:
            if self.error:
                self.dropped += 1
                continue
            try:
                self._file.write(_packed(frame))
                self._file.flush()
            except (OSError, cv2.error) as error:
                self.dropped += 1
                self._fail(error)
            else:
                self.written += 1

    def _fail(self, error: Exception) -> None:
        if not self.error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            self.error = f"recording into {self._directory} stopped after {self.written} frames: {reason}"
            logger.error("%s", self.error)


class RecordingReader:
    """Reads a recording from its start.

    Attributes:
        meta: facts of the recording.
        truncated: True once the reading has met a record that is cut off or damaged; what follows it is lost.
    """

    def __init__(self, directory: Path) -> None:
        """Read the facts.

        Raises:
            AppError: `directory` is no recording, or of a newer version.
        """
        self._directory = Path(directory)
        self.meta = _read_meta(self._directory)
        self.truncated = False

    def frames(self) -> Generator[Frame, None, None]:
        """Every frame in the order it was recorded, with the recorded index and time.

        Raises:
            AppError: the frames file cannot be read.
        """
        self.truncated = False
        path = self._directory / FRAMES_FILE
        try:
            with path.open("rb") as file:
                yield from self._frames_of(file)
        except OSError as error:
            raise AppError(f"cannot read the recording {path}: {error.strerror or error}") from error

    def _frames_of(self, file: BinaryIO) -> Generator[Frame, None, None]:
        unpacker = msgpack.Unpacker(max_buffer_size=_LARGEST_RECORD_BYTES)
        end_of_last = 0
        while chunk := file.read(_CHUNK_BYTES):
            try:
                unpacker.feed(chunk)
                for record in unpacker:
                    frame = _unpacked(record)
                    if frame is None:
                        self.truncated = True
                        return
                    end_of_last = unpacker.tell()
                    yield frame
            except (msgpack.UnpackException, ValueError) as error:
                logger.debug("%s: %s", self._directory, error)
                self.truncated = True
                return
        self.truncated = end_of_last < file.tell()


def is_recording(path: Path) -> bool:
    """True if `path` is a directory that a recorder has begun."""
    return (Path(path) / META_FILE).is_file()


def _packed(frame: Frame) -> bytes:
    good, jpeg = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not good:
        raise OSError(f"frame {frame.index} cannot be encoded as JPEG")
    record = {"index": frame.index, "t_capture_ns": frame.t_capture_ns, "jpeg": jpeg.tobytes()}
    packed: bytes = msgpack.packb(record)
    return packed


def _unpacked(record: Any) -> Frame | None:
    """The frame of a record, or None if it is not one."""
    if not isinstance(record, dict) or not isinstance(record.get("jpeg"), bytes):
        return None
    index, t_capture_ns = record.get("index"), record.get("t_capture_ns")
    if not isinstance(index, int) or not isinstance(t_capture_ns, int) or not record["jpeg"]:
        return None
    image = cv2.imdecode(np.frombuffer(record["jpeg"], np.uint8), cv2.IMREAD_COLOR)
    return None if image is None else Frame(index, t_capture_ns, image)


def _open_for_writing(path: Path) -> BinaryIO:
    return path.open("wb")


def _write_meta(directory: Path, meta: RecordingMeta) -> None:
    content = {"format": FORMAT, "version": VERSION, **asdict(meta)}
    temporary = directory / f"{META_FILE}.part"
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    temporary.replace(directory / META_FILE)


def _read_meta(directory: Path) -> RecordingMeta:
    path = directory / META_FILE
    if not path.is_file():
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
        return RecordingMeta(
            size_px=(width, height),
            fps=float(content["fps"]),
            source=str(content["source"]),
            frame_count=content["frame_count"],
            dropped=int(content["dropped"]),
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise AppError(
            f"{path} is damaged ({type(error).__name__}: {error}); copy the recording again"
        ) from error
