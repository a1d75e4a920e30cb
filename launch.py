"""PoseHand: drive a dexterous robot hand with a plain webcam, live."""

from __future__ import annotations

import dataclasses
import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from app.errors import AppError
from app.settings import SettingsError, TeleopSettings
from models.errors import ModelError
from retarget.errors import RetargetError
from robot.errors import RobotError

TeleopFlags = Annotated[TeleopSettings, tyro.conf.OmitArgPrefixes]


@dataclass(frozen=True)
class Demo:
    """The whole pipeline on a rendered hand: no camera, robot, GPU or display is needed. The default."""

    headless: bool = False
    """Without a window; implied when there is no display."""
    seed: int = 0
    """Which rendered person and room."""

    def run(self) -> int:
        return _teleop(TeleopSettings(source=f"synthetic:{self.seed}", robot="sim", headless=self.headless))


@dataclass(frozen=True)
class Teleop:
    """Drive a robot hand from a camera, a video, a stream, a recording or a rendered hand."""

    settings: TeleopFlags = field(default_factory=TeleopSettings)

    def run(self) -> int:
        return _teleop(self.settings)


@dataclass(frozen=True)
class Replay:
    """Run a recording through the pipeline again; takes the flags of teleop."""

    directory: tyro.conf.Positional[Path]
    """A folder made with teleop --record."""
    settings: TeleopFlags = field(default_factory=TeleopSettings)

    def run(self) -> int:
        return _teleop(dataclasses.replace(self.settings, source=str(self.directory)))


@dataclass(frozen=True)
class Robot:
    """The robot server alone, for clients in other processes."""

    robot: Literal["sim"] = "sim"
    """Which robot: sim is a simulated Allegro hand."""
    hand: Literal["right", "left"] = "right"
    """Which hand of it."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 5570
    """First of three ports: targets, state, control."""

    def run(self) -> int:
        from robot.server import RobotServerConfig, run

        run(RobotServerConfig(hand=self.hand, host=self.host, port=self.port))
        return 0


@dataclass(frozen=True)
class Doctor:
    """Look at this machine: cameras, models, display, ports; say what is missing and how to get it."""

    port: int = 5570
    """First port of the robot server to look at."""

    def run(self) -> int:
        from app.doctor import examine, report

        return report(examine(self.port))


Command = (
    Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Teleop, tyro.conf.subcommand("teleop")]
    | Annotated[Replay, tyro.conf.subcommand("replay")]
    | Annotated[Robot, tyro.conf.subcommand("robot")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
)


def _teleop(settings: TeleopSettings) -> int:
    from app.teleop import run_teleop

    result = run_teleop(settings)
    for hand, counts in result.report["hands"].items():
        print(f"{hand} hand: detected in {counts['detected']} of {counts['frames']} frames")
    for kind, path in result.files.items():
        print(f"{kind}: {path}")
    return 0


def main(arguments: list[str]) -> int:
    """Parse the command line, run the command, and turn failures into one sentence and an exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    command: Demo | Teleop | Replay | Robot | Doctor = tyro.cli(
        Command,
        args=arguments or ["demo"],
        prog="launch.py",
        description=__doc__,
    )
    try:
        return command.run()
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (AppError, ModelError, RetargetError, RobotError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
