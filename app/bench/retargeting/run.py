"""bench retarget: our retargeting beside its peers, on the same poses, in one run."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from app.bench.results import save_results
from app.bench.retargeting import captions
from app.bench.retargeting.clips import Clip, gather_clips
from app.bench.retargeting.contestants import (
    DEX_RETARGETING,
    HORIZON,
    SAME_OBJECTIVE,
    SHIPPED,
    Contestant,
    Ours,
    OursAhead,
)
from app.bench.retargeting.judge import Judge
from app.bench.retargeting.peers import Peers, find_peers, same_objective
from app.bench.retargeting.play import Played, Player
from app.bench.retargeting.plots import draw
from app.bench.retargeting.scores import Seen, costs, look, quality
from app.bench.retargeting.speed import BUSY_SHARE, measure_speed
from app.bench.retargeting.tables import markdown
from app.bench.retargeting.targets import judge as judge_targets
from app.bench.settings import BenchSettings, refuse_others
from app.files import require_writable
from app.machine import describe_machine, package_versions
from retarget import load

HAND = "allegro_right"
_ROUNDS, _ROUNDS_QUICK = 5, 2


def run_retarget(settings: BenchSettings) -> list[str]:
    """Measure everything, write retarget.json, retarget.md and pictures; returns what to say of it.

    Raises:
        UsageError: a flag of another benchmark is given.
        AppError, RetargetError, RobotError: a file, a config or a package is unusable.
    """
    refuse_others("retarget", settings)
    # Read once, when torch is loaded: threads that spin while they wait take the cores from each other.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    output = settings.output or Path("runs") / time.strftime("bench-retarget-%Y%m%d-%H%M%S")
    for path in (output / "retarget.json", settings.json):
        if path is not None:
            require_writable(path)
    results = measure(gather_clips(settings.data, settings.quick), find_peers(), settings.quick)
    write_results(results, output, settings.json)
    return [*_in_short(results), f"results: {output}"]


def measure(clips: Sequence[Clip], peers: Peers, quick: bool) -> dict[str, Any]:
    """All figures.

    Args:
        clips: to play; the first is the one that is timed.
        peers: to compare with.
        quick: time fewer rounds.
    """
    began_s = time.monotonic()
    rounds = _ROUNDS_QUICK if quick else _ROUNDS
    contestants = [Ours(SHIPPED, load(HAND)), Ours(SAME_OBJECTIVE, same_objective(peers))]
    speed = measure_speed(
        [*contestants, *(build() for build in peers.builders)],
        OursAhead(HORIZON, load(HAND)),
        clips[0].keypoints_m,
        rounds,
    )
    shown = _play(clips, peers)
    names = list(shown.played[0].q_rad)
    results: dict[str, Any] = {
        "machine": describe_machine(),
        "versions": {**package_versions(), **peers.versions},
        "quick": quick,
        "left_out": list(peers.left_out),
        "ignored_pairs": shown.ignored_pairs,
        "speed": {"clip": clips[0].name, **speed},
        "quality": {name: quality(shown.seen[name]) for name in names},
        "cost": costs(shown.played),
        "groups": _by_group(shown, names),
        "clips": _by_clip(shown),
    }
    results["targets"] = judge_targets(results)
    results["seconds"] = round(time.monotonic() - began_s, 1)
    return results


@dataclass(frozen=True)
class _Shown:
    """All clips played and judged: `seen` by solver, in the order of `played`."""

    played: list[Played]
    seen: dict[str, list[Seen]]
    ignored_pairs: list[str]


def _play(clips: Sequence[Clip], peers: Peers) -> _Shown:
    shipped = load(HAND)
    ours, same = Ours(SHIPPED, shipped), Ours(SAME_OBJECTIVE, same_objective(peers))
    theirs: list[Contestant] = [build() for build in peers.builders]
    again: list[Contestant] = [build() for build in peers.builders]
    present = {one.name for one in theirs}
    leaders = [*present & {DEX_RETARGETING}, *([SAME_OBJECTIVE] if present else [])]
    played: list[Played] = []
    seen: dict[str, list[Seen]] = {one.name: [] for one in (ours, same, *theirs)}
    names = tuple(shipped.joint_names)
    with Judge(shipped.config, names, shipped.home_rad) as judge:
        player = Player(
            same, theirs, [ours], [Ours(SAME_OBJECTIVE, same_objective(peers, their_box=True)), *again],
            leaders, names,
        )  # fmt: skip
        with tqdm(total=sum(map(len, clips)), desc="clips", unit="frame", disable=None, leave=False) as bar:
            for clip in clips:
                played.append(player.play(clip))
                for name, views in seen.items():
                    views.append(look(played[-1], name, judge, shipped))
                bar.update(len(clip))
        return _Shown(played, seen, judge.ignored_pairs)


def _by_group(shown: _Shown, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    groups = dict.fromkeys(one.clip.group for one in shown.played)
    return {
        group: {
            name: quality(
                [
                    view
                    for view, one in zip(shown.seen[name], shown.played, strict=True)
                    if one.clip.group == group
                ]
            )
            for name in names
        }
        for group in groups
    }


def _by_clip(shown: _Shown) -> list[dict[str, Any]]:
    return [
        {"name": one.clip.name, "group": one.clip.group, **quality([view])}
        for one, view in zip(shown.played, shown.seen[SHIPPED], strict=True)
    ]


def write_results(results: dict[str, Any], output: Path, also: Path | None) -> None:
    """retarget.json, retarget.md and the pictures in `output`; the JSON at `also` too."""
    save_results(results, output, "retarget", also, draw, _page)


def _page(results: dict[str, Any], pictures: Mapping[str, str]) -> str:
    return f"# Retargeting, measured\n\n{markdown(results, pictures)}"


def _in_short(results: dict[str, Any]) -> list[str]:
    taken = results["speed"]["taken_by_others"]
    busy = [captions.BUSY.format(taken=taken).replace("**", "").replace("\n", " ").strip()]
    marks = {True: "yes", False: "no", None: "not told"}
    return [
        *results["left_out"],
        *(busy if taken > BUSY_SHARE else []),
        *(
            f"{marks[target['met']]:>8}  {target['wanted']}: {target['reached']}"
            for target in results["targets"]
        ),
    ]
