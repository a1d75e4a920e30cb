"""What the doctor says of cameras, on folders and devices made up for it."""

import errno
import os
import struct
import sys

import pytest

from app.doctor.cameras import linux_cameras, look_at_cameras, mode_lines
from app.doctor.probe import Answer
from app.doctor.v4l2 import Device, Mode, ask_device

MODES = (
    Mode("MJPG", 1280, 720, 30.0),
    Mode("MJPG", 640, 480, 60.0),
    Mode("YUYV", 640, 480, 30.0),
    Mode("YUYV", 640, 480, 15.0),
)
GOOD = Device("uvcvideo", "Some Webcam", captures=True, busy=False, modes=MODES)


@pytest.fixture
def machine(tmp_path):
    """Folders like those of a machine with one camera of two devices."""
    for i in range(2):
        device = tmp_path / "class" / f"video{i}"
        device.mkdir(parents=True)
        (device / "name").write_text("Some Webcam\n")
        (device / "index").write_text(f"{i}\n")
        (tmp_path / "dev").mkdir(exist_ok=True)
        (tmp_path / "dev" / f"video{i}").touch()
    (tmp_path / "proc").mkdir()
    return tmp_path


def look(machine, ask):
    return linux_cameras(machine / "class", machine / "dev", machine / "proc", ask)


def refuse(code):
    def ask(path):
        raise OSError(code, os.strerror(code))

    return ask


def test_a_camera_is_told_with_its_name_and_modes(machine):
    (finding,) = look(machine, lambda path: GOOD)
    assert (finding.subject, finding.verdict) == ("webcam:0", "ok")
    assert "Some Webcam" in finding.text
    assert finding.details == ("MJPG: 640×480@60, 1280×720@30", "YUYV: 640×480@30")


def test_a_camera_that_may_not_be_used_gets_the_command(machine):
    (finding,) = look(machine, refuse(errno.EACCES))
    assert finding.missing
    assert "may not be used" in finding.text
    assert finding.fix.startswith(("sudo usermod -aG ", "log out"))


def test_a_busy_camera_is_told_with_who_uses_it(machine):
    process = machine / "proc" / "4242"
    (process / "fd").mkdir(parents=True)
    (process / "comm").write_text("meeting\n")
    (process / "fd" / "7").symlink_to(machine / "dev" / "video0")
    busy = Device(GOOD.driver, GOOD.card, captures=True, busy=True, modes=MODES)
    (finding,) = look(machine, lambda path: busy)
    assert finding.verdict == "note"
    assert "in use by meeting (process 4242)" in finding.text
    assert "fuser" in finding.fix


def test_a_camera_that_only_somebody_opened_is_fine(machine):
    process = machine / "proc" / "17"
    (process / "fd").mkdir(parents=True)
    (process / "comm").write_text("watcher\n")
    (process / "fd" / "3").symlink_to(machine / "dev" / "video0")
    (finding,) = look(machine, lambda path: GOOD)
    assert finding.verdict == "ok"
    assert "watcher" in finding.text


def test_a_slow_camera_is_noted(machine):
    slow = Device("uvcvideo", "Slow", captures=True, busy=False, modes=(Mode("YUYV", 640, 480, 10.0),))
    (finding,) = look(machine, lambda path: slow)
    assert finding.verdict == "note"
    assert "10 Hz" in finding.text


def test_a_listed_camera_without_a_device_file_is_noted(machine):
    (machine / "dev" / "video0").unlink()
    (finding,) = look(machine, lambda path: GOOD)
    assert finding.verdict == "note"
    assert "container" in finding.text


def test_a_camera_that_was_unplugged_meanwhile_is_noted(machine):
    (finding,) = look(machine, refuse(errno.ENODEV))
    assert finding.verdict == "note"
    assert finding.fix


def test_a_device_that_gives_no_images_is_no_camera(machine):
    output = Device("loopback", "Output", captures=False, busy=False, modes=())
    assert look(machine, lambda path: output) == []


def test_no_camera_is_a_note():
    (finding,) = look_at_cameras("linux", find_linux=list)
    assert finding.verdict == "note"
    assert "--source synthetic" in finding.text


