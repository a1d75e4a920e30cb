"""What the console costs: the age of what is sent with and without it, and how soon a key stops the robot.

python -m app.bench.console --source clip.mp4 --json console.json
xvfb-run -s "-screen 0 1920x1080x24" python -m app.bench.console ...      where there is no display
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import statistics
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import zmq

from app.console.link import ConsoleLink
from app.errors import UsageError
from app.machine import describe_machine
from app.settings import TeleopSettings
from app.snapshot import HandSnapshot, Snapshot, shrink
from app.teleop import run_teleop
from robot import hand_spec

logger = logging.getLogger(__name__)

_BLOCK_FRAMES = 45
_SETTLE_FRAMES = 6  # of each block: the window wakes up, or its last drawing ends
_SIZES = ((1280, 720), (3840, 2160))
_PRESSES = 100
_WARM_UP_S = 4.0
_FEED_HZ = 30.0


class _NowAndThen(ConsoleLink):
    """A window that is there in every other block of frames; in between it is asleep and shown nothing."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._window = psutil.Process(self.pid)
        self._frames = 0
        self._awake = True

    def due(self, t_now_ns: int) -> bool:
        awake = _is_shown(self._frames)
        self._frames += 1
        if awake != self._awake:
            self._awake = awake
            if awake:
                self._window.resume()
            else:
                self._window.suspend()
        return awake and super().due(t_now_ns)

    def close(self) -> None:
        self._window.resume()
        super().close()


def _is_shown(frame: int) -> bool:
    return frame // _BLOCK_FRAMES % 2 == 1


