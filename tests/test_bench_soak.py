"""The instruments of the soak: repeatable faults, exact books, a watch that sees lies, an honest slope."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.bench.results import without_nan
from app.bench.soak.accounts import account
from app.bench.soak.child import found_by_then
from app.bench.soak.faults import (
    CAMERA_FAULTS,
    END_S,
    OTHER_FAULTS,
    PAUSE_QUICK_S,
    Fault,
    Plan,
    Track,
    make_plan,
)
from app.bench.soak.plots import draw
from app.bench.soak.port import MessageWatch, WatchedPort, requests_of
from app.bench.soak.report import in_short, judge, kept, markdown
from app.bench.soak.run import SoakSettings, run_soak
from app.bench.soak.series import Series
from app.bench.soak.slope import block_means, growth
from app.bench.soak.source import CLEAN, NOT_READ, FaultySource, Given
from app.bench.soak.watch import Sample, sample
from app.errors import UsageError
from app.frame import Frame
from app.settings import TeleopSettings
from app.sources.base import EndOfSource
from app.teleop import run_teleop
from robot import JointTrajectory

FRAME_NS = 33_333_333
SIZE_PX = (64, 48)
START_NS = 5_000_000_000


class Clock:
    """A clock that only moves when it is moved."""

    def __init__(self) -> None:
        self.t_ns = START_NS

    def now_ns(self) -> int:
        return self.t_ns


class Camera:
    """Thirty different frames a second on a clock of the test's; `missing` ones are not read in time."""

    name, fps, size_px, live, frame_count, status = "camera", 30.0, SIZE_PX, False, None, ""

    def __init__(self, clock: Clock, missing: frozenset[int] = frozenset()) -> None:
        self.clock = clock
        self.missing = missing
        self.index = -1
        self.closed = False

    def read(self, timeout_s: float) -> Frame | None:
        index = self.index + 1
        while index in self.missing:
            index += 1
        due_ns = START_NS + index * FRAME_NS
        if due_ns - self.clock.t_ns > timeout_s * 1e9:
            self.clock.t_ns += round(timeout_s * 1e9)
            return None
        self.clock.t_ns = max(self.clock.t_ns, due_ns)
        self.index = index
        image = np.full((SIZE_PX[1], SIZE_PX[0], 3), index % 200 + 50, dtype=np.uint8)
        return Frame(index, due_ns, image)

    def close(self) -> None:
        self.closed = True


def play(source: FaultySource) -> list[Frame]:
    """All frames of it."""
    frames = []
    while True:
        try:
            frame = source.read(0.1)
        except EndOfSource:
            return frames
        if frame is not None:
            frames.append(frame)


def under(kind: str, start_s: float = 1.0, duration_s: float = 1.0) -> tuple[FaultySource, list[Frame]]:
    """What comes of three seconds with one fault."""
    clock = Clock()
    fault = Fault(kind, start_s, duration_s, 7)
    source = FaultySource(Camera(clock), Track([fault]), 3.0, clock.now_ns)
    return source, play(source)


def during(frames: list[Frame]) -> list[Frame]:
    """Those of the second that `under` spoils."""
    return [frame for frame in frames if 30 < frame.index < 60]


def test_faults_are_the_same_for_the_same_seed() -> None:
    assert make_plan(3, 600.0).camera.faults == make_plan(3, 600.0).camera.faults
    assert make_plan(3, 600.0).other.faults == make_plan(3, 600.0).other.faults
    assert make_plan(3, 600.0).camera.faults != make_plan(4, 600.0).camera.faults


@pytest.mark.parametrize("seed", range(5))
def test_faults_cover_every_kind_and_leave_the_end_alone(seed: int) -> None:
    plan = make_plan(seed, 1200.0)
    for track, kinds in ((plan.camera, CAMERA_FAULTS), (plan.other, OTHER_FAULTS)):
        counts = [sum(fault.kind == kind for fault in track.faults) for kind in kinds]
        assert min(counts) >= 3
        assert max(counts) - min(counts) <= 1
        for fault, after in zip(track.faults, track.faults[1:], strict=False):
            assert fault.end_s < after.start_s
        assert track.faults[-1].end_s <= 1200.0 - END_S


