"""The results of the soak as Markdown, and what of them had to be reached."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from app.bench.soak.faults import CAMERA_FAULTS, OTHER_FAULTS
from app.bench.soak.port import BLIND_NS, SETTLE_S, STALE_NS
from app.bench.soak.source import CLEAN
from app.bench.tables import NONE, number, table
from app.machine import where_measured

Results = dict[str, Any]
SIDES = {"pipeline": "pipeline", "robot": "robot server"}
_TELLING_MIB = 30.0  # an hour: an interval wider to one side says nothing about a leak
_FOLLOWED = 0.95
_MARKS = {True: "yes", False: "**no**", None: "–"}

ABOUT = {
    "stall": "no frame, then on with the newest",
    "unplugged": "no frame, and the source says so",
    "dropped": "seven frames of ten are missing",
    "half rate": "30 → 15 fps",
    "frozen": "one image again and again, with new times",
    "black": "black images",
    "noise": "nothing but noise",
    "wrong type": "images of floats",
    "wrong shape": "images with one or four channels",
    "empty": "images without a pixel",
    "half size": "images of half the width and height",
    "time backwards": "capture times up to 1 s before the true ones",
    "time repeated": "one capture time again and again",
    "time ahead": "capture times up to 5 s in the future",
    "busy processor": "as many busy processes as there are cores",
    "home": "the robot is asked to go home",
    "disarm": "the robot is disarmed, then armed",
    "stop": "the robot is stopped, then reset and armed",
}


def judge(results: Results) -> list[Results]:
    """Every promise, what was reached, and whether it was kept; None where the run cannot tell."""
    rows: list[tuple[str, str, bool | None]] = [_ended(results)]
    rows += [_slope(results, side) for side in SIDES]
    rows += [_count(results, name) for name in ("threads", "handles")]
    accounts, messages = results["accounts"], results["messages"]
    rows.append(
        (
            "every frame is accounted for in the report",
            f"{accounts['unaccounted']} of {accounts['given']} are not; the pipeline missed "
            f"{accounts['skipped_differs']} of {accounts['camera'] - accounts['given']} that were not given",
            accounts["unaccounted"] == 0 and accounts["skipped_differs"] == 0,
        )
    )
    if messages is not None:
        followed, calm = (sum(seen[i] for seen in messages["calm"].values()) for i in (1, 0))
        rows += [
            (
                "no message says “tracking” when the detector has had no frame for "
                f"{STALE_NS / 1e6:.0f} ms, or none that shows anything new for {BLIND_NS / 1e6:.0f} ms",
                f"{messages['stale']} and {messages['blind']} of {messages['sent']}",
                messages["stale"] + messages["blind"] == 0,
            ),
            (
                "the clock is kept: capture times never run backwards or ahead of now",
                f"{messages['backwards']} and {messages['ahead']} of {messages['sent']}",
                messages["backwards"] + messages["ahead"] == 0,
            ),
            (
                f"{SETTLE_S:.0f} s after a fault a hand in view is followed: {_FOLLOWED:.0%} of messages",
                f"{followed / calm:.1%} of {calm}" if calm else "no such message",
                followed >= _FOLLOWED * calm if calm else None,
            ),
        ]
    return [{"wanted": wanted, "reached": reached, "met": met} for wanted, reached, met in rows]


def kept(results: Results) -> bool:
    """Whether no promise was broken."""
    return all(target["met"] is not False for target in results["targets"])


def in_short(results: Results) -> list[str]:
    """One line for each promise."""
    words = {True: "yes", False: "no", None: "–"}
    return [f"{words[one['met']]:>8}  {one['wanted']}: {one['reached']}" for one in results["targets"]]


def markdown(results: Results, pictures: Mapping[str, str]) -> str:
    """The whole report, headings of the second level on.

    Args:
        results: as the soak writes them.
        pictures: the pictures there are, by name, and where they lie as seen from the report.
    """
    short = "" if results["telling"] else " Too short to tell a slope."
    taken = results["others_cores"]
    load = f" Other programs took {taken:.2f} of the cores meanwhile, the busy ones of the faults among them."
    head = (
        f"Written by `python -m app.bench.soak`: {results['seconds'] / 60:.0f} min, seed {results['seed']}."
        f"{short} {where_measured(results['machine'], results['versions'])}."
        f"{load if taken is not None else ''}"
    )
    targets = [[one["wanted"], one["reached"], _MARKS[one["met"]]] for one in results["targets"]]
    sections = [
        head,
        f"## Promises\n\n{table(['promise', 'measured', 'kept'], targets, words=3)}",
        f"## Over time\n\n![Memory, threads and handles over time]({pictures['time']})\n"
        if "time" in pictures
        else "",
        f"## The processes\n\n{_processes(results)}",
        f"## Frames\n\n{_frames(results['accounts'])}",
        f"## Faults\n\n{_faults(results)}",
    ]
    return "\n\n".join(section.strip("\n") for section in sections if section) + "\n"


def _ended(results: Results) -> tuple[str, str, bool]:
    asked, lasted, error = results["seconds"], results["lasted_s"], results["error"]
    end = "" if results["reported"] else f", then: {error or 'no report'}"
    return (
        "the run lasts as long as asked, and ends with a report",
        f"{lasted:.0f} of {asked:.0f} s{end}",
        results["reported"] and lasted >= asked - 1.0,
    )


def _slope(results: Results, side: str) -> tuple[str, str, bool | None]:
    wanted = (
        f"memory of the {SIDES[side]}: no growth that can be told from zero, told to {_TELLING_MIB:.0f} MiB/h"
    )
    slope = results["slopes"][side]
    if slope is None:
        return wanted, "too short to tell", None
    low, high = slope["low"], slope["high"]
    reached = f"{slope['per_hour']:+.1f} MiB/h, 95 % from {_signed(low)} to {_signed(high)}"
    if not results["telling"]:
        return wanted, f"{reached}: not judged, the run is too short", None
    if low is None or high is None:
        return wanted, reached, False
    told_mib = max(high - slope["per_hour"], slope["per_hour"] - low)
    return wanted, reached, low <= 0.0 and told_mib <= _TELLING_MIB


def _count(results: Results, name: str) -> tuple[str, str, bool | None]:
    first, last = (sum(results[name][side][i] for side in SIDES) for i in ("first", "last"))
    words = {"threads": "threads", "handles": "open files, sockets and pipes"}
    reached = f"{last:.0f}, at first {first:.0f}"
    return f"no more {words[name]} at the end than at first", reached, last <= first


def _processes(results: Results) -> str:
    rows = []
    for side, words in SIDES.items():
        memory, threads, handles = (results[name][side] for name in ("memory_mib", "threads", "handles"))
        slope = results["slopes"][side]
        rows.append(
            [
                words, _change(memory, 1), number(slope and slope["per_hour"]), _interval(slope),
                _change(threads, 0), _change(handles, 0), number(results["cpu_cores"][side], 2),
            ]
        )  # fmt: skip
    header = ["process", "memory MiB", "growth MiB/h", "95 %", "threads", "handles", "cores used"]
    return (
        f"First → last, and the most at any time; first and last are medians of {results['block_s']:.0f} s, "
        f"after {results['skip_s']:.0f} s of warming up. The server's guardian counts as part of it.\n\n"
        + table(header, rows)
    )


def _frames(accounts: Results) -> str:
    rows = [["of the camera", str(accounts["camera"]), ""]]
    for cause, lost in accounts["lost"].items():
        rows.append([f"lost: {cause}", str(lost), f"{100.0 * lost / max(1, accounts['camera']):.2f} %"])
    rows.append(["became a message", str(accounts["processed"]), _share(accounts, "processed")])
    rows.append(["unaccounted for", str(accounts["unaccounted"]), _share(accounts, "unaccounted")])
    remark = (
        f"\nOf the frames given, {accounts['unusable_given']} were no images; the pipeline counted "
        f"{accounts['unusable']}. They became messages, too: that nothing was seen. Frames that were "
        "overtaken were seen by the detector, and count for the pose of the newer one.\n"
    )
    return table(["frames", "", "share"], rows) + remark


def _faults(results: Results) -> str:
    passed, lost = results["frames"]["passed"], results["frames"]["lost"]
    calm = {} if results["messages"] is None else results["messages"]["calm"]
    rows = []
    for kind in (CLEAN, *CAMERA_FAULTS, *OTHER_FAULTS):
        times = results["faults"].get(kind, [])
        cells = [kind, ABOUT.get(kind, "as the camera gives them")]
        cells += ["", ""] if kind == CLEAN else [str(len(times)), number(sum(e - b for b, e in times))]
        cells += ["", ""] if kind in OTHER_FAULTS else [str(passed.get(kind, 0)), str(lost.get(kind, 0))]
        seen = calm.get(kind)
        rows.append([*cells, f"{seen[1] / seen[0]:.1%}" if seen else NONE])
    header = ["fault", "what", "times", "seconds", "frames given", "withheld", "followed after it"]
    remark = ""
    if results["messages"] is not None:
        remark = (
            f"\n{results['messages']['late']} messages said “tracking” of a frame that took the detector so "
            "long: slow, not stale.\n"
        )
    return table(header, rows, words=2) + remark + _guards(results)


def _guards(results: Results) -> str:
    """What the robot's guards had to do, of all hands."""
    report = results["report"] or {}
    spoke = {
        name: count for counters in report.get("limits_hit", {}).values() for name, count in counters.items()
    }
    said = ", ".join(f"{name} {count}" for name, count in spoke.items() if count)
    return f"\nThe robot's guards: {said}.\n" if said else ""


def _change(values: Mapping[str, float], digits: int) -> str:
    first, last, most = (number(values[name], digits) for name in ("first", "last", "most"))
    return f"{first} → {last}, most {most}"


def _interval(slope: Mapping[str, float | None] | None) -> str:
    return "–" if slope is None else f"{_signed(slope['low'])} to {_signed(slope['high'])}"


def _signed(value: float | None) -> str:
    return "unknown" if value is None or not math.isfinite(value) else f"{value:+.1f}"


def _share(accounts: Results, name: str) -> str:
    return f"{100.0 * accounts[name] / max(1, accounts['camera']):.2f} %"
