"""The console as a process: it ends with the pipeline, stops robots by itself, and may crash."""

import dataclasses
import os
import signal
import stat
import sys
import tempfile
from pathlib import Path

import pytest
import zmq
from console_examples import snapshot

from app.console.command import Command
from app.console.link import ConsoleLink
from app.errors import AppError
from app.settings import TeleopSettings
from app.teleop import run_teleop
from robot import spawn_simulation


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
