"""The soak: runs the live pipeline in a process of its own, watches it, and writes what became of it."""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil
from tqdm import tqdm

from app.bench.results import save_results
from app.bench.soak.accounts import account
from app.bench.soak.child import Orders, run_child
from app.bench.soak.competitor import Competitor
from app.bench.soak.faults import PAUSE_QUICK_S, PAUSE_S, Plan, make_plan
from app.bench.soak.plots import draw
from app.bench.soak.report import in_short, judge, kept, markdown
from app.bench.soak.series import Series
from app.bench.soak.watch import sample
from app.errors import AppError, UsageError
from app.files import require_writable
from app.interrupt import Interrupt
from app.machine import describe_machine, package_versions

logger = logging.getLogger(__name__)

_SAMPLE_S = 2.0
_TICK_S = 0.1
_START_TIMEOUT_S = 180.0  # the hand may have to be rendered first
_END_TIMEOUT_S = 30.0
_PATIENCE_S = 3.0
_SHORTEST_MIN = 0.2
_WARM_S, _BLOCK_S = 120.0, 60.0
_WARM_SHARE, _BLOCKS = 0.25, 8  # of a run too short for so many blocks


@dataclass(frozen=True)
class SoakSettings:
    """Settings of the soak; every field is a flag."""

    minutes: float = 20.0
    """How long the pipeline runs."""
    quick: bool = False
    """One minute, with a fault every other second: shows that all works, and is too short for a slope."""
    seed: int = 0
    """Which faults come when."""
    clip: int = 0
    """Which rendered hand is before the camera, as in --source synthetic:SEED."""
    output: Path | None = None
    """Where the results go (default: a new folder in runs/)."""


def run_soak(settings: SoakSettings) -> tuple[list[str], bool]:
    """Run, write soak.json, soak.md and the picture; returns what to say of it, and whether all is well.

    Raises:
        UsageError: a flag has an illegal value.
        AppError: the pipeline does not start, or a file cannot be written.
    """
    seconds = 60.0 if settings.quick else 60.0 * settings.minutes
    if not settings.minutes >= _SHORTEST_MIN:
        raise UsageError(f"--minutes is at least {_SHORTEST_MIN}, not {settings.minutes}")
    if settings.seed < 0 or settings.clip < 0:
        raise UsageError(f"--seed and --clip are 0 or more, not {settings.seed} and {settings.clip}")
    output = settings.output or Path("runs") / time.strftime("bench-soak-%Y%m%d-%H%M%S")
    require_writable(output / "soak.json")
    pause_s = PAUSE_QUICK_S if settings.quick else PAUSE_S
    orders = Orders(seconds, settings.seed, settings.clip, pause_s, output)
    results = {
        "machine": describe_machine(),
        "versions": package_versions(),
        "quick": settings.quick,
        "seconds": seconds,
        "seed": settings.seed,
        "clip": settings.clip,
        **measure(orders),
    }
    results["targets"] = judge(results)
    save_results(results, output, "soak", None, draw, _page)
    return [*in_short(results), f"results: {output}"], kept(results)


def measure(orders: Orders) -> dict[str, Any]:
    """All figures of a run.

    Raises:
        AppError: the pipeline does not come as far as its first frame.
    """
    plan = make_plan(orders.seed, orders.seconds, orders.pause_s)
    context = multiprocessing.get_context("spawn")
    link, theirs = context.Pipe(duplex=False)
    child = context.Process(target=run_child, args=(orders, theirs), name="pipeline")
    child.start()
    theirs.close()
    try:
        with Competitor() as competitor, Interrupt() as interrupt:
            watching = _Watching(child, link, plan, competitor, interrupt)
            figures = watching.run(orders.seconds)
        child.join(_END_TIMEOUT_S)
    finally:
        if child.is_alive():
            child.terminate()
            child.join()
        link.close()
    skip_s, block_s = _WARM_S, _BLOCK_S
    telling = orders.seconds >= _WARM_S + _BLOCKS * _BLOCK_S
    if not telling:
        skip_s = _WARM_SHARE * orders.seconds
        block_s = (orders.seconds - skip_s) / _BLOCKS
    faults: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for fault in (*plan.camera.faults, *plan.other.faults):
        if fault.start_s < figures["elapsed_s"]:
            faults[fault.kind].append((round(fault.start_s, 3), round(fault.end_s, 3)))
    return {
        "telling": telling,
        "lasted_s": figures["elapsed_s"],
        "reported": figures["report"] is not None and child.exitcode == 0,
        "error": figures["error"],
        "faults": dict(faults),
        "frames": figures["frames"],
        "accounts": account(figures["frames"], figures["report"]),
        "messages": figures["messages"],
        "requests": figures["requests"],
        "others_cores": watching.others_cores,
        **watching.series.results(skip_s, block_s),
        "report": figures["report"],
    }


