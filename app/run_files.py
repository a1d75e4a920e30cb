"""The files a run leaves behind."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from app.body_run import BodyRun
from app.errors import AppError
from app.hand_run import HandRun
from app.interrupt import Interrupt
from app.loop import FrameLoop
from app.report import save_report
from app.settings import TeleopSettings
from app.trace import save_arrays
from models.observation import Hand

logger = logging.getLogger(__name__)


def save_run(
    report: dict[str, Any],
    settings: TeleopSettings,
    loop: FrameLoop,
    hands: dict[Hand, HandRun],
    body: BodyRun | None,
    run_dir: Path | None,
) -> list[tuple[str, Path]]:
    """Finish recordings; write report, traces and video where asked for; what was written, with its kind.

    What cannot be written keeps nothing else from being written.

    Raises:
        AppError: a place cannot be written, or a recording ended early; the first such, others are logged.
    """
    files: list[tuple[str, Path]] = []
    errors: list[AppError] = []
    for path in (settings.report, run_dir and run_dir / "report.json"):
        if path is not None:
            with _collected(errors):
                save_report(report, path)
                files.append(("report", path))
    for path in (settings.trace, run_dir and run_dir / "trace.npz"):
        if path is not None:
            for trace_path, arrays in _traces(path, hands, body).items():
                with _collected(errors):
                    save_arrays(arrays, trace_path)
                    files.append(("trace", trace_path))
    if loop.overview is not None:
        with _collected(errors), Interrupt() as interrupt:  # Ctrl-C now only cuts the video short
            files.append(("video", loop.overview.compose(interrupt)))
    if loop.recorder is not None:
        loop.recorder.stop()  # only then is it known whether all of it is on the disk
        files.extend(("recording", directory) for directory in loop.recorder.directories)
        errors.extend(AppError(f"{error}; record again onto another disk") for error in loop.recorder.errors)
    for error in errors[1:]:
        logger.error("%s", error)
    if errors:
        raise errors[0]
    return files


@contextmanager
def _collected(errors: list[AppError]) -> Iterator[None]:
    """Adds an error of the body to `errors` instead of raising it."""
    try:
        yield
    except AppError as error:
        errors.append(error)


def _traces(
    path: Path, hands: dict[Hand, HandRun], body: BodyRun | None
) -> dict[Path, dict[str, np.ndarray]]:
    """What goes into which file: the first hand's rows and the body's into `path`, others beside it."""
    traces: dict[Path, dict[str, np.ndarray]] = {}
    for number, (hand, hand_run) in enumerate(hands.items()):
        if hand_run.trace is not None:
            traces[path if number == 0 else path.with_stem(f"{path.stem}_{hand}")] = hand_run.trace.arrays()
    if body is not None and body.trace is not None:
        traces[path] = {**body.trace.arrays(), **traces.get(path, {})}
    return traces