def test_the_quick_run_has_every_kind_too() -> None:
    plan = make_plan(0, 60.0, PAUSE_QUICK_S)
    assert {fault.kind for fault in plan.camera.faults} == set(CAMERA_FAULTS)
    assert {fault.kind for fault in plan.other.faults} == set(OTHER_FAULTS)


def test_track_knows_what_is_on_and_when_it_is_calm() -> None:
    first, second = Fault("stall", 1.0, 1.0, 0), Fault("black", 4.0, 1.0, 0)
    track = Track([first, second])
    assert [track.at(t_s) for t_s in (0.5, 1.0, 1.9, 2.0, 4.5)] == [None, first, first, None, second]
    assert [track.calm(t_s, 0.5) for t_s in (0.5, 1.5, 2.4, 2.5, 4.1, 5.6)] == [
        True, False, False, True, False, True,
    ]  # fmt: skip


def test_source_gives_the_same_under_the_same_faults() -> None:
    runs = []
    for _ in range(2):
        clock = Clock()
        source = FaultySource(Camera(clock), make_plan(1, 60.0, PAUSE_QUICK_S).camera, 60.0, clock.now_ns)
        frames = play(source)
        runs.append([(frame.index, frame.t_capture_ns, frame.image.tobytes()) for frame in frames])
        assert len(frames) > 1000
    assert runs[0] == runs[1]


def test_source_counts_every_frame_of_the_camera() -> None:
    clock = Clock()
    camera = Camera(clock, missing=frozenset({5, 6, 700}))
    source = FaultySource(camera, make_plan(2, 60.0, PAUSE_QUICK_S).camera, 60.0, clock.now_ns)
    frames = play(source)
    assert sum(source.passed.values()) == len(frames)
    assert source.lost[NOT_READ] == 3
    assert sum(source.passed.values()) + sum(source.lost.values()) == 1800 + 1  # 60 s of 30 Hz, both ends
    assert source.passed[CLEAN] > 600
    source.close()
    assert camera.closed


@pytest.mark.parametrize("kind", ["stall", "unplugged"])
def test_silence_gives_nothing_and_then_the_newest(kind: str) -> None:
    source, frames = under(kind)
    assert not during(frames)
    assert source.lost[kind] == 30
    assert [frame.index for frame in frames[29:31]] == [29, 60] or [f.index for f in frames[30:32]] == [
        30,
        61,
    ]


def test_unplugged_camera_says_so_at_once_and_a_stalled_one_after_a_second() -> None:
    clock = Clock()
    faults = Track([Fault("unplugged", 1.0, 1.0, 0), Fault("stall", 3.0, 2.0, 0)])
    source = FaultySource(Camera(clock), faults, 10.0, clock.now_ns)
    source.read(0.1)
    said = []
    for t_s in (0.5, 1.1, 2.5, 3.9, 4.5, 5.5):
        clock.t_ns = START_NS + round(t_s * 1e9)
        said.append(bool(source.status))
    assert said == [False, True, False, False, True, False]


def test_half_rate_and_drops_withhold_their_share() -> None:
    source, frames = under("half rate")
    assert source.lost["half rate"] == 15
    assert np.all(np.diff([frame.index for frame in during(frames)]) == 2)
    source, frames = under("dropped")
    assert 12 <= source.lost["dropped"] <= 28


