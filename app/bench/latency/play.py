"""Plays a source through a pipeline in real time, in a process of its own, into a simulated robot."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from app.bench.latency.contestants import Contestant
from app.bench.latency.recorder import RobotMotion, StateRecorder
from app.bench.latency.usage import Usage, UsageWatch
from app.bench.robot_states import until
from app.errors import AppError
from robot import hand_spec, spawn_simulation

logger = logging.getLogger(__name__)

ABSENT = 3
"""Exit status of a peer that is not installed."""
_ROOT = Path(__file__).resolve().parents[3]
_LOOK_S = 0.25
_TRACE, _REPORT = "trace.npz", "report.json"  # as headless runs call them
_START_S = 120.0  # a cold start on a busy small machine
_SLOWEST = 2.0  # of its own length, a clip may take
_HOME_RAD, _HOME_RAD_S = 0.03, 0.05
_END_S = 10.0


class PeerMissingError(AppError):
    """A peer is not installed; the message says how to get it."""


@dataclass(frozen=True)
class Played:
    """What came of one run.

    Attributes:
        rows: the trace, one entry a column of docs/trace.md.
        dropped: frames that were not processed, by cause, as the pipeline counted them.
        robot: the motion of the simulated robot's joints.
        usage: of the pipeline's process.
    """

    rows: dict[str, np.ndarray]
    dropped: dict[str, int]
    robot: RobotMotion
    usage: Usage


class Stage:
    """One simulated robot that all pipelines drive, one after the other; use as a context manager."""

    def __init__(self) -> None:
        self._simulation = spawn_simulation("right")

    @property
    def robot(self) -> str:
        """As `--robot` names it."""
        return str(self._simulation.endpoint)

    def play(
        self, contestant: Contestant, source: str, seconds: float, truth: Path | None = None,
        max_frames: int | None = None,
    ) -> Played:  # fmt: skip
        """Run a pipeline from the robot's home pose until the source ends.

        Args:
            contestant: which.
            source: as `teleop --source`; for the peer the path of a video.
            seconds: how long the source is about, to tell when a run hangs.
            truth: for the peer, an npz with keypoints_m (F,21,3), hand frame, to retarget as they are.
            max_frames: end after so many; not for the peer.

        Raises:
            PeerMissingError: the peer is not installed.
            AppError: the pipeline failed, and why.
        """
        self._rest()
        with tempfile.TemporaryDirectory(prefix="posehand-latency-") as name:
            folder = Path(name)
            if contestant.temporal is None:
                command = self._peer(source, truth, folder)
            else:
                command = self._teleop(contestant, source, max_frames, folder)
            with StateRecorder(self._simulation.endpoint) as recorder:
                watch = self._run(contestant.name, command, folder, seconds)
            rows, dropped = _read(folder)
        captures_s = rows["t_capture_s"]
        if len(captures_s) == 0:
            raise AppError(f"{contestant.name}: no frame was processed; is {source} a video with a hand?")
        usage = watch.usage(float(captures_s[0]), float(captures_s[-1]))
        return Played(rows, dropped, recorder.motion(), usage)

    def close(self) -> None:
        """End the robot."""
        self._simulation.close()

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _rest(self) -> None:
        """Home, still and disarmed, so that each run starts alike."""
        home_rad = hand_spec("right").home_rad
        with self._simulation.connect() as link:
            link.arm()
            link.home()
            until(
                link,
                lambda state: bool(
                    np.abs(state.q_rad - home_rad).max() < _HOME_RAD
                    and np.abs(state.dq_rad_s).max() < _HOME_RAD_S
                ),
                "reach its home pose",
            )
            link.disarm()
            until(link, lambda state: state.mode == "DISARMED", "disarm")

    def _teleop(self, contestant: Contestant, source: str, max_frames: int | None, folder: Path) -> list[str]:
        assert contestant.temporal is not None
        command = [
            sys.executable, str(_ROOT / "launch.py"), "teleop", "--headless", "--no-video",
            "--source", source, "--robot", self._simulation.endpoint, "--arm",
            "--temporal", contestant.temporal, "--horizon-ms", contestant.horizon_ms,
            "--run-dir", str(folder),
        ]  # fmt: skip
        return command if max_frames is None else [*command, "--max-frames", str(max_frames)]

    def _peer(self, source: str, truth: Path | None, folder: Path) -> list[str]:
        command = [
            sys.executable, "-m", "app.bench.latency.peer", source, self._simulation.endpoint,
            str(folder / _TRACE), str(folder / _REPORT),
        ]  # fmt: skip
        return command if truth is None else [*command, "--truth", str(truth)]

    def _run(self, name: str, command: list[str], folder: Path, seconds: float) -> UsageWatch:
        errors = folder / "stderr.txt"
        with errors.open("wb") as stderr:
            process = subprocess.Popen(
                command,
                cwd=_ROOT,  # where the packages are importable from
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                # Threads of torch that spin while they wait would take the cores from the peer itself.
                env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
            )
        try:
            watch = UsageWatch(process.pid, self._simulation.pid)
            deadline_s = time.monotonic() + _START_S + _SLOWEST * seconds
            while process.poll() is None:
                watch.sample()
                if time.monotonic() > deadline_s:
                    raise AppError(f"{name}: the run did not end in time; is the machine busy?")
                time.sleep(_LOOK_S)
        finally:
            _end(process)
        if process.returncode:
            said = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            reason = said[-1].removeprefix("error: ") if said else f"exit status {process.returncode}"
            if process.returncode == ABSENT:
                raise PeerMissingError(reason)
            raise AppError(f"{name}: {reason}")
        return watch


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let no pipeline outlive the benchmark."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _read(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    with np.load(folder / _TRACE, allow_pickle=False) as file:
        rows = {name: file[name] for name in file.files}
    report = json.loads((folder / _REPORT).read_text(encoding="utf-8"))
    return rows, {cause: int(count) for cause, count in report["dropped_frames"].items()}
