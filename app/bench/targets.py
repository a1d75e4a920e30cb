"""What PoseBERT must reach, and what it reaches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

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
)
from models.window import SLOT_RATE_HZ

PA_BELOW_RAW, MPJPE_BELOW_RAW = 0.40, 0.30
ACCEL_SLOW, ACCEL_FAST = 1.5, 3.0  # mm/frame²
LAG_FRAMES = 0.3
DROPPED, DROPPED_WORSE = "0.5", 0.15
JUMP_OVER_TRUTH_MM = 10.0  # a centimetre in one frame more than the hand itself moves is seen as a jump
FROZEN_SHARE = 0.1  # of the hand's own way; less is seen as a freeze
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
    shares = {"pa_seen": ("PA-MPJPE", PA_BELOW_RAW), "mpjpe_seen": ("MPJPE", MPJPE_BELOW_RAW)}
    for figure, (name, wanted) in shares.items():
        ours, raw = (mean_online(results, method, figure, group) for method in (subject, RAW))
        words = f"{name} at least {wanted:.0%} below raw"
        if ours is None or raw is None:
            yield Target(group, words, "–", None)
        else:
            below = 1.0 - ours / raw
            yield Target(group, words, f"{below:.1%} ({raw:.2f} → {ours:.2f} mm)", below >= wanted)
    yield _worst(results, subject, group)
    for pace, limit in (("slow", ACCEL_SLOW), ("fast", ACCEL_FAST)):
        accel = mean_online(results, subject, "accel", group, pace)
        yield _limit(group, f"Accel at most {limit} mm/frame² on {pace} clips", accel, limit, "mm/frame²")
    lag = mean_online(results, subject, "lag", group)
    frames = None if lag is None else lag * SLOT_RATE_HZ / 1e3
    yield _limit(group, f"lag at most {LAG_FRAMES} frames", frames, LAG_FRAMES, "frames")
    whole, dropped = (mean_dropped(results, subject, "pa", group, share) for share in ("0.0", DROPPED))
    words = f"PA-MPJPE at most {DROPPED_WORSE:.0%} worse with half the frames dropped"
    if whole is None or dropped is None:
        yield Target(group, words, "–", None)
    else:
        worse = dropped / whole - 1.0
        yield Target(group, words, f"{worse:+.1%} ({whole:.2f} → {dropped:.2f} mm)", worse <= DROPPED_WORSE)
    yield from _gap(results, subject, group)
    for horizon in HORIZONS:
        yield _future(results, subject, group, horizon)
    for kind, name in baselines(results).items():
        yield _against(results, subject, group, kind, name)


def _worst(results: Results, subject: str, group: str) -> Target:
    sequences = names_in(results, group)
    ours, raw = (figures(results["online"].get(method), "pa_seen", sequences) for method in (subject, RAW))
    ratios = {name: ours[name] / raw[name] for name in ours if name in raw}
    words = "PA-MPJPE above raw on no clip"
    if not ratios:
        return Target(group, words, "–", None)
    above = [name for name, ratio in ratios.items() if ratio > 1.0]
    worst = max(ratios, key=ratios.__getitem__)
    reached = f"above on {len(above)} of {len(ratios)}; worst {ratios[worst]:.2f} × raw ({worst})"
    return Target(group, words, reached, not above)


def _limit(group: str, words: str, value: float | None, limit: float, unit: str) -> Target:
    if value is None:
        return Target(group, words, "–", None)
    return Target(group, words, f"{value:.2f} {unit}", value <= limit)


def _gap(results: Results, subject: str, group: str) -> Iterator[Target]:
    at, sequences = results["gaps"].get(subject), names_in(results, group)
    jump, own = (mean_of(at, figure, sequences) for figure in ("jump", "jump_truth"))
    words = f"10-frame gap: jump at its end at most {JUMP_OVER_TRUTH_MM:.0f} mm/frame above the hand's own"
    if jump is None or own is None:
        yield Target(group, words, "–", None)
    else:
        reached = f"{jump:.1f} mm/frame, the hand itself {own:.1f}"
        yield Target(group, words, reached, jump <= own + JUMP_OVER_TRUTH_MM)
    way, own = (mean_of(at, figure, sequences) for figure in ("travelled", "travelled_truth"))
    words = f"10-frame gap: no freeze (at least {FROZEN_SHARE:.0%} of the hand's own way)"
    if way is None or own is None:
        yield Target(group, words, "–", None)
    else:
        yield Target(group, words, f"{way:.1f} mm of {own:.1f} mm", way >= FROZEN_SHARE * own)


def _future(results: Results, subject: str, group: str, horizon: int) -> Target:
    words = f"{horizon} frames ahead: PA-MPJPE and MPJPE below hold-last and constant velocity"
    rivals = {HOLD: "hold", VELOCITY: "velocity", ONE_EURO: "velocity of One-Euro"}
    table = {
        method: [mean_future(results, method, figure, group, horizon) for figure in ("pa", "mpjpe")]
        for method in (subject, *rivals)
    }
    if any(value is None for values in table.values() for value in values):
        return Target(group, words, "not predicted so far ahead", None)
    met = all(
        table[subject][i] < table[other][i]  # type: ignore[operator]
        for other in rivals
        for i in (0, 1)
    )
    reached = "; ".join(
        f"{label} {values[0]:.1f}/{values[1]:.1f}"
        for label, values in zip(("ours", *rivals.values()), table.values(), strict=True)
    )
    return Target(group, words, f"{reached} mm", met)


def _against(results: Results, subject: str, group: str, kind: str, name: str) -> Target:
    words = f"better than {'bi-GRU' if kind == 'gru' else 'the paper’s plain recipe'} in PA-MPJPE and MPJPE"
    pairs = [
        (mean_online(results, subject, figure, group), mean_online(results, name, figure, group))
        for figure in ("pa", "mpjpe")
    ]
    if any(value is None for pair in pairs for value in pair):
        return Target(group, words, "–", None)
    (pa, their_pa), (error, their_error) = pairs
    reached = f"{pa:.2f}/{error:.2f} against {their_pa:.2f}/{their_error:.2f} mm"
    return Target(group, words, reached, pa < their_pa and error < their_error)  # type: ignore[operator]


def _speed(speed: dict[str, Any]) -> Target:
    words = f"one online update at least {TIMES_FASTER}× faster than the paper's network in eager torch"
    faster = speed.get("stage_times_faster")
    if faster is None:
        return Target("", words, "–", None)
    reached = f"{faster:.1f}× ({speed['paper_torch_ms']:.1f} → {speed['stage_ms']:.1f} ms)"
    return Target("", words, reached, faster >= TIMES_FASTER)
