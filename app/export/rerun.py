"""A recording as an .rrd file, to be looked at with Rerun's viewer.

Two timelines: `capture_time`, since the first record, and `frame`, the source's index. Entities:
    camera/image
    camera/HAND/observed, camera/HAND/estimate      pixels
    space/HAND/estimate, space/HAND/future          metres, camera axes; future: the last instant
    HAND/target, HAND/measured                      one series per joint, rad
    HAND/source_state, HAND/robot_mode              changes as text; as a number in …/level
    timing/HAND/STAGE, …/age, …/ahead               ms
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from app.errors import AppError
from app.export.optional import require
from app.export.rerun_layout import layout
from app.export.unmirrored import unmirrored_frames
from app.files import require_writable
from app.frame import Frame
from app.opencv import cv2
from app.recording import FRAMES_FILE, HANDS_FILE, JPEG_QUALITY, RecordingReader
from app.recording_hands import NO_FRAME, HandRecord
from app.run_calibration import RunCalibration
from app.run_camera import RunCamera
from models.keypoints import SKELETON
from models.observation import Hand
from robot.messages import MODES

COMMAND = "export rerun"
APPLICATION = "posehand"
CAPTURE_TIMELINE, FRAME_TIMELINE = "capture_time", "frame"
OBSERVED_RGB, ESTIMATE_RGB, FUTURE_RGB = (240, 180, 60), (60, 200, 240), (150, 120, 240)
SOURCE_LEVELS = ("lost", "predicting", "tracking")
_LEAST_BYTES = 1 << 16
SEVERITY = {"lost": "ERROR", "STOPPED": "ERROR", "predicting": "WARN", "HOLD": "WARN"}


def export_rerun(recording: Path, output: Path) -> list[str]:
    """Write a recording as an .rrd file; returns what there is to say about it.

    Args:
        recording: a folder made with --record.
        output: the file; one that is there is replaced once the new one is complete.

    Raises:
        AppError: rerun-sdk is missing, the recording is unusable, or the file cannot be written.
        CalibrationError: the calibration in the recording is damaged.
    """
    rr = require("rerun", COMMAND)
    reader = RecordingReader(recording)
    require_writable(output)
    _require_room(reader, output)
    partial = output.with_name(f".{output.name}.part")
    stream = rr.RecordingStream(APPLICATION)
    try:
        # Where it cannot write rerun-sdk would only log it; with no room for its header it waits for ever.
        partial.write_bytes(bytes(_LEAST_BYTES))
        stream.save(partial)
        hands, frames, records = _log(rr, stream, reader)
        stream.send_blueprint(layout(hands))
        stream.flush()
        stream.disconnect()
        partial.replace(output)
    except OSError as error:
        raise AppError(f"cannot write {output}: {error.strerror or error}; choose another place") from error
    except AppError:  # a RuntimeError, too
        raise
    except RuntimeError as error:  # rerun-sdk's, whose thread that writes tells the cause on stderr only
        raise AppError(f"cannot write {output}: {error}; make room on the disk or choose another") from error
    finally:
        stream.disconnect()
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    lines = [f"{recording}: {frames} images and {records} hand records"]
    if reader.truncated:
        lines.append(f"{recording} is cut off, as after a crash; what there is was exported")
    return [*lines, f"rerun: {output}"]


def _require_room(reader: RecordingReader, output: Path) -> None:
    """Where the disk fills midway rerun-sdk may wait for ever; no .rrd is larger than its recording."""
    paths = [reader.directory / name for name in (FRAMES_FILE, HANDS_FILE)]
    needed = sum(path.stat().st_size for path in paths if path.exists())
    free = shutil.disk_usage(output.parent).free
    if free < needed:
        raise AppError(
            f"cannot write {output}: it may take {needed / 1e6:.1f} MB and {free / 1e6:.1f} MB are free; "
            "make room on the disk or choose another"
        )


def _log(rr: Any, stream: Any, reader: RecordingReader) -> tuple[list[Hand], int, int]:
    """Log everything; returns the hands, and how many images and records there were."""
    stream.log("/", rr.ViewCoordinates.RDF, static=True)
    log = _Log(rr, stream, _camera(reader))
    records = 0
    if reader.has_hands:
        for record in reader.hands():
            log.hand(record)
            records += 1
    frames = 0
    images = unmirrored_frames(reader)
    for frame in tqdm(images, total=reader.meta.frame_count, desc=reader.directory.name, unit="frame"):
        log.frame(frame)
        frames += 1
    return list(log.hands), frames, records


def _camera(reader: RecordingReader) -> RunCamera:
    """The camera that was recorded with; recordings of the first version do not tell of it."""
    calibration = reader.meta.run.get("calibration")
    return RunCamera(
        reader.meta.size_px, None if calibration is None else RunCalibration.of_plain(calibration).camera
    )


@dataclass
class _Log:
    """Logs records and frames with their times.

    Attributes:
        rr: the rerun module.
        stream: where to.
        camera: where the estimate's pixels come from.
        hands: those seen so far.
    """

    rr: Any
    stream: Any
    camera: RunCamera
    hands: dict[Hand, None] = field(default_factory=dict)
    _start_ns: int | None = None
    _texts: dict[str, str] = field(default_factory=dict)

    def frame(self, frame: Frame) -> None:
        """Log an image."""
        self._at(frame.t_capture_ns, frame.index)
        good, jpeg = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if good:
            image = self.rr.EncodedImage(contents=jpeg.tobytes(), media_type="image/jpeg")
            self.stream.log("camera/image", image)

    def hand(self, record: HandRecord) -> None:
        """Log what became of a hand."""
        hand, trajectory, message = record.hand, record.trajectory, record.message
        if hand not in self.hands:
            self.hands[hand] = None
            for name in ("target", "measured"):
                lines = self.rr.SeriesLines(names=list(message.joint_names))
                self.stream.log(f"{hand}/{name}", lines, static=True)
        self._at(record.t_capture_ns, record.index)
        points_m = trajectory.keypoints_m + trajectory.wrist_m[:, None]
        estimate_px = self.camera.project(points_m[0])
        self._skeleton(f"camera/{hand}/observed", record.observation.keypoints_px, OBSERVED_RGB)
        self._skeleton(f"camera/{hand}/estimate", estimate_px, ESTIMATE_RGB)
        self._skeleton(f"space/{hand}/estimate", points_m[0], ESTIMATE_RGB)
        self._skeleton(f"space/{hand}/future", points_m[-1], FUTURE_RGB)
        self._text(f"{hand}/source_state", trajectory.source_state, SOURCE_LEVELS)
        if message.valid:
            self.stream.log(f"{hand}/target", self.rr.Scalars(message.q_rad[0]))
        if record.state is not None:
            measured_rad = dict(zip(record.state.joint_names, record.state.q_rad, strict=True))
            in_order = [measured_rad.get(name, np.nan) for name in message.joint_names]
            self.stream.log(f"{hand}/measured", self.rr.Scalars(in_order))
            self._text(f"{hand}/robot_mode", record.state.mode, MODES)
        times_ms = {**record.stage_ms, "age": record.age_ms, "ahead": record.ahead_ms}
        for stage, took_ms in times_ms.items():
            self.stream.log(f"timing/{hand}/{stage}", self.rr.Scalars(took_ms))

    def _at(self, t_ns: int, index: int) -> None:
        if self._start_ns is None:
            self._start_ns = t_ns
        self.stream.reset_time()
        self.stream.set_time(CAPTURE_TIMELINE, duration=np.timedelta64(t_ns - self._start_ns, "ns"))
        if index != NO_FRAME:
            self.stream.set_time(FRAME_TIMELINE, sequence=index)

    def _skeleton(self, path: str, points: np.ndarray, rgb: tuple[int, int, int]) -> None:
        """Log a hand (21,2) or (21,3) as points and bones; nothing while it is unknown."""
        if not np.isfinite(points).all():
            for name in ("points", "bones"):
                self.stream.log(f"{path}/{name}", self.rr.Clear(recursive=False))
            return
        flat = points.shape[1] == 2
        Points, Lines = (
            (self.rr.Points2D, self.rr.LineStrips2D) if flat else (self.rr.Points3D, self.rr.LineStrips3D)
        )
        self.stream.log(f"{path}/points", Points(points, colors=rgb, radii=3.0 if flat else 0.004))
        self.stream.log(f"{path}/bones", Lines(list(_bones(points)), colors=rgb))

    def _text(self, path: str, text: str, levels: tuple[str, ...]) -> None:
        """Log a state as a level, and its changes as text."""
        self.stream.log(f"{path}/level", self.rr.Scalars(levels.index(text)))
        if self._texts.get(path) != text:
            self._texts[path] = text
            self.stream.log(path, self.rr.TextLog(text, level=SEVERITY.get(text, "INFO")))


def _bones(points: np.ndarray) -> Iterator[np.ndarray]:
    for parent, child in SKELETON:
        yield points[[parent, child]]
