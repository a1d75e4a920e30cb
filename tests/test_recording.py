"""Recordings survive crashes and full disks, and give back what was put in."""

from __future__ import annotations

import errno
import io
import json
import threading
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from app.errors import AppError
from app.frame import Frame
from app.recording import FRAMES_FILE, RecordingReader, RecordingWriter
from app.recording_meta import META_FILE, VERSION, is_recording

SIZE_PX = (64, 48)


def make_frame(index: int) -> Frame:
    return Frame(index, 10**12 + index * 33_000_000, np.full((48, 64, 3), 2 * index, np.uint8))


def record(directory: Path, count: int = 10) -> Path:
    with RecordingWriter(directory, SIZE_PX, 30.0, blocking=True, source="camera 0") as writer:
        for i in range(count):
            writer.write(make_frame(i))
    assert writer.written == count
    return directory


def test_what_is_recorded_is_read_back(tmp_path: Path) -> None:
    reader = RecordingReader(record(tmp_path / "run.rec"))
    frames = list(reader.frames())
    assert [f.index for f in frames] == list(range(10))
    assert [f.t_capture_ns for f in frames] == [make_frame(i).t_capture_ns for i in range(10)]
    for frame in frames:
        assert frame.image.shape == (48, 64, 3)
        assert np.abs(frame.image.astype(int) - 2 * frame.index).max() <= 2  # JPEG
    assert not reader.truncated
    assert (reader.meta.size_px, reader.meta.fps, reader.meta.source) == (SIZE_PX, 30.0, "camera 0")
    assert reader.meta.frame_count == 10


