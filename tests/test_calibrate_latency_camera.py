"""The camera's delay is found to within 3 ms from rendered images of a screen, or refused with the reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.errors import CalibrationError
from calibration.loop_delay import Shown, Sighting, estimate_loop_delay
from calibration.screen_code import CodeReading, cell_table
from tests.latency_examples import Bench

FRAMES = 44
SPREAD = 7  # 10 s at 30 Hz
BENCHES = {
    "in step": Bench(0.0, exposure_ms=20.0, phase_ms=9.0),
    "in step, dark": Bench(120.0, exposure_ms=33.0, phase_ms=11.0),
    "29.97 Hz": Bench(47.3, camera_hz=29.97, exposure_ms=16.0, screen_ms=11.0, every=SPREAD),
    "29.97 Hz, short": Bench(20.0, camera_hz=29.97, exposure_ms=8.0, phase_ms=9.0, every=SPREAD),
    "144 Hz, short": Bench(33.0, screen_hz=144.0, hold=2, exposure_ms=6.0),
    "144 Hz, long": Bench(88.0, screen_hz=144.0, hold=2, exposure_ms=30.0, phase_ms=9.0),
    "rolling shutter": Bench(64.0, camera_hz=29.97, exposure_ms=15.0, readout_ms=25.0, every=SPREAD),
    "25 Hz camera": Bench(60.0, camera_hz=25.0, exposure_ms=4.0),
    "60 Hz camera": Bench(15.0, camera_hz=60.0, screen_hz=75.0, exposure_ms=10.0, screen_ms=8.0),
    "bad camera": Bench(
        75.0, camera_hz=29.9, exposure_ms=18.0, noise=5.0, blur_px=2.0, gamma=1.7, gain=1.4, every=3
    ),
    "unsteady times": Bench(52.0, camera_hz=29.6, exposure_ms=12.0, jitter_ms=1.5),
}


def sightings_of(
    shown: Shown, delay_ms: float, exposure_ms: float = 20.0, hz: float = 29.0
) -> list[Sighting]:
    """Perfect readings, without images: as many frames as what was shown lasts for."""
    table, found = cell_table(), []
    for middle_ns in np.arange(shown.t_ns[0] + 1e9, shown.t_ns[-1] - 1e9, 1e9 / hz):
        instants = np.linspace(middle_ns - exposure_ms * 5e5, middle_ns + exposure_ms * 5e5, 200)
        counters = shown.counters[np.searchsorted(shown.t_ns, instants, side="right") - 1] % len(table)
        reading = CodeReading(int(counters[100]), table[counters].mean(axis=0), np.array([0.5, 0.5]))
        found.append(Sighting(round(middle_ns + delay_ms * 1e6), reading))
    return found


@pytest.fixture
def shown() -> Shown:
    return Shown(np.arange(0, 6_000_000_000, 16_666_667), 900 + np.arange(360))


@pytest.mark.parametrize("name", BENCHES)
def test_the_injected_delay_is_found(name: str) -> None:
    bench = BENCHES[name]
    shown, sightings, frames = bench.film(FRAMES)
    found = estimate_loop_delay(shown, sightings, frames, bench.screen_ms)
    print(f"{name}: {found.camera_ms - bench.delay_ms:+.2f} ms, said ± {found.uncertain_ms:.2f}")
    assert found.camera_ms == pytest.approx(bench.delay_ms, abs=3.0)
    assert found.frames + found.outliers == len(sightings)


@pytest.mark.parametrize("phase_ms", [5.0, 13.0])
def test_a_camera_in_step_with_the_screen_is_not_more_uncertain_than_said(phase_ms: float) -> None:
    bench = Bench(40.0, exposure_ms=8.0, phase_ms=phase_ms, noise=1.0)
    shown, sightings, frames = bench.film(FRAMES)
    try:
        found = estimate_loop_delay(shown, sightings, frames, 0.0)
    except CalibrationError as error:
        refusal = str(error)
    else:
        refusal = ""
        assert abs(found.camera_ms - 40.0) <= found.uncertain_ms + 1.0
    assert not refusal or "runs in step with the screen" in refusal


@pytest.mark.parametrize("delay_ms", [0.0, 8.0, 40.0, 250.0, 480.0])
def test_all_legal_delays_are_found(shown: Shown, delay_ms: float) -> None:
    found = estimate_loop_delay(shown, sightings_of(shown, delay_ms), 120, 0.0)
    assert found.camera_ms == pytest.approx(delay_ms, abs=1.0)
    assert found.exposure_ms == pytest.approx(20.0, abs=3.0)


def test_pictures_that_the_screen_dropped_do_no_harm(shown: Shown) -> None:
    kept = np.random.default_rng(1).random(len(shown.t_ns)) > 0.15
    halting = Shown(shown.t_ns[kept], np.arange(int(kept.sum())))
    found = estimate_loop_delay(halting, sightings_of(halting, 66.0), 120, 0.0)
    assert found.camera_ms == pytest.approx(66.0, abs=1.0)


def test_frames_that_contradict_the_others_are_left_out(shown: Shown) -> None:
    sightings = sightings_of(shown, 66.0)
    for i in range(0, len(sightings), 6):
        sightings[i] = replace(sightings[i], t_capture_ns=sightings[i].t_capture_ns + 90_000_000)
    found = estimate_loop_delay(shown, sightings, 120, 0.0)
    assert found.camera_ms == pytest.approx(66.0, abs=1.0)
    assert found.outliers == len(range(0, len(sightings), 6))


def test_a_delay_just_below_zero_is_zero(shown: Shown) -> None:
    assert estimate_loop_delay(shown, sightings_of(shown, 10.0), 120, 12.0).camera_ms == 0.0


def test_what_cannot_be_measured_is_refused_with_the_reason(shown: Shown) -> None:
    good = sightings_of(shown, 66.0)
    late = [
        replace(one, t_capture_ns=one.t_capture_ns + (9_000_000 if i > len(good) // 2 else 0))
        for i, one in enumerate(good)
    ]
    rng = np.random.default_rng(0)
    wild = [replace(one, t_capture_ns=one.t_capture_ns + int(rng.integers(0, 400_000_000))) for one in good]
    foreign = [
        replace(one, reading=replace(one.reading, counter=(one.reading.counter + 500) % 1024)) for one in good
    ]
    hidden = Shown(shown.t_ns[:2], shown.counters[:2])
    cases: list[tuple[Shown, list[Sighting], int, float, str]] = [
        (shown, [], 0, 0.0, "gave no frames"),
        (shown, [], 300, 0.0, "seen in none of 300 frames"),
        (shown, good[:12], 300, 0.0, "read in 12 of 300 frames"),
        (shown, good[:12], 12, 0.0, "gave 12 frames"),
        (hidden, good, 120, 0.0, "did not show the pattern"),
        (shown, late, 120, 0.0, "changed by"),
        (shown, wild, 120, 0.0, "agree on a delay"),
        (shown, foreign, 120, 0.0, "not on the screen"),
        (shown, good, 120, 100.0, "--screen-ms"),
    ]
    for what, sightings, frames, screen_ms, reason in cases:
        with pytest.raises(CalibrationError, match=reason) as caught:
            estimate_loop_delay(what, sightings, frames, screen_ms)
        assert "\n" not in str(caught.value)
