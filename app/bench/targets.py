"""What PoseBERT must reach, and what it reaches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from app.bench.gaps import VISIBLE_JUMP_M
from app.bench.methods import HORIZONS
from app.bench.summary import (
    HOLD,
    ONE_EURO,
    RAW,
    TARGET_GROUPS,
    VELOCITY,
    Results,
    baselines,
    figures,
    groups,
    mean_dropped,
    mean_future,
    mean_of,
    mean_online,
    names_in,
    total_of,
)
from models.window import SLOT_RATE_HZ

PA_BELOW_RAW, MPJPE_BELOW_RAW = 0.40, 0.30
ACCEL_SLOW, ACCEL_FAST = 1.5, 3.0  # mm/frame²
LAG_FRAMES = 0.3
DROPPED, DROPPED_WORSE = "0.5", 0.15
FROZEN_SHARE = 0.25  # of the hand's own way; less is seen as a freeze
TIMES_FASTER = 2.5


@dataclass(frozen=True)
class Target:
    """One of them.

    Attributes:
        group: of sequences it was checked on; empty if on none.
        wanted: in words, with the limit.
        reached: the figure, in words.
        met: None if it could not be told.
    """

    group: str
    wanted: str
    reached: str
    met: bool | None


def judge(results: Results) -> list[dict[str, Any]]:
    """Every target, checked group by group for the results' subject; empty if there is none."""
    subject = results.get("subject")
    if subject is None:
        return []
    targets: list[Target] = []
    for group in groups(results):
        if group in TARGET_GROUPS:
            targets += _of_group(results, subject, group)
    return [asdict(target) for target in [*targets, _speed(results["speed"])]]


def _of_group(results: Results, subject: str, group: str) -> Iterator[Target]:
    yield _below(results, subject, group, "pa_seen", PA_BELOW_RAW)
    yield _below(results, subject, group, "mpjpe_seen", MPJPE_BELOW_RAW)
    yield _worst(results, subject, group)
    yield _accel(results, subject, group, "slow", ACCEL_SLOW)
    yield _accel(results, subject, group, "fast", ACCEL_FAST)
    yield _lag(results, subject, group)
    yield _dropped(results, subject, group)
    yield from _gap(results, subject, group)
    for horizon in HORIZONS:
        yield _future(results, subject, group, horizon)
    rivals = baselines(results)
    for kind, name in (("gru", "bi-GRU"), ("paper", "the paper's plain recipe")):
        yield _against(results, subject, group, name, rivals.get(kind))


def _below(results: Results, subject: str, group: str, figure: str, wanted: float) -> Target:
    def below(ours: float, raw: float) -> tuple[str, bool]:
        share = 1.0 - ours / raw
        return f"{share:.1%} ({raw:.2f} → {ours:.2f} mm)", share >= wanted

    name = {"pa_seen": "PA-MPJPE", "mpjpe_seen": "MPJPE"}[figure]
    values = [mean_online(results, method, figure, group) for method in (subject, RAW)]
    return _told(group, f"{name} at least {wanted:.0%} below raw", values, below)


def _lag(results: Results, subject: str, group: str) -> Target:
    def late(*lags_ms: float) -> tuple[str, bool]:
        ours, raw, one_euro = (lag * SLOT_RATE_HZ / 1e3 for lag in lags_ms)
        return f"{ours:.2f} frames (raw {raw:.2f}, One-Euro {one_euro:.2f})", ours <= LAG_FRAMES

    values = [mean_online(results, method, "lag", group) for method in (subject, RAW, ONE_EURO)]
    return _told(group, f"lag at most {LAG_FRAMES} frames", values, late)


def _dropped(results: Results, subject: str, group: str) -> Target:
    def worse(whole: float, dropped: float) -> tuple[str, bool]:
        share = dropped / whole - 1.0
        return f"{share:+.1%} ({whole:.2f} → {dropped:.2f} mm)", share <= DROPPED_WORSE

    words = f"PA-MPJPE at most {DROPPED_WORSE:.0%} worse with half the frames dropped"
    values = [mean_dropped(results, subject, "pa", group, share) for share in ("0.0", DROPPED)]
    return _told(group, words, values, worse)