def test_elsewhere_opencv_tells():
    lines = (
        '{"index": 0, "size_px": [640, 480], "rate_hz": 30.0, "given": true, "backend": "MSMF"}\n'
        '{"index": 1, "size_px": [640, 480], "rate_hz": 0.0, "given": false, "backend": "MSMF"}\n'
    )
    good, silent = look_at_cameras("win32", ask=lambda *_: Answer(0, lines))
    assert (good.verdict, good.text) == ("ok", "640×480 at 30 Hz (MSMF)")
    assert silent.verdict == "note"


def test_elsewhere_a_crash_of_opencv_is_told():
    (finding,) = look_at_cameras("win32", ask=lambda *_: Answer(-11))
    assert "signal 11" in finding.text


def test_a_mac_without_cameras_is_told_of_the_permission():
    (finding,) = look_at_cameras("darwin", ask=lambda *_: Answer(0))
    assert "System Settings" in finding.fix


def test_sizes_are_listed_once_small_ones_first():
    assert mode_lines(MODES)[0] == "MJPG: 640×480@60, 1280×720@30"
    assert mode_lines([Mode("GREY", 320, 240, 0.0)]) == ["GREY: 320×240"]


class FakeDriver:
    """Answers like a driver: two formats, one with discrete sizes and rates, one with ranges."""

    def __init__(self, busy=False):
        self.busy = busy

    def __call__(self, descriptor, request, about):
        number = request & 0xFF
        assert (request >> 16) & 0x3FFF == len(about)
        calls = {
            0: self.capability,
            2: self.format,
            4: self.ignore,
            5: self.set,
            74: self.size,
            75: self.rate,
        }
        calls[number](about)

    def capability(self, about):
        struct.pack_into(
            "=16s32s32sIII", about, 0, b"fakedrv", b"Fake Cam", b"usb-1", 1, 0x84A00001, 0x04200001
        )

    def format(self, about):
        (index,) = struct.unpack_from("=I", about)
        self.end(index, 2)
        struct.pack_into("=4s", about, 44, (b"MJPG", b"GREY")[index])

    def ignore(self, about):
        assert struct.unpack_from("=I", about)[0] == 1

    def set(self, about):
        if self.busy:
            raise OSError(errno.EBUSY, "busy")

    def size(self, about):
        index, code = struct.unpack_from("=I4s", about)
        if code == b"MJPG":
            self.end(index, 2)
            struct.pack_into("=3I", about, 8, 1, *((640, 480), (1920, 1080))[index])
        else:
            struct.pack_into("=7I", about, 8, 3, 160, 1280, 2, 120, 960, 2)

    def rate(self, about):
        index, code, width, _ = struct.unpack_from("=I4sII", about)
        if code == b"MJPG":
            self.end(index, 2)
            struct.pack_into("=3I", about, 16, 1, 1, ((60, 30) if width == 640 else (30, 5))[index])
        else:
            struct.pack_into("=7I", about, 16, 3, 1, 120, 1, 5, 1, 1)

    def end(self, index, count):
        if index >= count:
            raise OSError(errno.EINVAL, "no more")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no device files")
def test_a_driver_is_asked_in_its_own_words(tmp_path):
    (tmp_path / "video0").touch()
    device = ask_device(tmp_path / "video0", FakeDriver())
    assert (device.driver, device.card, device.captures, device.busy) == ("fakedrv", "Fake Cam", True, False)
    assert device.modes == (
        Mode("MJPG", 640, 480, 60.0),
        Mode("MJPG", 1920, 1080, 30.0),
        Mode("GREY", 640, 480, 120.0),
        Mode("GREY", 1280, 720, 120.0),
    )


@pytest.mark.skipif(sys.platform == "win32", reason="there are no device files")
def test_a_driver_that_refuses_its_own_format_is_busy(tmp_path):
    (tmp_path / "video0").touch()
    assert ask_device(tmp_path / "video0", FakeDriver(busy=True)).busy


@pytest.mark.skipif(sys.platform != "linux", reason="the call is of Linux")
def test_an_ordinary_file_is_no_video_device(tmp_path):
    (tmp_path / "video0").touch()
    with pytest.raises(OSError, match="ioctl"):
        ask_device(tmp_path / "video0")
