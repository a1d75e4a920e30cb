"""When the next frame will come."""

from __future__ import annotations

import pytest

from app.rhythm import Rhythm

MS = 1_000_000


def rhythm_of(*times_ms: float) -> Rhythm:
    rhythm = Rhythm()
    for t_ms in times_ms:
        rhythm.add(round(t_ms * MS))
    return rhythm


def test_nobody_can_tell_from_two_frames():
    assert rhythm_of().next_ns is None
    assert rhythm_of(0, 33).next_ns is None


@pytest.mark.parametrize(
    ("times_ms", "next_ms"),
    [
        ((0, 33, 66), 99),
        ((0, 33, 66, 166, 199), 232),  # one gap is no rhythm
        ((0, 33, 66, 66, 50, 99), 132),  # what comes again or backwards tells nothing
        ((*range(0, 330, 33), *range(330, 1400, 66)), 1452),  # in half a second it has changed
    ],
)
def test_the_next_frame_comes_as_the_others_did(times_ms, next_ms):
    assert rhythm_of(*times_ms).next_ns == next_ms * MS
