"""The results of bench latency as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.bench.latency import captions
from app.bench.latency.contestants import PEER, SUBJECT, is_posebert
from app.bench.latency.dropouts import AFTERWARDS_S, GAP_FRAMES
from app.bench.latency.figures import LATE_MS
from app.bench.latency.targets import busy
from app.bench.tables import NONE, number, table
from app.machine import where_measured
from app.trace import STAGES

Results = dict[str, Any]
_FIGURES = ("p50", "p95", "p99", "max")


def markdown(results: Results, pictures: Mapping[str, str]) -> str:
    """The whole report, headings of the second level on.

    Args:
        results: as `bench latency` writes them.
        pictures: the pictures there are, by name, and where they lie as seen from the report.
    """
    if results["camera"] is not None:
        sections = [_head(results), _camera(results["camera"])]
    else:
        rows = results["rows"]
        sections = [
            _head(results),
            _targets(results),
            _motion(rows, pictures),
            _stages(rows, pictures),
            _frames(rows),
            _gaps(results["gaps"]),
            _sustained(results["sustained"]),
        ]
    return "\n".join(section for section in sections if section)


def summary(results: Results) -> str:
    """The few figures a reader in a hurry wants."""
    rows = [
        [_bold(name), number(row["delay_ms"], 0), number(row["rise"]["half_ms"]["median"], 0),
         number(row["jitter_mm"], 2), number(row["error_mm"]["mean"]), number(row["age_ms"]["p50"], 0),
         number(row["age_ms"]["p99"], 0)]
        for name, row in results["rows"].items()
    ]  # fmt: skip
    header = [
        "pipeline", "hand → robot, ms", "half of a step, ms", "jitter mm", "tracking error mm",
        "age at publish, ms", "p99",
    ]  # fmt: skip
    return table(header, rows)


def in_short(results: Results) -> list[str]:
    """One line for each target, or for each figure of a camera."""
    if results["camera"] is not None:
        camera = results["camera"]
        age = camera["age_ms"]
        return [
            f"{camera['frames']} frames in {camera['seconds']:.0f} s, hand detected in "
            f"{camera['detection_rate']:.0%}, age at publish p50 {age['p50']:.1f}, p99 {age['p99']:.1f} ms",
            _calibration(camera).replace("\n", " ").replace("`", "").strip(),
        ]
    marks = {True: "yes", False: "no", None: "not told"}
    return [
        *results["left_out"],
        *([_busy(results)] if busy(results) else []),
        *(f"{marks[one['met']]:>8}  {one['wanted']}: {one['reached']}" for one in results["targets"]),
    ]


def _head(results: Results) -> str:
    versions = results["versions"]
    clips = ", ".join(f"{clip['name']} ({clip['frames']} frames)" for clip in results["clips"])
    quick = " Quick: fewer pipelines, one clip, and the beginning of that." if results["quick"] else ""
    beside = f", dex-retargeting {versions['dex-retargeting']}" if "dex-retargeting" in versions else ""
    left_out = "".join(f"\n{sentence[0].upper()}{sentence[1:]}.\n" for sentence in results["left_out"])
    warning = f"\n{captions.BUSY.format(share=results['others_share'])}" if busy(results) else ""
    about = captions.SETUP.format(peer=PEER.name) + f"\nClips: {clips}.\n" if results["clips"] else ""
    return (
        f"Written by `python launch.py bench latency`.{quick} "
        f"{where_measured(results['machine'], versions)}{beside}.\n{left_out}{warning}\n{about}"
    )


def _targets(results: Results) -> str:
    marks = {True: "yes", False: "**no**", None: NONE}
    rows = [[one["wanted"], one["reached"], marks[one["met"]]] for one in results["targets"]]
    return "## Must reach\n\n" + table(["target", "reached", "met"], rows, words=3)


def _motion(rows: Results, pictures: Mapping[str, str]) -> str:
    lines = []
    for name, row in rows.items():
        rise, error, shifted = row["rise"], row["error_mm"], row["error_shifted_mm"]
        lines.append(
            [_bold(name), number(row["delay_ms"]),
             *(number(rise[part][key], 0) for part in ("half_ms", "most_ms") for key in ("median", "worst")),
             number(row["jitter_mm"], 2), number(error["mean"]), number(error["p95"]),
             number(shifted["mean"]), number(row["overshoot_mm"]["mean"]),
             number(row["overshoot_mm"]["worst"])]
        )  # fmt: skip
    header = [
        "", "delay ms", "half: median", "worst", "nine tenths: median", "worst", "jitter mm",
        "tracking error mm", "p95", "shifted", "overshoot mm", "worst",
    ]  # fmt: skip
    first = next(iter(rows.values()))
    about = captions.MOTION.format(moves=first["rise"]["moves"], stops=first["overshoot_mm"]["count"])
    not_followed = [
        f"{name}: {row['rise']['not_followed']}" for name, row in rows.items() if row["rise"]["not_followed"]
    ]
    remark = f"\nSudden moves the robot did not follow: {', '.join(not_followed)}.\n" if not_followed else ""
    front = _picture(pictures, "front", "Delay against jitter of every pipeline")
    example = _picture(pictures, "example", "The bending of a finger over time")
    return (
        f"## From hand to robot\n\n{about}\n{table(header, lines)}{remark}"
        + (f"{front}\n{captions.FRONT}" if front else "")
        + (f"{example}\n{captions.EXAMPLE}" if example else "")
    )


def _stages(rows: Results, pictures: Mapping[str, str]) -> str:
    picture = _picture(pictures, "stages", "Time of each stage")
    about = captions.STAGES.format(late=LATE_MS)
    return f"## Where the time goes\n\n{about}{picture}\n{_times(rows)}"


def _times(rows: Results) -> str:
    lines = []
    for name, row in rows.items():
        stages = [row["stage_ms"].get(stage) for stage in STAGES]
        lines.append(
            [_bold(name), *(_spread(times) for times in (*stages, row["age_ms"])),
             _percent(row["late_share"])]
        )  # fmt: skip
    header = ["p50 / p95 / p99 / max", *STAGES, "age", "late %"]
    return table(header, lines)


def _frames(rows: Results) -> str:
    lines = []
    for name, row in rows.items():
        frames = row["frames"]
        lines.append(
            [_bold(name), str(frames["total"]), str(frames["lost"]), str(frames["lost_at_start"]),
             _causes(frames["by_cause"]), *_cost(row), _percent(row["tracking_share"])]
        )  # fmt: skip
    header = [
        "", "frames", "lost", "at the start", "by cause", "detected %", "CPU %", "memory MiB", "threads",
        "robot follows %",
    ]  # fmt: skip
    return f"## Frames, processor, memory\n\n{captions.FRAMES}\n{table(header, lines)}"


def _gaps(gaps: Results | None) -> str:
    if not gaps:
        return ""
    rows = [
        [_bold(name), str(one["gaps"]), number(one["extra_mm"]["median"]), number(one["extra_mm"]["worst"]),
         number(one["repeated_mm"]["median"]), number(one["repeated_mm"]["worst"])]
        for name, one in gaps.items()
    ]  # fmt: skip
    header = ["", "gaps", "extra mm: median", "worst", "repeated mm: median", "worst"]
    about = captions.GAPS.format(frames=GAP_FRAMES, after=AFTERWARDS_S)
    return f"## Drop-outs\n\n{about}\n" + table(header, rows)


def _sustained(sustained: Results | None) -> str:
    if sustained is None:
        return ""
    frames, age = sustained["frames"], sustained["age_ms"]
    line = [
        str(frames["total"]), str(frames["lost"]), str(frames["lost_at_start"]), _causes(frames["by_cause"]),
        *(number(age[figure]) for figure in _FIGURES), _percent(sustained["late_share"]), *_cost(sustained),
    ]  # fmt: skip
    header = [
        "frames", "lost", "at the start", "by cause", *(f"age {figure}" for figure in _FIGURES), "late %",
        "detected %", "CPU %", "memory MiB", "threads",
    ]  # fmt: skip
    about = captions.SUSTAINED.format(minutes=sustained["seconds"] / 60.0, name=sustained["name"])
    return f"## Minutes on end\n\n{about}\n" + table(header, [line])


def _camera(camera: Results) -> str:
    about = captions.CAMERA.format(**camera)
    period = camera["period_ms"] or {"p50": None, "max": None}
    header = [
        "",
        "frames",
        "every ms",
        "longest pause ms",
        "dropped",
        "detected %",
        "CPU %",
        "memory MiB",
        "threads",
    ]
    line = [
        _bold(camera["name"]), str(camera["frames"]), number(period["p50"]), number(period["max"]),
        _causes(camera["dropped"]), *_cost(camera),
    ]  # fmt: skip
    return (
        f"## Your camera\n\n{about}\n{table(header, [line])}\n{_times({camera['name']: camera})}\n"
        f"{_calibration(camera)}"
    )


def _calibration(camera: Results) -> str:
    known = [
        f"{name} {camera[key]:.0f} ms"
        for name, key in (("camera", "camera_delay_ms"), ("actuator", "actuator_delay_ms"))
        if camera[key] is not None
    ]
    return captions.CALIBRATED.format(delays=", ".join(known)) if known else captions.NOT_CALIBRATED


def _cost(row: Results) -> list[str]:
    """Detections, processor, memory, threads."""
    return [
        _percent(row["detection_rate"]), _percent(row["cpu_share"], 0), number(row["peak_rss_mib"], 0),
        str(row["threads"]),
    ]  # fmt: skip


def _spread(times: Results | None) -> str:
    return NONE if times is None else " / ".join(number(times[figure]) for figure in _FIGURES)


def _causes(causes: Mapping[str, int]) -> str:
    return ", ".join(f"{cause.replace('_', ' ')} {count}" for cause, count in causes.items()) or NONE


def _percent(share: float | None, digits: int = 1) -> str:
    return number(None if share is None else 100.0 * share, digits)


def _busy(results: Results) -> str:
    return captions.BUSY.format(share=results["others_share"]).replace("**", "").replace("\n", " ").strip()


def _bold(name: str) -> str:
    return f"**{name}**" if name == SUBJECT or is_posebert(name) else name


def _picture(pictures: Mapping[str, str], name: str, about: str) -> str:
    return f"\n![{about}]({pictures[name]})\n" if name in pictures else ""
