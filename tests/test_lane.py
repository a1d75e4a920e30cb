"""One hand through window, temporal stage and retargeter into a message."""

import dataclasses
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from app.clock import FileClock
from app.horizon import Horizon
from app.lane import HandLane, start_now
from app.run_camera import RunCamera
from app.timing import StageTimer
from app.window import ObservationWindow
from calibration.delays import Delays
from models.camera import Camera
from models.hand_model import HandModel
from models.observation import Observation
from models.temporal import load_temporal
from models.trajectory import HandTrajectory
from models.window import SLOT_PERIOD_NS, Window
from retarget import load

CAMERA = Camera.assumed((640, 480))
MS = 1_000_000
# Palm to the camera, fingers up, as an operator holds the hand.
RAISED = HandModel.load().keypoints(np.tile(np.eye(3), (16, 1, 1)))


@pytest.fixture(scope="module")
def retargeter():
    return load("allegro_right")


class LaggingClock(FileClock):
    """Every message goes out some time after capture."""

    def __init__(self, lag_ms: float) -> None:
        super().__init__()
        self.lag_ns = round(lag_ms * MS)

    def now_ns(self) -> int:
        return super().now_ns() + self.lag_ns


def observe(i: int) -> Observation:
    keypoints_m = RAISED - RAISED[0]
    keypoints_m[8] += np.array([0.0, 0.0, 0.002 * i])
    keypoints_px = CAMERA.project(keypoints_m + np.array([0.0, 0.1, 0.6]))
    return Observation(i * SLOT_PERIOD_NS, "right", True, keypoints_m, keypoints_px, (640, 480), 0.9)


def run(retargeter, frames, horizon_ms=None, lag_ms=0.0):
    retargeter.reset()
    clock = LaggingClock(lag_ms)
    window = ObservationWindow("right", CAMERA)
    horizon = Horizon(horizon_ms, Delays(0.0, 0.0))
    lane = HandLane(window, load_temporal("none"), retargeter, clock, horizon, RunCamera((640, 480)))
    results = []
    for observation in frames:
        clock.capture(observation.t_capture_ns)
        results.append(lane.process(observation, StageTimer()))
    return results


def test_auto_makes_up_for_the_time_since_capture(retargeter):
    result = run(retargeter, [observe(i) for i in range(4)], None, lag_ms=40.0)[-1]
    message, trajectory = result.message, result.trajectory
    assert message.t_publish_ns == trajectory.t_capture_ns + 40 * MS
    assert message.t_ns[0] == message.t_publish_ns
    np.testing.assert_array_equal(message.t_ns[1:], trajectory.t_ns[2:])  # true times
    share = 40 * MS / SLOT_PERIOD_NS - 1
    expected_rad = (1 - share) * result.q_rad[1] + share * result.q_rad[2]
    np.testing.assert_allclose(result.q_sent_rad, expected_rad)
    assert not np.allclose(result.q_sent_rad, result.q_rad[0], atol=1e-4), "the age was not made up for"


def test_a_fixed_horizon_is_reached_at_the_moment_of_sending(retargeter):
    result = run(retargeter, [observe(i) for i in range(4)], 2 * SLOT_PERIOD_NS / MS, lag_ms=40.0)[-1]
    np.testing.assert_allclose(result.q_sent_rad, result.q_rad[2], atol=1e-6)


def test_a_horizon_beyond_the_prediction_holds_its_end(retargeter):
    result = run(retargeter, [observe(i) for i in range(4)], 400.0)[-1]
    np.testing.assert_array_equal(result.message.q_rad, result.q_rad[-1:])
    assert result.message.t_ns.tolist() == [result.message.t_publish_ns]


@pytest.mark.parametrize(
    ("t_now", "t_ns", "values"),
    [
        (0, [0, 10, 20], [0.0, 1.0, 4.0]),
        (5, [5, 10, 20], [0.5, 1.0, 4.0]),
        (10, [10, 20], [1.0, 4.0]),
        (15, [15, 20], [2.5, 4.0]),
        (20, [20], [4.0]),
        (99, [99], [4.0]),
        (-5, [-5, 10, 20], [0.0, 1.0, 4.0]),
    ],
)
def test_instants_are_cut_at_now(t_now, t_ns, values):
    cut = start_now(np.array([0, 10, 20]), t_now)
    assert cut.t_ns.tolist() == t_ns
    assert cut.apply(np.array([[0.0], [1.0], [4.0]]))[:, 0].tolist() == values


def test_no_horizon_sends_the_pose_as_seen_and_nothing_else(retargeter):
    result = run(retargeter, [observe(i) for i in range(4)], 0.0, lag_ms=40.0)[-1]
    assert len(result.message.t_ns) == 1
    assert result.message.t_ns[0] == result.message.t_publish_ns
    np.testing.assert_array_equal(result.q_sent_rad, result.q_rad[0])


