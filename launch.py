"""PoseHand: drive a dexterous robot hand with a plain webcam, live."""

from __future__ import annotations

import dataclasses
import importlib
import io
import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Literal, TextIO

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # What follows takes long to import, and nobody who presses Ctrl-C then wants to see where it was.
    signal.signal(signal.SIGINT, lambda number, frame: os._exit(130))  # INTERRUPTED, until there is `main`

try:
    import tyro

    from app.bench.settings import Benchmark, BenchSettings
    from app.calibrate.camera_settings import CalibrateCameraSettings
    from app.calibrate.hand_settings import CalibrateHandSettings
    from app.calibrate.latency_settings import LatencyCalibrationSettings
    from app.check_hand.settings import CheckHandSettings
    from app.command_line import read_arguments
    from app.errors import AppError, CancelledError, UsageError
    from app.export.settings import ExportSettings
    from app.export_network_settings import ExportOnnxSettings, ExportTensorRtSettings
    from app.interrupt import Interrupt
    from app.robot_settings import RobotSettings
    from app.settings import TeleopSettings
    from calibration.errors import CalibrationError
    from models.errors import ModelError
    from retarget.errors import RetargetError
    from robot.errors import RobotError
    from robot.signals import end_signals, is_hangup
except ModuleNotFoundError as error:
    sys.exit(
        f"error: the package {error.name} is missing: pip install -r requirements.txt, or start with the "
        "Python that has it, .venv/bin/python; python -m app.doctor says what else is missing"
    )

INTERRUPTED = 130  # what shells expect of a program ended by Ctrl-C
TeleopFlags = Annotated[TeleopSettings, tyro.conf.OmitArgPrefixes]


@dataclass(frozen=True)
class Demo:
    """The whole pipeline on a rendered hand: no camera, robot, GPU or display is needed. The default."""

    headless: bool = False
    """Without a window; implied when there is no display."""
    seed: int = 0
    """Which rendered person and room."""
    run_dir: Path | None = None
    """Where the results are put (default: a new folder in runs/ without a window, nowhere with one)."""

    def run(self) -> int:
        source = f"synthetic:{self.seed}"
        return _teleop(TeleopSettings(source=source, headless=self.headless, run_dir=self.run_dir))


@dataclass(frozen=True)
class Teleop:
    """Drive a robot hand from a camera, a video, a stream, a recording or a rendered hand."""

    settings: TeleopFlags = field(default_factory=TeleopSettings)

    def run(self) -> int:
        return _teleop(self.settings)


@dataclass(frozen=True)
class Replay:
    """Run a recording through the pipeline again, by default from what the detector said when it was made.

    Takes the flags of teleop, but for --source; --hand, --body, --mirror, --temporal, --network,
    --body-network, --smpl, --horizon-ms and --operator are as they were recorded where they are left out.
    With --no-realtime and the same settings the same comes out, to the last bit."""

    directory: tyro.conf.Positional[Path]
    """A folder made with teleop --record."""
    detect: bool = False
    """Run the detector on the recorded images again."""
    settings: TeleopFlags = field(default_factory=TeleopSettings)

    def run(self) -> int:
        if self.detect:
            return _teleop(dataclasses.replace(self.settings, source=str(self.directory)))
        if self.settings.booth:
            raise UsageError("recordings hold what a booth let pass: leave out --booth, or add --detect")
        return _teleop(self.settings, recording=self.directory)


@dataclass(frozen=True)
class Robot:
    """The robot server alone, for clients in other processes."""

    settings: Annotated[RobotSettings, tyro.conf.OmitArgPrefixes] = field(default_factory=RobotSettings)

    def run(self) -> int:
        from robot.server import run

        if self.settings.dry_run:
            logging.getLogger("robot.emulator.port").setLevel(logging.INFO)
        run(self.settings.server_config())
        return 0


@dataclass(frozen=True)
class Keys:
    """Write keys with which a robot server may be reached from other machines: its own, and a client's."""

    directory: Path = Path("keys")
    """Where they go; what is there is never overwritten."""
    client: str = "client"
    """Name of the client. Another name adds one more to the server's list."""

    def run(self) -> int:
        from robot.keys import create_keys

        for line in create_keys(self.directory, self.client):
            print(line)
        return 0