def test_images_are_spoilt_as_named_and_only_then() -> None:
    shapes = {"wrong type": (np.float32, 3), "empty": (np.uint8, 3), "half size": (np.uint8, 3)}
    for kind in ("frozen", "black", "noise", "wrong type", "wrong shape", "empty", "half size"):
        source, frames = under(kind)
        assert len(frames) == 91
        spoilt = during(frames)
        clean = [frame for frame in frames if frame.index < 30 or frame.index > 60]
        assert all(np.all(frame.image == frame.image[0, 0, 0]) for frame in clean)
        assert all(frame.image.shape == (48, 64, 3) for frame in clean)
        if kind in shapes:
            dtype, dimensions = shapes[kind]
            assert {(frame.image.dtype.type, frame.image.ndim) for frame in spoilt} == {(dtype, dimensions)}
        if kind == "frozen":
            assert {int(frame.image[0, 0, 0]) for frame in spoilt} == {int(frames[30].image[0, 0, 0])}
        if kind == "black":
            assert not any(frame.image.any() for frame in spoilt)
        if kind == "noise":
            assert all(frame.image.std() > 60.0 for frame in spoilt)
        if kind == "wrong shape":
            assert {frame.image.shape for frame in spoilt} == {(48, 64), (48, 64, 4)}
        if kind == "empty":
            assert {frame.image.size for frame in spoilt} == {0}
        if kind == "half size":
            assert {frame.image.shape for frame in spoilt} == {(24, 32, 3)}
        assert source.passed == {CLEAN: 61, kind: 30}


def test_times_are_wrong_as_named() -> None:
    for kind in ("time backwards", "time repeated", "time ahead"):
        _, frames = under(kind)
        true_ns = np.array([START_NS + frame.index * FRAME_NS for frame in during(frames)])
        told_ns = np.array([frame.t_capture_ns for frame in during(frames)])
        if kind == "time repeated":
            assert len(set(told_ns.tolist())) == 1
        elif kind == "time ahead":
            assert (told_ns > true_ns).all()
        else:
            assert (told_ns < true_ns).all()
        assert [f.t_capture_ns - START_NS for f in frames if f.index in (5, 70)] == [
            5 * FRAME_NS,
            70 * FRAME_NS,
        ]


def message(state: str, t_capture_ns: int = 0, t_publish_ns: int = 10**12) -> JointTrajectory:
    return JointTrajectory(
        seq=1,
        hand="right",
        valid=True,
        source_state=state,
        t_capture_ns=t_capture_ns,
        t_publish_ns=t_publish_ns,
        joint_names=("a",),
        t_ns=np.array([t_publish_ns]),
        q_rad=np.zeros((1, 1)),
    )


MS = 1_000_000


def test_tracking_without_a_frame_is_a_lie_and_predicting_is_none() -> None:
    watch = MessageWatch()
    newest = Given(9, 0, 30 * MS, 30 * MS)
    watch.look(message("tracking"), newest, 50 * MS, None)
    watch.look(message("predicting"), newest, 300 * MS, None)
    watch.look(message("lost"), newest, 900 * MS, None)
    assert watch.stale == 0
    watch.look(message("tracking"), newest, 300 * MS, None)
    assert (watch.stale, watch.blind, watch.late) == (1, 0, 0)
    assert watch.counts()["states"] == {"lost": 1, "predicting": 1, "tracking": 2}


def test_tracking_of_a_frame_that_took_the_detector_long_is_late_and_no_lie() -> None:
    watch = MessageWatch()
    watch.look(message("tracking"), Given(9, 0, None, None), 400 * MS, None)
    watch.look(message("tracking"), Given(9, 0, 390 * MS, 390 * MS), 400 * MS, None)
    assert (watch.late, watch.stale) == (2, 0)
    watch.look(message("tracking"), Given(9, 0, 390 * MS, 390 * MS), 650 * MS, None)
    assert (watch.late, watch.stale) == (2, 1)


def test_tracking_before_any_frame_is_a_lie() -> None:
    watch = MessageWatch()
    watch.look(message("tracking"), None, 0, None)
    assert watch.stale == 1


def test_tracking_while_only_black_frames_come_is_a_lie() -> None:
    watch = MessageWatch()
    clock = Clock()
    faults = Track([Fault("black", 1.0, 1.0, 0)])
    source = FaultySource(Camera(clock), faults, 3.0, clock.now_ns)
    for _ in range(60):
        source.read(0.1)
        watch.look(message("tracking"), source.given, clock.t_ns, None)
    assert watch.stale == 0
    assert watch.blind == 14  # of 29 black frames, 31 to 59: those later than half a second


