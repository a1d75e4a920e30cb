"""How long after the light a camera's frames claim to be: from numbers that a screen showed and it read.

Every cell of the code (see `calibration.screen_code`) is white for known stretches of time. A frame whose
exposure began at a and ended at b sees it white for the share of [a, b] in which it was. Two unknowns are
common to all frames: how long the exposure is, and how much later than its middle the capture time is. Those
that explain the cells of all frames best are the answer; several answers that explain them equally well, as
when a camera that runs in step with the screen never catches it changing, make the answer that uncertain.

The light of a number leaves the screen later than the program hears that it is shown. That delay cannot be
told from the camera's: it has to be given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.errors import CalibrationError
from calibration.screen_code import NUMBERS, CodeReading, cell_table

FEWEST_FRAMES = 40
LARGEST_UNCERTAINTY_MS = 5.0
_MOST_FRAMES = 240  # more say no more, and take longer
_EARLIEST_MS, _LATEST_MS = -100.0, 600.0  # capture time after the number was shown
_FEWEST_AGREEING = 0.6  # of the frames that were read
_LARGEST_SPREAD_MS = 4.0
_LARGEST_DRIFT_MS = 6.0  # between the first and the second half
_BELOW_ZERO_MS = 4.0  # taken for zero

_STEP_MS = 0.25
_EXPOSURES_MS = np.arange(1.0, 45.1, 2.0 * _STEP_MS)
_AROUND_MS = 12.0  # beyond one interval of the screen, delays that are tried
_LARGEST_MISFIT = 0.3  # of a cell's share; more counts as that much
_AS_GOOD = 0.006  # mean misfit within which two delays explain the frames equally well
_BLOCKS, _FEWEST_IN_BLOCK = 6, 8


@dataclass(frozen=True)
class Sighting:
    """A camera frame that was read: its capture time, ns, and what it shows."""

    t_capture_ns: int
    reading: CodeReading


@dataclass(frozen=True)
class Shown:
    """What the screen showed.

    Attributes:
        t_ns: (M,) increasing int64, when each number was shown first, clock of the capture times.
        counters: (M,) int64 numbers.
    """

    t_ns: np.ndarray
    counters: np.ndarray

    @property
    def period_ms(self) -> float:
        """How long a number is usually shown."""
        return float(np.median(np.diff(self.t_ns))) * 1e-6


@dataclass(frozen=True)
class LoopDelay:
    """The answer.

    Attributes:
        camera_ms: from the middle of the exposure to the capture time.
        uncertain_ms: delays from `camera_ms` − this to + this explain the frames equally well.
        spread_ms: standard deviation of the delay over parts of the measurement.
        exposure_ms: how long the exposure seems to be.
        frames: that were used.
        outliers: read, but left out for contradicting the others.
    """

    camera_ms: float
    uncertain_ms: float
    spread_ms: float
    exposure_ms: float
    frames: int
    outliers: int


def estimate_loop_delay(
    shown: Shown, sightings: Sequence[Sighting], frames_seen: int, screen_ms: float
) -> LoopDelay:
    """The camera's delay.

    Args:
        shown: what the screen showed, from before the first frame to after the last one.
        sightings: frames whose number was read.
        frames_seen: frames that were looked at, to tell what went wrong.
        screen_ms: from the moment a number counts as shown to its light.

    Raises:
        CalibrationError: too little was seen, or what was seen is not steady enough; one sentence.
    """
    if frames_seen == 0:
        raise CalibrationError(
            "the camera gave no frames while the pattern was shown; check it and try again"
        )
    if not sightings:
        raise CalibrationError(
            f"the pattern was seen in none of {frames_seen} frames; point the camera at the screen so that "
            "the pattern fills half of its picture, sharp, not mirrored and without reflections"
        )
    if frames_seen < FEWEST_FRAMES:
        raise CalibrationError(
            f"the camera gave {frames_seen} frames and {FEWEST_FRAMES} are needed; measure for longer with "
            "--seconds, and end other programs that keep the machine busy"
        )
    if len(sightings) < FEWEST_FRAMES:
        raise CalibrationError(
            f"the pattern was read in {len(sightings)} of {frames_seen} frames and at least {FEWEST_FRAMES} "
            "are needed; hold the camera steadier or nearer, or measure for longer with --seconds"
        )
    if len(shown.t_ns) < 3 or not (np.diff(shown.t_ns) > 0).all():
        raise CalibrationError("the screen did not show the pattern; is the window hidden or minimised?")
    kept, rough_ms = _agreeing(shown, sightings)
    t_capture_ns = np.array([one.t_capture_ns for one in kept])
    shares = np.array([one.reading.shares for one in kept])
    chosen = np.unique(np.linspace(0, len(kept) - 1, min(len(kept), _MOST_FRAMES)).round().astype(int))
    delays_ms, misfits = _misfits(shown, t_capture_ns[chosen], shares[chosen], rough_ms)
    total = misfits.mean(axis=2)  # (exposures, delays)
    exposure = int(np.argmin(total.min(axis=1)))
    low_ms, high_ms = _valley(delays_ms, total.min(axis=0))
    loop_ms, uncertain_ms = (low_ms + high_ms) / 2.0, (high_ms - low_ms) / 2.0
    spread_ms, drift_ms = _steadiness(delays_ms, misfits[exposure])
    _refuse_unsteady(uncertain_ms, spread_ms, drift_ms, shown.period_ms)
    return LoopDelay(
        camera_ms=_camera_ms(loop_ms, screen_ms, uncertain_ms),
        uncertain_ms=uncertain_ms,
        spread_ms=spread_ms,
        exposure_ms=float(_EXPOSURES_MS[exposure]),
        frames=len(kept),
        outliers=len(sightings) - len(kept),
    )


def _agreeing(shown: Shown, sightings: Sequence[Sighting]) -> tuple[list[Sighting], float]:
    """The sightings whose number was shown about as long ago as the others', and how long that is, ms."""
    rough_ms = np.array([_rough_ms(shown, one) for one in sightings])
    timely = rough_ms[np.isfinite(rough_ms)]
    if len(timely) == 0:
        raise CalibrationError(
            "the camera saw numbers that were not on the screen; is there another window with the pattern?"
        )
    median_ms = float(np.median(timely))
    near = np.abs(rough_ms - median_ms) <= 1.5 * shown.period_ms + 5.0
    if near.sum() < max(_FEWEST_AGREEING * len(sightings), FEWEST_FRAMES):
        raise CalibrationError(
            f"only {int(near.sum())} of {len(sightings)} frames agree on a delay; end other programs that "
            "keep the machine busy, and try again"
        )
    return [one for one, good in zip(sightings, near, strict=True) if good], median_ms


