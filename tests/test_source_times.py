"""Whatever times come in, those that go out strictly increase, and the truth is kept where there is one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sources.rate import FrameRate
from app.sources.times import FileTimes, LiveTimes

PERIOD_NS = 33_333_333
AGE_NS = 20_000_000
ANY_TIME = st.integers(-(2**63), 2**63 - 1)
NEAR_NOW = st.integers(-3 * PERIOD_NS, 3 * PERIOD_NS)


# --- live ---------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(1, 10**9), st.one_of(ANY_TIME, NEAR_NOW)), max_size=60))
def test_live_times_increase_and_are_never_in_the_future(steps: list[tuple[int, int]]) -> None:
    times = LiveTimes()
    t_now_ns, t_last_ns = 10**15, -(2**63) - 1
    for step_ns, offset_ns in steps:
        t_now_ns += step_ns
        t_ns = times.mend(t_now_ns + offset_ns, t_now_ns).t_ns
        assert t_last_ns < t_ns <= t_now_ns
        t_last_ns = t_ns


@given(st.lists(st.tuples(st.integers(0, 2), st.one_of(ANY_TIME, NEAR_NOW)), max_size=60))
def test_where_the_clock_is_coarse_live_times_increase_by_nanoseconds(steps: list[tuple[int, int]]) -> None:
    """Some systems' monotonic clock moves only every 16 ms."""
    times = LiveTimes()
    t_now_ns, t_last_ns = 10**15, -(2**63) - 1
    for ticks, offset_ns in steps:
        t_now_ns += ticks * 15_600_000
        t_ns = times.mend(t_now_ns + offset_ns, t_now_ns).t_ns
        assert t_last_ns < t_ns <= t_now_ns + len(steps)
        t_last_ns = t_ns


@given(st.lists(st.integers(1, AGE_NS), min_size=1, max_size=60))
def test_good_live_times_are_left_alone(steps_ns: list[int]) -> None:
    times = LiveTimes()
    for t_ns in np.cumsum(steps_ns).tolist():
        assert times.mend(t_ns, t_ns + AGE_NS) == (t_ns, "")


@pytest.mark.parametrize(
    ("wrong_ns", "fault"),
    [(10**12, "future"), (-PERIOD_NS, "repeated"), (-10 * PERIOD_NS, "backward"), (-(10**12), "backward")],
)
def test_a_wrong_live_time_becomes_that_of_a_frame_of_the_usual_age(wrong_ns: int, fault: str) -> None:
    times = LiveTimes()
    for k in range(20):
        times.mend(k * PERIOD_NS, k * PERIOD_NS + AGE_NS)
    for k in range(20, 40):  # for one frame or for good
        t_true_ns = k * PERIOD_NS
        # Said of the first one, and after that of the same moment.
        said_ns = 20 * PERIOD_NS + wrong_ns
        assert times.mend(said_ns, t_true_ns + AGE_NS).t_ns == t_true_ns
    assert times.mend(40 * PERIOD_NS, 40 * PERIOD_NS + AGE_NS) == (40 * PERIOD_NS, "")
    again = LiveTimes()
    again.mend(19 * PERIOD_NS, 19 * PERIOD_NS + AGE_NS)
    assert again.mend(20 * PERIOD_NS + wrong_ns, 20 * PERIOD_NS + AGE_NS).fault == fault


def test_frames_that_lay_waiting_keep_their_true_times() -> None:
    times = LiveTimes()
    assert times.mend(10**9, 10**9 + AGE_NS).t_ns == 10**9
    assert times.mend(10**9 + PERIOD_NS, 9 * 10**9) == (10**9 + PERIOD_NS, "")


# --- files --------------------------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.one_of(st.none(), ANY_TIME, NEAR_NOW), st.integers(-(10**12), 10**12)), max_size=60
    ),
    st.sampled_from([(None, None), (10**10, None), (10**10, 10**10)]),
)
def test_file_times_increase(
    frames: list[tuple[int | None, int]], limits: tuple[int | None, int | None]
) -> None:
    times = FileTimes(PERIOD_NS, *limits)
    t_last_ns: int | None = None
    for came_ns, gap in frames:
        t_ns = times.mend(came_ns, gap).t_ns
        if t_last_ns is not None:
            assert t_ns > t_last_ns
            if limits[0] is not None:
                assert t_ns - t_last_ns <= limits[0]
        t_last_ns = t_ns


