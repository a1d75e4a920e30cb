"""What a teleoperation run is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from os.path import realpath
from pathlib import Path
from typing import Literal

from app.errors import UsageError
from models.observation import Hand
from robot import RobotError
from robot.endpoint import parse_endpoint
from robot.publisher import parse_publish_address
from robot.scene import ObjectKind

HandChoice = Literal["right", "left", "both", "none"]
TemporalChoice = Literal["posebert", "one-euro", "none"]
BackendChoice = Literal["auto", "cpu", "cuda", "tensorrt"]


@dataclass(frozen=True)
class TeleopSettings:
    """Settings of one run; every field is a flag of `teleop`."""

    source: str = "webcam"
    """webcam[:N], synthetic[:SEED], a video file, a stream URL, or a recording's folder."""
    hand: HandChoice = "right"
    """The operator's hand that drives the robot hand; none, for --body alone, drives none."""
    body: bool = False
    """Follow the operator's body, too; --hand none follows the body alone. It moves no robot hand."""
    robot: str = "sim"
    """sim starts a simulated Allegro; none sends nothing; tcp://HOST:PORT is a running robot server."""
    keys: Path | None = None
    """Folder with this client's keys, for a robot server that has keys; see keys --help."""
    scene: Literal["none", "table"] = "none"
    """--robot sim: table puts one under the hand, with something to grasp."""
    object: ObjectKind = "cube"
    """--scene table: what stands on it."""
    operator: str | None = None
    """Whose hands drive: a name given to calibrate hand."""
    temporal: TemporalChoice = "posebert"
    """What turns noisy detections into a trajectory: posebert is the learned model; one-euro filters; none
    passes detections on as they are."""
    network: Path | None = None
    """ONNX file of a trained network for posebert, instead of the one that ships."""
    body_network: Path | None = None
    """ONNX file of a network trained for bodies, instead of the one that ships."""
    smpl: Path | None = None
    """--body: an SMPL file of your own (.pkl or .npz), instead of the open body."""
    horizon_ms: str = "auto"
    """How far past the capture of a frame the robot aims: auto makes up for the time passed since; 0 sends
    the pose as seen; N aims N milliseconds past capture, as far as the temporal stage looks ahead."""
    backend: BackendChoice = "auto"
    """Where posebert's network is computed: cuda and tensorrt need an NVIDIA GPU and requirements-gpu.txt;
    auto takes the fastest that gives the CPU's poses, and goes on with the CPU if that fails."""
    detector_device: Literal["cpu", "gpu"] = "cpu"
    """Where hands are looked for; where MediaPipe cannot use the GPU, a word tells so and the CPU does it."""
    mirror: bool = False
    """The source shows a mirror image, as selfie cameras do."""
    headless: bool = False
    """Without a window; implied when there is no display."""
    window: bool = False
    """Insist on the window: fail where there is no display instead of running without."""
    realtime: bool = True
    """Play files at their own pace. --no-realtime: every frame, as fast as possible, deterministic."""
    arm: bool = False
    """Arm a robot at tcp://… by itself, as is always done for sim. Without it: key a in the window."""
    booth: bool = False
    """For visitors: whoever holds up an open palm drives the robot until the hand is gone. Full screen."""
    publish: str | None = None
    """Publish wrists, hands and the body on this address, for example tcp://127.0.0.1:5580; see docs/arms.md
    and docs/protocol.md."""
    publish_keys: Path | None = None
    """Folder with the keys of a server, so that --publish may be reached from other machines; see keys."""
    clutch: Literal["open", "closed"] = "open"
    """--publish: closed lets the wrist lead the arm from the first frame; open, from key W in the window."""
    arm_scale: float = 1.0
    """--publish: metres the arm moves for each metre of the wrist."""
    arm_rotation: float = 1.0
    """--publish: share of the wrist's turn that the arm makes, 0 to 1."""
    arm_view: Literal["along", "mirror"] = "along"
    """--publish: along, the arm looks where the operator looks; mirror, it faces the operator like a mirror
    image."""
    arm_yaw_deg: float = 0.0
    """--publish: how far the arm's base is turned from that view about its vertical."""
    arm_box_m: float = 0.4
    """--publish: how far the arm may go from its start along each axis, metres."""
    max_frames: int | None = None
    """Stop after this many frames."""
    trace: Path | None = None
    """Write one row per frame to this .npz file."""
    report: Path | None = None
    """Write the report to this .json file."""
    record: Path | None = None
    """Record the run into this directory, to be played again with replay."""
    video: bool = True
    """Make overview.mp4 of a headless run."""
    run_dir: Path | None = None
    """Where report.json and trace.npz are put, and overview.mp4 of a headless run (default: a new folder in
    runs/ for a headless run, nowhere for one with a window)."""
    hand_model: Path | None = None
    """hand_landmarker.task to use instead of the one fetched on first use."""
    body_model: Path | None = None
    """pose_landmarker_full.task to use instead of the one fetched on first use."""

    @property
    def hands(self) -> tuple[Hand, ...]:
        """The hands asked for, right first."""
        if self.hand == "none":
            return ()
        return ("right", "left") if self.hand == "both" else (self.hand,)


