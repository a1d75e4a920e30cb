"""A real Allegro hand under supervision: driver, supervisor and guardian, advanced by explicit times.

Order of one turn: the guardian's word; STOP, before anything else is sent; what the hand measured; the
supervisor's step and the torques; the heartbeat. So the first frame after STOP already is a zero torque, and
the heartbeat vouches for a whole turn of the loop. While the bus does not take a stop there is no heartbeat:
the guardian then tries on its own connection.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from robot.allegro import FRAME_KINDS, AllegroDriver
from robot.allegro_config import load_config
from robot.allegro_model import Hand
from robot.allegro_versions import make_protocol, version_spec
from robot.can.bus import BusSettings, CanPort, Port
from robot.emulator import EmulatedHand, EmulatedPort, example_serial
from robot.guardian_link import DEFAULT_TIMEOUT_MS, GuardianLink, GuardianSettings
from robot.messages import RobotState
from robot.supervised import SupervisedRobot
from robot.supervisor_config import SupervisorConfig

log = logging.getLogger(__name__)

_KEPT_INTERVALS = 50_000  # 150 s of control steps
_UNSENT_STOP = "The stop did not reach the hand, which may still have torque: cut the power."
_OVERRUN_PERIODS = 2.0  # a step this many periods after the last one missed at least one measurement


@dataclass(frozen=True)
class AllegroSettings:
    """Which hand on which bus, and how it is watched.

    Attributes:
        hand: "right" or "left"; the other one is refused.
        bus: interface, channel and bit rate.
        version: hardware version, one of `robot.allegro_versions.HAND_VERSIONS`.
        device: device number, v4 and v5.
        serial, zeros: which hand of which file of zeros, v2 and v3.
        config: YAML file with gains and caps; None takes the one that ships for the version.
        gain_share: of gains and caps, above 0 to 1; small for the first motion of a new hand.
        guardian_timeout_ms: None runs without a guardian.
        dry_run: opens no bus and starts no guardian: frames are logged, an emulated hand answers.
    """

    hand: Hand = "right"
    bus: BusSettings = field(default_factory=BusSettings)
    version: str = "v4"
    device: int = 0
    serial: str = ""
    zeros: Path | None = None
    config: Path | None = None
    gain_share: float = 1.0
    guardian_timeout_ms: float | None = DEFAULT_TIMEOUT_MS
    dry_run: bool = False


def open_allegro(
    settings: AllegroSettings, t_ns: int, config: SupervisorConfig | None = None
) -> AllegroRuntime:
    """Open the bus and start the guardian; the hand itself is started by `advance_to`.

    Args:
        settings: which hand.
        t_ns: now.
        config: settings of the supervisor.

    Raises:
        RobotError: a setting is wrong, the bus cannot be opened or the guardian does not start.
    """
    spec = version_spec(settings.version, settings.hand)
    protocol = make_protocol(settings.version, settings.zeros, settings.serial, settings.device)
    hand_config = load_config(settings.config or protocol.name).scaled(settings.gain_share)
    port: Port
    if settings.dry_run:
        emulated = EmulatedHand(
            protocol, spec, serial=example_serial(settings.version, settings.hand), t_ns=t_ns
        )
        return AllegroRuntime(
            AllegroDriver(spec, protocol, hand_config, EmulatedPort(emulated, protocol)), None, config
        )
    guardian_settings = None
    if settings.guardian_timeout_ms is not None:
        guardian_settings = GuardianSettings(
            settings.bus,
            settings.version,
            settings.device,
            settings.serial,
            settings.zeros,
            settings.guardian_timeout_ms,
        )
    port = CanPort(settings.bus)
    try:
        driver = AllegroDriver(spec, protocol, hand_config, port)
        guardian = None if guardian_settings is None else GuardianLink(guardian_settings)
    except BaseException:
        port.close()
        raise
    return AllegroRuntime(driver, guardian, config)


class AllegroRuntime(SupervisedRobot):
    """One Allegro hand under supervision.

    Args:
        driver: the hand.
        guardian: who watches over this process; None without.
        config: settings of the supervisor.

    Attributes:
        intervals_ns: times between the newest control steps, ns.
    """

    def __init__(
        self, driver: AllegroDriver, guardian: GuardianLink | None, config: SupervisorConfig | None = None
    ) -> None:
        super().__init__(driver.spec, config)
        self.driver = driver
        self.guardian = guardian
        self.intervals_ns: deque[int] = deque(maxlen=_KEPT_INTERVALS)
        self.t_ns = 0
        self._stepped_ns: int | None = None
        self._down = True  # the hand is off, and stays so while the mode is STOPPED
        self._left_to_guardian = False  # it was told that the hand has power, and hears no beat since

    @property
    def period_ns(self) -> int:
        """How often a control step is due, ns."""
        return self.driver.period_ns

    @property
    def started(self) -> bool:
        """Whether `advance_to` was called."""
        return self.t_ns > 0

    def start(self, t_ns: int) -> None:
        """Let time begin; the hand's clock cannot be set, so only the time is noted."""
        self.t_ns = t_ns

    def skip_lag(self, t_ns: int) -> None:
        """Nothing: the hand's own clock runs on, and `advance_to` always takes the newest measurement."""

    def fileno(self) -> int | None:
        """Descriptor that becomes readable when the hand sent something; None where it must be polled."""
        return self.driver.fileno()

    def advance_to(self, t_ns: int) -> None:
        """One turn of the loop; to be called when the hand sent something, and at least every 3 ms."""
        self.t_ns = t_ns
        driver, supervisor = self.driver, self.supervisor
        if self.guardian is not None and (trouble := self.guardian.check(t_ns)):
            self.fail(trouble)
        if supervisor.mode == "STOPPED":
            self._stop(t_ns)
        elif self._down:
            self._down = False
            self._stepped_ns = None
            driver.start(t_ns)
        due = driver.poll(t_ns)
        if driver.fault and not self._down:
            self.fail(driver.fault)
            self._stop(t_ns)
        elif due and not self._down:
            self._step(t_ns)
        unsent = self._stop_unsent
        if unsent:
            self.fail(driver.fault)  # also for a stop that was asked for: it is told when it got through
        # Only a hand that it believes to have power makes the guardian act on silence.
        if self.guardian is not None and not (unsent and self._left_to_guardian):
            self.guardian.beat(t_ns, driver.powered)
        if unsent and not self._left_to_guardian:
            log.error(_UNSENT_STOP)
        self._left_to_guardian = unsent

    @property
    def _stop_unsent(self) -> bool:
        """Whether the robot is stopped, but the bus did not take the stop."""
        return self.supervisor.mode == "STOPPED" and self.driver.powered

    def _step(self, t_ns: int) -> None:
        if self._stepped_ns is not None:
            interval_ns = t_ns - self._stepped_ns
            self.intervals_ns.append(interval_ns)
            self.supervisor.counters.overruns += interval_ns > _OVERRUN_PERIODS * self.period_ns
        self._stepped_ns = t_ns
        target_rad = self.supervisor.step(t_ns, self.driver.q_rad)
        if self.supervisor.mode == "STOPPED":
            self._stop(t_ns)
        else:
            self.driver.drive(target_rad, t_ns, self.supervisor.effort)

    def _stop(self, t_ns: int) -> None:
        if not self._down:
            self._down = True
            self.driver.stop(t_ns)

    def state(self) -> RobotState:
        """What to tell the world now."""
        driver = self.driver
        counters = {
            **asdict(driver.health.counters),
            **{f"frames_{kind}": driver.frames[kind] for kind in FRAME_KINDS},
            "frames_foreign": sum(driver.port.foreign.values()),
            "unsent_stops": driver.unsent_stops,
        }
        state = self.state_of(self.t_ns, (driver.q_rad, driver.dq_rad_s), driver.target_rad, counters)
        if self._stop_unsent:
            state = replace(state, fault=f"{_UNSENT_STOP} {state.fault}".strip())
        return state

    def close(self) -> None:
        """Stop the hand, then let the guardian go."""
        self.supervisor.command("disarm", self.t_ns)
        self.driver.close(self.t_ns)
        if self.guardian is not None:
            self.guardian.close(stopped=not self.driver.powered)
