"""How late, how unsteady and how wrong a robot is beside the motion it should make. Pure functions of arrays.

The wanted motion is what the pipeline's own retargeting makes of the true hand, frame by frame, at once: what
the robot would do if everything before it were perfect and took no time. So no figure depends on how a
retargeter scales hands, only on what is lost and delayed on the way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.bench.latency.track import Track, runs, smoothed

RATE_HZ = 120.0
BEGIN_S = 2.0
"""Before, the robot is engaging, slowly on purpose."""

_DELAY_RATE_HZ = 500.0
_DELAYS_S = (-0.1, 0.35)
_VELOCITY_WIDTH = 17  # samples at that rate, 34 ms: a frame's time, so that 30 steps a second do not count
_LEAST_SPEED_RAD_S = 0.02  # rms; what moves less does not move

_REST_M_S = 0.05  # the fastest fingertip of a hand at rest
_SPEED_WIDTH = 9  # samples, 75 ms
_SUDDEN_MOVE_S, _SUDDEN_MOVE_M = 0.7, 0.03  # at most so long, at least so far
_REST_BEFORE_S, _REST_AFTER_S = 0.3, 0.4
_LEVEL_S = 0.1  # over which the pose of a rest is taken
_ARRIVED_S = 0.8  # after a move, the pose by then is its goal
_FOLLOWED = 0.3  # of the move; a robot that moves less has not followed it
SETTLE_S = 0.7
"""Of a rest, before jitter counts: a filter still creeps until then, which is delay and no jitter."""
_LEAVE_S = 0.1  # before the end of a rest: the hand is on its way then, if slowly
_JITTER_WIDTH = 61  # samples, half a second
_LEAST_STILL_S = 0.35
_STOP_M_S, _STOP_WITHIN_S = 0.3, 0.2  # a sudden stop: from at least this speed to rest within this time
_APPROACH_S, _STOP_M = 0.3, 0.02
_OVERSHOOT_S = 0.6


@dataclass(frozen=True)
class Pair:
    """Fingertips wanted and fingertips there, on one clock, `RATE_HZ` times a second.

    Attributes:
        t_s: (T,) from the capture of the clip's first frame.
        wanted_m: (T,4,3).
        robot_m: (T,4,3).
    """

    t_s: np.ndarray
    wanted_m: np.ndarray
    robot_m: np.ndarray

    @property
    def errors_mm(self) -> np.ndarray:
        """(T,4) distances."""
        apart: np.ndarray = 1e3 * np.linalg.norm(self.robot_m - self.wanted_m, axis=-1)
        return apart

    @property
    def rests(self) -> list[slice]:
        """Where the wanted fingertips are at rest."""
        return runs(_tip_speed(self.wanted_m) < _REST_M_S)


@dataclass(frozen=True)
class Rise:
    """How long after the hand the robot was through half, and through nine tenths, of a sudden move.

    Attributes:
        half_ms, most_ms: NaN where the robot did not follow.
    """

    half_ms: float
    most_ms: float


def motion_delay(wanted: Track, robot: Track, begin_s: float, end_s: float) -> tuple[float, float]:
    """By how many ms the robot's joints trail the wanted ones, and the correlation there.

    The peak of the cross-correlation of all joint velocities, between samples by a parabola. Both NaN where
    one of the two does not move.

    Args:
        wanted: (…,n) joint angles, rad.
        robot: the same joints.
        begin_s, end_s: what of the wanted motion counts.
    """
    period_s = 1.0 / _DELAY_RATE_HZ
    earliest, latest = (round(delay_s * _DELAY_RATE_HZ) for delay_s in _DELAYS_S)
    t_s = np.arange(begin_s, end_s, period_s)
    around_s = np.arange(begin_s + earliest * period_s, end_s + (latest + 1) * period_s, period_s)
    want, have = _velocity(wanted.at(t_s)), _velocity(robot.at(around_s))
    if _rms(want) < _LEAST_SPEED_RAD_S or _rms(have) < _LEAST_SPEED_RAD_S:
        return float("nan"), float("nan")
    similar = np.array([_cosine(want, have[lag : lag + len(want)]) for lag in range(latest - earliest + 1)])
    peak = int(np.argmax(similar))
    between = 0.0
    if 0 < peak < len(similar) - 1:
        before, top, after = similar[peak - 1 : peak + 2]
        between = 0.5 * (before - after) / (before - 2.0 * top + after)
    return 1e3 * (earliest + peak + between) * period_s, float(similar[peak])


def rises(pair: Pair) -> list[Rise]:
    """The response to every sudden move between two rests."""
    found, t_s = [], pair.t_s
    for before, after in zip(pair.rests, pair.rests[1:], strict=False):
        went, came = before.stop - 1, after.start
        end = min(after.stop, after.start + round(_ARRIVED_S * RATE_HZ))
        settled = _seconds(before) >= _REST_BEFORE_S and (end - came) / RATE_HZ >= _REST_AFTER_S
        moved_m = np.linalg.norm(pair.wanted_m[came] - pair.wanted_m[went], axis=-1).max()
        sudden = t_s[came] - t_s[went] <= _SUDDEN_MOVE_S and moved_m >= _SUDDEN_MOVE_M
        if settled and sudden and t_s[went] >= BEGIN_S:
            found.append(_rise(pair, went, end))
    return found


def jitter_mm2(pair: Pair) -> np.ndarray:
    """(S,) squared trembling of the fingertips, mm², at every sample where the hand is at rest.

    Trembling is what is left of robot minus wanted without its moving average over half a second.
    """
    parts = []
    for rest in pair.rests:
        begin = max(rest.start + round(SETTLE_S * RATE_HZ), int(np.searchsorted(pair.t_s, BEGIN_S)))
        end = rest.stop - round(_LEAVE_S * RATE_HZ)
        if (end - begin) / RATE_HZ >= _LEAST_STILL_S:
            apart_mm = 1e3 * (pair.robot_m - pair.wanted_m)[begin:end]
            trembling = apart_mm - smoothed(apart_mm, _JITTER_WIDTH)
            parts.append((trembling**2).sum(axis=-1).mean(axis=-1))
    return np.concatenate(parts) if parts else np.empty(0)


def overshoots_mm(pair: Pair) -> list[float]:
    """How far fingertips go past where they come to rest, along the way they came, after sudden stops.

    What the wanted motion itself goes past its rest is no fault of the robot and taken off.
    """
    speed, found = _tip_speed(pair.wanted_m), []
    within, approach = round(_STOP_WITHIN_S * RATE_HZ), round(_APPROACH_S * RATE_HZ)
    for rest in pair.rests:
        end = min(rest.stop, rest.start + round(_OVERSHOOT_S * RATE_HZ))
        lasts = (end - rest.start) / RATE_HZ >= _REST_AFTER_S
        early = rest.start < approach or pair.t_s[rest.start - approach] < BEGIN_S
        if early or not lasts or speed[rest.start - within : rest.start].max() < _STOP_M_S:
            continue
        came_m = pair.wanted_m[rest.start] - pair.wanted_m[rest.start - approach]
        for finger, distance_m in enumerate(np.linalg.norm(came_m, axis=-1)):
            if distance_m >= _STOP_M:
                along = came_m[finger] / distance_m
                robot, wanted = (
                    _past_mm(tips_m[rest.start : end, finger] @ along)
                    for tips_m in (pair.robot_m, pair.wanted_m)
                )
                found.append(max(0.0, robot - wanted))
    return found


def gap_errors_mm(
    t_s: np.ndarray, errors_mm: np.ndarray, undisturbed_mm: np.ndarray, gaps_s: np.ndarray, during_s: float
) -> list[float]:
    """For each gap, the most that any fingertip is further off than undisturbed, mm.

    Args:
        t_s: (T,) clip time.
        errors_mm: (T,4) fingertip errors of the run to look at.
        undisturbed_mm: (T,4) of the run to compare with.
        gaps_s: (G,) when the gaps begin.
        during_s: how long from there to look.
    """
    extra_mm = (errors_mm - undisturbed_mm).max(axis=1)
    return [float(extra_mm[(t_s >= gap_s) & (t_s <= gap_s + during_s)].max(initial=0.0)) for gap_s in gaps_s]


def _past_mm(way_m: np.ndarray) -> float:
    """How far a way goes past its end."""
    return 1e3 * float(way_m.max() - np.median(way_m[-round(_LEVEL_S * RATE_HZ) :]))


def _rise(pair: Pair, went: int, end: int) -> Rise:
    level = round(_LEVEL_S * RATE_HZ)
    t_s, passed = pair.t_s[went:end], []
    for tips_m in (pair.wanted_m, pair.robot_m):
        flat = tips_m.reshape(len(tips_m), -1)
        start, goal = np.median(flat[went - level : went], axis=0), np.median(flat[end - level : end], axis=0)
        way = goal - start
        progress = (flat[went:end] - start) @ way / max(float(way @ way), 1e-12)
        passed.append((float(np.linalg.norm(way)), progress))
    (wanted_way, wanted), (robot_way, robot) = passed
    if robot_way < _FOLLOWED * wanted_way:
        return Rise(float("nan"), float("nan"))
    half, most = (1e3 * (_first(t_s, robot, share) - _first(t_s, wanted, share)) for share in (0.5, 0.9))
    return Rise(half, most)


def _first(t_s: np.ndarray, progress: np.ndarray, share: float) -> float:
    """When `progress` first reaches `share`, linear between samples."""
    there = int(np.argmax(progress >= share))
    if progress[there] < share:
        return float("nan")
    if there == 0:
        return float(t_s[0])
    before, after = progress[there - 1 : there + 1]
    return float(t_s[there - 1] + (share - before) / (after - before) * (t_s[there] - t_s[there - 1]))


def _tip_speed(tips_m: np.ndarray) -> np.ndarray:
    """(T,) of the fastest fingertip, m/s."""
    velocity = np.gradient(smoothed(tips_m, _SPEED_WIDTH), 1.0 / RATE_HZ, axis=0)
    fastest: np.ndarray = np.linalg.norm(velocity, axis=-1).max(axis=-1)
    return fastest


def _velocity(q_rad: np.ndarray) -> np.ndarray:
    speeds: np.ndarray = np.gradient(smoothed(q_rad, _VELOCITY_WIDTH), 1.0 / _DELAY_RATE_HZ, axis=0)
    return speeds


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def _seconds(part: slice) -> float:
    return (part.stop - part.start) / RATE_HZ
