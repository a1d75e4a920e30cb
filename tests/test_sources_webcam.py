"""Cameras that are absent, unplugged and plugged in again, played by a fake driver."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from app.errors import AppError
from app.frame import Frame
from app.opencv import cv2
from app.sources.driver_clock import DriverClock
from app.sources.reader import RetryPolicy
from app.sources.webcam import WebcamSource, list_cameras

PERIOD_NS = 33_333_333
DELAY_NS = 25_000_000  # from an image's first byte to its arrival
SOON_S = 20.0  # far longer than any of this takes; reached only by a failure
QUICK = RetryPolicy(failures_to_lose=2, first_wait_s=0.005, longest_wait_s=0.02, stall_s=60.0)


class FakeDriver:
    """Cameras 0 and 2 are plugged in; each `frame()` lets the open camera deliver one image."""

    def __init__(self) -> None:
        self.plugged = {0, 2}
        self.failing = False
        self.opened = 0
        self.released = 0
        self.backend = 0.0
        self.driver_time_msec = 0.0
        self._images = threading.Semaphore(0)
        self.delivered = 0
        self.grabs = 0

    def open(self, index: int) -> FakeCapture:
        return FakeCapture(self, index)

    def frame(self, count: int = 1) -> None:
        self._images.release(count)

    def wait_for_image(self) -> bool:
        return self._images.acquire(timeout=0.01)


class FakeCapture:
    def __init__(self, driver: FakeDriver, index: int) -> None:
        self._driver = driver
        self._index = index
        self._open = index in driver.plugged
        driver.opened += self._open

    def isOpened(self) -> bool:
        return self._open

    def grab(self) -> bool:
        driver = self._driver
        driver.grabs += 1
        if self._index not in driver.plugged or driver.failing:
            return False
        while not driver.wait_for_image():
            if self._index not in driver.plugged or driver.failing:
                return False
        driver.delivered += 1
        return True

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, np.full((48, 64, 3), self._driver.delivered % 256, np.uint8)

    def get(self, property_id: int) -> float:
        return {
            cv2.CAP_PROP_BACKEND: self._driver.backend,
            cv2.CAP_PROP_POS_MSEC: self._driver.driver_time_msec,
        }.get(property_id, 0.0)

    def release(self) -> None:
        self._driver.released += self._open
        self._open = False


@contextmanager
def camera(driver: FakeDriver, policy: RetryPolicy = QUICK) -> Iterator[WebcamSource]:
    driver.frame()
    source = WebcamSource(0, driver.open, policy)
    try:
        yield source
    finally:
        driver.plugged.clear()  # a driver that has nothing to deliver holds on to the read
        source.close()


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < deadline_s, "it never happened"
        time.sleep(0.002)


def read(source: WebcamSource) -> Frame:
    frame = source.read(SOON_S)
    assert frame is not None
    return frame


def test_an_absent_camera_is_refused_with_those_there_are() -> None:
    driver = FakeDriver()
    with pytest.raises(AppError) as caught:
        WebcamSource(99, driver.open)
    assert "camera 99" in str(caught.value)
    assert "webcam:0, webcam:2" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert driver.opened == driver.released
    driver.plugged.clear()
    with pytest.raises(AppError, match="no camera was found"):
        WebcamSource(0, driver.open)


def test_this_machine_has_no_camera_99() -> None:
    with pytest.raises(AppError, match="cannot open camera 99"):
        WebcamSource(99)
    assert 99 not in list_cameras()


def test_a_camera_without_images_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.sources.webcam._FIRST_FRAME_TIMEOUT_S", 0.0)
    driver = FakeDriver()
    driver.failing = True
    with pytest.raises(AppError, match="gives no images"):
        WebcamSource(0, driver.open)
    assert driver.released == 1


def test_facts_of_the_camera() -> None:
    with camera(FakeDriver()) as source:
        assert source.size_px == (64, 48)
        assert source.fps == 30.0  # the driver says 0
        assert source.live
        assert source.frame_count is None
        assert source.status == ""


def test_only_the_newest_frame_is_kept() -> None:
    driver = FakeDriver()
    with camera(driver) as source:
        driver.frame(10)
        until(lambda: driver.delivered == 11)
        reads = 1
        while (frame := read(source)).index < 9:  # the last image may still be on its way
            reads += 1
        assert reads <= 2
        assert (frame.image == 11).all()
        assert abs(time.monotonic_ns() - frame.t_capture_ns) < SOON_S * 1e9
        driver.frame()
        assert read(source).index == 10


def test_no_frame_in_time_is_none() -> None:
    with camera(FakeDriver()) as source:
        assert source.read(0.01) is None


def test_an_unplugged_camera_is_reported_once_and_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    driver = FakeDriver()
    with camera(driver) as source:
        driver.frame()
        before = read(source)
        driver.plugged.clear()
        until(lambda: source.status != "")
        assert source.status == "camera 0 sends no images any more, retrying"
        assert source.read(0.1) is None  # several attempts to open it fail meanwhile
        assert len([r for r in caplog.records if r.levelname == "WARNING"]) == 1
        driver.plugged.add(0)
        driver.frame()
        after = read(source)
        assert after.index > before.index
        assert source.status == ""
        assert driver.opened == 2
    until(lambda: driver.released == 2)


def test_a_single_failed_read_does_not_reopen_the_camera() -> None:
    driver = FakeDriver()
    with camera(driver, RetryPolicy(failures_to_lose=10**6, first_wait_s=0.005)) as source:
        driver.failing = True
        assert source.read(0.05) is None
        driver.failing = False
        driver.frame()
        read(source)
        assert source.status == ""
        assert driver.opened == 1


def test_a_silent_camera_is_reported() -> None:
    with camera(FakeDriver(), RetryPolicy(stall_s=0.01)) as source:
        until(lambda: "has sent no image" in source.status)


def test_closing_gives_the_camera_back_and_ends_the_thread() -> None:
    driver = FakeDriver()
    with camera(driver) as source:
        driver.plugged.clear()
        source.close()
        source.close()
        until(lambda: not any(thread.name == "read camera 0" for thread in threading.enumerate()))
        assert driver.released == driver.opened == 1
        assert source.read(0.01) is None


def test_the_drivers_time_is_used_where_it_is_monotonic_time() -> None:
    driver = FakeDriver()
    capture = driver.open(0)
    now_ns = time.monotonic_ns()
    driver.backend = float(cv2.CAP_V4L2)
    driver.driver_time_msec = now_ns / 1e6 - 20.0
    assert DriverClock().capture_time_ns(capture) == pytest.approx(now_ns - 20_000_000, abs=1000)
    for nonsense_msec in (0.0, now_ns / 1e6 + 1e6, now_ns / 1e6 - 1e6, -1.0, float("nan"), float("inf")):
        driver.driver_time_msec = nonsense_msec
        assert DriverClock().capture_time_ns(capture) >= now_ns
    driver.backend = float(cv2.CAP_MSMF)
    driver.driver_time_msec = now_ns / 1e6 - 20.0
    assert DriverClock().capture_time_ns(capture) >= now_ns


def test_a_driver_whose_clock_stands_still_gives_increasing_times_that_are_not_in_the_future() -> None:
    driver = FakeDriver()
    driver.backend = float(cv2.CAP_V4L2)
    driver.driver_time_msec = time.monotonic_ns() / 1e6
    with camera(driver) as source:
        t_ns = []
        for _ in range(5):
            driver.frame()
            t_ns.append(read(source).t_capture_ns)
            assert t_ns[-1] <= time.monotonic_ns()
        assert (np.diff(t_ns) > 0).all()


def test_times_go_on_increasing_when_a_camera_comes_back_with_its_clock_set_back() -> None:
    driver = FakeDriver()
    driver.backend = float(cv2.CAP_V4L2)
    driver.driver_time_msec = time.monotonic_ns() / 1e6
    with camera(driver) as source:
        driver.frame()
        before = read(source)
        driver.plugged.clear()
        until(lambda: source.status != "")
        driver.driver_time_msec -= 100.0
        driver.plugged.add(0)
        driver.frame()
        after = read(source)
        assert before.t_capture_ns < after.t_capture_ns <= time.monotonic_ns()
        assert after.index > before.index


def test_an_image_nobody_read_keeps_its_true_time() -> None:
    """However long it lay there, it must not be taken for one of now."""
    driver = FakeDriver()
    with camera(driver) as source:
        driver.frame()
        until(lambda: driver.grabs == 3)  # the first of the reader, after one to open the camera, is done
        t_came_ns = time.monotonic_ns()
        time.sleep(0.2)
        assert read(source).t_capture_ns <= t_came_ns


# --- the driver's clock -------------------------------------------------------------------------------------


def test_images_that_lay_in_the_driver_while_the_program_was_stopped_keep_their_true_times() -> None:
    clock = DriverClock()
    t_ns = [clock.time_ns(k * PERIOD_NS, k * PERIOD_NS + DELAY_NS) for k in range(60)]
    woken_ns = 60 * PERIOD_NS + 10**10
    t_ns += [clock.time_ns(k * PERIOD_NS, woken_ns + k) for k in range(60, 64)]  # the driver's four buffers
    assert t_ns == [k * PERIOD_NS for k in range(64)]
    first_new_ns = woken_ns + PERIOD_NS
    assert clock.time_ns(first_new_ns, first_new_ns + DELAY_NS) == first_new_ns


def test_a_busy_machine_that_hears_of_images_late_still_has_their_true_times() -> None:
    clock = DriverClock()
    late_ns = np.random.default_rng(0).exponential(60e6, 300).clip(0, 300e6).astype(int)
    arrivals_ns = np.maximum.accumulate(np.arange(300) * PERIOD_NS + DELAY_NS + late_ns).tolist()
    t_ns = [clock.time_ns(k * PERIOD_NS, arrivals_ns[k]) for k in range(300)]
    assert t_ns == [k * PERIOD_NS for k in range(300)]


STOPPED_NS = 100 * PERIOD_NS
DRIVER_CLOCKS: dict[str, Callable[[int], int]] = {
    "stands still": lambda t_ns: min(t_ns, STOPPED_NS),
    "stands still for a second": lambda t_ns: t_ns if t_ns < STOPPED_NS else max(STOPPED_NS, t_ns - 10**9),
    "is set back": lambda t_ns: t_ns if t_ns < STOPPED_NS else t_ns - 200_000_000,
    "is set ahead": lambda t_ns: t_ns if t_ns < STOPPED_NS else t_ns + 10**9,
    "drifts behind": lambda t_ns: round(0.999 * t_ns),
    "drifts ahead": lambda t_ns: round(1.001 * t_ns),
    "is that of the day": lambda t_ns: t_ns + 1_700_000_000 * 10**9,
    "was started later": lambda t_ns: t_ns - 5000 * 10**9,
}


@pytest.mark.parametrize("fault", list(DRIVER_CLOCKS))
def test_a_driver_clock_that_is_off_does_not_mislead(fault: str) -> None:
    """No time is off by more than a clock must drift to be found out, 50 ms and a delay."""
    clock = DriverClock()
    jitter_ns = np.random.default_rng(0).exponential(4e6, 6000).astype(int).tolist()
    errors_ns = []
    for k in range(6000):
        taken_ns = 10_000 * 10**9 + k * PERIOD_NS
        arrival_ns = taken_ns + DELAY_NS + jitter_ns[k]
        t_ns = clock.time_ns(10_000 * 10**9 + DRIVER_CLOCKS[fault](k * PERIOD_NS), arrival_ns)
        assert t_ns <= arrival_ns
        errors_ns.append(abs(t_ns - taken_ns))
    assert max(errors_ns) < 50_000_000 + DELAY_NS
