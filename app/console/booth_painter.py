"""The booth's page as one picture: what to do, the visitor's hand, and the robot."""

from __future__ import annotations

import numpy as np
from PySide6 import QtCore, QtGui

from app.console.attract import AttractLoop
from app.console.booth_steps import draw_ring, paint_steps
from app.console.booth_words import BoothWords, booth_words, shown_hand
from app.console.brush import Brush, image_of, rect
from app.console.layout import Box, lay_out
from app.console.skeletons import draw_skeleton
from app.console.theme import DARK
from app.robot_views import RobotViews
from app.snapshot import HandSnapshot, Snapshot
from models.observation import Hand

ROBOT_PICTURE_PX = (960, 500)  # wider than any card: the whole hand is in its middle
ROBOT_PERIOD_S = 0.1  # rendering the robot costs more than all the rest
SILENT_S = 2.0


class BoothPainter:
    """Draws the page; used by one thread at a time.

    Args:
        mirrored: show camera and robot as in a mirror, as visitors expect who see themselves.
    """

    def __init__(self, mirrored: bool = True) -> None:
        self._mirrored = mirrored
        self._attract: AttractLoop | None = None  # begins when it is known which hand drives a robot
        self._views = RobotViews(ROBOT_PICTURE_PX)
        self._robot: tuple[Hand, QtGui.QImage] | None = None
        self._t_robot_s = float("-inf")
        self._snapshot: Snapshot | None = None
        self._t_snapshot_s = float("-inf")

    def take(self, snapshot: Snapshot, t_s: float) -> None:
        """Show this snapshot from now on; it came at `t_s`, seconds."""
        self._snapshot = snapshot
        self._t_snapshot_s = t_s
        if self._attract is None and snapshot.hands:
            self._attract = AttractLoop(snapshot.hands[0].hand, ROBOT_PICTURE_PX)

    def paint(self, width: int, height: int, ratio: float, t_s: float) -> QtGui.QImage:
        """The page as of `t_s`, seconds on the clock of `take`.

        Args:
            width, height: of the window, logical pixels.
            ratio: device pixels in one of them.
            t_s: now.
        """
        size = QtCore.QSize(max(1, round(width * ratio)), max(1, round(height * ratio)))
        image = QtGui.QImage(size, QtGui.QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(ratio)
        image.fill(QtGui.QColor(DARK.background))
        painter = QtGui.QPainter(image)
        try:
            self._paint(Brush(painter, DARK, lay_out(width, height).unit), width, height, t_s)
        finally:
            painter.end()
        return image

    def close(self) -> None:
        """Let go of the robot's views."""
        self._views.close()

    def _paint(self, brush: Brush, width: float, height: float, t_s: float) -> None:
        u, snapshot = brush.u, self._snapshot
        silent = t_s - self._t_snapshot_s > SILENT_S
        words = booth_words(snapshot, silent)
        margin, gap = 24 * u, 20 * u
        inner = width - 2 * margin
        text = lay_out(width, height).booth_stop.x - 2 * margin  # the stop button lies over the page
        brush.text(Box(margin, 8 * u, text, 74 * u), words.headline, 62, DARK.text, bold=True)
        brush.text(Box(margin, 78 * u, text, 46 * u), words.line, 34, DARK.dim)
        foot_height = max(28 * u, brush.paragraph_height(inner, words.staff, 18))
        foot = Box(margin, height - 6 * u - foot_height, inner, foot_height)
        brush.paragraph(foot, words.staff, 18, DARK.dim, "centre")
        steps = Box(margin, foot.y - 156 * u, inner, 150 * u)
        progress = 0.0 if snapshot is None or snapshot.booth is None else snapshot.booth.progress
        paint_steps(brush, steps, words, progress, t_s, self._mirrored)
        top = 136 * u
        middle = Box(margin, top, inner, steps.y - gap - top)
        left, right = middle.columns(2, gap) if width > height else middle.rows(2, gap)
        phase = "attract" if snapshot is None or snapshot.booth is None else snapshot.booth.phase
        if phase == "attract" or silent or snapshot is None:
            self._paint_attract(brush, left, right, t_s)
            return
        hand = shown_hand(snapshot)
        self._paint_camera(brush, left, snapshot, hand, words)
        self._paint_robot(brush, right, hand, words, t_s)
        if phase == "hold":
            _paint_hold(brush, right, progress)

    def _paint_attract(self, brush: Brush, left: Box, right: Box, t_s: float) -> None:
        pictures = None if self._attract is None else self._attract.pictures(t_s)
        for box, picture in zip((left, right), pictures or (None, None), strict=True):
            brush.box(box, DARK.panel, radius=16)
            if picture is not None:
                self._card(brush, box, image_of(picture[:, ::-1] if self._mirrored else picture), None)

    def _paint_camera(
        self, brush: Brush, box: Box, snapshot: Snapshot, hand: HandSnapshot | None, words: BoothWords
    ) -> None:
        """The camera's image, filling the box, with the hand that drives the robot."""
        pixels = snapshot.image[:, ::-1] if self._mirrored else snapshot.image
        image = image_of(pixels)
        scale, origin = self._card(brush, box, image, words)
        if hand is None or words.step != 3:
            return
        points = hand.estimate_px * snapshot.scale
        if self._mirrored:
            points = np.column_stack([image.width() - 1 - points[:, 0], points[:, 1]])
        painter = brush.painter
        painter.save()
        painter.setClipRect(rect(box))
        draw_skeleton(brush, points * scale + origin, 4.0 * brush.u)
        painter.restore()

    def _paint_robot(
        self, brush: Brush, box: Box, hand: HandSnapshot | None, words: BoothWords, t_s: float
    ) -> None:
        due = t_s - self._t_robot_s >= ROBOT_PERIOD_S
        if hand is not None and (due or self._robot is None or self._robot[0] != hand.hand):
            self._t_robot_s = t_s
            pixels = self._views.render(hand.hand, hand.shown_rad, hand.joint_names, hand.scene, hand.version)
            self._robot = hand.hand, image_of(pixels[:, ::-1] if self._mirrored else pixels)
        if self._robot is None:
            brush.box(box, DARK.panel, radius=16)
        else:
            self._card(brush, box, self._robot[1], words)

    def _card(
        self, brush: Brush, box: Box, image: QtGui.QImage, words: BoothWords | None
    ) -> tuple[float, np.ndarray]:
        """An image that fills a rounded box; returns scale and (2,) offset from image to window pixels."""
        u, painter = brush.u, brush.painter
        scale = max(box.width / image.width(), box.height / image.height())
        origin = np.array(
            [
                box.x + (box.width - image.width() * scale) / 2,
                box.y + (box.height - image.height() * scale) / 2,
            ]
        )
        painter.save()
        clip = QtGui.QPainterPath()
        clip.addRoundedRect(rect(box), 16 * u, 16 * u)
        painter.setClipPath(clip)
        area = QtCore.QRectF(origin[0], origin[1], image.width() * scale, image.height() * scale)
        painter.drawImage(area, image)
        painter.restore()
        if words is not None and words.tone in ("good", "warn", "busy"):
            painter.setBrush(QtCore.Qt.BrushStyle.NoBrush)
            painter.setPen(QtGui.QPen(QtGui.QColor(DARK.tones[words.tone][0]), 7 * u))
            painter.drawRoundedRect(rect(box), 16 * u, 16 * u)
        return scale, origin


def _paint_hold(brush: Brush, box: Box, progress: float) -> None:
    """The ring that fills while the palm is held still, large, beside the robot that is about to follow."""
    side = 0.42 * box.height
    corner = Box(box.x + 22 * brush.u, box.y + 22 * brush.u, side, side)
    brush.disc(np.array([corner.x + side / 2, corner.y + side / 2]), 0.56 * side, "#cc0f1216")
    draw_ring(brush, corner, progress, 0.12)
    brush.text(corner, f"{round(100 * progress)} %", 40, "#ffffff", "centre", bold=True)