def test_a_recording_can_be_read_up_to_where_a_crash_cut_it(tmp_path: Path) -> None:
    directory = record(tmp_path / "run.rec")
    frames_path = directory / FRAMES_FILE
    content = frames_path.read_bytes()
    frames_path.write_bytes(content[:-10])
    reader = RecordingReader(directory)
    assert [f.index for f in reader.frames()] == list(range(9))
    assert reader.truncated
    frames_path.write_bytes(content[: len(content) // 2] + b"\xc1 damage" + content[len(content) // 2 :])
    assert 3 <= len(list(reader.frames())) <= 5
    assert reader.truncated


def test_every_frame_is_on_disk_before_the_recording_is_closed(tmp_path: Path) -> None:
    """What a crash right after the last write leaves behind."""
    writer = RecordingWriter(tmp_path, SIZE_PX, 30.0, blocking=True)
    try:
        for i in range(3):
            writer.write(make_frame(i))
        for _ in range(2000):
            if writer.written == 3:
                break
            threading.Event().wait(0.01)
        reader = RecordingReader(tmp_path)
        assert [f.index for f in reader.frames()] == [0, 1, 2]
        assert reader.meta.frame_count is None
    finally:
        writer.close()


class FullDisk(io.BytesIO):
    """Takes two records, then has no space left."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    def write(self, content: object) -> int:
        self.writes += 1
        if self.writes > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(content)  # type: ignore[arg-type]


def test_a_recording_without_hands_and_body_gives_none(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path, SIZE_PX, 30.0, True) as writer:
        writer.write(make_frame(0))
    reader = RecordingReader(tmp_path)
    assert list(reader.hands()) == list(reader.bodies()) == []
    assert not reader.truncated


class UnclosableDisk(io.BytesIO):
    """Finds only when a file is closed that there was no room for its end."""

    def close(self) -> None:
        super().close()
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_recording_whose_end_was_not_written_still_says_how_long_it_is(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path, SIZE_PX, 30.0, True, open_file=lambda _: UnclosableDisk())
    for i in range(3):
        writer.write(make_frame(i))
    writer.close()
    assert writer.error.endswith("stopped after 3 frames: No space left on device")
    assert RecordingReader(tmp_path).meta.frame_count == 3


@pytest.mark.parametrize("blocking", [True, False])
def test_a_full_disk_stops_the_recording_and_nothing_else(
    tmp_path: Path, blocking: bool, caplog: pytest.LogCaptureFixture
) -> None:
    writer = RecordingWriter(tmp_path, SIZE_PX, 30.0, blocking, open_file=lambda _: FullDisk())
    for i in range(100):
        writer.write(make_frame(i))
    writer.close()
    assert writer.written == 2
    assert writer.dropped == 98
    assert "after 2 frames: No space left on device" in writer.error
    assert len([r for r in caplog.records if r.levelname == "ERROR"]) == 1


def test_a_disk_too_full_for_the_facts_is_left_without_a_part_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = RecordingWriter(tmp_path, SIZE_PX, 30.0, blocking=True)

    def write_some(path: Path, text: str, encoding: str) -> int:
        path.write_bytes(text[:10].encode(encoding))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", write_some)
    writer.close()
    assert "No space left on device" in writer.error
    assert {path.name for path in tmp_path.iterdir()} == {META_FILE, FRAMES_FILE}


class StuckDisk(io.BytesIO):
    """Takes nothing until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()

    def write(self, content: object) -> int:
        assert self.released.wait(30.0)
        return super().write(content)  # type: ignore[arg-type]


def test_a_slow_disk_loses_frames_of_a_live_run_and_counts_them(tmp_path: Path) -> None:
    disk = StuckDisk()
    writer = RecordingWriter(tmp_path, SIZE_PX, 30.0, blocking=False, open_file=lambda _: disk)
    for i in range(100):
        writer.write(make_frame(i))  # returns although nothing is written
    disk.released.set()
    writer.close()
    assert writer.error == ""
    assert writer.dropped > 50
    assert writer.written + writer.dropped == 100
    assert json.loads((tmp_path / META_FILE).read_text())["dropped"] == writer.dropped


def test_a_slow_disk_holds_up_a_run_that_is_not_live(tmp_path: Path) -> None:
    disk = StuckDisk()
    writer = RecordingWriter(tmp_path, SIZE_PX, 30.0, blocking=True, open_file=lambda _: disk)
    releaser = threading.Timer(0.05, disk.released.set)
    releaser.start()
    for i in range(100):
        writer.write(make_frame(i))
    writer.close()
    releaser.join()
    assert (writer.written, writer.dropped) == (100, 0)


def test_an_earlier_recording_is_never_overwritten(tmp_path: Path) -> None:
    record(tmp_path)
    with pytest.raises(AppError, match="already holds a recording"):
        RecordingWriter(tmp_path, SIZE_PX, 30.0, blocking=True)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AppError, match="choose another directory"):
        RecordingWriter(tmp_path / "file" / "run.rec", SIZE_PX, 30.0, blocking=True)


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    def refuse(path: Path) -> BinaryIO:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with pytest.raises(AppError, match="Permission denied"):
        RecordingWriter(tmp_path, SIZE_PX, 30.0, blocking=True, open_file=refuse)


def test_what_is_no_recording_is_said_in_one_sentence(tmp_path: Path) -> None:
    assert not is_recording(tmp_path)
    with pytest.raises(AppError, match=r"is not a recording: it has no meta\.json"):
        RecordingReader(tmp_path)
    assert is_recording(record(tmp_path / "run.rec"))
    with pytest.raises(AppError, match=r"cannot read the recording .*; give a directory made with --record"):
        RecordingReader(tmp_path / ("long" * 100))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": VERSION + 1}, "update PoseHand"),
        ({"format": "other"}, "not a recording of PoseHand"),
        ({"size_px": [1]}, "damaged"),
        ({"fps": "fast"}, "damaged"),
        ({"size_px": [0, 0]}, r"damaged .*size_px is \[0, 0\]"),
        ({"size_px": [640, -1]}, "damaged .*size_px is"),
        ({"size_px": [640, float("inf")]}, "damaged .*infinity"),
        ({"frame_count": "many"}, "damaged .*frame_count is 'many'"),
        ({"frame_count": -1}, "damaged .*frame_count is -1"),
        ({"size_px": [10**9, 480]}, "damaged .*size_px is"),
    ],
)
def test_foreign_and_newer_recordings_are_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    meta = record(tmp_path) / META_FILE
    meta.write_text(json.dumps(json.loads(meta.read_text()) | change))
    with pytest.raises(AppError, match=message):
        RecordingReader(tmp_path)


def test_meta_that_is_no_json_is_damaged(tmp_path: Path) -> None:
    (tmp_path / META_FILE).write_text("[1, 2")
    with pytest.raises(AppError, match="damaged"):
        RecordingReader(tmp_path)
    (tmp_path / META_FILE).write_text("[1, 2]")
    with pytest.raises(AppError, match="damaged"):
        RecordingReader(tmp_path)


def test_closing_twice_and_writing_afterwards_do_no_harm(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path, SIZE_PX, 30.0, blocking=True)
    writer.close()
    writer.close()
    writer.write(make_frame(0))
    assert (writer.written, writer.dropped) == (0, 1)
