"""What retargeting must reach, and what it reaches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from app.bench.retargeting.contestants import DEX_RETARGETING, DEXI, HORIZON, SAME_OBJECTIVE, SHIPPED
from app.bench.retargeting.scores import DEEP_M, PINCH_M, TOUCH_M
from app.bench.retargeting.speed import BUSY_SHARE

Results = dict[str, Any]
TIMES_FASTER = {DEX_RETARGETING: 40.0, DEXI: 2.0}
HORIZON_US = 1000.0
NOT_HIGHER_SHARE = 0.95
TOUCHING_SHARE = 0.95
_FIGURES = {"p50": "median", "p99": "p99"}


@dataclass(frozen=True)
class Target:
    """One of them.

    Attributes:
        wanted: in words, with the limit.
        reached: the figure, in words.
        met: None if it could not be told.
    """

    wanted: str
    reached: str
    met: bool | None


def judge(results: Results) -> list[dict[str, Any]]:
    """Every target; those that need a peer that was not there are not told."""
    targets = [*_speed(results["speed"]), *_costs(results["cost"]), *_quality(results)]
    return [asdict(target) for target in targets]


def _speed(speed: Results) -> Iterator[Target]:
    busy = speed["taken_by_others"] > BUSY_SHARE
    remark = ", but the machine was busy" if busy else ""
    for peer, wanted in TIMES_FASTER.items():
        for name in (SHIPPED, SAME_OBJECTIVE):
            ratios = speed["times_faster"][name].get(peer)
            for figure, spoken in _FIGURES.items():
                sentence = f"{name}: one solve at least {wanted:g}× faster than {peer}, {spoken}"
                if ratios is None:
                    yield Target(sentence, f"not measured: there is no {peer}", None)
                    continue
                ours, theirs = (speed["us"][one][figure] for one in (name, peer))
                reached = f"{ratios[figure]:.1f}× ({theirs:.0f} → {ours:.0f} µs)"
                yield Target(sentence, reached + remark, None if busy else ratios[figure] >= wanted)
    median_us = speed["us"][HORIZON]["p50"]
    wanted_us = f"{speed['instants']} instants in one call in less than {HORIZON_US / 1e3:g} ms, median"
    yield Target(wanted_us, f"{median_us / 1e3:.2f} ms", median_us < HORIZON_US)


def _costs(cost: Results) -> Iterator[Target]:
    for leader, peers in cost["equal"].items():
        for peer, figures in peers.items():
            share = figures["ours_not_higher"]
            yield Target(
                f"final cost at most {peer}'s in {NOT_HIGHER_SHARE:.0%} of frames, all started where "
                f"{leader} was",
                f"{share:.1%} of {figures['frames']}",
                share >= NOT_HIGHER_SHARE,
            )
            ours, theirs = figures["ours_mean"], figures["theirs_mean"]
            yield Target(f"and lower on average than {peer}'s", f"{theirs:.5f} → {ours:.5f}", ours < theirs)


def _quality(results: Results) -> Iterator[Target]:
    ours = results["quality"][SHIPPED]
    share = ours["pinch_frame_share"]
    yield Target(
        f"fingertip surfaces within ±{1e3 * TOUCH_M:g} mm of touching in {TOUCHING_SHARE:.0%} of the frames "
        f"in which the human's thumb and finger are nearer than {1e3 * PINCH_M:g} mm",
        "there are no such frames" if share is None else f"{share:.1%} of {ours['pinch_frames']}",
        None if share is None else share >= TOUCHING_SHARE,
    )
    for kind, spoken in (("capsules", "our capsules"), ("boxes", "the URDF's collision shapes, by PyBullet")):
        deepest_mm, depth_mm = ours[f"{kind}_deepest_mm"], 1e3 * DEEP_M
        yield Target(
            f"no self-penetration over {depth_mm:g} mm in any clip, of {spoken}",
            f"{ours[f'{kind}_share']:.2%} of frames, deepest {deepest_mm:.2f} mm",
            deepest_mm <= depth_mm,
        )
    beyond_rad = ours["beyond_limits_rad"]
    yield Target("never beyond a joint's limits", f"{beyond_rad:.2g} rad", beyond_rad <= 0.0)
