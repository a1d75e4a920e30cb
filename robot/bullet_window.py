"""PyBullet's own window beside a simulation, in a process of its own.

The window's client answers a call in milliseconds where the physics needs hundredths of one, so it only
shows: the simulation tells it thirty times a second where everything is and never waits for it. Closing the
window closes nothing else.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

import numpy as np

from robot.allegro_model import Hand
from robot.bullet import joint_indices, load_pybullet
from robot.errors import RobotError
from robot.hands import hand_spec
from robot.scene import ObjectKind, Scene, SceneConfig, SceneState, side_of
from robot.wrist import SLIDES, load_sliding

log = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parent.parent
_POLL_S = 0.5
# Distance in metres, yaw of a right hand's picture and pitch in degrees, target in metres.
_CAMERA = (0.40, 60.0, -18.0, (0.0, -0.03, 0.08))
_CAMERA_IN_AIR = (0.38, -15.0, -12.0, (0.0, 0.0, 0.03))


def check_display() -> None:
    """Make sure that a window can be opened; PyBullet itself would end the process where it cannot.

    Raises:
        RobotError: there is no display.
    """
    if not sys.platform.startswith("linux"):
        return
    name = ctypes.util.find_library("X11")
    if os.environ.get("DISPLAY") and name is not None:
        x11 = ctypes.CDLL(name)
        x11.XOpenDisplay.restype = ctypes.c_void_p
        display = x11.XOpenDisplay(None)
        if display:
            x11.XCloseDisplay(ctypes.c_void_p(display))
            return
    raise RobotError(
        "The window of the simulation needs a display and there is none here; run it without --gui."
    )


class BulletWindow:
    """A window that shows a simulated hand.

    Args:
        hand: "right" or "left".
        item: what stands on the table; None for a hand in the air.

    Raises:
        RobotError: there is no display.
    """

    def __init__(self, hand: Hand, item: ObjectKind | None) -> None:
        check_display()
        command = [sys.executable, "-m", "robot.bullet_window", hand, item or ""]
        self._process = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._newest: bytes | None = None
        self._changed = threading.Event()
        self._closing = False
        self._sender = threading.Thread(target=self._send, name="bullet-window", daemon=True)
        self._sender.start()

    def show(self, q_rad: np.ndarray, scene: SceneState | None) -> None:
        """Show the joints at `q_rad` (n,) rad, driver order, and the scene; never waits."""
        state: dict[str, Any] = {"q": q_rad.tolist()}
        if scene is not None:
            state |= {"palm": scene.palm.tolist(), "thing": scene.thing.tolist()}
        self._newest = json.dumps(state).encode() + b"\n"
        self._changed.set()

    def _send(self) -> None:
        stream = self._process.stdin
        assert stream is not None  # it was asked for as a pipe
        try:
            while not self._closing:
                self._changed.wait()
                self._changed.clear()
                if self._newest is not None:
                    stream.write(self._newest)
                    stream.flush()
            stream.close()
        except OSError:
            log.info("the window of the simulation was closed; the simulation goes on")

    def close(self) -> None:
        """Close the window; calling it twice does no harm."""
        self._closing = True
        self._changed.set()
        self._sender.join(_POLL_S)
        self._process.terminate()
        self._process.wait()


def _read(stream: IO[bytes], newest: list[bytes], ended: threading.Event) -> None:
    for line in stream:
        newest[:] = [line]
    ended.set()


def main(hand: Hand, item: ObjectKind | None) -> None:
    """Show what comes over standard input, the newest only, until it ends or the window is closed."""
    newest: list[bytes] = []
    ended = threading.Event()
    threading.Thread(target=_read, args=(sys.stdin.buffer, newest, ended), daemon=True).start()
    bullet = load_pybullet()
    client = bullet.connect(bullet.GUI)
    bullet.configureDebugVisualizer(bullet.COV_ENABLE_GUI, 0, physicsClientId=client)
    distance_m, yaw_deg, pitch_deg, target_m = _CAMERA if item else _CAMERA_IN_AIR
    bullet.resetDebugVisualizerCamera(
        distance_m, 90.0 + side_of(hand) * yaw_deg, pitch_deg, target_m, physicsClientId=client
    )
    spec = hand_spec(hand)
    scene = Scene(bullet, client, SceneConfig(item), side_of(hand)) if item else None
    if scene is None:
        body = bullet.loadURDF(str(spec.urdf_path), useFixedBase=True, physicsClientId=client)
        indices = joint_indices(bullet, client, body, spec.joint_names)
    else:
        scene.paint()
        body = load_sliding(bullet, client, spec, (0.0, 0.0, 0.0), 0)
        indices = joint_indices(bullet, client, body, (*SLIDES, *spec.joint_names))
    while not ended.wait(1.0 / 60.0) and bullet.isConnected(physicsClientId=client):
        if not newest:
            continue
        state = json.loads(newest.pop())
        bullet.configureDebugVisualizer(bullet.COV_ENABLE_RENDERING, 0, physicsClientId=client)
        joints = [*state.get("palm", ())[:3], *state["q"]]
        bullet.resetJointStatesMultiDof(body, indices, [[q] for q in joints], physicsClientId=client)
        if scene is not None:
            place, turn = state["thing"][:3], state["thing"][3:]
            bullet.resetBasePositionAndOrientation(scene.thing, place, turn, physicsClientId=client)
        bullet.configureDebugVisualizer(bullet.COV_ENABLE_RENDERING, 1, physicsClientId=client)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] or None)  # type: ignore[arg-type]
