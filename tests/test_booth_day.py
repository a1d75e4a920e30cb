"""A day at the booth with visitors nobody foresaw: what always holds, and that nothing ever gets stuck."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace

import numpy as np
from booth_examples import NS, nobody, robot, seen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.booth.config import BoothConfig
from app.booth.gate import BoothGate
from app.booth.lock import MAX_REACH_LENGTHS
from app.booth.palm import is_open_palm, place_of
from models.observation import Observation

HZ = 10
POSES = ("open", "open", "open", "flat", "fist", "count_2", "relaxed")
CONFIG = BoothConfig(idle_s=8.0)


class Visitor:
    """Somebody who does as they like for a while, then leaves."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._at_m = np.array([rng.uniform(-0.3, 0.3), 0.1, rng.uniform(0.45, 2.5)])
        self._speed_m = rng.choice([0.0, 0.0, 0.002, 0.03])
        self._restless = rng.choice([0.0, 0.05, 0.3])
        self._missed = rng.choice([0.0, 0.05, 0.5])
        self._pose = "open"
        self.frames = int(rng.uniform(0.3, 20.0) * HZ)

    def look(self, t_ns: int) -> Observation:
        rng = self._rng
        self.frames -= 1
        self._at_m[:2] = np.clip(self._at_m[:2] + rng.normal(0.0, 1.0, 2) * self._speed_m, -0.3, 0.3)
        if rng.random() < self._restless:
            self._pose = str(rng.choice(POSES))
        if rng.random() < self._missed:
            return nobody(t_ns)
        if rng.random() < 0.01:
            return replace(seen(t_ns), keypoints_px=np.full((21, 2), np.nan))
        x, y, z = self._at_m
        return seen(t_ns, self._pose, (float(x), float(y), float(z)))


class Robot:
    """Takes commands as a robot server does; its watchdog, its staff and faults have moods of their own."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._wait = 0
        self.mode = "DISARMED"
        self.watchdog_disarms = self.rest_commands = 0

    def take(self, command: str) -> None:
        self.rest_commands += command == "disarm"
        if self.mode == "STOPPED":
            return
        if command == "arm" and self.mode == "DISARMED" and self._rng.random() < 0.95:
            self.mode = "ENGAGING"
        elif command == "home" and self.mode != "DISARMED":
            self.mode, self._wait = "ENGAGING", int(self._rng.uniform(1, 4 * HZ))
        elif command == "disarm":
            self.mode = "DISARMED"

    def live(self, target: bool) -> None:
        chance = self._rng.random()
        if self.mode == "STOPPED":
            self.mode = "DISARMED" if chance < 0.01 else "STOPPED"
        elif chance < 0.0005:
            self.mode = "STOPPED"
        elif self.mode != "DISARMED":
            self._wait = max(0, self._wait - 1)
            if self._wait == 0:
                self.mode = "TRACKING" if target else "HOLD"
            if self.mode == "HOLD" and chance < 0.02:
                self.mode = "DISARMED"
                self.watchdog_disarms += 1


class Day:
    """The gate, a robot and whoever comes, with what must hold in every frame."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.gate = BoothGate(CONFIG)
        self.robot = Robot(self.rng)
        self.frame = self.turns = 0
        self.told: list[str] = []
        self._palms: list[bool] = []
        self._last_place = None
        self._closed = False  # since a stop

    def look(self, sights: list[Observation]) -> str:
        t_ns = self.frame * NS // HZ
        first, *others = sights or [nobody(t_ns)]
        state = robot(self.robot.mode, self.robot.watchdog_disarms, self.robot.rest_commands)
        gated = self.gate.filter(t_ns, {"right": first}, {"right": state}, others)
        through = gated.observations["right"]
        self._palms = [
            *self._palms[-math.ceil(CONFIG.hold_s * HZ) :],
            any(is_open_palm(sight, CONFIG.near_share) for sight in sights),
        ]
        for command in gated.commands.get("right", ()):
            self._check(command)
            self.robot.take(command)
        assert not through.detected or gated.status.phase == "engaged"
        assert not through.detected or any(through is sight for sight in sights)
        place = place_of(through)
        if gated.status.phase != "engaged":
            self._last_place = None
        elif place is not None:
            if self._last_place is not None:
                assert place.away_from(self._last_place) <= MAX_REACH_LENGTHS
            self._last_place = place
        before = self.robot.mode
        self.robot.live(through.detected)
        self._closed = self._closed or self.robot.mode == "STOPPED"
        if self._closed and before == self.robot.mode == "DISARMED" and self.rng.random() < 0.02:
            self._open()
        self.frame += 1
        return gated.status.phase

    def _open(self) -> None:
        """Staff press A."""
        self.gate.heed("arm")
        self._closed = False

    def _check(self, command: str) -> None:
        if command == "arm":
            assert not self._closed, "after a stop staff have the first word"
            assert "arm" not in self.told, "one turn ends before the next begins"
            assert sum(self._palms) >= 0.6 * CONFIG.hold_s * HZ, "nobody gets in without a palm held up"
            self.turns += 1
            self.told = ["arm"]
        elif command == "disarm":
            self.told = []
        self.told = [*self.told, command][-8:] if self.told else []

    def go_by(self, seconds: float) -> None:
        """Let visitors come and go, sometimes several at once."""
        visitors: list[Visitor] = []
        for _ in range(round(seconds * HZ)):
            if self.rng.random() < 0.01:
                visitors.append(Visitor(self.rng))
            visitors = [visitor for visitor in visitors if visitor.frames > 0]
            sights = [visitor.look(self.frame * NS // HZ) for visitor in visitors]
            self.rng.shuffle(sights)  # type: ignore[arg-type]
            self.look(sights)
            if self.robot.mode == "STOPPED":
                self.told = []

    def end(self) -> None:
        """Everybody leaves: the robot rests, and the next visitor gets in as the first one did."""
        for _ in range(60 * HZ):
            self.look([])
            if self.robot.mode == "STOPPED":
                self.robot.mode = "DISARMED"  # staff
        self.look([])
        self._open()
        assert self.robot.mode == "DISARMED"
        assert self.look([]) == "attract"
        phases = []
        while len(phases) < 4 * HZ and "engaged" not in phases:
            phases.append(self.look([seen(self.frame * NS // HZ)]))
        assert "engaged" in phases


@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1))
def test_whoever_comes_the_booth_keeps_its_promises(seed):
    day = Day(seed)
    day.go_by(300.0)
    day.end()


def test_the_booth_does_not_grow():
    day = Day(1)
    day.go_by(30.0)
    day.end()
    before = len(pickle.dumps(day.gate))
    day.go_by(300.0)
    day.end()
    assert day.turns > 2
    assert len(pickle.dumps(day.gate)) < before + 500