def _rough_ms(shown: Shown, sighting: Sighting) -> float:
    """Capture time after the middle of the time its number was shown; NaN if it was not, shortly before."""
    ago_ms = (sighting.t_capture_ns - shown.t_ns) * 1e-6
    fits = (shown.counters % NUMBERS == sighting.reading.counter) & (ago_ms > _EARLIEST_MS)
    index = np.flatnonzero(fits & (ago_ms < _LATEST_MS))
    if len(index) == 0:
        return math.nan
    last = int(index[-1])
    after = shown.t_ns[last + 1] if last + 1 < len(shown.t_ns) else shown.t_ns[last] + shown.period_ms * 1e6
    return float(ago_ms[last] - (after - shown.t_ns[last]) * 0.5e-6)


def _misfits(
    shown: Shown, t_capture_ns: np.ndarray, shares: np.ndarray, rough_ms: float
) -> tuple[np.ndarray, np.ndarray]:
    """(D,) delays, ms, and (E,D,N) how badly each with each exposure explains the frames."""
    reach = math.ceil((shown.period_ms + _AROUND_MS) / _STEP_MS)
    half = round(float(_EXPOSURES_MS[-1]) / 2.0 / _STEP_MS)
    delays_ms = rough_ms + _STEP_MS * np.arange(-reach, reach + 1)
    ages_ms = rough_ms + _STEP_MS * np.arange(-reach - half, reach + half + 1)
    t0_ns = shown.t_ns[0]
    edges_ms = (shown.t_ns - t0_ns) * 1e-6
    at_ms = ((t_capture_ns - t0_ns) * 1e-6)[:, None] - ages_ms  # (N, ages): what counted as shown then
    white = cell_table()[shown.counters % NUMBERS]
    light_ms = np.cumsum(white[:-1] * np.diff(edges_ms)[:, None], axis=0)
    light_ms = np.concatenate([np.zeros((1, white.shape[1])), light_ms])
    until_ms = np.stack([np.interp(at_ms, edges_ms, cell) for cell in light_ms.T], axis=-1)
    misfits = np.empty((len(_EXPOSURES_MS), len(delays_ms), len(t_capture_ns)))
    first = np.arange(len(delays_ms)) + half
    for e, exposure_ms in enumerate(_EXPOSURES_MS):
        steps = round(float(exposure_ms) / 2.0 / _STEP_MS)
        seen = (until_ms[:, first - steps] - until_ms[:, first + steps]) / exposure_ms
        misfit = np.minimum(np.abs(seen - shares[:, None, :]), _LARGEST_MISFIT)
        misfits[e] = misfit.mean(axis=-1).T
    return delays_ms, misfits


