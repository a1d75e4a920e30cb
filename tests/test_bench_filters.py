"""The filters that temporal models are compared with."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg, signal

from app.bench.filters import (
    ConstantVelocity,
    Ema,
    Filter,
    Hold,
    Kalman,
    Median,
    OneEuro,
    SavitzkyGolay,
    bridged,
    held,
)

FILTERS = {
    "hold": Hold(),
    "velocity": ConstantVelocity(),
    "one-euro": OneEuro(1.5, 20.0),
    "ema": Ema(),
    "median": Median(),
    "savitzky-golay": SavitzkyGolay(),
    "kalman": Kalman(1e-2),
}
every_filter = pytest.mark.parametrize("smoother", FILTERS.values(), ids=FILTERS)


def gappy(frames: int = 80) -> np.ndarray:
    """(N,6) noise with gaps, the first frames among them."""
    x = np.random.default_rng(0).normal(size=(frames, 6))
    x[:4] = x[20:30] = x[50] = np.nan
    return x


def ramp(frames: int = 300) -> np.ndarray:
    """(N,2) at constant speed."""
    return np.arange(frames)[:, None] * np.array([0.5, -0.2])


@every_filter
def test_the_future_changes_nothing_online(smoother: Filter):
    x = gappy()
    changed = x.copy()
    changed[45:] = 7.0
    whole, other = smoother.online(x), smoother.online(changed)
    np.testing.assert_array_equal(whole.value[:45], other.value[:45])
    assert np.nanmax(np.abs(whole.value[45:] - other.value[45:])) > 0.0
    if whole.rate is not None:
        np.testing.assert_array_equal(whole.rate[:45], other.rate[:45])


@every_filter
def test_nothing_is_said_before_the_first_detection_and_always_after(smoother: Filter):
    value = smoother.online(gappy()).value
    assert np.isnan(value[:4]).all()
    assert np.isfinite(value[4:]).all()
    assert np.isfinite(smoother.offline(gappy())).all()


@every_filter
def test_a_hand_at_rest_stays_where_it_is(smoother: Filter):
    x = np.full((60, 3), 0.7)
    x[10:15] = np.nan
    np.testing.assert_allclose(smoother.online(x).value, 0.7, atol=1e-9)
    np.testing.assert_allclose(smoother.offline(x), 0.7, atol=1e-9)


@pytest.mark.parametrize("agility", [1e-6, 1e-3, 1.0])
def test_the_kalman_gain_solves_the_riccati_equation(agility):
    A, H = np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[1.0, 0.0]])
    Q = agility * np.array([[0.25, 0.5], [0.5, 1.0]])  # a random acceleration in every frame
    P = linalg.solve_discrete_are(A.T, H.T, Q, np.eye(1))
    gain = P @ H.T / (H @ P @ H.T + 1.0)
    np.testing.assert_allclose(Kalman(agility).gain, gain[:, 0], rtol=1e-6)


@pytest.mark.parametrize(("window", "order"), [(5, 1), (9, 2), (21, 2)])
def test_savitzky_golay_has_the_textbook_weights(window, order):
    pulse = np.zeros((61, 1))
    pulse[30] = 1.0
    smoother = SavitzkyGolay(window, order)
    newest = signal.savgol_coeffs(window, order, pos=window - 1, use="dot")
    np.testing.assert_allclose(smoother.online(pulse).value[30 : 30 + window, 0], newest[::-1], atol=1e-12)
    middle = signal.savgol_filter(pulse[:, 0], window, order)
    np.testing.assert_allclose(smoother.offline(pulse)[:, 0], middle, atol=1e-12)


def test_constant_velocity_is_exact_on_linear_motion():
    x = ramp(40)
    seen = x.copy()
    seen[10:20] = np.nan
    said = ConstantVelocity().online(seen)
    np.testing.assert_allclose(said.value, x, atol=1e-12)
    assert said.rate is not None
    np.testing.assert_allclose(said.value[5] + 15 * said.rate[5], x[20], atol=1e-12)


@pytest.mark.parametrize("agility", [1e-4, 1e-2, 1.0])
def test_kalman_follows_a_ramp_without_lag(agility):
    x = ramp()
    np.testing.assert_allclose(Kalman(agility).online(x).value[-1], x[-1], atol=1e-4)


def test_an_exponential_mean_lags_behind_a_ramp():
    x = ramp()
    behind = (x - Ema(0.2).online(x).value)[-1]
    np.testing.assert_allclose(behind, 4.0 * np.array([0.5, -0.2]), atol=1e-9)  # (1 − 0.2) / 0.2 frames


@pytest.mark.parametrize("smoother", [SavitzkyGolay(7, 1), SavitzkyGolay(9, 2)])
def test_savitzky_golay_keeps_a_parabola_and_a_line(smoother):
    x = ramp(60) + (0.01 * np.arange(60)[:, None] ** 2 if smoother.order == 2 else 0.0)
    np.testing.assert_allclose(smoother.online(x).value[10:], x[10:], atol=1e-9)
    np.testing.assert_allclose(smoother.offline(x)[10:-10], x[10:-10], atol=1e-9)


@pytest.mark.parametrize("smoother", [Median(), SavitzkyGolay(9, 2), SavitzkyGolay(9, 1)])
def test_offline_filters_have_no_lag(smoother):
    x = ramp(60)
    np.testing.assert_allclose(smoother.offline(x)[10:-10], x[10:-10], atol=1e-9)


def test_gaps_are_held_or_bridged():
    x = np.array([[np.nan], [1.0], [np.nan], [3.0], [np.nan]])
    np.testing.assert_array_equal(held(x)[:, 0], [np.nan, 1.0, 1.0, 3.0, 3.0])
    np.testing.assert_array_equal(bridged(x)[:, 0], [1.0, 1.0, 2.0, 3.0, 3.0])