def measure_age(source: str, rounds: int) -> dict[str, Any]:
    """Age of what is sent, ms, with and without the window, in turns of two seconds within each run.

    Args:
        source: as for `teleop --source`; a file.
        rounds: runs.
    """
    costs_ms: list[float] = []
    ages: dict[bool, list[np.ndarray]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            trace = Path(folder) / "trace.npz"
            run_teleop(TeleopSettings(source=source, robot="sim", trace=trace), open_console=_NowAndThen)
            with np.load(trace) as rows:
                age_ms = rows["age_ms"]
            blocks = [
                age_ms[start + _SETTLE_FRAMES : start + _BLOCK_FRAMES]
                for start in range(0, len(age_ms) - _BLOCK_FRAMES + 1, _BLOCK_FRAMES)
            ]
            for number, block in enumerate(blocks):
                ages[_is_shown(number * _BLOCK_FRAMES)].append(block)
            # Each block with the window against those before and after it, without.
            for number in range(1, len(blocks) - 1, 2):
                without_ms = np.concatenate([blocks[number - 1], blocks[number + 1]])
                costs_ms.append(float(np.median(blocks[number]) - np.median(without_ms)))
    if not costs_ms:
        raise UsageError(f"{source} is too short: {3 * _BLOCK_FRAMES} frames are the least")
    figures: dict[str, Any] = {"cost_p50_ms": round(statistics.median(costs_ms), 2), "blocks": len(costs_ms)}
    spread = np.percentile(costs_ms, (25, 75))
    figures["cost_quartiles_ms"] = np.round(spread, 2).tolist()
    for shown, name in ((False, "headless"), (True, "window")):
        all_ms = np.concatenate(ages[shown])
        figures[name] = {f"p{p}": round(float(np.percentile(all_ms, p)), 2) for p in (50, 95)}
    return figures


class _StopClock:
    """A robot that notes when it is told to stop."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.t_s = 0.0

    def stop(self) -> None:
        self.t_s = time.perf_counter()
        self.stopped.set()


def measure_stop(size: tuple[int, int]) -> dict[str, float]:
    """From a key event to the request to the robot, ms, while the console draws all it is shown."""
    from PySide6 import QtCore, QtGui, QtWidgets

    from app.console.process import let_keys_through
    from app.console.window import ConsoleWindow

    let_keys_through()
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    QtGui.QInputDevice.primaryKeyboard()  # made by whoever needs it first, which must be this thread
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    outbox, inbox = context.socket(zmq.PUB), context.socket(zmq.SUB)
    inbox.setsockopt(zmq.CONFLATE, 1)
    inbox.setsockopt(zmq.SUBSCRIBE, b"")
    inbox.connect(f"tcp://127.0.0.1:{outbox.bind_to_random_port('tcp://127.0.0.1')}")
    robot = _StopClock()
    window = ConsoleWindow(lambda command: None, [robot], inbox)
    window.resize(*size)
    window.show()
    took_ms: list[float] = []
    over = threading.Event()

    def feed() -> None:
        message = _example().encode()
        while not over.wait(1.0 / _FEED_HZ):
            outbox.send(message)

    def press() -> None:
        chance = random.Random(0)
        while window.snapshot is None:
            time.sleep(0.1)
        time.sleep(1.0)
        for _ in range(_PRESSES):
            time.sleep(chance.uniform(0.02, 0.1))
            robot.stopped.clear()
            key = QtGui.QKeyEvent(
                QtCore.QEvent.Type.KeyPress, QtCore.Qt.Key.Key_Space, QtCore.Qt.KeyboardModifier.NoModifier
            )
            pressed_s = time.perf_counter()
            QtCore.QCoreApplication.postEvent(window, key)
            robot.stopped.wait(10.0)
            took_ms.append((robot.t_s - pressed_s) * 1e3)
        QtCore.QMetaObject.invokeMethod(application, "quit", QtCore.Qt.ConnectionType.QueuedConnection)

    threads = [threading.Thread(target=work, daemon=True) for work in (feed, press)]
    for thread in threads:
        thread.start()
    application.exec()
    over.set()
    for thread in threads:
        thread.join()
    window.release()
    window.hide()
    context.destroy(linger=0)
    percentiles = {f"p{p}": round(float(np.percentile(took_ms, p)), 2) for p in (50, 95)}
    return {**percentiles, "max": round(max(took_ms), 2)}


def _example() -> Snapshot:
    spec = hand_spec("right")
    rng = np.random.default_rng(0)
    image, scale = shrink(rng.integers(0, 255, (720, 1280, 3), dtype=np.uint8))
    points_m = np.cumsum(rng.normal(size=(21, 3)), axis=0) * 0.008
    points_px = points_m[:, :2] * 2000 + (640, 360)
    hand = HandSnapshot(
        hand="right",
        keypoints_px=points_px,
        estimate_px=points_px,
        ghost_px=points_px + 20.0,
        keypoints_m=points_m,
        source_state="tracking",
        mode="TRACKING",
        fault="",
        joint_names=spec.joint_names,
        q_rad=spec.home_rad,
        target_rad=spec.home_rad,
        lower_rad=spec.lower_rad,
        upper_rad=spec.upper_rad,
    )
    stage_ms = {"capture": 2.0, "detect": 15.0, "temporal": 5.0, "retarget": 1.0, "publish": 1.0}
    return Snapshot(image, scale, (hand,), stage_ms, 24.0, 39.0, fps=30.0, detection_rate=1.0)


def measure_show(repeats: int = 200) -> dict[str, float]:
    """What making and sending one snapshot takes of the pipeline's time, after its targets have left, ms."""
    image = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    snapshot = _example()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    outbox = context.socket(zmq.PUB)
    outbox.bind_to_random_port("tcp://127.0.0.1")
    took_ms = []
    for _ in range(repeats):
        started_s = time.perf_counter()
        shrink(image)
        outbox.send(snapshot.encode())
        took_ms.append((time.perf_counter() - started_s) * 1e3)
    context.destroy(linger=0)
    return {f"p{p}": round(float(np.percentile(took_ms, p)), 2) for p in (50, 95)}


def measure_processor(seconds: float = 10.0) -> float:
    """Share of one processor that the window's process takes, 0–1, while the robot moves."""
    link = ConsoleLink("PoseHand", [])
    process = psutil.Process(link.pid)
    still = _example()
    hand = still.hands[0]
    span_rad = hand.upper_rad - hand.lower_rad
    started_s = ended_s = used_s = 0.0
    for number in range(round((seconds + _WARM_UP_S) * _FEED_HZ)):
        if number == round(_WARM_UP_S * _FEED_HZ):
            started_s, used_s = time.monotonic(), -sum(process.cpu_times()[:2])
        if link.due(time.monotonic_ns()):
            q_rad = hand.lower_rad + span_rad * (0.5 + 0.4 * np.sin(number / _FEED_HZ))
            link.show(replace(still, hands=(replace(hand, q_rad=q_rad),)))
        time.sleep(1.0 / _FEED_HZ)
    ended_s, used_s = time.monotonic(), used_s + sum(process.cpu_times()[:2])
    link.close()
    return round(used_s / (ended_s - started_s), 3)


def main() -> None:
    """Measure, and write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", required=True, help="a video of a hand")
    parser.add_argument("--rounds", type=int, default=4, help="runs of the pipeline")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        raise UsageError(f"--rounds is at least 1, not {arguments.rounds}")
    figures: dict[str, Any] = {
        "source": Path(arguments.source).name,
        "machine": describe_machine(),
        "show_ms": measure_show(),
    }
    logger.info("making and sending a snapshot: %s", figures["show_ms"])
    for width, height in _SIZES:
        figures[f"stop_ms_{width}x{height}"] = measure_stop((width, height))
        logger.info("key to robot at %dx%d: %s", width, height, figures[f"stop_ms_{width}x{height}"])
    figures["processor_share"] = measure_processor()
    logger.info("share of a processor: %.2f", figures["processor_share"])
    figures["age_ms"] = measure_age(arguments.source, arguments.rounds)
    logger.info("age: %s", figures["age_ms"])
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
