"""What several test modules share: the recorded data beside the repository and the detector's model file."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

import launch
from app import assets
from app.errors import AppError
from app.opencv import cv2


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Directory of the real recordings; skips where they are absent."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    directory = Path(os.environ.get("POSEHAND_SHARED_DATA", beside))
    if not (directory / "video").is_dir():
        pytest.skip(f"no recordings at {directory}; set POSEHAND_SHARED_DATA to their directory")
    return directory


@pytest.fixture(scope="session")
def hand_landmarker_asset() -> Path:
    """The hand detector's model file; skips where it can be neither found nor fetched."""
    try:
        return assets.resolve(assets.HAND_LANDMARKER)
    except AppError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def small_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty frames without a hand in them, 30 fps."""
    path = tmp_path_factory.mktemp("video") / "grey.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30.0, (320, 240))
    for i in range(20):
        writer.write(np.full((240, 320, 3), 100 + i, dtype=np.uint8))
    writer.release()
    return path


@pytest.fixture
def heeded_hangups() -> Iterator[None]:
    """Processes started now heed SIGHUP, though the tests were started by nohup."""
    if not hasattr(signal, "SIGHUP"):
        yield
        return
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def heeded_ctrl_c() -> Iterator[None]:
    """This process heeds SIGINT, though the tests were started as a job in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def launched(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., CompletedProcess[str]]]:
    """Runs launch.py's `main` here: like a process of its own, without the seconds of its imports."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(Path(launch.__file__).parent)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, *launch.end_signals())}
    levels = {name: logging.getLogger(name).level for name in ("app.assets", "models", "models.backends")}

    def run(*arguments: str) -> CompletedProcess[str]:
        capfd.readouterr()
        try:
            status = launch.main(list(arguments))
        except SystemExit as ended:
            status = int(ended.code or 0)
        return CompletedProcess(arguments, status, *capfd.readouterr())

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
