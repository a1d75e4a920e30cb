"""Records a run, from its start or while the operator wants it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.body_run import BodyRun
from app.errors import AppError
from app.hand_run import HandRun
from app.recording import RecordingWriter
from app.recording_bodies import BodyRecord
from app.recording_hands import NO_FRAME, HandRecord
from app.run_dir import make_run_dir
from app.seeing import Sight
from app.sources.base import SourceFacts
from models.body_observation import BodyObservation
from models.observation import Hand, Observation

logger = logging.getLogger(__name__)


class Recorder:
    """Keeps what is seen and what becomes of it, in one recording after the other.

    A recording made from the first frame on comes out the same, to the last bit, when it is replayed. One
    that is begun later lacks the past that the temporal stage and the retargeter had, for two seconds.

    Attributes:
        directories: of all recordings made, oldest first.
    """

    def __init__(self, source: SourceFacts, facts: Callable[[], dict[str, Any]], realtime: bool) -> None:
        """
        Args:
            source: what frames come from.
            facts: tells how the run is set up, as plain data.
            realtime: whether to give up frames rather than to wait for the disk.
        """
        self.directories: list[Path] = []
        self._source = source
        self._facts = facts
        self._realtime = realtime
        self._writer: RecordingWriter | None = None
        self._writers: list[RecordingWriter] = []
        self._closing: list[threading.Thread] = []
        self._trouble = ""

    @property
    def status(self) -> str:
        """What the operator is told: where it records, or why it does not; empty while it need not."""
        if self._writer is None:
            return self._trouble
        return self._writer.error or f"recording to {self._writer.directory}"

    @property
    def running(self) -> bool:
        """Whether frames are kept now."""
        return self._writer is not None and not self._writer.error

    @property
    def errors(self) -> list[str]:
        """One sentence for each recording that ended early, complete once all are finished."""
        return [writer.error for writer in self._writers if writer.error]

    def start(self, directory: Path) -> None:
        """Begin a recording.

        Raises:
            AppError: the directory holds one already or cannot be written.
        """
        source = self._source
        self._writer = RecordingWriter(
            directory, source.size_px, source.fps, not self._realtime, source.name, self._facts()
        )
        self._trouble = ""
        self._writers.append(self._writer)
        self.directories.append(directory)

    def toggle(self, parent: Path) -> None:
        """End the recording, or begin one in a new folder of `parent`; `status` tells what goes wrong."""
        writer, self._writer = self._writer, None
        if writer is not None:
            # A slow disk must not hold up the hand.
            self._closing.append(threading.Thread(target=writer.close, name="recording", daemon=True))
            self._closing[-1].start()
            if not writer.error:
                return
        try:
            self.start(make_run_dir(None, parent))
        except AppError as error:
            self._trouble = str(error)
            logger.error("%s", error)

    def stop(self) -> None:
        """Finish all recordings, however long the disk takes; safe to call twice."""
        for thread in self._closing:
            thread.join()
        if self._writer is not None:
            self._writer.close()
            self._trouble = self._writer.error
            self._writer = None

    def frame(
        self,
        sight: Sight,
        hands: Mapping[Hand, HandRun],
        stage_ms: dict[str, float],
        body: BodyRun | None = None,
    ) -> None:
        """Keep a frame, after the hands were driven by it and the body followed it."""
        if self._writer is None:
            return
        self._writer.write(sight.frame)
        records: list[HandRecord | BodyRecord] = [
            _record(run, sight.frame.index, tuple(one[hand] for one in sight.earlier), stage_ms)
            for hand, run in hands.items()
        ]
        if body is not None:
            records.append(_body_record(body, sight.frame.index, sight.earlier_bodies, stage_ms))
        self._writer.write_records(records)

    def gap(self, hands: Mapping[Hand, HandRun], body: BodyRun | None = None) -> None:
        """Keep that there was none, after the hands were driven by that."""
        if self._writer is None:
            return
        records: list[HandRecord | BodyRecord] = [_record(run, NO_FRAME, (), {}) for run in hands.values()]
        if body is not None:
            records.append(_body_record(body, NO_FRAME, (), {}))
        self._writer.write_records(records)


def _record(
    run: HandRun, index: int, earlier: tuple[Observation, ...], stage_ms: dict[str, float]
) -> HandRecord:
    result = run.result
    if result is None:
        raise ValueError("nothing was driven yet")
    message = result.message
    return HandRecord(
        index=index,
        t_capture_ns=result.observation.t_capture_ns,
        hand=result.observation.hand,
        observation=result.observation,
        earlier=earlier,
        trajectory=result.trajectory,
        q_rad=result.q_rad,
        message=message,
        state=run.state,
        stage_ms=stage_ms,
        age_ms=(message.t_publish_ns - message.t_capture_ns) * 1e-6,
        ahead_ms=result.ahead_ms,
        actuator_ms=result.actuator_ms,
    )


def _body_record(
    run: BodyRun, index: int, earlier: tuple[BodyObservation, ...], stage_ms: dict[str, float]
) -> BodyRecord:
    result = run.result
    if result is None:
        raise ValueError("nothing was followed yet")
    return BodyRecord(
        index=index,
        t_capture_ns=result.observation.t_capture_ns,
        observation=result.observation,
        earlier=earlier,
        trajectory=result.trajectory,
        message=result.message,
        stage_ms=stage_ms,
    )
