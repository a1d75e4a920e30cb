"""Reading and detecting on a thread: newest first, nothing seen is lost, nothing stale is new."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from app.clock import MonotonicClock
from app.detector import HandDetector
from app.frame import Frame
from app.seeing import Eyes
from app.sources.base import EndOfSource
from models.observation import Observation

SIZE_PX = (64, 48)


class Camera:
    """Frames on demand: as many as `given` allows, then nothing, or the end."""

    name, fps, size_px, frame_count, status = "camera 9", 30.0, SIZE_PX, None, ""

    def __init__(self, given: int, ends: bool = False, frozen: bool = False) -> None:
        self.live = True
        self.left, self.ends, self.frozen = given, ends, frozen
        self.index = -1
        self.rng = np.random.default_rng(0)

    def read(self, timeout_s: float) -> Frame | None:
        if not self.left:
            if self.ends:
                raise EndOfSource
            time.sleep(timeout_s)
            return None
        if self.frozen:
            time.sleep(0.03)
        self.left -= 1
        self.index += 1
        image = self.rng.integers(60, 200, (SIZE_PX[1], SIZE_PX[0], 3), np.uint8)
        if self.frozen:
            image[:] = np.arange(64, dtype=np.uint8)[None, :, None] * 3
        return Frame(self.index, time.monotonic_ns(), image)

    def close(self) -> None:
        self.left = 0


class Detector(HandDetector):
    """Sees a hand in every frame, when the test lets it."""

    def __init__(self, gate: threading.Semaphore | None = None, fails: bool = False) -> None:
        self.hands = ("right",)
        self.bad_frames = 0
        self.other_hand_in_view, self.others = False, ()
        self.gate, self.fails = gate, fails

    def detect(self, frame: Frame) -> dict:
        if self.gate is not None:
            self.gate.acquire()
        if self.fails:
            raise MemoryError("no memory")
        points = np.random.default_rng(frame.index).normal(size=(21, 3))
        seen = Observation(frame.t_capture_ns, "right", True, points, points[:, :2], SIZE_PX, 0.9)
        return {"right": seen}


def eyes_of(camera: Camera, detector: Detector) -> Eyes:
    return Eyes(camera, detector, MonotonicClock(), realtime=True)


def test_only_the_newest_is_taken_and_what_was_seen_before_comes_along():
    eyes = eyes_of(Camera(4, ends=True), Detector())
    eyes.start()
    deadline = time.monotonic() + 30.0
    while eyes.replaced < 3 and time.monotonic() < deadline:
        time.sleep(0.001)
    sight = eyes.next(30.0)
    assert sight is not None
    assert sight.frame.index == 3
    assert [earlier["right"].t_capture_ns for earlier in sight.earlier] == sorted(
        earlier["right"].t_capture_ns for earlier in sight.earlier
    )
    assert len(sight.earlier) == 3
    assert eyes.skipped == 0
    with pytest.raises(EndOfSource):
        eyes.next(30.0)
    eyes.close()


def test_nothing_comes_twice():
    eyes = eyes_of(Camera(1), Detector())
    eyes.start()
    assert eyes.next(30.0) is not None
    assert eyes.next(0.01) is None
    eyes.close()


def test_an_image_that_is_sent_again_and_again_is_no_observation():
    camera = Camera(100, frozen=True)
    gate = threading.Semaphore(0)
    eyes = eyes_of(camera, Detector(gate))
    eyes.start()
    fresh = []
    for _ in range(20):
        gate.release()
        sight = eyes.next(30.0)
        assert sight is not None
        fresh.append(sight.observations["right"].detected)
        time.sleep(0.03)
    assert fresh[0]
    assert not fresh[-1]
    assert "frozen" in sight.notice
    for _ in range(200):
        gate.release()
    eyes.close()


def test_what_fails_while_seeing_is_raised_where_frames_are_taken():
    eyes = eyes_of(Camera(1), Detector(fails=True))
    eyes.start()
    with pytest.raises(MemoryError, match="no memory"):
        eyes.next(30.0)
    eyes.close()


def test_a_detector_that_hangs_does_not_keep_a_run_from_ending():
    gate = threading.Semaphore(0)
    eyes = eyes_of(Camera(1), Detector(gate))
    eyes.start()
    ended = threading.Thread(target=eyes.close)
    ended.start()
    ended.join(20.0)
    assert not ended.is_alive()
    gate.release()


def test_without_a_thread_frames_come_one_by_one():
    eyes = Eyes(Camera(3, ends=True), Detector(), MonotonicClock(), realtime=False)
    for index in range(3):
        sight = eyes.next(0.1)
        assert sight is not None
        assert sight.frame.index == index
        assert not sight.earlier
    with pytest.raises(EndOfSource):
        eyes.next(0.1)


def test_frames_are_announced_before_they_are_looked_at():
    told: list[int] = []

    class Late(Detector):
        def detect(self, frame: Frame) -> dict:
            assert told[-1] == frame.t_capture_ns
            return super().detect(frame)

    eyes = eyes_of(Camera(2), Late())
    eyes.on_frame = told.append
    taken = [eyes.next(0.1) for _ in range(2)]
    assert [sight.frame.t_capture_ns for sight in taken] == told


def test_an_image_that_nobody_looks_at_is_not_announced():
    told: list[int] = []
    eyes = eyes_of(Camera(40, frozen=True), Detector())
    eyes.on_frame = told.append
    sights = [eyes.next(0.1) for _ in range(40)]
    looked_at = [sight for sight in sights if sight.observations["right"].detected]
    assert 0 < len(told) == len(looked_at) < 40