def test_watch_sees_clocks_that_run_ahead_or_backwards() -> None:
    watch = MessageWatch()
    for t_capture_ns, t_publish_ns in ((100, 200), (150, 200), (150, 200), (140, 200), (201, 200)):
        watch.look(message("tracking", t_capture_ns, t_publish_ns), Given(0, 100), 100, None)
    assert (watch.backwards, watch.ahead) == (1, 1)


def test_watch_counts_calm_messages_by_the_fault_before() -> None:
    watch = MessageWatch()
    watch.look(message("tracking"), Given(0, 0), 0, "stall")
    watch.look(message("lost"), Given(1, 0), 0, "stall")
    watch.look(message("lost"), Given(2, 0), 0, None)
    assert watch.counts()["calm"] == {"stall": [2, 1]}


def test_requests_come_in_order_and_are_undone() -> None:
    faults = [Fault("stop", 1.0, 2.0, 0), Fault("busy processor", 4.0, 1.0, 0), Fault("home", 6.0, 1.0, 0)]
    assert requests_of(faults) == [(1.0, "stop"), (3.0, "reset"), (3.0, "arm"), (6.0, "home")]


def test_hand_counts_as_found_once_in_view_for_long_even_across_the_loop() -> None:
    visible = np.ones(100, dtype=bool)
    visible[50] = False
    found = np.array(found_by_then(visible))
    assert not found[50:70].any()
    assert found[:50].all()
    assert found[70:].all()


REPORT = {
    "frames": 95,
    "dropped_frames": {"skipped_by_source": 12, "overtaken": 5, "unusable": 7},
    "limits_hit": {"right": {"holds": 3, "malformed": 0}},
}
FRAMES = {"passed": {CLEAN: 93, "empty": 7}, "lost": {"stall": 10, NOT_READ: 2}}


def test_account_balances_where_the_books_do() -> None:
    books = account(FRAMES, REPORT)
    assert books["camera"] == 112
    assert books["camera"] == books["processed"] + books["unaccounted"] + sum(books["lost"].values())
    assert (books["given"], books["unaccounted"], books["skipped_differs"]) == (100, 0, 0)
    assert books["unusable"] == books["unusable_given"] == 7


def test_account_finds_a_frame_that_went_missing() -> None:
    assert account(FRAMES, {**REPORT, "frames": 94})["unaccounted"] == 1
    books = {**REPORT["dropped_frames"], "skipped_by_source": 9}
    assert account(FRAMES, {**REPORT, "dropped_frames": books})["skipped_differs"] == 3
    assert account(FRAMES, None)["unaccounted"] == 100