@dataclass(frozen=True)
class Doctor:
    """Look at this machine: cameras, models, GPU, display, CAN; say what is missing and how to get it."""

    port: int = 5570
    """First port of the robot server to look at."""
    json: bool = False
    """For programs instead of people."""

    def run(self) -> int:
        from app.doctor import examine, report
        from app.doctor.ports import HIGHEST_FIRST

        if not 1 <= self.port <= HIGHEST_FIRST:
            raise UsageError(f"--port is from 1 to {HIGHEST_FIRST} (two more follow), not {self.port}")
        return report(examine(self.port), self.json)


_CALIBRATE = {
    "camera": "Find a camera's focal length and distortion from a printed board, once per camera.",
    "hand": "Fit the robot's motion to an operator's hand in half a minute, once per person.",
    "latency": "Find how late the camera and the robot's joints are, once per set-up.",
}


@dataclass(frozen=True)
class Calibrate:
    """Measure a camera, a hand, or the delays of camera and robot; later runs use what was found."""

    settings: tyro.conf.OmitSubcommandPrefixes[
        tyro.conf.OmitArgPrefixes[
            Annotated[
                CalibrateCameraSettings, tyro.conf.subcommand("camera", description=_CALIBRATE["camera"])
            ]
            | Annotated[CalibrateHandSettings, tyro.conf.subcommand("hand", description=_CALIBRATE["hand"])]
            | Annotated[
                LatencyCalibrationSettings, tyro.conf.subcommand("latency", description=_CALIBRATE["latency"])
            ]
        ]
    ]

    def run(self) -> int:
        settings = self.settings
        if isinstance(settings, CalibrateCameraSettings):
            from app.calibrate.camera import run_camera

            lines = run_camera(settings, say=print)
        elif isinstance(settings, CalibrateHandSettings):
            from app.calibrate.hand import run_hand

            lines = run_hand(settings, say=print)
        else:
            from app.calibrate.latency import run_latency

            lines = run_latency(settings)
        for line in lines:
            print(line)
        return 0


@dataclass(frozen=True)
class ExportLeRobot:
    """Write recordings as a LeRobot dataset, an episode each; needs requirements-export.txt."""

    recordings: tyro.conf.Positional[tuple[Path, ...]]
    """Folders made with teleop --record."""
    settings: Annotated[ExportSettings, tyro.conf.OmitArgPrefixes] = field(default_factory=ExportSettings)


@dataclass(frozen=True)
class ExportRerun:
    """Write a recording for the Rerun viewer; needs requirements-export.txt."""

    recordings: tyro.conf.Positional[tuple[Path, ...]]
    """A folder made with teleop --record."""
    settings: Annotated[ExportSettings, tyro.conf.OmitArgPrefixes] = field(default_factory=ExportSettings)


_EXPORT = {
    "onnx": "The network as ONNX, in 32 and 16 bits, for one hand and for two.",
    "tensorrt": "TensorRT engines of the network, for the GPU here or for others ahead of time.",
}


@dataclass(frozen=True)
class Export:
    """Write recordings or the network in formats of other programs."""

    what: tyro.conf.OmitSubcommandPrefixes[
        tyro.conf.OmitArgPrefixes[
            Annotated[ExportLeRobot, tyro.conf.subcommand("lerobot")]
            | Annotated[ExportRerun, tyro.conf.subcommand("rerun")]
            | Annotated[ExportOnnxSettings, tyro.conf.subcommand("onnx", description=_EXPORT["onnx"])]
            | Annotated[
                ExportTensorRtSettings, tyro.conf.subcommand("tensorrt", description=_EXPORT["tensorrt"])
            ]
        ]
    ]

    def run(self) -> int:
        if isinstance(self.what, ExportOnnxSettings):
            from app.export_network import run_export_network

            network: Literal["onnx", "tensorrt"] = (
                "tensorrt" if isinstance(self.what, ExportTensorRtSettings) else "onnx"
            )
            lines = run_export_network(network, self.what)
        else:
            from app.export.run import run_export

            recording: Literal["lerobot", "rerun"] = (
                "lerobot" if isinstance(self.what, ExportLeRobot) else "rerun"
            )
            lines = run_export(recording, self.what.recordings, self.what.settings)
        for line in lines:
            print(line)
        return 0


@dataclass(frozen=True)
class CheckHand:
    """Look at a robot hand's URDF: axes, fingertips, joints; say what is wrong, write a config, draw it."""

    urdf: tyro.conf.Positional[Path]
    """A URDF file, or the name of a hand that ships, such as allegro_right."""
    settings: Annotated[CheckHandSettings, tyro.conf.OmitArgPrefixes] = field(
        default_factory=CheckHandSettings
    )

    def run(self) -> int:
        from app.check_hand.run import run_check_hand

        lines, status = run_check_hand(self.urdf, self.settings)
        for line in lines:
            print(line)
        return status


