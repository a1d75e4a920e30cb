"""The process that is watched: the product's live pipeline, on a faulty camera."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from app.bench.soak.faults import make_plan
from app.bench.soak.port import WatchedPort
from app.bench.soak.source import FaultySource
from app.errors import AppError
from app.robot_port import RobotPort, open_robot
from app.settings import TeleopSettings
from app.sources.synthetic import SyntheticSource
from app.teleop import run_teleop
from calibration.errors import CalibrationError
from models.errors import ModelError
from retarget.errors import RetargetError
from robot.errors import RobotError

_FOUND_FRAMES = 20  # wholly in view for so long, a hand must have been found


@dataclass(frozen=True)
class Orders:
    """What the process is to do.

    Attributes:
        seconds: how long, from the first frame on.
        seed: of the faults.
        clip: seed of the rendered hand.
        pause_s: shortest and longest time between two faults.
        output: existing folder of its results.
    """

    seconds: float
    seed: int
    clip: int
    pause_s: tuple[float, float]
    output: Path


def run_child(orders: Orders, link: Connection) -> None:
    """Run the pipeline; `link` is told ("started", t_ns) at the first frame and ("ended", figures) at last.

    When the run fails, the figures hold no report, and the sentence that says why.
    """
    logging.basicConfig(
        filename=orders.output / "pipeline.log", level=logging.WARNING, format="%(asctime)s %(message)s"
    )
    plan = make_plan(orders.seed, orders.seconds, orders.pause_s)
    camera = SyntheticSource(seed=orders.clip, realtime=True, loop=True)
    source = FaultySource(
        camera, plan.camera, orders.seconds, on_start=lambda t_ns: link.send(("started", t_ns))
    )
    in_view = found_by_then(camera.truth.visible)
    ports: list[WatchedPort] = []

    def open_watched(*arguments: Any) -> RobotPort:
        ports.append(WatchedPort(open_robot(*arguments), source, plan, in_view))
        return ports[-1]

    settings = TeleopSettings(
        source=camera.name, robot="sim", headless=True, video=False, run_dir=orders.output / "run"
    )
    report: dict[str, Any] | None = None
    failure = ""
    try:
        report = run_teleop(settings, source, open_watched).report
    except (AppError, CalibrationError, ModelError, RetargetError, RobotError) as error:
        failure = str(error)
    finally:
        figures = {
            "frames": source.counts(),
            "elapsed_s": source.elapsed_s,
            "messages": ports[0].watch.counts() if ports else None,
            "requests": dict(ports[0].requests) if ports else None,
            "report": report,
            "error": failure,
        }
        link.send(("ended", figures))


def found_by_then(visible: np.ndarray) -> list[bool]:
    """Of each frame of a looping clip, whether the hand has been wholly in view for _FOUND_FRAMES.

    Args:
        visible: (N,) bool, whether it is in each frame.
    """
    found = np.asarray(visible, dtype=bool).copy()
    for back in range(1, _FOUND_FRAMES):
        found &= np.roll(visible, back)
    return [bool(value) for value in found]
