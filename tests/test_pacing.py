"""Playing a medium on the monotonic clock."""

from __future__ import annotations

from app.pacing import Playback


def test_a_frame_that_comes_due_while_it_is_waited_for_is_no_error():
    """The clock goes on between looking whether it is due and asking how long to wait."""
    times_ns = iter(range(0, 10**12, 20_000_000))
    slept: list[float] = []
    playback = Playback(True, lambda: next(times_ns), slept.append)
    assert playback.wait(50_000_000, 1.0)
    assert min(slept, default=0.0) >= 0.0
