"""bench temporal: how near, how steady and how late each way to make hands of detections is."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.bench.filmed import rendered_clips, stereo_pair
from app.bench.filters import ConstantVelocity, Ema, Hold, Median
from app.bench.fingertip import trace
from app.bench.measure import measure
from app.bench.methods import FilterMethod, Method, StageMethod
from app.bench.noisy import noisy_motion
from app.bench.own_clips import own_test_clips, train_clips
from app.bench.plots import draw
from app.bench.results import save_results
from app.bench.sequence import FAST_M_S, LEAST_SEEN, Sequence
from app.bench.settings import BenchSettings, parse_runs, refuse_others
from app.bench.summary import (
    FREELY,
    HOLD,
    KALMAN,
    ONE_EURO,
    PRODUCT,
    RAW,
    SAVITZKY_GOLAY,
    SHIPPED,
    VELOCITY,
    own_run,
)
from app.bench.tables import markdown
from app.bench.targets import judge
from app.bench.tuning import Tuning, tune
from app.errors import AppError, UsageError
from app.files import require_writable
from app.machine import describe_machine, package_versions
from models.temporal import NETWORK_FILE, load_temporal

if TYPE_CHECKING:
    from app.bench.training_runs import TrainingRun

logger = logging.getLogger(__name__)

AHEAD_S = 1.0  # further than the product looks: the farthest horizon of the tables
_TUNING_CLIPS, _TUNING_CLIPS_QUICK = 20, 6
_DROPS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)  # each costs a pass of every method: all ten would take twice as long
_DROPS_QUICK = (0.0, 0.5, 0.9)


def run_temporal(settings: BenchSettings) -> list[str]:
    """Measure everything, write temporal.json, temporal.md and pictures; returns what to say of it.

    Raises:
        UsageError: of --runs, or a flag of another benchmark.
        AppError, ModelError: another setting, a file or a package is unusable.
    """
    if settings.body and settings.backend is not None:
        raise UsageError("--backend is for hands: leave out --body")
    if settings.backend is not None:
        from app.bench.backends import run_backends

        return run_backends(settings)
    refuse_others("temporal", settings)
    if settings.body:
        from app.bench.body import run_body

        return run_body(settings)
    # Read once, when torch is loaded: threads that spin while they wait take the cores from each other.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Whatever is wrong is better found now than in ten minutes.
    runs = parse_runs(settings.runs)
    _require("torch", "matplotlib")
    network = _network_file(settings.network)
    trained, product = training_runs(runs), product_methods(network)
    output = settings.output or Path("runs") / time.strftime("bench-temporal-%Y%m%d-%H%M%S")
    for path in (output / "temporal.json", settings.json):
        if path is not None:
            require_writable(path)
    started_s = time.monotonic()
    tuning = tune(train_clips(_TUNING_CLIPS_QUICK if settings.quick else _TUNING_CLIPS))
    methods = [*filter_methods(tuning), *trained, *product]
    names = [RAW, *(method.name for method in methods)]
    if len(set(names)) < len(names):
        raise UsageError(
            f"--runs takes names that no other row of the tables has; taken are {', '.join(names)}"
        )
    sequences, left_out, noise = gather(settings)
    results: dict[str, Any] = {
        "machine": describe_machine(),
        "versions": package_versions(),
        "quick": settings.quick,
        "fast_m_s": FAST_M_S,
        "noise": noise,
        "tuning": asdict(tuning),
        "sequences": [describe_sequence(sequence) for sequence in sequences],
        "left_out": left_out,
        "runs": {run.name: run.about for run in trained},
        "network": None if network is None else _about_network(network),
        "methods": names,
        **measure(sequences, methods, _DROPS_QUICK if settings.quick else _DROPS),
        "speed": _speed(network, sequences),
    }
    results["subject"] = _subject(results)
    results["trace"] = trace(sequences, methods, results["subject"])
    results["targets"] = judge(results)
    results["seconds"] = round(time.monotonic() - started_s, 1)
    write_results(results, output, settings.json)
    return [*_in_short(results), f"results: {output}"]


def gather(settings: BenchSettings) -> tuple[list[Sequence], list[str], str]:
    """Every sequence with enough detections, the names of the others, and what noise was added to motion.

    Raises:
        AppError: there is none.
    """
    noisy = noisy_motion()
    found = [
        *own_test_clips(settings.quick),
        *rendered_clips(settings.data),
        *noisy.sequences,
        *stereo_pair(settings.data),
    ]
    sequences, left_out = [], []
    for sequence in found:
        if int((sequence.detected & sequence.known).sum()) < LEAST_SEEN:
            logger.warning("%s is left out: fewer than %d frames are detected", sequence.name, LEAST_SEEN)
            left_out.append(sequence.name)
        else:
            sequences.append(sequence)
    if not sequences:
        raise AppError("there is nothing to measure on; give --data the directory of the recordings")
    return sequences, left_out, noisy.about


def filter_methods(tuning: Tuning) -> list[Method]:
    """The filters, the product's own among them."""
    tuned = [
        FilterMethod(name + suffix, smoother, ahead=name != SAVITZKY_GOLAY and not suffix)
        for suffix, chosen in (("", tuning.prompt), (FREELY, tuning.free))
        for name, smoother in (
            (ONE_EURO, chosen.one_euro.filter),
            (KALMAN, chosen.kalman.filter),
            (SAVITZKY_GOLAY, chosen.savitzky_golay.filter),
        )
    ]
    return [
        FilterMethod(HOLD, Hold(), ahead=True),
        FilterMethod(VELOCITY, ConstantVelocity(), ahead=True),
        FilterMethod("EMA 0.2", Ema()),
        FilterMethod("median of 5", Median()),
        *tuned,
        StageMethod(PRODUCT, lambda: load_temporal("one-euro")),
    ]


