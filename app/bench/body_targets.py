"""What PoseBERT for bodies must reach, and what it reaches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from app.bench.body_gaps import NONE_MASKED
from app.bench.body_names import (
    BEST_GOLAY,
    GRU,
    NEAREST,
    SAVITZKY_GOLAY,
    SHIPPED,
    gap_error,
    refined,
)
from app.bench.body_sequence import DETECTOR_GROUP
from app.bench.summary import Results
from app.bench.targets import Target

BELOW_NEAREST = {"mpjpe": 0.15, "pa": 0.10, "accel": 0.60}
"""How much lower than the detections with misses filled by the nearest."""
BRIDGED = "10"
NAMES = {"mpjpe": "MPJPE", "pa": "PA-MPJPE", "accel": "Accel"}
UNITS = {"mpjpe": "mm", "pa": "mm", "accel": "mm/frame²"}


def judge_bodies(results: Results) -> list[dict[str, Any]]:
    """Every target, checked on the test person's clips with the detector's noise; empty without PoseBERT."""
    if SHIPPED not in results["methods"]:
        return []
    return [asdict(target) for target in _targets(results)]


def _targets(results: Results) -> Iterator[Target]:
    for figure, share in BELOW_NEAREST.items():
        yield _below_nearest(results, figure, share)
    yield _better_than(results, SAVITZKY_GOLAY, "Savitzky–Golay on each, both online")
    yield _better_than(
        results, BEST_GOLAY, "Savitzky–Golay on each, that one centred, at each figure's best window"
    )
    yield _better_than(
        results, GRU, "bi-GRU on each, both online", "not measured: give its training run with --runs"
    )
    for m, words in (
        (BRIDGED, f"with {BRIDGED} frames masked on each side better than raw nearest in the same gaps"),
        (NONE_MASKED, f"with {BRIDGED} frames masked on each side better than raw nearest with none masked"),
    ):
        yield _bridged(results, m, words)


def _below_nearest(results: Results, figure: str, share: float) -> Target:
    def below(ours: float, raw: float) -> tuple[str, bool]:
        less = 1.0 - ours / raw
        return f"{less:.1%} ({raw:.1f} → {ours:.1f} {UNITS[figure]})", less >= share

    values = [refined(results, method, figure, DETECTOR_GROUP) for method in (SHIPPED, NEAREST)]
    return _told(f"{NAMES[figure]} at least {share:.0%} below raw nearest", values, below)


def _better_than(results: Results, rival: str, words: str, untold: str = "–") -> Target:
    def better(*values: float) -> tuple[str, bool]:
        ours, theirs = values[::2], values[1::2]
        pairs = zip(NAMES.values(), ours, theirs, strict=True)
        said = ", ".join(f"{name} {own:.1f} against {other:.1f}" for name, own, other in pairs)
        return said, all(own < other for own, other in zip(ours, theirs, strict=True))

    values = [
        refined(results, method, figure, DETECTOR_GROUP) for figure in NAMES for method in (SHIPPED, rival)
    ]
    return _told(f"better than {words}", values, better, untold)


def _bridged(results: Results, m: str, words: str) -> Target:
    def better(error: float, raw: float, pa: float, raw_pa: float) -> tuple[str, bool]:
        said = f"MPJPE {error:.1f} against {raw:.1f}, PA-MPJPE {pa:.1f} against {raw_pa:.1f} mm"
        return said, error < raw and pa < raw_pa

    values = [
        gap_error(results, method, figure, BRIDGED if method == SHIPPED else m)
        for figure in ("mpjpe", "pa")
        for method in (SHIPPED, NEAREST)
    ]
    return _told(words, values, better)


def _told(
    words: str,
    values: Sequence[float | None],
    tell: Callable[..., tuple[str, bool]],
    untold: str = "–",
) -> Target:
    """A target told from values, in words and whether it is met; `untold` if one of them is missing."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return Target(DETECTOR_GROUP, words, untold, None)
    return Target(DETECTOR_GROUP, words, *tell(*known))
