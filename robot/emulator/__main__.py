"""`python -m robot.emulator`: an emulated Allegro hand on a CAN bus, to try everything without hardware."""

from __future__ import annotations

import argparse
import json
import logging
import queue
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from robot.allegro_model import HANDS
from robot.allegro_versions import VERSION_HELP, make_protocol, version_spec
from robot.can.bus import BusSettings, CanPort
from robot.can.frames import parse_candump
from robot.emulator.faults import parse_faults
from robot.emulator.hand import EmulatedHand, example_serial
from robot.emulator.process import serve
from robot.errors import RobotError
from robot.realtime import request_realtime


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m robot.emulator", description=__doc__)
    parser.add_argument("--interface", default="udp_multicast", help="a python-can interface")
    parser.add_argument("--channel", default="", help="the bus of that interface")
    parser.add_argument("--hand", choices=HANDS, default="right")
    parser.add_argument("--version", default="v4", help=VERSION_HELP)
    parser.add_argument("--zeros", type=Path, help="v2, v3: YAML file with the zeros of each hand")
    parser.add_argument("--serial", default="", help="serial number, or the entry of --zeros")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="NAME[=VALUE]", help="may be given again"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the lost frames")
    parser.add_argument("--replay", type=Path, help="send the frames of a candump recording once, then go on")
    parser.add_argument("--parent-pipe", action="store_true", help="end when standard input closes")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    stop = threading.Event()
    questions: queue.SimpleQueue[str] = queue.SimpleQueue()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    try:
        protocol = make_protocol(given.version, given.zeros, given.serial)
        spec = version_spec(given.version, given.hand)
        serial = given.serial or example_serial(given.version, given.hand)
        faults = parse_faults(given.fault)
        recording = [] if given.replay is None else parse_candump(given.replay.read_text(encoding="utf-8"))
        port = CanPort(BusSettings(given.interface, given.channel))
        try:
            request_realtime()
            for frame in recording:
                port.send(frame)
            t_ns = time.monotonic_ns()
            hand = EmulatedHand(protocol, spec, faults, serial, t_ns, given.seed)
            if given.parent_pipe:
                threading.Thread(target=_listen, args=(questions, stop), name="stdin", daemon=True).start()
            _say({"event": "ready"})
            serve(hand, port, stop, questions, _say)
        finally:
            port.close()
    except (RobotError, OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _listen(questions: queue.SimpleQueue[str], stop: threading.Event) -> None:
    for line in sys.stdin:
        questions.put(line)
    stop.set()


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
