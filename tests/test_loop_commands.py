"""What an operator asks for in the window never moves a robot late, nor against a stop."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.booth.gate import BoothGate
from app.clock import MonotonicClock
from app.console.command import Command
from app.horizon import Horizon
from app.interrupt import Interrupt
from app.loop import BOOTH_OTHER_HAND_FRAMES, HELD_UP_S, FrameLoop
from app.recorder import Recorder
from app.recording import RecordingWriter
from app.refusal import SHOWN_S, Refusal
from app.settings import TeleopSettings
from app.sources.base import EndOfSource
from models.observation import Observation

SOURCE = SimpleNamespace(name="camera 9", fps=30.0, size_px=(64, 48), live=True, frame_count=None, status="")


class Robot:
    """Takes commands down, and refuses to go home."""

    endpoint = None
    version = "v4"

    def __init__(self) -> None:
        self.told: list[str] = []

    def command(self, name: str) -> str:
        self.told.append(name)
        return "The robot is DISARMED." if name == "home" else ""


class Eyes:
    """Sees nothing, a few times, and takes its time over the first."""

    skipped, replaced = 0, 0

    def __init__(self, first_takes_s: float = 0.0) -> None:
        self.looks, self.first_takes_s = 0, first_takes_s

    def start(self) -> None:
        pass

    def next(self, timeout_s: float) -> None:
        self.looks += 1
        if self.looks == 1:
            time.sleep(self.first_takes_s)
        if self.looks > 3:
            raise EndOfSource

    def close(self) -> None:
        pass


class Console:
    """Whose operator has pressed these keys, all before the pipeline looked."""

    def __init__(self, *names: str) -> None:
        self.commands = [Command(name) for name in names]

    def due(self, t_now_ns: int) -> bool:
        return False

    def poll_command(self) -> Command | None:
        return self.commands.pop(0) if self.commands else None


def told(*names: str, first_takes_s: float = 0.0, booth: object = None) -> list[str]:
    return run_with(*names, first_takes_s=first_takes_s, booth=booth)[0]


def notice_after(*names: str, first_takes_s: float = 0.0) -> str:
    return run_with(*names, first_takes_s=first_takes_s)[1]._notice()


def run_with(*names: str, first_takes_s: float = 0.0, booth: object = None) -> tuple[list[str], FrameLoop]:
    """What the robot was told, and the loop when it was over."""
    robot = Robot()
    lane = SimpleNamespace(horizon=Horizon(None), temporal=SimpleNamespace(facts=dict))
    hands = {"right": SimpleNamespace(robot=robot, lane=lane, result=None, state=None)}
    eyes = Eyes(first_takes_s)
    loop = FrameLoop(TeleopSettings(), SOURCE, eyes, MonotonicClock(), hands, Interrupt())
    loop.console = Console(*names)
    loop.booth = booth
    loop.run()
    return robot.told, loop


def test_what_was_asked_for_reaches_the_robot_in_order():
    assert told("reset", "arm", "home") == ["reset", "arm", "home"]


def test_what_was_asked_for_before_a_stop_does_not_undo_it():
    assert told("reset", "arm", "stop") == ["stop"]
    assert told("stop", "reset", "arm", "stop", "disarm") == ["stop", "disarm"]


def test_a_robot_is_not_moved_by_what_was_asked_for_long_ago(caplog):
    late_s = HELD_UP_S + 0.1
    assert told("reset", "arm", "home", "disarm", "stop", first_takes_s=late_s) == ["stop"]
    assert told("arm", "disarm", first_takes_s=late_s) == ["disarm"]
    assert "arm was asked for while nothing went on" in caplog.text


def test_a_key_that_the_robot_refuses_is_answered_until_the_next_one():
    assert notice_after("home") == "The robot is DISARMED."
    assert notice_after("home", "arm") == ""


def test_a_key_that_came_too_late_is_answered():
    late_s = HELD_UP_S + 0.1
    assert notice_after("reset", "arm", first_takes_s=late_s).startswith("arm was asked for while nothing")
    assert notice_after("arm", "disarm", first_takes_s=late_s) == "", "which is what counts"


def test_a_refusal_is_not_told_for_ever():
    t_s = 100.0
    refusal = Refusal(lambda: t_s)
    assert refusal.told == ""
    refusal.say("The robot is DISARMED.")
    t_s += SHOWN_S - 0.1
    assert refusal.told == "The robot is DISARMED."
    t_s += 0.2
    assert refusal.told == "", "it may be armed by now"
    refusal.say("")
    assert refusal.told == ""


def test_quitting_wins():
    assert told("arm", "quit") == []


def test_in_a_booth_staff_let_visitors_in_and_do_not_arm():
    heeded = []
    assert told("arm", "disarm", booth=SimpleNamespace(heed=heeded.append)) == ["disarm"]
    assert heeded == ["arm", "disarm"]


def test_a_booths_visitor_is_told_which_hand_and_nothing_of_flags():
    lane = SimpleNamespace(horizon=Horizon(None), temporal=SimpleNamespace(facts=dict))
    hands = {"right": SimpleNamespace(robot=Robot(), lane=lane, result=None, state=None)}
    loop = FrameLoop(TeleopSettings(hand="right"), SOURCE, Eyes(), MonotonicClock(), hands, Interrupt())
    loop._other_hand = True
    assert "--hand left" in loop._notice()
    loop.booth = BoothGate()
    assert loop._notice() == ""
    for frames, told in ((0, False), (BOOTH_OTHER_HAND_FRAMES, True)):
        loop._other_hand_frames = frames
        loop._admitted(frames, {"right": Observation.missing(frames, "right", (64, 48))})
        assert loop.booth_status is not None
        assert loop.booth_status.other_hand is told


def test_arming_gives_up_a_calibration_that_is_on():
    robot = Robot()
    hands = {"right": SimpleNamespace(robot=robot, lane=SimpleNamespace(horizon=Horizon(None)), result=None)}
    loop = FrameLoop(TeleopSettings(), SOURCE, Eyes(), MonotonicClock(), hands, Interrupt())
    loop.console = Console("calibrate", "arm")
    begun = []
    obey = loop._obey

    def watched(command: Command) -> None:
        obey(command)
        begun.append(loop.calibration)

    loop._obey = watched
    loop.run()
    assert robot.told == ["disarm", "arm"]
    assert begun[0].note.startswith("calibration cancelled")
    assert begun[1] is None


class Recordings:
    """A recorder that notes what is asked of it."""

    status = ""

    def __init__(self, running: bool) -> None:
        self.running, self.toggles = running, 0

    def toggle(self, parent: Path) -> None:
        self.toggles += 1


def after(running: bool, *names: str) -> tuple[FrameLoop, Recordings]:
    hands = {
        "right": SimpleNamespace(robot=Robot(), lane=SimpleNamespace(horizon=Horizon(None)), result=None)
    }
    loop = FrameLoop(TeleopSettings(), SOURCE, Eyes(), MonotonicClock(), hands, Interrupt())
    loop.console, loop.recorder = Console(*names), Recordings(running)
    loop.run()
    return loop, loop.recorder


def test_a_recording_holds_for_one_calibration():
    loop, recordings = after(False, "calibrate", "record")
    assert recordings.toggles == 0
    assert "finish the calibration first" in loop._notice()
    loop, recordings = after(False, "calibrate", "calibrate", "record")
    assert recordings.toggles == 1, "it was given up"
    loop, recordings = after(True, "calibrate")
    assert loop.calibration is None
    assert "end the recording first" in loop._notice()


class SlowDisk:
    """A file that takes its time."""

    gate = threading.Event()

    def __init__(self, path: Path) -> None:
        self.file = path.open("wb")

    def write(self, data: bytes) -> int:
        self.gate.wait(30.0)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        self.file.close()


def test_a_slow_disk_does_not_hold_up_the_hand(tmp_path, monkeypatch):
    from test_recording import make_frame

    monkeypatch.setattr(
        "app.recorder.RecordingWriter", lambda *args: RecordingWriter(*args, open_file=SlowDisk)
    )
    SlowDisk.gate.clear()
    recorder = Recorder(SOURCE, dict, realtime=True)
    recorder.toggle(tmp_path)
    for i in range(3):
        recorder._writer.write(make_frame(i))
    recorder.toggle(tmp_path)  # would wait for the disk, which waits for what comes next
    assert not recorder.running
    SlowDisk.gate.set()
    recorder.stop()
    (directory,) = recorder.directories
    assert '"frame_count": 3' in (directory / "meta.json").read_text()


def test_a_recording_that_failed_makes_room_for_another(tmp_path, monkeypatch):
    class FullDisk(SlowDisk):
        def write(self, data: bytes) -> int:
            raise OSError(28, "No space left on device")

    from test_recording import make_frame

    disks = iter([FullDisk, None])
    monkeypatch.setattr(
        "app.recorder.RecordingWriter", lambda *args: RecordingWriter(*args, open_file=next(disks))
    )
    recorder = Recorder(SOURCE, dict, realtime=True)
    recorder.toggle(tmp_path)
    recorder._writer.write(make_frame(0))
    deadline_s = time.monotonic() + 20.0
    while recorder.running and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert "No space left" in recorder.status
    recorder.toggle(tmp_path)
    assert recorder.running
    assert len(recorder.directories) == 2
    recorder.stop()


def test_an_unwritable_folder_is_told_and_nothing_else(tmp_path):
    (tmp_path / "file").write_text("")
    recorder = Recorder(SOURCE, dict, realtime=True)
    recorder.toggle(tmp_path / "file")
    assert not recorder.running
    assert recorder.status
    recorder.stop()


@pytest.mark.parametrize("keys", [("arm",), ("home",), ("reset",)])
def test_moving_commands_pass_when_nothing_was_held_up(keys):
    assert told(*keys) == list(keys)
