"""A recording: a directory with every image and what became of it, readable even after a crash.

`meta.json` holds the format, its version, facts of the source and of the run; `frames.msgpack` is a sequence
of msgpack maps {index, t_capture_ns, jpeg}, one per frame; `hands.msgpack` is a sequence of hand records
(`app.recording_hands`), `bodies.msgpack` one of body records (`app.recording_bodies`). All are appended and
flushed map by map.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, TypeVar

import msgpack
import numpy as np

from app.errors import AppError
from app.frame import Frame
from app.opencv import cv2
from app.recording_bodies import BodyRecord, unpack_body_record
from app.recording_hands import HandRecord, unpack_array, unpack_hand_record
from app.recording_meta import RecordingMeta, read_meta, write_meta

logger = logging.getLogger(__name__)

FRAMES_FILE = "frames.msgpack"
HANDS_FILE = "hands.msgpack"
BODIES_FILE = "bodies.msgpack"
JPEG_QUALITY = 95
_QUEUED_FRAMES = 32  # about one second: rides out a busy disk without holding much memory
_QUEUED_HANDS = 900  # half a minute of one hand, ten seconds of both and a body; some 30 MB
_CHUNK_BYTES = 1 << 20
_LARGEST_RECORD_BYTES = 64 << 20

Record = TypeVar("Record", Frame, HandRecord, BodyRecord)


class RecordingWriter:
    """Writes frames and hands on a thread of its own; trouble with the disk never disturbs the caller.

    Attributes:
        directory: where.
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
        run: dict[str, Any] | None = None,
        open_file: Callable[[Path], BinaryIO] | None = None,
    ) -> None:
        """Make the directory and start.

        Args:
            directory: new, or without a recording in it.
            size_px, fps, source, run: facts of source and run, see RecordingMeta.
            blocking: wait for the disk instead of dropping frames (for runs that are not in real time).
            open_file: opens the files for writing; tests inject failing ones.

        Raises:
            AppError: the directory holds a recording already or cannot be written.
        """
        self.directory = Path(directory)
        self._meta = RecordingMeta(size_px, fps, source, run=run or {})
        self._blocking = blocking
        self._open_file = open_file or _open_for_writing
        self.written = 0
        self.dropped = 0
        self.error = ""
        frames_path = self.directory / FRAMES_FILE
        if frames_path.exists():
            raise AppError(f"{self.directory} already holds a recording; record into another directory")
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            write_meta(self.directory, self._meta)
            self._frames_file = self._open_file(frames_path)
        except OSError as error:
            raise AppError(
                f"cannot record into {self.directory}: {error.strerror or error}; choose another directory"
            ) from error
        self._record_files: dict[str, BinaryIO] = {}  # not every recording has hands, or bodies
        self._queue: queue.Queue[Frame | HandRecord | BodyRecord | None] = queue.Queue()
        self._frames_room = threading.Semaphore(_QUEUED_FRAMES)
        self._hands_room = threading.Semaphore(_QUEUED_HANDS)
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self._thread.start()

    def write(self, frame: Frame) -> None:
        """Hand over one frame, whose image must not change afterwards. Does not raise."""
        if self._closed or self.error:
            self.dropped += 1
        elif self._frames_room.acquire(blocking=self._blocking):
            self._queue.put(frame)
        else:
            if self.dropped == 0:
                logger.warning("recording: the disk is too slow, frames are dropped")
            self.dropped += 1

    def write_records(self, records: Sequence[HandRecord | BodyRecord]) -> None:
        """Hand over what became of hands and body in a frame, after the frame itself. Does not raise.

        None is ever left out, as what follows would no longer come out the same: a disk that keeps them
        waiting for long ends the recording.
        """
        for record in records:
            if self._closed or self.error:
                return
            if self._hands_room.acquire(blocking=self._blocking):
                self._queue.put(record)
            else:
                self._fail("the disk is far too slow")

    def close(self) -> None:
        """Write what is queued and finish the recording; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        for file in (self._frames_file, *self._record_files.values()):
            try:
                file.close()
            except OSError as error:  # what a full disk did not take
                self._fail(error.strerror or str(error))
        meta = replace(self._meta, frame_count=self.written, dropped=self.dropped)
        try:
            write_meta(self.directory, meta)
        except OSError as error:
            self._fail(error.strerror or str(error))

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
        while (item := self._queue.get()) is not None:
            (self._frames_room if isinstance(item, Frame) else self._hands_room).release()
            if not self.error:
                try:
                    self._write(item)
                except (OSError, cv2.error) as error:
                    strerror = error.strerror if isinstance(error, OSError) else None
                    self._fail(strerror or str(error))
            if isinstance(item, Frame):
                self.written += not self.error
                self.dropped += bool(self.error)

    def _write(self, item: Frame | HandRecord | BodyRecord) -> None:
        if isinstance(item, Frame):
            file, packed = self._frames_file, _packed(item)
        else:
            name = HANDS_FILE if isinstance(item, HandRecord) else BODIES_FILE
            if name not in self._record_files:
                self._record_files[name] = self._open_file(self.directory / name)
            file, packed = self._record_files[name], item.pack()
        file.write(packed)
        file.flush()  # from here on it survives the end of this process, however it ends

    def _fail(self, reason: str) -> None:
        if not self.error:
            self.error = f"recording into {self.directory} stopped after {self.written} frames: {reason}"
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
        self.directory = Path(directory)
        self.meta = read_meta(self.directory)
        self.truncated = False

    @property
    def has_hands(self) -> bool:
        """Whether it tells what became of the hands; the first version had images only."""
        return (self.directory / HANDS_FILE).is_file()

    @property
    def has_bodies(self) -> bool:
        """Whether it tells what became of the body."""
        return (self.directory / BODIES_FILE).is_file()

    def frames(self) -> Generator[Frame, None, None]:
        """Every frame in the order it was recorded, with the recorded index and time.

        Raises:
            AppError: the frames file cannot be read.
        """
        yield from self._records(FRAMES_FILE, _unpacked)

    def hands(self) -> Generator[HandRecord, None, None]:
        """What became of the hands, if any, in the order of the frames and of the gaps between them.

        Raises:
            AppError: the file cannot be read.
        """
        if self.has_hands:
            yield from self._records(HANDS_FILE, unpack_hand_record)

    def bodies(self) -> Generator[BodyRecord, None, None]:
        """What became of the body, if any, in the order of the frames and of the gaps between them.

        Raises:
            AppError: the file cannot be read.
        """
        if self.has_bodies:
            yield from self._records(BODIES_FILE, unpack_body_record)

    def count_frames(self) -> int:
        """How many images can be read; the meta file of a run that was killed does not tell."""
        reader = RecordingReader(self.directory)
        return sum(1 for _ in reader._records(FRAMES_FILE, lambda plain: plain))

    def _records(self, name: str, unpack: Callable[[Any], Record | None]) -> Generator[Record, None, None]:
        path = self.directory / name
        try:
            with path.open("rb") as file:
                yield from self._records_of(file, unpack)
        except OSError as error:
            raise AppError(f"cannot read the recording {path}: {error.strerror or error}") from error

    def _records_of(
        self, file: BinaryIO, unpack: Callable[[Any], Record | None]
    ) -> Generator[Record, None, None]:
        unpacker = msgpack.Unpacker(max_buffer_size=_LARGEST_RECORD_BYTES, ext_hook=unpack_array)
        end_of_last = 0
        while chunk := file.read(_CHUNK_BYTES):
            try:
                unpacker.feed(chunk)
                for plain in unpacker:
                    record = unpack(plain)
                    if record is None:
                        self.truncated = True
                        return
                    end_of_last = unpacker.tell()
                    yield record
            except (msgpack.UnpackException, ValueError, TypeError) as error:
                logger.debug("%s: %s", self.directory, error)
                self.truncated = True
                return
        self.truncated |= end_of_last < file.tell()


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
