"""How long one online update takes, against the paper's network computed as its authors do."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from app.bench.sequence import Sequence
from app.window import ObservationWindow
from models.backends.base import THREADS, Network
from models.hand_model import HandModel
from models.posebert import PoseBert, PoseBertConfig
from models.posebert_input import WindowEncoder
from models.posebert_stage import PoseBertStage
from models.window import WINDOW_SLOTS, Window

ROUNDS = 200
_WARM_UP = 10


def paper_update() -> Callable[[], object]:
    """One pass of the network in the paper's size over one window, all slots asked, eager torch."""
    torch.set_num_threads(THREADS)
    config = PoseBertConfig(future=())
    network = PoseBert(config).eval()
    features = torch.randn(1, WINDOW_SLOTS, config.in_dim)
    observed = torch.ones(1, WINDOW_SLOTS, dtype=torch.bool)
    start = torch.zeros(1, WINDOW_SLOTS, config.out_dim)

    def update() -> object:
        with torch.no_grad():
            return network(features, observed, start)

    return update


def measure_speed(network: Path | None, sequence: Sequence, rounds: int = ROUNDS) -> dict[str, Any]:
    """Median milliseconds of interleaved updates, and how many times faster than the paper's ours are.

    Args:
        network: the product's ONNX file, None if there is none.
        sequence: whose windows are given to the stage, one after the other.
        rounds: how many of each.
    """
    tasks: dict[str, Callable[[], object]] = {"paper_torch": paper_update()}
    before: dict[str, Callable[[], object]] = {}
    if network is not None:
        windows = _windows(sequence)
        tasks["session"] = _session_update(network, windows[-1])
        stage, live = PoseBertStage(network), itertools.cycle(windows)
        tasks["stage"] = lambda: stage.update(next(live))
        ready, coming, come = PoseBertStage(network), itertools.cycle(windows), itertools.cycle(windows)
        before["prepared"] = lambda: ready.prepare(next(coming).without_newest())
        tasks["prepared"] = lambda: ready.update(next(come))
    times_ms: dict[str, list[float]] = {name: [] for name in tasks}
    for i in tqdm(range(_WARM_UP + rounds), "speed", disable=None, leave=False):
        for name, task in tasks.items():
            if name in before:
                before[name]()
            began = time.perf_counter()
            task()
            if i >= _WARM_UP:
                times_ms[name].append(1e3 * (time.perf_counter() - began))
    medians = {f"{name}_ms": float(np.median(values)) for name, values in times_ms.items()}
    faster = {
        f"{name}_times_faster": medians["paper_torch_ms"] / medians[f"{name}_ms"]
        for name in tasks
        if name != "paper_torch"
    }
    return {**medians, **faster, "rounds": rounds, "threads": THREADS}


def _windows(sequence: Sequence) -> list[Window]:
    """The windows of a sequence that end with a detection."""
    window = ObservationWindow("right", sequence.camera)
    windows = []
    for observation in sequence.observations:
        window.add(observation)
        if observation.detected:
            windows.append(window.snapshot())
    return windows


def _session_update(network: Path, window: Window) -> Callable[[], object]:
    """The network alone, in a session like the stage's."""
    loaded = Network.load(network)
    given = WindowEncoder(HandModel.load(), loaded.layout, len(loaded.future)).encode(window)
    inputs = {"features": given.features, "observed": given.observed, "start": given.start}
    return lambda: loaded.session.run(None, inputs)