def test_real_pipeline_accounts_for_every_frame(hand_landmarker_asset: Path, tmp_path: Path) -> None:
    class Live(Camera):
        """In real time."""

        def read(self, timeout_s: float) -> Frame | None:
            index = max(self.index + 1, (time.monotonic_ns() - began_ns) // FRAME_NS)
            due_ns = began_ns + index * FRAME_NS
            time.sleep(max(0.0, min(timeout_s, (due_ns - time.monotonic_ns()) * 1e-9)))
            if time.monotonic_ns() < due_ns:
                return None
            self.index = index
            image = np.random.default_rng(index).integers(0, 60, (SIZE_PX[1], SIZE_PX[0], 3), np.uint8)
            return Frame(index, due_ns, image)

    kinds = ("stall", "wrong type", "time ahead", "dropped", "empty", "frozen")
    faults = [Fault(kind, 0.2 + 0.4 * i, 0.3, i) for i, kind in enumerate(kinds)]
    began_ns = time.monotonic_ns()
    source = FaultySource(Live(Clock()), Track(faults), 3.0)
    settings = TeleopSettings(
        robot="none",
        temporal="none",
        headless=True,
        video=False,
        run_dir=tmp_path,
        hand_model=hand_landmarker_asset,
    )
    report = run_teleop(settings, source).report
    books = account(source.counts(), report)
    assert books["given"] > 0
    assert books["unaccounted"] == 0
    assert books["skipped_differs"] == 0
    assert books["unusable"] == books["unusable_given"]


class RecordingPort:
    """A robot port that keeps what it is told."""

    endpoint = "tcp://somewhere:1"
    version = "v4"

    def __init__(self) -> None:
        self.told: list[str] = []

    def send(self, message: JointTrajectory) -> None:
        self.told.append(message.source_state)

    def command(self, name: str) -> str:
        self.told.append(name)
        return f"no {name}"

    def counters(self) -> dict[str, int]:
        return {"holds": 1}

    def close(self) -> None:
        self.told.append("close")


def test_watched_port_passes_everything_on_and_asks_what_is_due() -> None:
    clock = Clock()
    plan = Plan(Track([]), Track([Fault("disarm", 0.5, 1.0, 0)]))
    source = FaultySource(Camera(clock), plan.camera, 10.0, clock.now_ns)
    inner = RecordingPort()
    port = WatchedPort(inner, source, plan, [True])
    source.read(0.1)
    for t_s in (0.1, 0.6, 1.6):
        clock.t_ns = START_NS + round(t_s * 1e9)
        port.send(message("predicting"))
    assert port.command("home") == "no home"
    port.close()
    assert inner.told == ["predicting", "disarm", "predicting", "arm", "predicting", "home", "close"]
    assert (port.endpoint, port.counters()) == ("tcp://somewhere:1", {"holds": 1})


T_S = np.arange(0.0, 1200.0, 2.0)


def noise(seed: int, neighbours: float, sigma: float = 1.0) -> np.ndarray:
    """(N,) autocorrelated noise at the times T_S."""
    rng = np.random.default_rng(seed)
    values = np.zeros(len(T_S))
    for i in range(1, len(values)):
        values[i] = neighbours * values[i - 1] + rng.normal(0.0, sigma)
    return values


def test_slope_finds_the_growth_there_is() -> None:
    for per_hour in (-40.0, 0.0, 12.0, 300.0):
        slope = growth(T_S, 500.0 + per_hour / 3600.0 * T_S + noise(0, 0.5))
        assert slope.low <= per_hour <= slope.high
        assert slope.per_hour == pytest.approx(per_hour, abs=4.0)
        assert slope.blocks == 17


def test_interval_holds_no_growth_as_often_as_it_says() -> None:
    for neighbours in (0.0, 0.9, 0.97):
        slopes = [growth(T_S, noise(seed, neighbours)) for seed in range(200)]
        held = np.mean([slope.low <= 0.0 <= slope.high for slope in slopes])
        assert held >= 0.93


def test_leak_of_thirty_mebibytes_an_hour_is_told() -> None:
    slopes = [growth(T_S, 500.0 + 30.0 / 3600.0 * T_S + noise(seed, 0.9, 0.5)) for seed in range(50)]
    assert np.mean([slope.low > 0.0 for slope in slopes]) >= 0.95


def test_slope_leaves_the_start_and_single_spikes_out() -> None:
    values = np.where(T_S < 120.0, 300.0 + T_S, 500.0)
    values[300:310] += 400.0
    slope = growth(T_S, values)
    assert slope.per_hour == pytest.approx(0.0, abs=1e-9)
    assert slope.low <= 0.0 <= slope.high


def test_block_means_take_whole_blocks_only() -> None:
    t_s, means = block_means(np.arange(10.0), np.arange(10.0), block_s=3.0, skip_s=2.0)
    assert t_s.tolist() == means.tolist() == [3.0, 6.0]


def test_slope_of_too_few_samples_is_not_told() -> None:
    assert growth(T_S[:100], T_S[:100]) is None
    assert growth(np.array([]), np.array([])) is None


def test_sample_sees_threads_and_files_of_a_process(tmp_path: Path) -> None:
    before, _ = sample(os.getpid())
    release = threading.Event()
    threads = [threading.Thread(target=release.wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    files = [(tmp_path / f"{i}").open("wb") for i in range(4)]
    after, _ = sample(os.getpid())
    release.set()
    for thread in threads:
        thread.join()
    for file in files:
        file.close()
    assert after.threads - before.threads == 3
    assert after.handles - before.handles == 4
    assert after.rss_mib > 10.0
    assert after.cpu_s >= before.cpu_s > 0.0


def test_sample_of_a_process_that_is_gone_is_none() -> None:
    assert sample(2**22 + 12345) is None


def soaked(leak_mib_per_hour: float = 0.0, threads_at_end: int = 0) -> dict:
    """Results of a run that never was."""
    series = Series()
    wobble = noise(2, 0.5, 0.1)
    for i, t_s in enumerate(T_S):
        extra = threads_at_end if t_s > 1000.0 else 0
        own = Sample(500.0 + leak_mib_per_hour / 3600.0 * t_s + wobble[i], 20 + extra, 30, 0.6 * t_s)
        series.add(float(t_s), own, Sample(140.0, 6, 24, 0.2 * t_s))
    watch = MessageWatch()
    for i in range(40):
        watch.look(message("tracking", i), Given(i, i), i, "stall")
    results = {
        "machine": {"processor": "CPU", "cores": 2, "memory_gib": 8, "system": "Linux", "python": "3.11"},
        "versions": {},
        "telling": True,
        "seconds": 1200.0,
        "seed": 0,
        "lasted_s": 1200.0,
        "reported": True,
        "error": "",
        "faults": {"stall": [(10.0, 12.0)], "busy processor": [(30.0, 35.0)]},
        "frames": FRAMES,
        "accounts": account(FRAMES, REPORT),
        "messages": watch.counts(),
        "others_cores": 0.5,
        "report": REPORT,
        **series.results(120.0, 60.0),
    }
    results["targets"] = judge(results)
    return without_nan(results)


def test_clean_run_keeps_every_promise() -> None:
    results = soaked()
    assert all(target["met"] is True for target in results["targets"])
    assert kept(results)
    assert results["cpu_cores"]["pipeline"] == pytest.approx(0.6)


def test_leaks_of_memory_and_threads_break_theirs() -> None:
    for results in (soaked(leak_mib_per_hour=20.0), soaked(threads_at_end=1)):
        assert [target["met"] for target in results["targets"]].count(False) == 1
        assert not kept(results)


def test_every_broken_promise_is_seen() -> None:
    base = soaked()
    broken = {
        "lasts": {"lasted_s": 700.0},
        "accounted": {"accounts": {**base["accounts"], "unaccounted": 1}},
        "tracking": {"messages": {**base["messages"], "stale": 1}},
        "clock": {"messages": {**base["messages"], "backwards": 1}},
        "followed": {"messages": {**base["messages"], "calm": {"stall": [40, 30]}}},
    }
    for word, change in broken.items():
        failed = [target["wanted"] for target in judge(base | change) if target["met"] is False]
        assert len(failed) == 1
        assert word in failed[0]


def test_short_run_does_not_judge_the_slope() -> None:
    results = {**soaked(leak_mib_per_hour=200.0), "telling": False}
    assert [target["met"] for target in judge(results)].count(None) == 2


def test_report_and_picture_hold_what_was_measured(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    results = soaked()
    pictures = draw(results, tmp_path)
    assert pictures["time"].stat().st_size > 10_000
    text = markdown(results, {"time": pictures["time"].name})
    assert "(soak_time.png)" in text
    assert "| lost: camera stalled | 10 |" in text
    assert "The robot's guards: holds 3." in text
    assert len(in_short(results)) == len(results["targets"])


@pytest.mark.parametrize("wrong", [{"minutes": 0.0}, {"minutes": float("nan")}, {"seed": -1}])
def test_illegal_flags_are_refused(wrong: dict, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        run_soak(replace(SoakSettings(output=tmp_path), **wrong))