BENCHMARKS = {
    "temporal": "app.bench.temporal:run_temporal",
    "retarget": "app.bench.retargeting.run:run_retarget",
    "robot": "app.bench.robot_side.run:run_robot",
    "latency": "app.bench.latency.run:run_latency",
}


@dataclass(frozen=True)
class Bench:
    """Measure a part of the program against the truth and against simpler methods."""

    what: tyro.conf.Positional[Benchmark]
    """temporal: errors, jitter, lag, prediction and speed of everything that smooths. retarget: our solver
    beside dex-retargeting and dexi-rs, if installed: time, cost, pinches, collisions. robot: killed
    publishers and servers, the stop, the 333 Hz loop, a faulty network. latency: from the motion of a hand to
    that of the robot's joints, in real time, beside filters and a pipeline of public packages. all: one after
    the other, each into a folder of its own in --output."""
    settings: Annotated[BenchSettings, tyro.conf.OmitArgPrefixes] = field(default_factory=BenchSettings)

    def run(self) -> int:
        logging.getLogger("app.bench").setLevel(logging.INFO)
        if self.what == "all":
            from app.bench.everything import run_all

            lines = run_all(self.settings, {name: _benchmark(name) for name in BENCHMARKS})
        else:
            lines = _benchmark(self.what)(self.settings)
        for line in lines:
            print(line)
        return 0


def _benchmark(name: str) -> Callable[[BenchSettings], list[str]]:
    """How to run a benchmark; each imports what it needs only when it is asked for."""
    module, function = BENCHMARKS[name].split(":")
    run: Callable[[BenchSettings], list[str]] = getattr(importlib.import_module(module), function)
    return run


@dataclass(frozen=True)
class Train:
    """Train PoseBERT from clips of motion, resume a run, and export it; needs requirements-dev.txt."""

    config: Annotated[Any, tyro.conf.Suppress] = None
    """A models.train.TrainConfig; see `parse`."""

    def run(self) -> int:
        from models.train import CHECKPOINT_FILE, TrainingStoppedError, train

        logging.getLogger("models").setLevel(logging.INFO)
        with Interrupt() as interrupt:
            try:
                network = train(self.config, stop=lambda: interrupt.asked)
            except TrainingStoppedError as stopped:
                raise CancelledError(str(stopped)) from stopped
            except KeyboardInterrupt:  # the second: what the first asks for took too long
                if not (self.config.out / CHECKPOINT_FILE).is_file():
                    raise
                raise CancelledError("interrupted; the same command goes on from its checkpoint") from None
        print(f"network: {network}")
        return 0


