"""The console as a process: it ends with the pipeline, stops robots by itself, and may crash."""

import _thread
import dataclasses
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from console_examples import snapshot, wait_until
from console_operator import PRESS_SPACE
from wire_examples import Wire

from app.console import link as console_link
from app.console.command import Command
from app.console.link import ConsoleLink
from app.errors import AppError
from app.settings import TeleopSettings
from app.teleop import run_teleop
from robot import RobotError, SimulationProcess, spawn_simulation


@pytest.fixture(autouse=True)
def _offscreen(monkeypatch):
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")


def test_the_window_is_a_process_that_ends_with_the_pipeline():
    link = ConsoleLink("test", [])
    link.show(snapshot())
    assert link.poll_command() is None
    link.close()
    assert link.exit_status == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no sockets in folders")
@pytest.mark.parametrize("long_name", [False, True])
def test_only_this_user_may_watch_the_pipeline_or_command_it(tmp_path, monkeypatch, long_name):
    parent = tmp_path / ("long" * 25) if long_name else Path(tempfile.gettempdir())
    parent.mkdir(exist_ok=True)
    monkeypatch.setattr(tempfile, "tempdir", str(parent))
    link = ConsoleLink("test", [])
    try:
        bound = [link._snapshots.getsockopt(zmq.LAST_ENDPOINT), link._commands.getsockopt(zmq.LAST_ENDPOINT)]
        assert all(one.startswith(b"ipc://") for one in bound)
        folder, other = (Path(os.fsdecode(one.rstrip(b"\0"))[len("ipc://") :]).parent for one in bound)
        assert folder == other
        assert (folder.parent == parent) is not long_name
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        link.close()
    assert not folder.exists()


@pytest.mark.parametrize("hand", ["right", "left"])
def test_the_window_connects_to_a_real_server_of_either_hand(hand):
    with spawn_simulation(hand) as simulation:
        link = ConsoleLink("test", [simulation.endpoint])
        link.close()
        assert link.exit_status == 0


def test_a_window_that_cannot_start_is_given_up_at_once(monkeypatch):
    monkeypatch.setenv("QT_QPA_PLATFORM", "no-such-platform")
    with pytest.raises(AppError, match="the window did not open"):
        ConsoleLink("test", [])


def test_a_window_that_crashes_does_not_ask_to_quit():
    link = ConsoleLink("test", [])
    link._process.kill()
    link._process.wait()
    assert link.poll_command() is None
    assert not link.due(10**12), "nobody looks any more"
    link.show(snapshot())
    link.close()


def test_no_more_snapshots_are_made_than_can_be_seen():
    link = ConsoleLink("test", [])
    at_120_hz = [link.due(round(i * 1e9 / 120)) for i in range(120)]
    at_30_hz = [link.due(10**12 + round(i * 1e9 / 30)) for i in range(30)]
    assert 10 <= sum(at_120_hz) <= 20
    assert sum(at_30_hz) == 15
    assert link.due(0), "a clock that begins anew is no reason to wait"
    link.close()


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (b"ready", "Expecting value"),
        (b'["fly", 0]', "use one of arm"),
        (b'["arm"]', "is no command"),
        (b'["horizon", "far"]', "is no command"),
        (b'["horizon", NaN]', "finite"),
        (b"\xff", "decode"),
    ],
)
def test_what_is_no_command_is_refused(message, fault):
    with pytest.raises(ValueError, match=fault):
        Command.decode(message)


