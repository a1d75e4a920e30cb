"""bench temporal --body: how near and how steady each way to make bodies of detections is."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.bench.body_drawn import HOW_TO_DRAW, drawn_sequences
from app.bench.body_footage import WHERE_VIEWS_ARE, default_views, filmed_clip, filmed_views
from app.bench.body_measure import best_window, measure_bodies
from app.bench.body_methods import BodyMethod, Centred, Filled, Online, Stage, nearest
from app.bench.body_names import (
    CENTRED_GOLAY,
    CENTRED_GRU,
    CENTRED_NETWORK,
    CENTRED_PAPER,
    GRU,
    HOLD,
    NEAREST,
    ONE_EURO,
    PRODUCT,
    SAVITZKY_GOLAY,
    SHIPPED,
    START,
    START_GOLAY,
    START_ONE_EURO,
    STRAIGHT,
    VELOCITY,
    ratios_to_nearest,
)
from app.bench.body_plots import draw
from app.bench.body_sequence import BodySequence
from app.bench.body_start import OnMeanBody
from app.bench.body_tables import markdown
from app.bench.body_targets import judge_bodies
from app.bench.body_tuning import BodyTuning, tune_bodies
from app.bench.filters import ConstantVelocity, Hold, bridged
from app.bench.results import save_results
from app.bench.settings import BenchSettings, parse_runs
from app.errors import AppError, UsageError
from app.files import require_writable
from app.machine import describe_machine, package_versions
from models.body_temporal import BODY_NETWORK_FILE, load_body_temporal

logger = logging.getLogger(__name__)

NAME = "body"
AHEAD_S = 1.0  # further than the product looks: the farthest horizon of the tables
_CENTRED = {"ours": CENTRED_NETWORK, "gru": CENTRED_GRU, "paper": CENTRED_PAPER}


def run_body(settings: BenchSettings) -> list[str]:
    """Measure everything, write body.json, body.md and pictures; returns what to say of it.

    Raises:
        UsageError: of --runs, or a flag that is for hands.
        AppError, ModelError: another setting, a file or a package is unusable.
    """
    if importlib.util.find_spec("torch") is None:
        raise AppError("bench temporal --body needs torch: pip install -r requirements-dev.txt")
    from app.bench.body_motion import test_sequences, tuning_sequences

    started_s = time.monotonic()
    runs = parse_runs(settings.runs)
    network = _network_file(settings.network)
    output = settings.output or Path("runs") / time.strftime("bench-body-%Y%m%d-%H%M%S")
    for path in (output / f"{NAME}.json", settings.json):
        if path is not None:
            require_writable(path)
    trained, about_runs = run_methods(runs)
    product = [] if network is None else [_network_stage(network)]
    bvh = settings.bvh or settings.data / "body" / "cmu_bvh"
    drawn = [] if settings.drawn is None else drawn_sequences(settings.drawn)
    sequences = [*test_sequences(bvh, settings.quick), *drawn]
    tuning = tune_bodies(tuning_sequences(bvh, settings.quick))
    names = [method.name for method in trained]
    left_out = [
        why
        for why, absent in (
            (f"{SHIPPED}: there is no {BODY_NETWORK_FILE.name}; give --network", network is None),
            (f"{GRU}: give its training run with --runs", GRU not in names),
            (f"{CENTRED_NETWORK}: give its training run with --runs", CENTRED_NETWORK not in names),
            (f"drawn bodies before the real detector: {HOW_TO_DRAW}", not drawn),
        )
        if absent
    ]
    views, about_views = _views(settings, left_out)
    clip = filmed_clip(settings.data)
    if clip is None:
        left_out.append(f"the filmed clip: there is none in {settings.data / 'video'}")
    methods = [*filter_methods(tuning), *trained, *product]
    try:
        measured = measure_bodies([*sequences, *views], methods, clip)
    finally:
        for method in methods:
            if isinstance(method, Stage):
                method.close()
    results: dict[str, Any] = {
        "machine": describe_machine(),
        "versions": package_versions(),
        "quick": settings.quick,
        "network": None if network is None else _about_file(network),
        "runs": about_runs,
        "tuning": asdict(tuning),
        "sequences": [_about(sequence) for sequence in (*sequences, *views)],
        "views": about_views,
        "left_out": left_out,
        "methods": [method.name for method in methods],
        "looks_ahead": {method.name: method.looks_ahead for method in methods},
        **measured,
        "best_window": best_window(sequences),
    }
    results["ratios"] = ratios_to_nearest(results)
    results["targets"] = judge_bodies(results)
    results["seconds"] = round(time.monotonic() - started_s, 1)
    save_results(results, output, NAME, settings.json, draw, markdown)
    return [*in_short(results), f"results: {output}"]


def filter_methods(tuning: BodyTuning) -> list[BodyMethod]:
    """All that need no network."""
    one_euro, golay = tuning.one_euro.filter, tuning.savitzky_golay.filter
    return [
        Filled(NEAREST, nearest),
        Filled(STRAIGHT, bridged),
        Online(HOLD, Hold(), ahead=True),
        Online(VELOCITY, ConstantVelocity(), ahead=True),
        Online(ONE_EURO, one_euro, ahead=True),
        Stage(PRODUCT, load_body_temporal("one-euro")),
        Online(SAVITZKY_GOLAY, golay),
        Centred(CENTRED_GOLAY, tuning.centred.filter),
        OnMeanBody(START, Filled(START, nearest)),
        OnMeanBody(START_ONE_EURO, Online(START_ONE_EURO, one_euro)),
        OnMeanBody(START_GOLAY, Online(START_GOLAY, golay)),
    ]


def in_short(results: dict[str, Any]) -> list[str]:
    """A line for each target, and for what is missing."""
    marks = {True: "reached", False: "missed", None: "not told"}
    lines = [f"{marks[t['met']]:>8}  {t['wanted']}: {t['reached']}" for t in results["targets"]]
    return [*lines, *(f"left out: {why}" for why in results["left_out"])]


def run_methods(runs: dict[str, Path]) -> tuple[list[BodyMethod], dict[str, Any]]:
    """The networks of training runs, and what they are: a bi-GRU live and centred, others centred.

    Raises:
        UsageError: two are of one kind.
        ModelError: one cannot be read.
    """
    if not runs:
        return [], {}
    from app.bench.body_runs import BodyRun, CentredRun, OnlineRun

    methods: dict[str, BodyMethod] = {}
    about: dict[str, Any] = {}
    for name, directory in runs.items():
        run = BodyRun(directory)
        about[name] = run.about
        found: list[BodyMethod] = [CentredRun(_CENTRED[run.kind], run)]
        if run.kind == "gru":
            found.insert(0, OnlineRun(GRU, run))
        for method in found:
            if method.name in methods:
                raise UsageError(f"--runs names two networks of the kind {run.kind!r}; give one of them")
            methods[method.name] = method
    return list(methods.values()), about


def _network_stage(file: Path) -> Stage:
    from models import body_posebert_stage  # onnxruntime is not for those who only filter

    return Stage(SHIPPED, body_posebert_stage.load(file, ahead_s=AHEAD_S))


def _network_file(asked: Path | None) -> Path | None:
    """The network asked for, or the one that ships; None if none does."""
    path = asked or BODY_NETWORK_FILE
    if path.is_file():
        return path
    if asked is not None:
        raise AppError(f"there is no network {path}; give --network an .onnx file that training exported")
    return None


def _views(settings: BenchSettings, left_out: list[str]) -> tuple[list[BodySequence], dict[str, Any] | None]:
    """The clip with four views, if there is one; why not goes to `left_out`."""
    folder = settings.views or default_views()
    if settings.quick and settings.views is None:
        left_out.append("the clip of four cameras: --quick does without, unless --views is given")
    elif folder is None:
        left_out.append(f"the clip of four cameras: {WHERE_VIEWS_ARE}")
    else:
        filmed = filmed_views(folder)
        return filmed.sequences, filmed.about
    return [], None


def _about_file(path: Path) -> dict[str, str]:
    return {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _about(sequence: BodySequence) -> dict[str, Any]:
    return {
        "name": sequence.name,
        "group": sequence.group,
        "metric": sequence.metric,
        "frames": len(sequence),
        "detected": float(sequence.detected.mean()),
    }
