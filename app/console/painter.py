"""The whole console as one picture, drawn away from the thread that hears keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PySide6 import QtCore, QtGui

from app.console.brush import Brush
from app.console.latency_history import LatencyHistory
from app.console.layout import Box, lay_out
from app.console.paint_body import HumanoidPanel
from app.console.paint_camera import paint_camera
from app.console.paint_hand import paint_hand
from app.console.paint_joints import paint_joints
from app.console.paint_latency import paint_latency
from app.console.paint_overlays import (
    paint_calibration,
    paint_help,
    paint_quit,
    paint_shade,
    paint_stopped_frame,
    paint_strips,
)
from app.console.paint_states import paint_footer, paint_robot_mode, paint_source
from app.console.theme import DARK, Theme
from app.robot_views import RobotViews
from app.snapshot import HandSnapshot, Snapshot
from models.observation import Hand

ROBOT_SIDES_PX = (360, 480)  # of its picture, in a small window and in a large one
ROBOT_PERIOD_S = 0.13  # rendering the robot costs more than all the rest
ROBOT_WIDTH = 0.92  # share of its picture that a robot hand takes with its fingers spread, and some air
STILL_RAD = 0.003  # less is not seen
STALE_S = 1.0


@dataclass(frozen=True)
class View:
    """What the picture depends on besides the run.

    Attributes:
        width, height: of the window, logical pixels.
        ratio: device pixels in one of them.
        theme: colours.
        help: whether the keys are shown.
        quitting: whether it is asked if an armed robot may be left.
        alarm: a sentence that must be read; empty for none.
        stopped: whether the robots themselves confirmed the newest stop.
        stopping: whether one of them has yet to confirm it.
    """

    width: int
    height: int
    ratio: float = 1.0
    theme: Theme = DARK
    help: bool = False
    quitting: bool = False
    alarm: str = ""
    stopped: bool = False
    stopping: bool = False


class ConsolePainter:
    """Draws the console; keeps what does not change from picture to picture. Used by one thread at a time."""

    def __init__(self) -> None:
        self._views = {side: RobotViews((side, side)) for side in ROBOT_SIDES_PX}
        self._rendered: dict[Hand, tuple[int, np.ndarray]] = {}
        self._robots: dict[Hand, np.ndarray] = {}
        self._t_robots_s = float("-inf")
        self._humanoid = HumanoidPanel()
        self._snapshot: Snapshot | None = None
        self._t_snapshot_s = float("-inf")
        self._history = LatencyHistory()

    def take(self, snapshot: Snapshot, t_s: float) -> None:
        """Show this snapshot from now on; it came at `t_s`, seconds."""
        self._snapshot = snapshot
        self._t_snapshot_s = t_s
        self._history.add(snapshot, t_s)

    def paint(self, view: View, t_s: float) -> QtGui.QImage:
        """The console as of `t_s`, seconds on the clock of `take`."""
        size = QtCore.QSize(max(1, round(view.width * view.ratio)), max(1, round(view.height * view.ratio)))
        image = QtGui.QImage(size, QtGui.QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(view.ratio)
        image.fill(QtGui.QColor(view.theme.background))
        painter = QtGui.QPainter(image)
        try:
            self._paint(painter, view, t_s)
        finally:
            painter.end()
        return image

    def close(self) -> None:
        """Let go of the robot's views and the humanoid."""
        self._humanoid.close()
        for views in self._views.values():
            views.close()

    def _paint(self, painter: QtGui.QPainter, view: View, t_s: float) -> None:
        layout = lay_out(view.width, view.height)
        brush = Brush(painter, view.theme, layout.unit)
        snapshot, window = self._snapshot, Box(0, 0, view.width, view.height)
        hands = () if snapshot is None else snapshot.hands
        body = None if snapshot is None else snapshot.body
        body_alone = body is not None and not hands
        camera = layout.tall_camera if body_alone else layout.camera
        paint_source(brush, layout.source, hands, body)
        paint_robot_mode(brush, layout.robot_mode, hands, body)
        if snapshot is None:
            brush.text(brush.panel(camera), "waiting for the first frame", 24, view.theme.dim, "centre")
        else:
            paint_camera(brush, camera, snapshot)
        if body is not None:
            self._humanoid.paint(brush, layout.humanoid if body_alone else layout.hand, body)
        else:
            _paint_hands(brush, layout.hand, hands, t_s)
        if not body_alone:
            self._paint_robots(brush, layout.robot, hands, t_s)
            paint_joints(brush, layout.joints, hands)
        automatic = snapshot is None or snapshot.horizon_automatic
        paint_latency(brush, layout.latency, self._history, automatic, t_s)
        paint_footer(brush, layout.footer, snapshot)
        if snapshot is not None and snapshot.calibration is not None:
            paint_calibration(brush, layout.guide, snapshot.calibration)
        if any(hand.mode == "STOPPED" for hand in hands):
            paint_stopped_frame(brush, window)
        alarms = self._alarms(view, t_s)
        if not (view.quitting or view.help):
            paint_strips(brush, camera, alarms, "" if snapshot is None else snapshot.notice)
            return
        paint_shade(brush, window)
        below = paint_strips(brush, Box(0, 0, layout.stop.x, view.height), alarms)
        below = replace(below, width=view.width)
        if view.quitting:
            paint_quit(brush, below, view.stopping)
        else:
            paint_help(brush, below)

    def _alarms(self, view: View, t_s: float) -> list[str]:
        """What must be read, the most urgent first: of the stop, of the pipeline, and why robots stopped."""
        hands = () if self._snapshot is None else self._snapshot.hands
        faults = [(f"Robot {hand.hand[0].upper()}: ", hand.fault) for hand in hands if hand.fault]
        told = [which + fault if len(hands) > 1 else fault for which, fault in faults]
        alarm = view.alarm or self._silence(view, t_s)
        return [alarm, *told] if alarm else told

    def _silence(self, view: View, t_s: float) -> str:
        """What to say when no snapshot came for a while: nothing shown is of now."""
        if self._snapshot is None or t_s - self._t_snapshot_s < STALE_S:
            return ""
        silent_s = t_s - self._t_snapshot_s
        confirmed = "; the robot has confirmed the stop" if view.stopped else ""
        return f"The pipeline has been silent for {silent_s:.0f} s: what is shown is old{confirmed}"

    def _paint_robots(self, brush: Brush, box: Box, hands: Sequence[HandSnapshot], t_s: float) -> None:
        if hands and t_s - self._t_robots_s >= ROBOT_PERIOD_S:
            self._t_robots_s = t_s
            side = ROBOT_SIDES_PX[brush.device_px(box.height) > ROBOT_SIDES_PX[0]]
            for hand in hands:
                self._render(hand, side)
        if not hands:
            brush.panel(box, "Robot")
            return
        for hand, cell in zip(hands, box.columns(len(hands), 8 * brush.u), strict=True):
            _paint_robot(brush, cell, hand, self._robots.get(hand.hand))

    def _render(self, hand: HandSnapshot, side_px: int) -> None:
        """Take a new picture of the robot, unless it stands as it stood."""
        before_px, before_rad = self._rendered.get(hand.hand, (0, hand.shown_rad))
        still = np.allclose(before_rad, hand.shown_rad, atol=STILL_RAD, equal_nan=True)
        if still and before_px == side_px and hand.scene is None:
            return
        self._rendered[hand.hand] = side_px, hand.shown_rad
        self._robots[hand.hand] = self._views[side_px].render(
            hand.hand, hand.shown_rad, hand.joint_names, hand.scene, hand.version
        )


