"""The results of bench retarget as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.bench.retargeting import captions
from app.bench.retargeting.contestants import HORIZON, PEERS, SAME_OBJECTIVE, SHIPPED
from app.bench.retargeting.scores import DEEP_M, PINCH_M, TOUCH_M
from app.bench.retargeting.speed import BUSY_SHARE
from app.bench.tables import NONE, number, table

Results = dict[str, Any]
_FIGURES = ("p50", "p95", "p99", "max")


def markdown(results: Results, pictures: Mapping[str, str]) -> str:
    """The whole report, headings of the second level on.

    Args:
        results: as `bench retarget` writes them.
        pictures: the pictures there are, by name, and where they lie as seen from the report.
    """
    sections = [
        _head(results),
        _targets(results),
        _speed(results["speed"], pictures),
        _quality(results),
        _pinches(results, pictures),
        _costs(results["cost"]),
        _groups(results),
        _clips(results),
    ]
    return "\n".join(section for section in sections if section)


def summary(results: Results) -> str:
    """The few figures a reader in a hurry wants."""
    rows = []
    for name, us in _solvers(results).items():
        figures = results["quality"][name]
        faster = [number(ratio, 0 if ratio >= 10.0 else 1) for ratio in _times_slower(results, name)]
        collisions = f"{100.0 * figures['boxes_share']:.1f}"
        rows.append(
            [_bold(name), number(us["p50"], 0), number(us["p99"], 0), *faster,
             number(_percent(figures["pinch_frame_share"]), 0), collisions,
             number(figures["speed_p95_rad_s"])]
        )  # fmt: skip
    header = [
        "", "median µs", "p99 µs", "× ours", "× ours, p99", "pinches that touch %", "in self-collision %",
        "joint speed p95 rad/s",
    ]  # fmt: skip
    return table(header, rows)


def _head(results: Results) -> str:
    machine, versions = results["machine"], results["versions"]
    quick = " Quick: fewer clips, and the beginnings of those." if results["quick"] else ""
    beside = ", ".join(f"{name} {versions[name]}" for name in PEERS if name in versions) or "no peer"
    left_out = "".join(f"\n{sentence[0].upper()}{sentence[1:]}.\n" for sentence in results["left_out"])
    return (
        f"Written by `python launch.py bench retarget`.{quick} {machine['processor']}, {machine['cores']} "
        f"cores, {machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}, NumPy "
        f"{versions.get('numpy', '?')}, Numba {versions.get('numba', '?')}; beside {beside}.\n{left_out}\n"
        f"{captions.SOLVERS}"
    )


def _targets(results: Results) -> str:
    marks = {True: "yes", False: "**no**", None: NONE}
    rows = [[target["wanted"], target["reached"], marks[target["met"]]] for target in results["targets"]]
    return "## Must reach\n\n" + table(["target", "reached", "met"], rows, words=3)


def _speed(speed: Results, pictures: Mapping[str, str]) -> str:
    rows = []
    for name, us in speed["us"].items():
        as_it_came = speed["as_it_came_us"][name]
        cells = [number(figures[key], 0) for figures in (us, as_it_came) for key in _FIGURES]
        rows.append([_bold(name), *cells])
    header = ["median", "p95", "p99", "max"]
    times = table(["µs", *header, "as it came: median", *header[1:]], rows)
    ratios = [
        [_bold(name), peer]
        + [
            f"{speed[kind][name][peer][key]:.1f}×"
            for kind in ("times_faster", "as_it_came_times_faster")
            for key in _FIGURES
        ]
        for name, peers in speed["times_faster"].items()
        for peer in peers
    ]
    header = ["faster", "than", *header, "as it came: median", *header[1:]]
    faster = "\n" + table(header, ratios, words=2) if ratios else ""
    about = captions.SPEED.format(
        frames=speed["frames"], rounds=speed["rounds"], clip=speed["clip"], instants=speed["instants"]
    )
    taken = speed["taken_by_others"]
    about += f"\n{captions.BUSY.format(taken=taken)}" if taken > BUSY_SHARE else ""
    return f"## Time per solve\n\n{about}\n{_picture(pictures, 'speed', 'Time per solve')}\n{times}{faster}"


def _quality(results: Results) -> str:
    rows = []
    for name, q in results["quality"].items():
        beyond = f"{q['beyond_limits_rad']:.0e}" if q["beyond_limits_rad"] else "0"
        rows.append(
            [_bold(name), number(q["tip_error_mm"]), number(q["tip_error_p95_mm"]), number(q["tip_scale"], 2),
             number(q["speed_p95_rad_s"], 2), number(q["speed_max_rad_s"]), number(q["jerk_mean_rad_s3"], 0),
             number(q["jerk_p95_rad_s3"], 0), f"{100.0 * q['capsules_share']:.2f}",
             number(q["capsules_deepest_mm"]), f"{100.0 * q['boxes_share']:.2f}",
             number(q["boxes_deepest_mm"]), beyond]
        )  # fmt: skip
    header = [
        "", "tip error mm", "p95", "scale", "joint speed p95 rad/s", "max", "jerk mean rad/s³", "p95",
        "capsules collide %", "deepest mm", "shapes collide %", "deepest mm", "beyond limits rad",
    ]  # fmt: skip
    ignored = ", ".join(results["ignored_pairs"]) or "none"
    about = captions.QUALITY.format(clips=len(results["clips"]), depth=1e3 * DEEP_M, ignored=ignored)
    return f"## Motion\n\n{about}\n" + table(header, rows)


def _pinches(results: Results, pictures: Mapping[str, str]) -> str:
    rows = [
        [_bold(name), str(q["pinch_frames"]), number(_percent(q["pinch_frame_share"])), str(q["pinches"]),
         number(_percent(q["pinch_share"])), number(q["pinch_gap_p5_mm"]), number(q["pinch_gap_mm"]),
         number(q["pinch_gap_p95_mm"])]
        for name, q in results["quality"].items()
    ]  # fmt: skip
    header = ["", "frames", "touching %", "pairs", "touching %", "gap p5 mm", "median", "p95"]
    about = captions.PINCHES.format(pinch=1e3 * PINCH_M, touch=1e3 * TOUCH_M)
    return f"## Pinches\n\n{about}\n{_picture(pictures, 'pinches', 'Gap in pinches')}\n" + table(header, rows)


def _costs(cost: Results) -> str:
    rows = [
        [leader, peer, str(c["frames"]), number(c["ours_mean"], 5), number(c["theirs_mean"], 5),
         number(_percent(c["ours_not_higher"])),
         number(_percent(c["ours_lower_by_1_percent"])), number(_percent(c["theirs_lower_by_1_percent"]))]
        for leader, peers in cost["equal"].items()
        for peer, c in peers.items()
    ]  # fmt: skip
    header = [
        "started where", "against", "frames", "ours, mean", "theirs", "ours not higher %",
        "ours lower by 1 %", "theirs lower by 1 %",
    ]  # fmt: skip
    own = table(
        ["along its own motion", "mean cost"],
        [[_bold(name), number(value, 5)] for name, value in cost["own_mean"].items()],
    )
    about = captions.COSTS.format(tolerance=cost["tolerance"])
    equal = f"{table(header, rows, words=2)}\n" if rows else ""
    return f"## Cost under the same objective\n\n{about}\n{equal}{own}"


def _groups(results: Results) -> str:
    rows = []
    for group, solvers in results["groups"].items():
        for name, q in solvers.items():
            rows.append(
                [group, _bold(name), str(q["frames"]), number(q["tip_error_mm"]),
                 number(q["speed_p95_rad_s"], 2), f"{100.0 * q['capsules_share']:.2f}",
                 f"{100.0 * q['boxes_share']:.2f}", str(q["pinch_frames"]),
                 number(_percent(q["pinch_frame_share"])), number(q["pinch_gap_mm"])]
            )  # fmt: skip
    header = [
        "clips", "", "frames", "tip error mm", "joint speed p95 rad/s", "capsules collide %",
        "shapes collide %", "pinch frames", "touching %", "gap median mm",
    ]  # fmt: skip
    return "## Kind by kind\n\n" + table(header, rows, words=2)


def _clips(results: Results) -> str:
    rows = [
        [clip["name"], clip["group"], str(clip["frames"]), number(clip["capsules_deepest_mm"], 2),
         number(clip["boxes_deepest_mm"], 2), next(iter(clip["boxes_pairs"]), NONE),
         str(clip["pinch_frames"]), number(_percent(clip["pinch_frame_share"]))]
        for clip in results["clips"]
    ]  # fmt: skip
    header = ["clip", "kind", "frames", "capsules mm", "shapes mm", "which", "pinch frames", "touching %"]
    about = captions.CLIPS.format(depth=1e3 * DEEP_M)
    return f"## Clip by clip\n\n{about}\n" + table(header, rows, words=2)


def _solvers(results: Results) -> dict[str, dict[str, float]]:
    """Times of those who solve one frame a call."""
    return {name: us for name, us in results["speed"]["us"].items() if name != HORIZON}


def _times_slower(results: Results, name: str) -> tuple[float, float]:
    """Than the shipped one: median, p99."""
    us = results["speed"]["us"]
    return us[name]["p50"] / us[SHIPPED]["p50"], us[name]["p99"] / us[SHIPPED]["p99"]


def _percent(share: float | None) -> float | None:
    return None if share is None else 100.0 * share


def _bold(name: str) -> str:
    return f"**{name}**" if name in (SHIPPED, SAME_OBJECTIVE, HORIZON) else name


def _picture(pictures: Mapping[str, str], name: str, about: str) -> str:
    return f"\n![{about}]({pictures[name]})\n" if name in pictures else ""