Command = (
    Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Teleop, tyro.conf.subcommand("teleop")]
    | Annotated[Replay, tyro.conf.subcommand("replay")]
    | Annotated[Robot, tyro.conf.subcommand("robot")]
    | Annotated[Keys, tyro.conf.subcommand("keys")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
    | Annotated[Calibrate, tyro.conf.subcommand("calibrate")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[CheckHand, tyro.conf.subcommand("check-hand")]
    | Annotated[Bench, tyro.conf.subcommand("bench")]
    | Annotated[Train, tyro.conf.subcommand("train")]
)


def _teleop(settings: TeleopSettings, recording: Path | None = None) -> int:
    from app.teleop import run_teleop

    logging.getLogger("models.backends").setLevel(logging.INFO)  # which one was taken, and why
    result = run_teleop(settings, recording=recording)
    for hand, counts in result.report["hands"].items():
        print(f"{hand} hand: detected in {counts['detected']} of {counts['frames']} frames")
    if (counts := result.report.get("body")) is not None:
        print(f"body: detected in {counts['detected']} of {counts['frames']} frames")
    for kind, path in result.files:
        print(f"{kind}: {path}")
    return 0


AnyCommand = Demo | Teleop | Replay | Robot | Keys | Doctor | Calibrate | Export | CheckHand | Bench | Train


def parse(arguments: list[str]) -> AnyCommand:
    """The command on the command line.

    Raises:
        UsageError: it is not understood; one sentence says why.
        AppError: it needs packages that are not installed.
        SystemExit: help was asked for and printed.
    """
    if arguments[:1] == ["train"]:
        return _parse_train(arguments[1:])
    if arguments[:1] == ["replay"]:
        return _parse_replay(arguments[1:])
    command: AnyCommand = read_arguments(Command, arguments or ["demo"], "launch.py", __doc__)
    return command


def _parse_train(arguments: list[str]) -> Train:
    """The settings of training stand beside what they are for, in a module that needs torch."""
    try:
        from models import train
    except ImportError as error:
        raise AppError(f"training needs {error.name}: pip install -r requirements-dev.txt") from error
    config = read_arguments(train.TrainConfig, arguments, "launch.py train", train.__doc__)
    try:
        train.check_config(config)
    except ModelError as error:
        raise UsageError(str(error)) from error
    return Train(config)


def _parse_replay(arguments: list[str]) -> Replay:
    """What is left out is as it was recorded, which only the recording knows."""
    from app.recording_settings import recorded_settings

    asked: Replay = read_arguments(Replay, arguments, "launch.py replay", Replay.__doc__)
    if any(argument.partition("=")[0] == "--source" for argument in arguments):
        raise UsageError("replay takes its images from the recording: leave out --source")
    recorded = recorded_settings(asked.directory)
    default = Replay(asked.directory, settings=recorded)
    replay: Replay = read_arguments(Replay, arguments, "launch.py replay", Replay.__doc__, default)
    settings = replay.settings
    if recorded.hand == settings.hand == "none" and not settings.body:
        raise UsageError(f"the recording {asked.directory} is of the body alone: leave out --no-body")
    # Nobody asked for what was only recorded, where this replay has no use for it.
    if settings.temporal != "posebert" and settings.network == recorded.network:
        settings = dataclasses.replace(settings, network=None)
    unused = not settings.body or settings.temporal != "posebert"
    if unused and settings.body_network == recorded.body_network:
        settings = dataclasses.replace(settings, body_network=None)
    if not settings.body and settings.smpl == recorded.smpl:
        settings = dataclasses.replace(settings, smpl=None)
    if not settings.hands and settings.operator == recorded.operator:
        settings = dataclasses.replace(settings, operator=None)
    return dataclasses.replace(replay, settings=settings)


def main(arguments: list[str]) -> int:
    """Parse the command line, run the command, and turn failures into one sentence and an exit status."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the shell: nobody wants to hear
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  kept for as long as we run
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("app.assets").setLevel(logging.INFO)  # the one-time download is worth a line
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Unicode is no reason to fail
    for number in end_signals(("SIGTERM", "SIGHUP")):
        signal.signal(number, _interrupt)
    status = 0
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _discard(sys.stdout)  # whoever read it has seen enough
    except OSError as error:
        if not _output_fails():
            raise
        _discard(sys.stdout)
        reason = error.strerror or error
        status = _fail(f"the output cannot be written ({reason}): make room, or send it elsewhere", 1)
    return status


def _run(arguments: list[str]) -> int:
    """Exit status of the command; what fails for a reason that is known is told in one sentence."""
    try:
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return parse(arguments).run()
    except SystemExit as ended:
        if ended.code:
            raise
        return 0  # help was printed
    except UsageError as error:
        return _fail(str(error), 2)
    except CancelledError as error:
        print(error)
        return INTERRUPTED  # what was to follow on success does not
    except (AppError, CalibrationError, ModelError, RetargetError, RobotError) as error:
        return _fail(str(error), 1)
    except OSError as error:
        if error.filename is None:
            raise  # of the output, perhaps
        where, reason = error.filename, error.strerror or error
        return _fail(f"{where} cannot be read or written ({reason}); give another place", 1)
    except KeyboardInterrupt:
        return _fail("interrupted before there was anything to keep", INTERRUPTED)


def _output_fails() -> bool:
    """Whether the output takes no more; what Python held back when a write failed may be lost already."""
    try:
        print(flush=True)
    except OSError:
        return True
    return False


def _discard(stream: TextIO) -> None:
    """Let what is still held back go nowhere, or Python complains when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _fail(sentence: str, status: int) -> int:
    try:
        print(f"error: {sentence}", file=sys.stderr)
    except OSError:
        _discard(sys.stderr)  # of a terminal that is gone: the status still tells
    return status


def _interrupt(number: int, frame: FrameType | None) -> None:
    """A polite kill and a lost terminal are to be as orderly as Ctrl-C."""
    if is_hangup(number):
        signal.signal(number, signal.SIG_IGN)  # told of again, it is to cut off no cleaning up
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