def training_runs(runs: dict[str, Path]) -> list[TrainingRun]:
    """The networks of training runs, in torch."""
    if not runs:
        return []
    from app.bench.training_runs import TrainingRun

    return [TrainingRun(name, path) for name, path in runs.items()]


def product_methods(network: Path | None) -> list[Method]:
    """The product's temporal stage with its network, if there is one."""
    if network is None:
        return []
    from models import posebert_stage

    posebert_stage.load(network)  # raises if the file is bad
    return [StageMethod(SHIPPED, lambda: posebert_stage.load(network, ahead_s=AHEAD_S))]


def _require(*packages: str) -> None:
    """Raises AppError if a package that only benchmarks need is not installed."""
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise AppError(f"bench temporal needs {' and '.join(missing)}: pip install -r requirements-dev.txt")


def _network_file(asked: Path | None) -> Path | None:
    """The network asked for, or the one that ships; None if none does."""
    path = asked or NETWORK_FILE
    if path.is_file():
        return path
    if asked is not None:
        raise AppError(f"there is no network {path}; give --network an .onnx file that training exported")
    logger.warning("there is no network %s: the product's own rows are left out", path)
    return None


def _about_network(path: Path) -> dict[str, str]:
    """Which file it was, whatever it will be called."""
    return {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def write_results(results: dict[str, Any], output: Path, also: Path | None) -> None:
    """temporal.json, temporal.md and the pictures in `output`; the JSON at `also` too."""
    save_results(results, output, "temporal", also, draw, markdown)


def describe_sequence(sequence: Sequence) -> dict[str, Any]:
    """What the results say of a sequence itself."""
    return {
        "name": sequence.name,
        "group": sequence.group,
        "metric": sequence.metric,
        "pace": sequence.pace if sequence.metric else None,
        "speed_mm_s": 1e3 * sequence.speed_m_s,
        "frames": len(sequence),
        "detected": float(sequence.detected.mean()),
        "resting_frames": sum(rows.stop - rows.start for rows in sequence.resting),
    }


def _subject(results: dict[str, Any]) -> str | None:
    """The method held against the targets: the product's network, else the first run of our own kind."""
    return SHIPPED if SHIPPED in results["methods"] else own_run(results)


def _speed(network: Path | None, sequences: list[Sequence]) -> dict[str, Any]:
    from app.bench.speed import measure_speed

    longest = max(sequences, key=lambda sequence: int(sequence.detected.sum()))
    return measure_speed(network, longest)


def _in_short(results: dict[str, Any]) -> list[str]:
    marks = {True: "yes", False: "no", None: "not told"}
    lines = [
        f"{marks[target['met']]:>8}  {target['group'] or 'all'}: {target['wanted']}: {target['reached']}"
        for target in results["targets"]
    ]
    speed = results["speed"]
    times = ", ".join(f"{name[:-3]} {value:.2f} ms" for name, value in speed.items() if name.endswith("_ms"))
    return [*lines, f"one online update, {speed['threads']} threads: {times}"]
