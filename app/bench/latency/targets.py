"""What the whole pipeline must reach, and what it reaches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from app.bench.latency.contestants import ONE_EURO_AUTO, ONE_EURO_OFF, PEER, SUBJECT, is_posebert
from app.bench.retargeting.speed import BUSY_SHARE
from app.bench.retargeting.targets import Target

Results = dict[str, Any]
DELAY_MS = 40.0
AGE_P50_MS, AGE_P99_MS = 20.0, 33.0
GAP_MM = 5.0
_RIVALS = (ONE_EURO_OFF.name, ONE_EURO_AUTO.name, PEER.name)
_BETTER = {"jitter_mm": "jitter of a still hand", "error_mm": "tracking error"}


def judge(results: Results) -> list[dict[str, Any]]:
    """Every target; what was not measured, or on a busy machine, is not told."""
    targets = [
        *_sustained(results["sustained"]),
        *_delay(results["rows"]),
        *_rivals(results["rows"]),
        _front(results["rows"]),
        _gaps(results["gaps"]),
    ]
    if busy(results):
        targets = [
            one if one.met is None else Target(one.wanted, f"{one.reached}, but the machine was busy", None)
            for one in targets
        ]
    return [asdict(target) for target in targets]


def busy(results: Results) -> bool:
    """Whether other programs took so much of the processor that no time is to be trusted."""
    return bool(results["others_share"] is not None and results["others_share"] > BUSY_SHARE)


def front(rows: Results) -> list[str]:
    """Those that no other beats in both delay and jitter."""
    points = {name: _point(row) for name, row in rows.items() if _known(row)}
    return [
        name
        for name, (delay, jitter) in points.items()
        if not any(
            other != name and d <= delay and j <= jitter and (d, j) != (delay, jitter)
            for other, (d, j) in points.items()
        )
    ]


def _sustained(sustained: Results | None) -> Iterator[Target]:
    minutes = "5 minutes at 30 Hz"
    lost = f"{minutes}: no frame lost by us"
    age = f"{minutes}: age at publish p50 ≤ {AGE_P50_MS:g} ms, p99 ≤ {AGE_P99_MS:g} ms"
    if sustained is None:
        yield Target(lost, "not measured: --quick", None)
        yield Target(age, "not measured: --quick", None)
        return
    frames, figures = sustained["frames"], sustained["age_ms"]
    yield Target(
        lost,
        f"{frames['lost']} of {frames['total']}, and {frames['lost_at_start']} in the first second",
        frames["lost"] == 0,
    )
    yield Target(
        age,
        f"p50 {figures['p50']:.1f}, p99 {figures['p99']:.1f} ms",
        figures["p50"] <= AGE_P50_MS and figures["p99"] <= AGE_P99_MS,
    )


def _delay(rows: Results) -> Iterator[Target]:
    delay_ms = rows[SUBJECT]["delay_ms"]
    sentence = f"{SUBJECT}: motion-to-motion delay ≤ {DELAY_MS:g} ms, the simulated servo included"
    if delay_ms is None:
        yield Target(sentence, "the robot did not move", False)
    else:
        yield Target(sentence, f"{delay_ms:.1f} ms", delay_ms <= DELAY_MS)


def _rivals(rows: Results) -> Iterator[Target]:
    for figure, spoken in _BETTER.items():
        for rival in _RIVALS:
            sentence = f"{spoken} lower than {rival}"
            if rival not in rows:
                yield Target(sentence, "not measured: it did not play", None)
                continue
            ours, theirs = (_plain(rows[name][figure]) for name in (SUBJECT, rival))
            if ours is None or theirs is None:
                yield Target(sentence, "not measured: too little of it", None)
            else:
                yield Target(sentence, f"{ours:.2f} mm against {theirs:.2f} mm", ours < theirs)


def _front(rows: Results) -> Target:
    sentence = "no other pipeline beats any horizon of ours in both delay and jitter"
    points = {name: _point(row) for name, row in rows.items() if _known(row)}
    ours = {name for name in points if is_posebert(name)}
    if not ours:
        return Target(sentence, "not measured: too little of it", None)
    beaten = [
        f"{name} by {other}"
        for name in sorted(ours)
        for other in points
        if other not in ours and points[other][0] <= points[name][0] and points[other][1] <= points[name][1]
    ]
    return Target(sentence, ", ".join(beaten) or f"none of {len(ours)} is beaten", not beaten)


def _gaps(gaps: Results | None) -> Target:
    sentence = f"a drop-out of 5 frames while moving: peak extra error at the fingertips < {GAP_MM:g} mm"
    if not gaps:
        return Target(sentence, "not measured: --quick", None)
    figures = gaps[SUBJECT]
    worst_mm = figures["extra_mm"]["worst"]
    reached = (
        f"worst {worst_mm:.1f} mm, median {figures['extra_mm']['median']:.1f} mm of {figures['gaps']}; "
        f"repeating the undisturbed run alone: worst {figures['repeated_mm']['worst']:.1f} mm"
    )
    return Target(sentence, reached, worst_mm < GAP_MM)


def _known(row: Results) -> bool:
    return row["delay_ms"] is not None and row["jitter_mm"] is not None


def _point(row: Results) -> tuple[float, float]:
    return row["delay_ms"], row["jitter_mm"]


def _plain(value: Any) -> float | None:
    """A figure, or the mean of one that has several."""
    found: float | None = value["mean"] if isinstance(value, dict) else value
    return found