def _paint_robot(brush: Brush, box: Box, hand: HandSnapshot, pixels: np.ndarray | None) -> None:
    """The robot's picture, cut to the box; a caption says which hand and whether it is measured."""
    u = brush.u
    brush.box(box, brush.theme.panel, edge=brush.theme.edge)
    if pixels is not None:
        _fill(brush, box, pixels)
        brush.round_corners(box)
    reported = bool(np.isfinite(hand.q_rad).any())
    caption = f"Allegro {hand.hand}, {'as reported' if reported else 'as asked'}"
    strip = Box(box.x + 8 * u, box.y + 8 * u, min(200 * u, box.width - 16 * u), 24 * u)
    brush.box(strip, "#b3000000", radius=5)
    brush.text(strip.inset(3 * u), caption, 14, "#ffffff", "centre")


def _fill(brush: Brush, box: Box, pixels: np.ndarray) -> None:
    """Fill the box with the picture of a robot, none of which is cut off; its ground is carried on."""
    height, width = pixels.shape[:2]
    scale = min(max(box.width / width, box.height / height), box.width / (ROBOT_WIDTH * width))
    part_width, part_height = round(box.width / scale), min(height, round(box.height / scale))
    left, top = max(0, (width - part_width) // 2), (height - part_height) // 2
    part = pixels[top : top + part_height, left : left + part_width]
    band = max(0.0, (box.height - part_height * scale) / 2)
    if band >= 1.0:
        brush.picture(Box(box.x, box.y, box.width, band + 1.0), part[:1])
        brush.picture(Box(box.x, box.bottom - band - 1.0, box.width, band + 1.0), part[-1:])
    brush.picture(Box(box.x, box.y + band, box.width, box.height - 2.0 * band), part)


def _paint_hands(brush: Brush, box: Box, hands: Sequence[HandSnapshot], t_s: float) -> None:
    inner = brush.panel(box, "Hand in space")
    for hand, cell in zip(hands, inner.rows(max(1, len(hands)), 6 * brush.u), strict=False):
        paint_hand(brush, cell, hand, t_s)
