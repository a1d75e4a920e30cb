"""`calibrate latency` as a whole: what it measures is kept beside what was known, refusals keep nothing."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from app.calibrate import latency, latency_window
from app.calibrate.latency import caption, run_latency
from app.calibrate.latency_camera import CodeWatch
from app.calibrate.latency_settings import LatencyCalibrationSettings
from app.errors import AppError, UsageError
from app.frame import Frame
from app.sources.base import EndOfSource
from calibration.delays import Delays, load_delays, save_delays
from calibration.errors import CalibrationError
from calibration.loop_delay import Shown
from robot import RobotError, spawn_simulation
from tests.latency_examples import Bench, seen_light

PERIOD_S = 1.0 / 60.0
CAMERA = "webcam:0"
SIMULATED = LatencyCalibrationSettings(robot_only=True, seconds=4.0)


class Screen:
    """Shows the pattern, as the clock says, to whoever looks; no window is opened."""

    refresh_ms = 1e3 * PERIOD_S
    tied = True

    def __init__(self) -> None:
        self.begin_s = time.monotonic()

    def number_at(self, t_s: float) -> float:
        return (t_s - self.begin_s) / PERIOD_S

    def shown(self) -> Shown:
        count = int(self.number_at(time.monotonic()))
        t_ns = np.round((self.begin_s + PERIOD_S * np.arange(count)) * 1e9).astype(np.int64)
        return Shown(t_ns, np.arange(count))


class Camera:
    """Sees the screen with a delay; as fast as this machine renders, so that no load decides the test."""

    name, fps, size_px, live, frame_count, status = "camera 0", 30.0, (640, 480), True, None, ""

    def __init__(self, screen: Screen | None, delay_s: float, place: str = "middle") -> None:
        self.screen, self.delay_s, self.place = screen, delay_s, place
        self.closed = False
        self.frames = 0
        self._rng = np.random.default_rng(0)

    def read(self, timeout_s: float) -> Frame:
        time.sleep(0.02)
        middle_s = time.monotonic() - self.delay_s
        light = np.full((480, 640), 0.3, np.float32)
        if self.screen is not None:
            begin, end = (self.screen.number_at(middle_s + side) for side in (-0.007, 0.007))
            numbers = range(int(begin), int(end) + 1)
            shares = [(min(end, number + 1) - max(begin, number)) / (end - begin) for number in numbers]
            light = sum(share * seen_light(n) for share, n in zip(shares, numbers, strict=True))
        if self.place == "top":
            light = np.roll(light, -95, axis=0)
        self.frames += 1
        image = Bench(0.0).develop(light.astype(np.float32), self._rng)
        return Frame(self.frames, round((middle_s + self.delay_s) * 1e9), image)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "delays.json"


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    shows = Screen()

    def show(caption: object, done: object) -> Screen:
        while not done():  # type: ignore[operator]
            assert caption()  # type: ignore[operator]
            time.sleep(0.01)
        return shows

    monkeypatch.setattr(latency, "has_display", lambda: True)
    monkeypatch.setattr(latency_window, "show_pattern", show)
    return shows


def watch_with(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "open_source", lambda spec, realtime: camera)


def test_the_simulation_is_measured_and_the_camera_stays_as_it_was(path: Path) -> None:
    save_delays(Delays(camera_ms=31.0, actuator_ms=90.0), CAMERA, "sim", path)
    lines = run_latency(SIMULATED, path)
    assert set(json.loads(path.read_text())) == {"camera_ms", "actuator_ms"}
    delays = load_delays(CAMERA, "sim", path)
    assert delays.camera_ms == 31.0
    assert delays.actuator_ms == pytest.approx(17.0, abs=3.0)  # the servo's two poles lag by 14 ms
    assert "actuator delay" in lines[0]
    assert f"actuator 90.0 ms → {delays.actuator_ms:.1f} ms" in lines[-1]
    assert run_latency(SIMULATED, path)[0] == lines[0], "virtual time gives the same figure every time"


def test_a_robot_server_in_real_time_gives_what_the_simulation_gives(path: Path) -> None:
    run_latency(SIMULATED, path)
    expected = load_delays(CAMERA, "sim", path)
    path.unlink()
    with spawn_simulation("right") as server:
        settings = LatencyCalibrationSettings(
            robot=server.endpoint, robot_only=True, seconds=4.0, arm=True
        )  # fmt: skip
        for attempt in range(4):
            try:
                run_latency(settings, path)
                break
            except AppError as error:  # a machine too busy for real time is refused, which is right
                busy = "targets come late" in str(error) or "was disarmed" in str(error)
                if attempt == 3 or not busy:
                    raise
        with server.connect() as link:
            assert link.status().state.mode == "DISARMED"
    assert load_delays(CAMERA, server.endpoint, path).actuator_ms == pytest.approx(
        expected.actuator_ms, abs=3.0
    )


def test_the_camera_is_measured_and_the_robot_stays_as_it_was(
    path: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_delays(Delays(actuator_ms=23.0), CAMERA, "sim", path)
    camera = Camera(screen, 0.070)
    watch_with(camera, monkeypatch)
    lines = run_latency(LatencyCalibrationSettings(camera_only=True, seconds=4.0, screen_ms=0.0), path)
    delays = load_delays(CAMERA, "sim", path)
    assert f"camera {CAMERA} not measured → {delays.camera_ms:.1f} ms" in lines[-1]
    assert load_delays("webcam:1", "sim", path).camera_ms is None
    assert delays.camera_ms == pytest.approx(70.0, abs=3.0)
    assert delays.actuator_ms == 23.0
    assert camera.closed
    assert len(lines) == 2


def test_half_a_refresh_is_taken_for_the_screens_delay_and_a_bad_place_is_told(
    path: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch_with(Camera(screen, 0.070, place="top"), monkeypatch)
    screen.tied = False
    lines = run_latency(LatencyCalibrationSettings(camera_only=True, seconds=4.0), path)
    assert load_delays(CAMERA, "sim", path).camera_ms == pytest.approx(70.0 - 500.0 * PERIOD_S, abs=3.0)
    assert "--screen-ms" in lines[1]
    assert "vertical synchronisation" in lines[2]
    assert "near the upper or lower edge" in lines[3]


def test_a_camera_that_never_sees_the_pattern_is_told_so_and_nothing_is_saved(
    path: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.calibrate.latency_camera.PATIENCE_NS", 500_000_000)
    watch_with(Camera(None, 0.0), monkeypatch)
    with pytest.raises(CalibrationError, match="seen in none of"):
        run_latency(LatencyCalibrationSettings(seconds=4.0), path)
    assert not path.exists()


def test_a_camera_that_ends_is_told_so(path: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    class Ended(Camera):
        def read(self, timeout_s: float) -> Frame:
            raise EndOfSource

    watch_with(Ended(None, 0.0), monkeypatch)
    with pytest.raises(CalibrationError, match="gave no frames"):
        run_latency(LatencyCalibrationSettings(seconds=4.0), path)


def test_the_operator_is_told_what_to_do() -> None:
    camera = Camera(None, 0.0)
    watch = CodeWatch(camera, 4.0)
    assert caption(watch) == "Point the camera at this screen"
    watch.problem = "camera 0 sends no images any more, retrying"
    assert caption(watch) == "No image from the camera"


def test_without_a_display_or_a_camera_one_sentence_says_what_to_do(
    path: Path, monkeypatch: pytest.MonkeyPatch, small_video: Path
) -> None:
    monkeypatch.setattr(latency, "has_display", lambda: False)
    with pytest.raises(AppError, match="--robot-only"):
        run_latency(LatencyCalibrationSettings(), path)
    monkeypatch.setattr(latency, "has_display", lambda: True)
    with pytest.raises(CalibrationError, match=r"no address \(Invalid IPv6 URL\); give PROTOCOL"):
        run_latency(LatencyCalibrationSettings(source="rtsp://[cam"), path)
    with pytest.raises(AppError, match="is no camera"):
        run_latency(LatencyCalibrationSettings(source=str(small_video)), path)
    assert not path.exists()


def test_a_robot_server_is_not_moved_without_consent(path: Path) -> None:
    settings = LatencyCalibrationSettings(robot="tcp://127.0.0.1:1", robot_only=True)
    with pytest.raises(AppError, match=r"up to 9 degrees .* then give --arm"):
        run_latency(settings, path)


def test_nothing_moves_whose_delay_could_not_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(latency, "spawn_simulation", lambda *_, **__: pytest.fail("the robot was started"))
    with pytest.raises(AppError, match=r"cannot write .*a file is there where a folder is to be"):
        run_latency(SIMULATED, tmp_path / "file" / "delays.json")


def test_no_robot_server_and_broken_delays_are_told(path: Path) -> None:
    settings = LatencyCalibrationSettings(robot="tcp://127.0.0.1:1", robot_only=True, arm=True)
    with pytest.raises(RobotError):
        run_latency(settings, path)
    assert not path.exists()
    for broken in ("{", "[" * 100_000, '{"actuator_ms": 1' + 400 * "0" + "}"):
        path.write_text(broken)
        with pytest.raises(CalibrationError, match="does not hold delays"):
            run_latency(settings, path)
        assert path.read_text() == broken


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"camera_only": True, "robot_only": True}, "--camera-only or --robot-only"),
        ({"seconds": 1.0}, "--seconds is 1"),
        ({"seconds": float("nan")}, "--seconds is nan"),
        ({"screen_ms": -1.0}, "--screen-ms is -1"),
        ({"screen_ms": float("inf")}, "--screen-ms is inf"),
        ({"robot": "none"}, "sim or tcp://"),
        ({"robot": "tcp://", "robot_only": True}, "sim or tcp://HOST:PORT, not 'tcp://'"),
        ({"robot": "tcp://127.0.0.1:99999", "robot_only": True}, "sim or tcp://HOST:PORT"),
    ],
)
def test_settings_that_make_no_sense_are_refused(path: Path, wrong: dict, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        run_latency(LatencyCalibrationSettings(**wrong), path)