@given(st.integers(-(10**15), 10**15), st.lists(st.integers(1, 10**9), max_size=60))
def test_good_file_times_are_left_alone(t_first_ns: int, steps_ns: list[int]) -> None:
    times = FileTimes(PERIOD_NS, 10**9)
    for t_ns in [t_first_ns, *(t_first_ns + np.cumsum(steps_ns)).tolist()]:
        assert times.mend(int(t_ns)) == (t_ns, "")


def mended_ms(came_ms: list[float | None]) -> list[int]:
    times = FileTimes(33_000_000, 10**10)
    return [times.mend(None if came is None else round(came * 1e6)).t_ns // 1_000_000 for came in came_ms]


@pytest.mark.parametrize(
    ("came_ms", "mended"),
    [
        ([0, 33, 33, 99], [0, 33, 66, 99]),
        ([0, 33, None, 99], [0, 33, 66, 99]),
        ([0, 33, -5000, 99], [0, 33, 66, 99]),
        ([0, 33, 10**12, 99], [0, 33, 66, 99]),
        ([0, 50, 90, 150], [0, 50, 90, 150]),
    ],
)
def test_a_single_wrong_file_time_costs_nothing(came_ms: list[float | None], mended: list[int]) -> None:
    assert mended_ms(came_ms) == mended


@pytest.mark.parametrize("jump_ms", [-80_000, 10**9])
def test_a_file_whose_clock_is_set_goes_on_in_its_own_steps(jump_ms: int) -> None:
    came_ms = [100_000 + 40 * k for k in range(10)]
    came_ms += [came_ms[-1] + jump_ms + 25 * k for k in range(1, 10)]
    steps_ms = np.diff(mended_ms(came_ms))
    np.testing.assert_array_equal(steps_ms, [40] * 9 + [33] + [25] * 8)


def test_file_times_out_of_order_are_caught_up_with() -> None:
    assert mended_ms([0, 33, 99, 66, 132, 165, 198, 231])[-1] == 231


def test_a_long_pause_in_a_recording_is_shortened() -> None:
    times = FileTimes(PERIOD_NS, 10**10, 10**10)
    came_ns = [0, PERIOD_NS, PERIOD_NS + 3600 * 10**9, 2 * PERIOD_NS + 3600 * 10**9]
    assert np.diff([times.mend(t_ns).t_ns for t_ns in came_ns]).tolist() == [PERIOD_NS, 10**10, PERIOD_NS]


# --- the rate -----------------------------------------------------------------------------------------------


def test_the_rate_follows_a_drop_within_a_second() -> None:
    rate = FrameRate(30.0)
    assert rate.hz == 30.0
    for k in range(90):
        rate.add(k, k * PERIOD_NS)
    assert rate.hz == pytest.approx(30.0)
    for k in range(15):
        rate.add(90 + k, (90 + 2 * k) * PERIOD_NS)
    assert rate.hz == pytest.approx(15.0, rel=0.05)


def test_skipped_frames_and_pauses_do_not_lower_the_rate() -> None:
    rate = FrameRate(25.0)
    noise = np.random.default_rng(0)
    index = 0
    for k in range(200):
        index += int(noise.integers(1, 4))
        pause_ns = 10**10 if k >= 100 else 0
        rate.add(index, index * PERIOD_NS + pause_ns)
        if k > 2:
            assert rate.hz == pytest.approx(30.0, rel=0.01)


def test_the_rate_of_frames_that_come_in_turns_soon_and_late_is_their_mean() -> None:
    rate = FrameRate(30.0)
    t_ns = 0
    for k in range(60):
        t_ns += PERIOD_NS * (1 + k % 2)
        rate.add(k, t_ns)
    assert rate.hz == pytest.approx(20.0, rel=0.03)


@given(st.lists(st.tuples(st.integers(-100, 10**9), st.integers(1, 10**12)), max_size=40))
def test_there_is_always_a_rate(steps: list[tuple[int, int]]) -> None:
    rate = FrameRate(30.0)
    index, t_ns = 0, 0
    for index_step, step_ns in steps:
        index, t_ns = index + index_step, t_ns + step_ns
        rate.add(index, t_ns)
        assert rate.hz > 0.0