def test_a_lost_hand_sends_an_invalid_message_without_numbers_that_are_none(retargeter):
    frames = [observe(i) for i in range(3)]
    frames += [Observation.missing(i * SLOT_PERIOD_NS, "right", (640, 480)) for i in range(3, 20)]
    results = run(retargeter, frames)
    assert results[2].message.valid
    last = results[-1]
    assert last.message.source_state == "lost"
    assert not last.message.valid
    assert np.isfinite(last.message.q_rad).all()
    assert np.isnan(last.q_rad).all()
    assert np.isnan(last.q_sent_rad).all()


def test_messages_are_numbered_and_carry_the_wrist(retargeter):
    results = run(retargeter, [observe(i) for i in range(3)])
    assert [result.message.seq for result in results] == [1, 2, 3]
    wrist = results[-1].message.wrist
    np.testing.assert_allclose(wrist.position_m[0], [0.0, 0.1, 0.6], atol=1e-6)
    assert wrist.rotation_6d.shape == (6, 6)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 1e6])
def test_whatever_the_detector_gives_the_message_is_finite_and_within_limits(retargeter, value):
    frames = [observe(0)]
    bad = observe(1)
    bad.keypoints_m[:] = value
    frames += [bad, observe(2)]
    for result in run(retargeter, frames):
        q_rad = result.message.q_rad
        assert np.isfinite(q_rad).all()
        assert (q_rad >= retargeter.lower_rad).all()
        assert (q_rad <= retargeter.upper_rad).all()


class Prepared:
    """A temporal stage that keeps what it was asked."""

    def __init__(self) -> None:
        self.inner = load_temporal("none")
        self.windows: list[Window] = []
        self.threads: set[int] = set()
        self.busy = threading.Event()

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def prepare(self, window: Window) -> None:
        self.busy.set()
        time.sleep(0.01)
        self.windows.append(window)
        self.threads.add(threading.get_ident())
        self.busy.clear()

    def update(self, window: Window) -> HandTrajectory:
        assert not self.busy.is_set(), "used by two threads"
        return self.inner.update(window)


def expecting(retargeter) -> tuple[HandLane, Prepared, Callable[[int], None]]:
    clock, temporal = FileClock(), Prepared()
    retargeter.reset()
    horizon = Horizon(None, Delays(0.0, 0.0))
    window = ObservationWindow("right", CAMERA)
    lane = HandLane(window, temporal, retargeter, clock, horizon, RunCamera((640, 480)))

    def process(i: int) -> None:
        clock.capture(i * SLOT_PERIOD_NS)
        lane.process(observe(i), StageTimer())

    return lane, temporal, process


def test_what_comes_is_prepared_for_beside_the_detector(retargeter):
    lane, temporal, process = expecting(retargeter)
    with ThreadPoolExecutor(1) as beside:
        for i in range(4):
            lane.expect(i * SLOT_PERIOD_NS, beside)
            process(i)
    assert [window.t_now_ns for window in temporal.windows] == [i * SLOT_PERIOD_NS for i in range(4)]
    assert [window.observed[-1] for window in temporal.windows] == [False] * 4
    assert [int(window.observed.sum()) for window in temporal.windows] == [0, 1, 2, 3]
    assert temporal.threads.isdisjoint({threading.get_ident()})


def test_a_guess_does_not_make_time_go_on(retargeter):
    """A frame that comes before it was expected still ends its own window."""
    lane, temporal, process = expecting(retargeter)
    with ThreadPoolExecutor(1) as beside:
        for i in range(4):
            process(i)
        lane.expect(4 * SLOT_PERIOD_NS, beside)
        early = observe(4)
        early = dataclasses.replace(early, t_capture_ns=early.t_capture_ns - 5 * MS)
        lane.expect(early.t_capture_ns, beside)
        assert lane.process(early, StageTimer()).trajectory.t_capture_ns == early.t_capture_ns
    assert temporal.windows[-1].t_now_ns == early.t_capture_ns


def test_nobody_waits_for_a_wrong_guess_before_the_detector_looks(retargeter):
    lane, temporal, process = expecting(retargeter)
    process(0)
    gate = threading.Event()
    with ThreadPoolExecutor(1) as beside:
        beside.submit(gate.wait)
        lane.expect(SLOT_PERIOD_NS, beside)
        lane.expect(SLOT_PERIOD_NS + 3 * MS, beside)  # returns, though nothing could be prepared yet
        gate.set()
        process(1)
    wanted = [SLOT_PERIOD_NS, SLOT_PERIOD_NS + 3 * MS]  # both, or a replay would depend on the time they take
    assert [window.t_now_ns for window in temporal.windows] == wanted


def test_a_frame_of_the_past_is_not_prepared_for(retargeter):
    lane, temporal, process = expecting(retargeter)
    with ThreadPoolExecutor(1) as beside:
        process(5)
        lane.expect(3 * SLOT_PERIOD_NS, beside)
        lane.expect(5 * SLOT_PERIOD_NS, beside)
    assert not temporal.windows


def test_what_fails_while_preparing_is_raised_where_frames_are_processed(retargeter):
    lane, temporal, process = expecting(retargeter)
    temporal.prepare = lambda _: 1 / 0
    with ThreadPoolExecutor(1) as beside:
        process(0)
        lane.expect(SLOT_PERIOD_NS, beside)
        with pytest.raises(ZeroDivisionError):
            process(1)
