"""What the doctor says of ports, CAN interfaces and real-time priority, good and bad."""

import json
import os
import socket
import sys

import pytest

from app.doctor.can_bus import look_at_can
from app.doctor.ports import look_at_ports
from app.doctor.probe import Answer
from app.doctor.realtime import look_at_realtime

PYTHON_CAN = Answer(0, '{"version": "4.6.1"}')


def make_interface(net, name, kind="280", flags="0x40081", queue="100", hardware=True):
    folder = net / name
    folder.mkdir(parents=True)
    for file, content in (
        ("type", kind),
        ("flags", flags),
        ("tx_queue_len", queue),
        ("operstate", "unknown"),
    ):
        (folder / file).write_text(f"{content}\n")
    if hardware:
        (folder / "device").mkdir()


def ip(kind="can", bitrate=1_000_000, state="ERROR-ACTIVE"):
    info = {"info_kind": kind, "info_data": {"state": state, "bittiming": {"bitrate": bitrate}}}
    return lambda *_: Answer(0, json.dumps([{"linkinfo": info}]))


def no_ip(*_):
    return Answer(None, "No such file or directory: 'ip'")


def look(tmp_path, run=no_ip, ask=lambda *_: PYTHON_CAN, platform="linux"):
    return look_at_can(tmp_path / "net", tmp_path / "usb", run, ask, platform)


def test_a_bus_that_is_up_at_the_right_rate_is_good(tmp_path):
    make_interface(tmp_path / "net", "can0")
    make_interface(tmp_path / "net", "eth0", kind="1")
    bus, library = look(tmp_path, ip())
    assert (bus.subject, bus.verdict, bus.text) == ("CAN can0", "ok", "up, 1000 kbit/s, ERROR-ACTIVE")
    assert library.verdict == "ok"


def test_a_bus_that_is_down_gets_the_command(tmp_path):
    make_interface(tmp_path / "net", "can0", flags="0x40080")
    bus, _ = look(tmp_path)
    assert (bus.verdict, bus.text) == ("note", "down")
    assert bus.fix == "sudo ip link set can0 up txqueuelen 100 type can bitrate 1000000"


@pytest.mark.parametrize(
    ("run", "queue", "word"),
    [
        (ip(bitrate=500_000), "100", "speak 1000 kbit/s"),
        (ip(state="BUS-OFF"), "100", "120 Ω"),
        (ip(), "10", "only 10 waiting frames"),
    ],
)
def test_a_bus_that_is_up_in_a_wrong_way_gets_the_command(tmp_path, run, queue, word):
    make_interface(tmp_path / "net", "can1", queue=queue)
    bus, _ = look(tmp_path, run)
    assert bus.verdict == "note"
    assert word in bus.text
    assert "sudo ip link set can1" in bus.fix


def test_without_ip_the_rate_is_not_known_and_nothing_is_wrong(tmp_path):
    make_interface(tmp_path / "net", "can0")
    bus, _ = look(tmp_path, no_ip)
    assert (bus.verdict, bus.text) == ("ok", "up, bit rate not known")


def test_a_virtual_bus_is_told_as_one(tmp_path):
    make_interface(tmp_path / "net", "vcan0", hardware=False)
    make_interface(tmp_path / "net", "vcan1", flags="0x80", hardware=False)
    up, down, _ = look(tmp_path)
    assert (up.verdict, down.verdict) == ("ok", "note")
    assert "virtual" in up.text
    assert down.fix == "sudo ip link set vcan1 up"


def test_an_adapter_without_its_driver_gets_the_command(tmp_path):
    device = tmp_path / "usb" / "1-2"
    device.mkdir(parents=True)
    (device / "idVendor").write_text("0c72\n")
    (device / "idProduct").write_text("000c\n")
    adapter, _ = look(tmp_path)
    assert "PCAN" in adapter.text
    assert adapter.fix.startswith("sudo modprobe peak_usb")


def test_no_bus_is_a_note(tmp_path):
    bus, library = look(tmp_path)
    assert (bus.subject, bus.verdict) == ("CAN", "note")
    assert "ip link set can0 up" in bus.fix
    assert library.verdict == "ok"


def test_a_bus_behind_a_makers_driver_is_told(tmp_path):
    lines = '{"version": "4.6.1"}\n{"interface": "pcan", "channel": "PCAN_USBBUS1"}\n'
    (library,) = look(tmp_path, ask=lambda *_: Answer(0, lines), platform="win32")
    assert "pcan:PCAN_USBBUS1" in library.text


def test_python_can_that_is_not_there_is_missing(tmp_path):
    *_, library = look(tmp_path, ask=lambda *_: Answer(1, "", "ModuleNotFoundError: No module named 'can'"))
    assert library.missing
    assert library.fix == "pip install -r requirements.txt"


def free_ports():
    """The first of three ports in a row that are free."""
    for port in range(20_000, 60_000, 7):
        with socket.socket() as a, socket.socket() as b, socket.socket() as c:
            try:
                for i, probe in enumerate((a, b, c)):
                    probe.bind(("127.0.0.1", port + i))
            except OSError:
                continue
            return port
    raise AssertionError("no three free ports in a row")


def test_free_ports_are_good():
    (finding,) = look_at_ports(free_ports())
    assert finding.verdict == "ok"


def test_a_port_in_use_is_told_with_whose_it_is():
    with socket.socket() as mine:
        mine.bind(("127.0.0.1", 0))
        mine.listen()
        port = mine.getsockname()[1]
        (finding,) = look_at_ports(min(port, 65533))
    assert finding.verdict == "note"
    assert str(port) in finding.text
    assert "--port" in finding.fix
    if sys.platform == "linux":
        assert f"process {os.getpid()}" in finding.text


@pytest.mark.parametrize("port", [0, -1, 65534, 70_000])
def test_a_port_that_is_none_is_told(port):
    (finding,) = look_at_ports(port)
    assert finding.verdict == "note"
    assert "give 1 to 65533" in finding.text


def granted(server, guardian):
    facts = (
        {"process": "server", "priority": 20, "granted": server},
        {"process": "guardian", "priority": 30, "granted": guardian},
    )
    return lambda *_: Answer(0, "\n".join(map(json.dumps, facts)))


def test_real_time_priority_that_is_granted_is_good():
    (finding,) = look_at_realtime(granted(True, True), "linux")
    assert (finding.verdict, finding.text) == ("ok", "granted: server 20, guardian 30")


def test_real_time_priority_that_is_refused_gets_the_command():
    (finding,) = look_at_realtime(granted(True, False), "linux")
    assert finding.verdict == "note"
    assert "refused: guardian 30" in finding.text
    assert "rtprio 40" in finding.fix


def test_real_time_priority_is_of_linux():
    (finding,) = look_at_realtime(platform="darwin")
    assert finding.verdict == "note"


@pytest.mark.skipif(sys.platform != "linux", reason="it is of Linux")
def test_the_system_itself_is_asked_for_real_time_priority():
    (finding,) = look_at_realtime()
    assert "server 20" in finding.text or "guardian 30" in finding.text