def _told(
    group: str,
    words: str,
    values: Sequence[float | None],
    tell: Callable[..., tuple[str, bool]],
    untold: str = "–",
) -> Target:
    """A target told from values, in words and whether it is met; `untold` if one of them is missing."""
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return Target(group, words, untold, None)
    return Target(group, words, *tell(*known))


def _worst(results: Results, subject: str, group: str) -> Target:
    sequences = names_in(results, group)
    ours, raw = (figures(results["online"].get(method), "pa_seen", sequences) for method in (subject, RAW))
    ratios = {name: ours[name] / raw[name] for name in ours if name in raw}

    def above(*values: float) -> tuple[str, bool]:
        worst = max(ratios, key=ratios.__getitem__)
        count = sum(value > 1.0 for value in values)
        return f"above on {count} of {len(values)}; worst {ratios[worst]:.2f} × raw ({worst})", count == 0

    return _told(group, "PA-MPJPE above raw on no clip", list(ratios.values()), above)


def _accel(results: Results, subject: str, group: str, pace: str, limit: float) -> Target:
    each = figures(results["online"].get(subject), "accel", names_in(results, group, pace))

    def within(*values: float) -> tuple[str, bool]:
        accel, above = fmean(values), sum(value > limit for value in values)
        return f"{accel:.2f} mm/frame², above on {above} of {len(values)}", accel <= limit

    words = f"Accel at most {limit} mm/frame² on {pace} clips"
    return _told(group, words, list(each.values()), within)


def _gap(results: Results, subject: str, group: str) -> Iterator[Target]:
    at, sequences = results["gaps"].get(subject), names_in(results, group)
    limit = f"{1e3 * VISIBLE_JUMP_M:.0f} mm/frame above the hand's own"
    jumps = [total_of(at, figure, sequences) for figure in ("jumps", "gaps")]
    yield _told(
        group,
        f"10-frame gap: no jump at its end (more than {limit})",
        jumps,
        lambda jumps, gaps: (f"{jumps:.0f} jumps in {gaps:.0f} gaps", jumps == 0),
    )
    ways = [mean_of(at, figure, sequences) for figure in ("travelled", "travelled_truth")]
    yield _told(
        group,
        f"10-frame gap: no freeze (at least {FROZEN_SHARE:.0%} of the hand's own way)",
        ways,
        lambda way, own: (f"{way:.1f} mm of {own:.1f} mm", way >= FROZEN_SHARE * own),
    )


def _future(results: Results, subject: str, group: str, horizon: int) -> Target:
    methods = {subject: "ours", HOLD: "hold", VELOCITY: "velocity", ONE_EURO: "velocity of One-Euro"}
    values = [
        mean_future(results, method, figure, group, horizon)
        for method in methods
        for figure in ("pa", "mpjpe")
    ]

    def nearest(*errors: float) -> tuple[str, bool]:
        pas, all_errors = errors[::2], errors[1::2]
        pairs = zip(methods.values(), pas, all_errors, strict=True)
        said = "; ".join(f"{label} {pa:.1f}/{error:.1f}" for label, pa, error in pairs)
        return f"{said} mm", pas[0] < min(pas[1:]) and all_errors[0] < min(all_errors[1:])

    words = f"{horizon} frames ahead: PA-MPJPE and MPJPE below hold-last and constant velocity"
    return _told(group, words, values, nearest, "not predicted so far ahead")


def _against(results: Results, subject: str, group: str, name: str, run: str | None) -> Target:
    def better(pa: float, error: float, their_pa: float, their_error: float) -> tuple[str, bool]:
        said = f"{pa:.2f}/{error:.2f} against {their_pa:.2f}/{their_error:.2f} mm"
        return said, pa < their_pa and error < their_error

    values = [
        mean_online(results, method, figure, group) if method else None
        for method in (subject, run)
        for figure in ("pa", "mpjpe")
    ]
    words = f"better than {name} in PA-MPJPE and MPJPE"
    return _told(group, words, values, better, "not measured: give its training run with --runs")


def _speed(speed: dict[str, Any]) -> Target:
    def fast(faster: float) -> tuple[str, bool]:
        said = f"{faster:.1f}× ({speed['paper_torch_ms']:.1f} → {speed['stage_ms']:.1f} ms)"
        return said, faster >= TIMES_FASTER

    words = f"one online update at least {TIMES_FASTER}× faster than the paper's network in eager torch"
    return _told("", words, [speed.get("stage_times_faster")], fast)
