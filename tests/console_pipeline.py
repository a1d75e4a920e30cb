"""A pipeline without a window of its own, as a program: `python tests/console_pipeline.py VIDEO`.

Prints where its snapshots come out, where it takes commands and where its robots are, as a line of JSON; and
at its end how many frames it drove. A test puts a window there whose keys it can press.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import zmq

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.console.command import Command
from app.frame import Frame
from app.opencv import cv2
from app.settings import TeleopSettings
from app.snapshot import Snapshot
from app.sources.base import EndOfSource
from app.teleop import run_teleop


class EndlessVideo:
    """Some seconds of a video to and fro, until closed, as a camera would; see app.sources.base.Source."""

    live = True
    frame_count = None
    status = ""
    name = "endless video"
    fps = 30.0

    def __init__(self, path: Path) -> None:
        video = cv2.VideoCapture(str(path))
        there = [video.read()[1] for _ in range(45)]
        video.release()
        self._images = there + there[::-1]
        self.size_px = there[0].shape[1], there[0].shape[0]
        self._index = 0
        self._closed = False

    def read(self, timeout_s: float) -> Frame | None:
        if self._closed:
            raise EndOfSource
        time.sleep(1.0 / self.fps)
        frame = Frame(self._index, time.monotonic_ns(), self._images[self._index % len(self._images)])
        self._index += 1
        return frame

    def close(self) -> None:
        self._closed = True


class Ends:
    """The pipeline's ends of a window's sockets; see app.console.link.Console."""

    def __init__(self, title: str, endpoints: list[str], keys: Path | None, booth: bool) -> None:
        self._context = zmq.Context()
        self._snapshots = self._context.socket(zmq.PUB)
        self._commands = self._context.socket(zmq.PULL)
        ports = [
            socket.bind_to_random_port("tcp://127.0.0.1") for socket in (self._snapshots, self._commands)
        ]
        print(json.dumps({"snapshots": ports[0], "commands": ports[1], "robots": endpoints}), flush=True)

    def due(self, t_now_ns: int) -> bool:
        return True

    def show(self, snapshot: Snapshot) -> None:
        self._snapshots.send(snapshot.encode())

    def poll_command(self) -> Command | None:
        return Command.decode(self._commands.recv()) if self._commands.poll(0) else None

    def close(self) -> None:
        self._context.destroy(linger=0)


if __name__ == "__main__":
    settings = TeleopSettings(source="webcam", robot="sim")
    result = run_teleop(settings, EndlessVideo(Path(sys.argv[1])), open_console=Ends)
    print(result.report["frames"])