def check_settings(settings: TeleopSettings) -> None:
    """Refuse what no run could honour, before anything is opened.

    Raises:
        UsageError: naming the flag and its legal values.
    """
    parse_horizon_ms(settings.horizon_ms)
    if settings.robot not in ("sim", "none"):
        try:
            parse_endpoint(settings.robot)
        except RobotError as error:
            raise UsageError(f"--robot is sim, none or tcp://HOST:PORT, not {settings.robot!r}") from error
    _check_body_settings(settings)
    _check_result_paths(settings)
    if settings.keys is not None and not settings.robot.startswith("tcp://"):
        raise UsageError(f"--keys is for --robot tcp://HOST:PORT; {settings.robot} takes none")
    if settings.scene != "none" and settings.robot != "sim":
        raise UsageError(f"--scene is for --robot sim; {settings.robot} takes none")
    if settings.object != "cube" and settings.scene == "none":
        raise UsageError(f"--object {settings.object} stands on a table: give --scene table, too")
    if settings.max_frames is not None and settings.max_frames < 1:
        raise UsageError(f"--max-frames is at least 1, not {settings.max_frames}")
    if settings.network is not None and settings.temporal != "posebert":
        raise UsageError(f"--network is for --temporal posebert; {settings.temporal} takes none")
    if settings.backend in ("cuda", "tensorrt") and settings.temporal != "posebert":
        raise UsageError(
            f"--backend {settings.backend} is for --temporal posebert; {settings.temporal} needs no GPU"
        )
    if settings.headless and settings.window:
        raise UsageError("--headless and --window exclude each other: give one of them")
    live = settings.source.partition(":")[0] == "webcam" or "://" in settings.source
    if not settings.realtime and live:
        raise UsageError(f"--no-realtime needs a source with a clock of its own, not {settings.source!r}")
    if not settings.realtime and settings.robot.startswith("tcp://"):
        raise UsageError(
            "--no-realtime runs on the file's clock, which a robot server does not; use --robot sim"
        )


_ARM_FLAGS = ("arm_scale", "arm_rotation", "arm_view", "arm_yaw_deg", "arm_box_m")


def _check_body_settings(settings: TeleopSettings) -> None:
    if settings.hand == "none":
        if not settings.body:
            raise UsageError("--hand none is for --body alone: add --body, or name a hand")
        if settings.robot.startswith("tcp://"):
            raise UsageError(f"--robot {settings.robot} is driven by a hand: name it with --hand")
        for flag in ("booth", "arm", "operator"):
            if getattr(settings, flag):
                raise UsageError(f"--{flag} is for hands: name one with --hand, or leave out --{flag}")
        if settings.scene != "none":
            raise UsageError("--scene is for hands: name one with --hand, or leave out --scene")
    if settings.smpl is not None and not settings.body:
        raise UsageError("--smpl is for --body: add it, or leave out --smpl")
    if settings.body_network is not None and (not settings.body or settings.temporal != "posebert"):
        raise UsageError("--body-network is for --body with --temporal posebert")
    _check_publish_settings(settings)


def _check_result_paths(settings: TeleopSettings) -> None:
    """Of two results in one place only the later would be left."""
    flags = {name: path for name in ("trace", "report", "record") if (path := getattr(settings, name))}
    taken: dict[str, str] = {}
    for name, path in flags.items():
        other = taken.setdefault(realpath(path), name)
        if other != name:
            raise UsageError(f"--{other} and --{name} are both {path}: give each a place of its own")
    if settings.run_dir is None:
        return
    for name, file in {"report": "report.json", "trace": "trace.npz", "video": "overview.mp4"}.items():
        other = taken.get(realpath(settings.run_dir / file), name)
        if other != name:  # the same result twice in one place is no harm
            raise UsageError(f"--{other} is where --run-dir has its {file}: give it a place of its own")


def _check_publish_settings(settings: TeleopSettings) -> None:
    if settings.publish is None:
        plain = TeleopSettings()
        for name in ("publish_keys", "clutch", *_ARM_FLAGS):
            if getattr(settings, name) != getattr(plain, name):
                flag = name.replace("_", "-")
                raise UsageError(f"--{flag} is for --publish tcp://HOST:PORT: add it, or leave out --{flag}")
        return
    try:
        _, port = parse_publish_address(settings.publish)
    except RobotError as error:
        raise UsageError(
            f"--publish is tcp://HOST:PORT with a port up to 65535, not {settings.publish!r}"
        ) from error
    if port == 0:
        raise UsageError("--publish needs a port that others can be told of, from 1 to 65535, not 0")


def parse_horizon_ms(text: str) -> float | None:
    """Milliseconds past capture to aim at; None for auto.

    Raises:
        UsageError: neither "auto" nor a number from 0 to 500.
    """
    if text == "auto":
        return None
    try:
        horizon_ms = float(text)
    except ValueError:
        horizon_ms = -1.0
    if not 0.0 <= horizon_ms <= 500.0:
        raise UsageError(f"--horizon-ms is auto or a number of milliseconds from 0 to 500, not {text!r}")
    return horizon_ms