class _Watching:
    """The parent's side of a run: samples, competes, and waits for the figures.

    Attributes:
        series: what was sampled.
        others_cores: cores that neither the pipeline nor the robot used, of those in use; None if unknown.
    """

    def __init__(
        self, child: BaseProcess, link: Connection, plan: Plan, competitor: Competitor, interrupt: Interrupt
    ) -> None:
        self.series = Series()
        self.others_cores: float | None = None
        self._child = child
        self._link = link
        self._plan = plan
        self._competitor = competitor
        self._interrupt = interrupt
        self._t_asked_s: float | None = None

    def run(self, seconds: float) -> dict[str, Any]:
        """Until the process has ended; its figures.

        Raises:
            AppError: it ended before its first frame, or without figures.
        """
        name, started_ns = self._receive(_START_TIMEOUT_S)
        if name != "started":
            error = started_ns["error"] or "see pipeline.log in the output folder"
            raise AppError(f"the pipeline ended before its first frame: {error}")
        all_before_s, t_before_s = _cpu_all_s(), time.monotonic()
        next_s = 0.0
        figures: dict[str, Any] | None = None
        with tqdm(total=round(seconds), desc="soak", unit="s", disable=None) as bar:
            while figures is None:
                t_s = (time.monotonic_ns() - started_ns) * 1e-9
                busy = self._plan.other.at(t_s)
                self._competitor.be_busy(busy is not None and busy.kind == "busy processor")
                if t_s >= next_s:
                    next_s = t_s + _SAMPLE_S
                    self._sample(started_ns)
                    bar.update(min(round(t_s), bar.total) - bar.n)
                self._pass_on_interrupt(t_s)
                if t_s > seconds + _END_TIMEOUT_S:
                    raise AppError("the pipeline does not end; see pipeline.log in the output folder")
                if self._link.poll(_TICK_S):
                    _, figures = self._receive(0.0)
        self._competitor.be_busy(False)
        used_s = _cpu_all_s() - all_before_s
        if self.series.t_s:
            own_s = self.series.pipeline[-1].cpu_s + self.series.robot[-1].cpu_s
            own_s -= self.series.pipeline[0].cpu_s + self.series.robot[0].cpu_s
            self.others_cores = max(0.0, (used_s - own_s) / (time.monotonic() - t_before_s))
        return figures

    def _pass_on_interrupt(self, t_s: float) -> None:
        """Ctrl-C reaches the pipeline by itself, a polite kill of this process does not."""
        if not self._interrupt.asked:
            return
        if self._t_asked_s is None:
            self._t_asked_s = t_s
        elif t_s - self._t_asked_s > _PATIENCE_S:
            self._child.terminate()
            self._t_asked_s = t_s

    def _sample(self, started_ns: int) -> None:
        taken = sample(self._child.pid or 0)
        if taken is not None:
            self.series.add((time.monotonic_ns() - started_ns) * 1e-9, *taken)

    def _receive(self, timeout_s: float) -> tuple[str, Any]:
        """What the process says next."""
        if not self._link.poll(timeout_s):
            raise AppError(f"the pipeline says nothing for {timeout_s:.0f} s; see pipeline.log")
        try:
            name, content = self._link.recv()
        except EOFError as error:
            raise AppError("the pipeline broke off; see pipeline.log in the output folder") from error
        return str(name), content


def _page(results: dict[str, Any], pictures: Mapping[str, str]) -> str:
    return f"# Soak\n\n{markdown(results, pictures)}"


def _cpu_all_s() -> float:
    """Processor time that all programs of this machine have used."""
    times = psutil.cpu_times()
    return float(times.user + times.system + getattr(times, "nice", 0.0))
