"""What `robot` is asked to run: a simulated hand or a real one, and where it listens."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from app.errors import UsageError

if TYPE_CHECKING:
    from robot.server import RobotServerConfig

_ONLY_FOR = {
    "sim": ("scene", "object", "gui"),
    "allegro": (
        "interface",
        "channel",
        "bitrate",
        "version",
        "device",
        "serial",
        "zeros",
        "hand_config",
        "gain_share",
        "guardian_timeout_ms",
        "guardian",
        "dry_run",
    ),
}


@dataclass(frozen=True)
class RobotSettings:
    """Settings of the robot server; every field is a flag of `robot`."""

    robot: Literal["sim", "allegro"] = "sim"
    """Which robot: sim is a simulated Allegro hand, allegro a real one on a CAN bus."""
    hand: Literal["right", "left"] = "right"
    """Which hand of it."""
    host: str = "127.0.0.1"
    """Address of this machine to listen on."""
    port: int = 5570
    """First of three ports in a row: targets, state, control."""
    keys: Path | None = None
    """Folder with the server's keys; without them only this machine may connect. See keys --help."""
    actuation_lead_ms: float = 0.0
    """How much earlier than due targets are played, for what the motors lag behind."""
    scene: Literal["none", "table"] = "none"
    """sim: a table under the hand, with something to grasp."""
    object: Literal["cube", "ball", "cup", "pen"] = "cube"
    """sim: what stands on the table."""
    gui: bool = False
    """sim: show PyBullet's own window, too."""
    interface: str = "socketcan"
    """allegro: a python-can interface, such as socketcan, pcan or udp_multicast."""
    channel: str = ""
    """allegro: the bus of that interface, such as can0; by default its usual one."""
    bitrate: int = 1_000_000
    """allegro: bit/s."""
    version: str = "v4"
    """allegro: hardware version, v2, v3, v4, v5a or v5b."""
    device: int = 0
    """allegro: device number, v4 and v5."""
    serial: str = ""
    """allegro, v2 and v3: which hand of the file of zeros."""
    zeros: Path | None = None
    """allegro, v2 and v3: YAML file with the zeros of each hand."""
    hand_config: Path | None = None
    """allegro: YAML file with gains and caps, instead of the one that ships."""
    gain_share: float = 1.0
    """allegro: share of gains and caps, above 0 to 1; small for a hand's first motion."""
    guardian_timeout_ms: float | None = None
    """allegro: silence of this process after which the guardian stops the hand; by default its own."""
    guardian: bool = True
    """allegro: whether a second process stops the hand when this one dies or hangs."""
    dry_run: bool = False
    """allegro: log frames instead of sending them; needs neither hand nor bus."""

    def server_config(self) -> RobotServerConfig:
        """The server's own settings.

        Raises:
            UsageError: flags that do not go together, or a port out of range.
        """
        from robot.allegro_runtime import AllegroSettings
        from robot.can.bus import BusSettings
        from robot.guardian_link import DEFAULT_TIMEOUT_MS
        from robot.scene import SceneConfig
        from robot.server import RobotServerConfig
        from robot.supervisor_config import SupervisorConfig

        if not 0 <= self.port <= 65533:
            raise UsageError(
                f"--port is from 1 to 65533 (two more follow), or 0 for free ones, not {self.port}"
            )
        self._refuse_flags_of_the_other_robot()
        if self.guardian_timeout_ms is not None and not self.guardian_timeout_ms > 0.0:
            raise UsageError(
                f"--guardian-timeout-ms is {self.guardian_timeout_ms}; it must be > 0; to run without a "
                "guardian give --no-guardian"
            )
        if self.object != "cube" and self.scene == "none":
            raise UsageError(f"--object {self.object} stands on a table: give --scene table, too")
        allegro = None
        if self.robot == "allegro":
            timeout_ms = self.guardian_timeout_ms
            if timeout_ms is None:
                timeout_ms = DEFAULT_TIMEOUT_MS
            allegro = AllegroSettings(
                hand=self.hand,
                bus=BusSettings(self.interface, self.channel, self.bitrate),
                version=self.version,
                device=self.device,
                serial=self.serial,
                zeros=self.zeros,
                config=self.hand_config,
                gain_share=self.gain_share,
                guardian_timeout_ms=timeout_ms if self.guardian else None,
                dry_run=self.dry_run,
            )
        return RobotServerConfig(
            hand=self.hand,
            host=self.host,
            port=self.port,
            keys=self.keys,
            scene=SceneConfig(self.object) if self.scene == "table" else None,
            gui=self.gui,
            allegro=allegro,
            supervisor=SupervisorConfig(actuation_lead_ms=self.actuation_lead_ms),
        )

    def _refuse_flags_of_the_other_robot(self) -> None:
        defaults = {field.name: field.default for field in fields(self)}
        other = "allegro" if self.robot == "sim" else "sim"
        given = [name for name in _ONLY_FOR[other] if getattr(self, name) != defaults[name]]
        if given:
            flags = [f"--{name.replace('_', '-')}" for name in given]
            flags = ["--no-guardian" if flag == "--guardian" else flag for flag in flags]
            raise UsageError(
                f"{', '.join(flags)} {'is' if len(flags) == 1 else 'are'} for --robot {other}, and this is "
                f"--robot {self.robot}"
            )
