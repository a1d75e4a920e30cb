"""bench latency: from the motion of a hand to that of the robot, in real time, beside filters and a peer."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from app.bench.latency.camera import run_camera
from app.bench.latency.clips import Clip, gather_clips
from app.bench.latency.contestants import DROPPED, FULL, PEER, POSEBERT_AUTO, QUICK, Contestant
from app.bench.latency.dropouts import choose_gaps, film_with_gaps, try_gaps
from app.bench.latency.example import example
from app.bench.latency.figures import Fingertips, Seen, look, pool
from app.bench.latency.play import PeerMissingError, Stage
from app.bench.latency.plots import draw
from app.bench.latency.sustained import run_sustained
from app.bench.latency.tables import in_short, markdown
from app.bench.latency.targets import front, judge
from app.bench.results import save_results, without_nan
from app.bench.settings import BenchSettings, refuse_others
from app.files import require_writable
from app.machine import describe_machine, package_versions

Results = dict[str, Any]
_PEER_PACKAGE = "dex-retargeting"


def run_latency(settings: BenchSettings) -> list[str]:
    """Measure everything, write latency.json, latency.md and pictures; returns what to say of it.

    Raises:
        UsageError: a flag of another benchmark is given.
        AppError, RetargetError, RobotError: a pipeline fails, or a file cannot be written.
    """
    refuse_others("latency", settings)
    output = settings.output or Path("runs") / time.strftime("bench-latency-%Y%m%d-%H%M%S")
    for path in (output / "latency.json", settings.json):
        if path is not None:
            require_writable(path)
    if settings.source is None:
        results = measure(gather_clips(settings.quick), settings.quick)
    else:
        results = measure_camera(settings.source, settings.quick)
    save_results(results, output, "latency", settings.json, _draw, _page)
    return [*in_short(without_nan(results)), f"results: {output}"]


def measure(clips: Sequence[Clip], quick: bool, contestants: Sequence[Contestant] | None = None) -> Results:
    """All figures.

    Args:
        clips: to play, one after the other.
        quick: without some horizons, drop-outs and the five minutes.
        contestants: who plays; None is all.
    """
    began_s = time.monotonic()
    fingertips, left_out = Fingertips(), []
    gaps = sustained = None
    with tempfile.TemporaryDirectory(prefix="posehand-latency-") as name, Stage() as stage:
        folder = Path(name)
        views: dict[str, list[Seen]] = {}
        everybody = contestants or (QUICK if quick else FULL)
        with tqdm(total=len(everybody) * len(clips), desc="pipelines", unit="clip", disable=None) as bar:
            for contestant in everybody:
                bar.set_postfix_str(contestant.name)
                try:
                    views[contestant.name] = _play(stage, contestant, clips, folder, fingertips, bar)
                except PeerMissingError as missing:
                    left_out.append(str(missing))
        if not quick:
            gaps = _try_gaps(stage, clips[0], views, folder, fingertips)
            sustained = run_sustained(stage, POSEBERT_AUTO, clips, folder)
    results = {
        **_about(quick),
        "left_out": left_out,
        "clips": [{"name": clip.name, "frames": clip.frames} for clip in clips],
        "rows": {name: pool(one) for name, one in views.items()},
        "example": example(
            {name: one[0] for name, one in views.items()}, fingertips.joint_names, clips[0].name
        ),
        "gaps": gaps,
        "sustained": sustained,
        "camera": None,
    }
    if PEER.name in views:
        results["versions"][_PEER_PACKAGE] = metadata.version(_PEER_PACKAGE)
    measured = [*results["rows"].values(), *([sustained] if sustained else [])]
    # The busiest of all: one pipeline measured beside another program is enough to compare unfairly.
    results["others_share"] = float(np.nanmax([one["others_share"] for one in measured]))
    plain: Results = without_nan(results)
    plain["front"] = front(plain["rows"])
    plain["targets"] = judge(plain)
    plain["seconds"] = round(time.monotonic() - began_s, 1)
    return plain


def measure_camera(source: str, quick: bool) -> Results:
    """What can be told of a source whose hand is not known."""
    with Stage() as stage:
        camera = run_camera(stage, source, quick)
    return {
        **_about(quick),
        "left_out": [],
        "clips": [],
        "rows": {camera["name"]: camera},
        "example": None,
        "gaps": None,
        "sustained": None,
        "camera": camera,
        "others_share": camera["others_share"],
        "front": [],
        "targets": [],
    }


def _play(
    stage: Stage,
    contestant: Contestant,
    clips: Sequence[Clip],
    folder: Path,
    fingertips: Fingertips,
    bar: Any,
) -> list[Seen]:
    seen = []
    for clip in clips:
        truth = None
        if contestant == PEER:
            truth = folder / "truth.npz"
            np.savez(truth, keypoints_m=clip.keypoints_m)
        played = stage.play(contestant, str(clip.video), clip.t_s[-1], truth)
        seen.append(look(clip, played, fingertips))
        bar.update()
    return seen


def _try_gaps(
    stage: Stage, clip: Clip, views: Mapping[str, Sequence[Seen]], folder: Path, fingertips: Fingertips
) -> Results:
    gaps = choose_gaps(fingertips.of(clip.wanted_rad), clip.fps)
    videos = film_with_gaps(clip, gaps[:0], folder), film_with_gaps(clip, gaps, folder)
    return {
        one.name: try_gaps(stage, one, clip, views[one.name][0], gaps, videos, fingertips)
        for one in tqdm(DROPPED, "drop-outs", unit="pipeline", disable=None)
        if one.name in views
    }


def _about(quick: bool) -> Results:
    return {"machine": describe_machine(), "versions": package_versions(), "quick": quick}


def _draw(results: Results, folder: Path) -> dict[str, Path]:
    return {} if results["camera"] is not None else draw(results, folder)


def _page(results: Results, pictures: Mapping[str, str]) -> str:
    return f"# Latency, measured\n\n{markdown(results, pictures)}"
