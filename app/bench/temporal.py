"""bench temporal: how near, how steady and how late each way to make hands of detections is."""

from __future__ import annotations

import json
import logging
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from app.bench.filmed import rendered_clips, stereo_pair
from app.bench.filters import ConstantVelocity, Ema, Hold, Median, import_scipy
from app.bench.fingertip import trace
from app.bench.measure import measure
from app.bench.methods import FilterMethod, Method, StageMethod
from app.bench.noisy import noisy_motion
from app.bench.own_clips import own_test_clips, train_clips
from app.bench.plots import draw
from app.bench.sequence import FAST_M_S, Sequence
from app.bench.settings import BenchSettings, parse_runs
from app.bench.summary import (
    ABLATION,
    FREELY,
    HOLD,
    KALMAN,
    ONE_EURO,
    PRODUCT,
    RAW,
    SAVITZKY_GOLAY,
    SHIPPED,
    VELOCITY,
)
from app.bench.tables import markdown
from app.bench.targets import judge
from app.bench.tuning import Tuning, tune
from app.errors import AppError, UsageError
from app.files import require_writable, write_atomically
from app.machine import describe_machine, package_versions
from models.errors import ModelError
from models.temporal import load_temporal

logger = logging.getLogger(__name__)

AHEAD_S = 1.0  # further than the product looks: the farthest horizon of the tables
_TUNING_CLIPS, _TUNING_CLIPS_QUICK = 20, 6
_DROPS = tuple(tenth / 10 for tenth in range(10))
_DROPS_QUICK = (0.0, 0.5, 0.9)
_LEAST_SEEN = 30  # detections; with fewer a sequence's means are chance


def run_temporal(settings: BenchSettings) -> list[str]:
    """Measure everything, write temporal.json, temporal.md and pictures; returns what to say of it.

    Raises:
        AppError, ModelError: a setting, file or package is unusable.
    """
    # Read once, when torch is loaded: threads that spin while they wait take the cores from each other.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    runs = parse_runs(settings.runs)
    import_scipy("signal")  # found missing now rather than in ten minutes
    network = _network_file(settings.network)
    if settings.json is not None:
        require_writable(settings.json)
    output = _output_folder(settings.output)
    started_s = time.monotonic()
    sequences, noise = gather(settings)
    tuning = tune(train_clips(_TUNING_CLIPS_QUICK if settings.quick else _TUNING_CLIPS))
    methods = filter_methods(tuning) + network_methods(network, runs)
    names = [RAW, *(method.name for method in methods)]
    if len(set(names)) < len(names):
        raise UsageError(
            f"--runs takes names that no other row of the tables has; taken are {', '.join(names)}"
        )
    results: dict[str, Any] = {
        "machine": describe_machine(),
        "versions": package_versions(),
        "quick": settings.quick,
        "fast_m_s": FAST_M_S,
        "noise": noise,
        "tuning": asdict(tuning),
        "sequences": [describe_sequence(sequence) for sequence in sequences],
        "runs": {name: _about_run(path) for name, path in runs.items()},
        "network": None if network is None else network.as_posix(),
        "methods": names,
        **measure(sequences, methods, _DROPS_QUICK if settings.quick else _DROPS),
        "speed": _speed(network, sequences, settings),
    }
    results["subject"] = _subject(results)
    results["trace"] = trace(sequences, methods, results["subject"])
    results["targets"] = judge(results)
    results["seconds"] = round(time.monotonic() - started_s, 1)
    write_results(results, output, settings.json)
    return [*_in_short(results), f"results: {output}"]


def gather(settings: BenchSettings) -> tuple[list[Sequence], str]:
    """Every sequence with enough detections, and a sentence on the noise of those that were never filmed.

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
    sequences = []
    for sequence in found:
        if int((sequence.detected & sequence.known).sum()) < _LEAST_SEEN:
            logger.warning("%s is left out: fewer than %d frames are detected", sequence.name, _LEAST_SEEN)
            continue
        sequences.append(sequence)
    if not sequences:
        raise AppError("there is nothing to measure on; give --data the directory of the recordings")
    return sequences, noisy.about


def filter_methods(tuning: Tuning) -> list[Method]:
    """The filters, the product's own among them."""
    tuned = [
        FilterMethod(name + suffix, smoother, ahead=name != SAVITZKY_GOLAY)
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


def network_methods(network: Path | None, runs: dict[str, Path]) -> list[Method]:
    """Training runs, and the product's network last."""
    methods: list[Method] = []
    if runs:
        from app.bench.training_runs import TrainingRun

        methods += [TrainingRun(name, path) for name, path in runs.items()]
    if network is not None:
        from models import posebert_stage

        path = network
        posebert_stage.load(path)  # a bad file is better found now
        methods.append(StageMethod(SHIPPED, lambda: posebert_stage.load(path, ahead_s=AHEAD_S)))
    return methods


def _network_file(path: Path) -> Path | None:
    """The product's network; None if it has none yet and no other was asked for."""
    if path.is_file():
        return path
    if path != BenchSettings.network:
        raise AppError(f"there is no network {path}; give --network an .onnx file that training exported")
    logger.warning("there is no network %s: the product's own rows are left out", path)
    return None


def _output_folder(asked: Path | None) -> Path:
    """The folder asked for, or a new one in runs/."""
    folder = asked or Path("runs") / time.strftime("bench-temporal-%Y%m%d-%H%M%S")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AppError(
            f"cannot make the folder {folder}: {error.strerror}; choose another with --output"
        ) from error
    return folder


def write_results(results: dict[str, Any], output: Path, also: Path | None) -> None:
    """temporal.json, temporal.md and the pictures in `output`; the JSON at `also` too."""
    plain = without_nan(results)
    text = json.dumps(plain, indent=1, ensure_ascii=False) + "\n"
    for path in (output / "temporal.json", also):
        if path is not None:
            with write_atomically(path) as file:
                file.write(text.encode())
    pictures = draw(plain, output)
    with write_atomically(output / "temporal.md") as file:
        file.write(markdown(plain, {name: path.name for name, path in pictures.items()}).encode())


def without_nan(value: Any) -> Any:
    """Results as JSON can hold them: None for what is not a number, six digits for what is."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value


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


def _about_run(directory: Path) -> dict[str, Any]:
    """What a run trained, for the captions."""
    path = directory / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({error}); give the --out of a training run") from error
    return {name: config[name] for name in ("network", "width", "steps", "noise", "future") if name in config}


def _subject(results: dict[str, Any]) -> str | None:
    """The method held against the targets: the product's network, else the first run of our own kind."""
    if SHIPPED in results["methods"]:
        return SHIPPED
    ours = [
        name
        for name, about in results["runs"].items()
        if about.get("network") == "ours" and not name.startswith(ABLATION)
    ]
    return ours[0] if ours else None


def _speed(network: Path | None, sequences: list[Sequence], settings: BenchSettings) -> dict[str, Any]:
    from app.bench.speed import measure_speed

    longest = max(sequences, key=lambda sequence: int(sequence.detected.sum()))
    return measure_speed(network, longest, settings.threads)


def _in_short(results: dict[str, Any]) -> list[str]:
    marks = {True: "yes", False: "no", None: "not told"}
    lines = [
        f"{marks[target['met']]:>8}  {target['group'] or 'all'}: {target['wanted']}: {target['reached']}"
        for target in results["targets"]
    ]
    speed = results["speed"]
    times = ", ".join(f"{name[:-3]} {value:.2f} ms" for name, value in speed.items() if name.endswith("_ms"))
    return [*lines, f"one online update, {speed['threads']} threads: {times}"]