class LinkThatIsKilled(ConsoleLink):
    """Its window is killed after the tenth snapshot; it keeps count of what it is shown after that."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.snapshots = []

    def due(self, t_now_ns: int) -> bool:
        super().due(t_now_ns)
        return True

    def show(self, shown) -> None:
        super().show(shown)
        self.snapshots.append(dataclasses.replace(shown, image=shown.image[:1, :1]))
        if len(self.snapshots) == 10:
            os.kill(self.pid, signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed differently there")
@pytest.mark.usefixtures("hand_landmarker_asset")
def test_a_run_goes_on_when_its_window_is_killed(shared_data, caplog):
    links = []

    def open_link(*arguments) -> ConsoleLink:
        links.append(LinkThatIsKilled(*arguments))
        return links[-1]

    video = shared_data / "video" / "hand_counting.mp4"
    settings = TeleopSettings(source=str(video), robot="sim", max_frames=120)
    result = run_teleop(settings, open_console=open_link)
    assert result.report["frames"] == 120
    assert links[0].exit_status == -signal.SIGKILL
    later = {shown.hands[0].mode for shown in links[0].snapshots[-60:]}
    assert later & {"ENGAGING", "TRACKING"}, "the robot is led on"
    assert "the window crashed" in caplog.text


OPERATOR = str(Path(__file__).with_name("console_operator.py"))
MOST_S = 60.0  # for a machine that does much else


@pytest.fixture
def operated(monkeypatch) -> None:
    """Windows opened now have an operator, who presses Space when the notice says so."""

    class Popen(subprocess.Popen):
        def __init__(self, command: list[str], **options) -> None:
            if command[1:3] == ["-m", "app.console"]:
                command = [command[0], OPERATOR, *command[3:]]
            super().__init__(command, **options)

    monkeypatch.setattr(console_link.subprocess, "Popen", Popen)


@pytest.fixture
def far_robot() -> Iterator[tuple[SimulationProcess, Wire]]:
    """A robot server, and the wire to it."""
    with spawn_simulation("right") as simulation, Wire(simulation.endpoint) as wire:
        yield simulation, wire


def press_space(link: ConsoleLink) -> None:
    """Have the operator press Space."""

    def show() -> None:
        link.show(snapshot(notice=PRESS_SPACE))
        time.sleep(0.05)

    assert wait_until(lambda: link.poll_command() == Command("stop"), show, MOST_S)


def said(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    return wait_until(lambda: words in caplog.text, lambda: time.sleep(0.01), MOST_S)


@pytest.mark.usefixtures("operated")
def test_a_window_with_an_unconfirmed_stop_outlives_the_pipeline_until_it_is_confirmed(far_robot, caplog):
    simulation, wire = far_robot
    link = ConsoleLink("test", [wire.address])
    with simulation.connect() as witness:
        witness.arm()
        wire.cut()
        press_space(link)
        closing = threading.Thread(target=link.close, daemon=True)
        closing.start()
        assert said(caplog, "the window stays")
        time.sleep(console_link.END_TIMEOUT_S + 1.0)
        assert link.exit_status is None, "it was given up"
        assert witness.status().state.mode != "STOPPED"
        wire.mend()
        closing.join(MOST_S)
        assert link.exit_status == 0
        assert witness.status().state.mode == "STOPPED"


@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed differently there")
@pytest.mark.usefixtures("operated", "heeded_ctrl_c")
def test_ctrl_c_in_the_terminal_ends_a_window_that_stays(far_robot, caplog):
    _, wire = far_robot
    link = ConsoleLink("test", [wire.address])
    wire.cut()
    press_space(link)

    def press_ctrl_c() -> None:
        said(caplog, "the window stays")
        _thread.interrupt_main()

    threading.Thread(target=press_ctrl_c, daemon=True).start()
    link.close()
    assert link.exit_status == -signal.SIGKILL
    assert "was not confirmed" in caplog.text


class StoppedInTime(ConsoleLink):
    """Whose operator presses Space when the wire to the robot that tracks has just been cut."""

    wire: Wire

    def show(self, shown) -> None:
        if shown.hands[0].mode == "TRACKING":
            self.wire.cut()
        super().show(dataclasses.replace(shown, notice="" if self.wire.whole else PRESS_SPACE))


@pytest.mark.usefixtures("hand_landmarker_asset", "operated")
def test_a_run_whose_robot_is_cut_off_ends_and_leaves_no_stop_unconfirmed(far_robot, tmp_path, caplog):
    simulation, wire = far_robot
    links: list[StoppedInTime] = []

    def open_link(*arguments) -> ConsoleLink:
        links.append(StoppedInTime(*arguments))
        links[0].wire = wire
        return links[0]

    written: list[bool] = []

    def mend() -> None:
        if said(caplog, "the window stays"):
            written.append((tmp_path / "report.json").exists())
        wire.mend()

    threading.Thread(target=mend, daemon=True).start()
    settings = TeleopSettings(
        source="synthetic", robot=wire.address, arm=True, temporal="one-euro", run_dir=tmp_path,
        report=tmp_path / "report.json",
    )  # fmt: skip
    with pytest.raises(RobotError, match="fell silent"):
        run_teleop(settings, open_console=open_link)
    assert written == [True], "results do not wait for the robot"
    assert links[0].exit_status == 0
    with simulation.connect() as witness:
        assert witness.status().state.mode == "STOPPED"
