"""A hand is calibrated in the middle of a run, while the robot rests."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.console.command import Command
from app.settings import TeleopSettings
from app.snapshot import Snapshot
from app.sources.open import open_source
from app.teleop import run_teleop
from calibration import operator
from calibration.hand_guide import STEPS
from calibration.operator import load_operator


class Operator:
    """A console whose operator presses c in the beginning, again when asked to, and a in the end."""

    def __init__(self, cancels_at: int | None = None) -> None:
        self.shown: list[Snapshot] = []
        self.cancels_at = cancels_at
        self.commands = [Command("calibrate")]

    def due(self, t_now_ns: int) -> bool:
        return True

    def show(self, snapshot: Snapshot) -> None:
        view = snapshot.calibration
        if view is not None and view.steps_done == self.cancels_at:
            self.cancels_at = None
            self.commands.append(Command("calibrate"))
        if snapshot.notice.startswith("calibrated") and not self.shown[-1].notice:
            self.commands.append(Command("arm"))
        self.shown.append(snapshot)

    def poll_command(self) -> Command | None:
        return self.commands.pop(0) if self.commands else None

    def close(self) -> None:
        pass


@pytest.fixture
def operators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where calibrations go instead of the user's folder."""
    monkeypatch.setattr(operator, "operators_path", lambda: tmp_path / "operators")
    return tmp_path / "operators"


def run(console: Operator, max_frames: int | None = None) -> None:
    run_teleop(
        TeleopSettings(realtime=False, source="synthetic:0", max_frames=max_frames),
        source=open_source("synthetic:0", realtime=False, script="calibrate"),
        open_console=lambda *_: console,
    )


@pytest.mark.usefixtures("hand_landmarker_asset", "operators")
def test_a_hand_is_calibrated_while_the_robot_rests_and_drives_it_then():
    console = Operator()
    run(console)
    guided = [snapshot for snapshot in console.shown if snapshot.calibration is not None]
    assert {snapshot.calibration.steps_done for snapshot in guided} >= set(range(len(STEPS)))
    assert {snapshot.hands[0].mode for snapshot in guided[10:]} == {"DISARMED"}
    assert load_operator("guest").pinches["index"].project_m > 0.0
    last = max(i for i, snapshot in enumerate(console.shown) if snapshot.calibration is not None)
    after = console.shown[last + 5 :]
    assert {snapshot.hands[0].mode for snapshot in after} & {"ENGAGING", "TRACKING"}
    assert any("start with --operator guest --hand right" in snapshot.notice for snapshot in console.shown)
    assert not after[-1].notice, "what was said is gone once the robot is armed"


@pytest.mark.usefixtures("hand_landmarker_asset")
def test_a_second_key_gives_the_calibration_up_and_keeps_nothing(operators):
    console = Operator(cancels_at=1)
    run(console, max_frames=200)
    assert console.shown[-1].calibration is None
    assert "cancelled" in console.shown[-1].notice
    assert not operators.exists()