def _valley(delays_ms: np.ndarray, misfit: np.ndarray) -> tuple[float, float]:
    """First and last delay that are as good as the best."""
    good = np.flatnonzero(misfit <= misfit.min() + _AS_GOOD)
    return float(delays_ms[good[0]]), float(delays_ms[good[-1]])


def _steadiness(delays_ms: np.ndarray, misfits: np.ndarray) -> tuple[float, float]:
    """Standard deviation over parts of (D,N) misfits, and how far the two halves are apart, ms."""

    def delay_ms(part: np.ndarray) -> float:
        return sum(_valley(delays_ms, part.mean(axis=1))) / 2.0

    count = misfits.shape[1]
    blocks = max(2, min(_BLOCKS, count // _FEWEST_IN_BLOCK))
    parts = [delay_ms(part) for part in np.array_split(misfits, blocks, axis=1)]
    first, second = (delay_ms(part) for part in np.array_split(misfits, 2, axis=1))
    return float(np.std(parts)), abs(second - first)


def _refuse_unsteady(uncertain_ms: float, spread_ms: float, drift_ms: float, period_ms: float) -> None:
    if drift_ms > _LARGEST_DRIFT_MS:
        raise CalibrationError(
            f"the delay changed by {drift_ms:.1f} ms from the first to the second half of the measurement; "
            "let the camera run for a minute, then try again"
        )
    if spread_ms > _LARGEST_SPREAD_MS:
        raise CalibrationError(
            f"the delay varies by {spread_ms:.1f} ms (standard deviation; at most {_LARGEST_SPREAD_MS:.0f} "
            "are usable); end other programs that keep the machine busy, and try again"
        )
    if uncertain_ms > LARGEST_UNCERTAINTY_MS:
        raise CalibrationError(
            f"the delay is uncertain by ±{uncertain_ms:.1f} ms, for the camera runs in step with the screen, "
            f"whose picture changes every {period_ms:.1f} ms, and hardly catches it changing; measure for "
            "longer, with --seconds 60, dim the screen so that the camera exposes for longer, or set it to "
            "another refresh rate, such as 75 or 50 Hz"
        )


def _camera_ms(loop_ms: float, screen_ms: float, uncertain_ms: float) -> float:
    camera_ms = loop_ms - screen_ms
    if camera_ms < -(_BELOW_ZERO_MS + uncertain_ms):
        raise CalibrationError(
            f"screen and camera together are {loop_ms:.1f} ms late, less than the screen's own delay of "
            f"{screen_ms:.1f} ms; give a smaller one with --screen-ms"
        )
    return max(camera_ms, 0.0)
