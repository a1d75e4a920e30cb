"""The check of a hand as a picture: open, fist and pinch, from the front and from the thumb's side."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from app.check_hand.check import Check
from app.check_hand.findings import Level
from app.check_hand.proposal import keypoint_fingers
from app.check_hand.scene import Body, Camera, render
from app.check_hand.strokes import centred, dot, fitting, line, text, text_width, whole
from app.check_hand.trial import TrialResult
from app.check_hand.wrist_frame import turn_deg
from app.drawing import FINGER_COLOURS, Colour
from app.errors import AppError
from app.files import write_atomically
from app.opencv import cv2
from models.keypoints import FINGERS, SKELETON
from retarget.objective import rotation_of

_TILE_PX = (470, 520)
_HEAD_PX, _LABEL_PX, _FOOT_PX, _LEGEND_PX = 74, 28, 34, 44
_MARGIN = 1.1  # around what is shown
_AXIS_SHARE = 0.3  # of the hand's length
_NAMES_SHARE = 0.1  # of it, from a fingertip to its name
_INK: Colour = (52, 46, 42)
_FAINT: Colour = (128, 120, 114)
_PALM: Colour = (176, 172, 168)
_HUMAN: Colour = (110, 86, 70)
_AXIS_COLOURS: tuple[Colour, ...] = ((60, 60, 222), (70, 160, 40), (214, 110, 40))
_LEVEL_COLOURS: dict[Level, Colour] = {
    Level.GOOD: (90, 150, 40),
    Level.HINT: (20, 140, 220),
    Level.WRONG: (50, 50, 215),
}


def write_picture(check: Check, path: Path) -> None:
    """Draw the check into a PNG file.

    Raises:
        AppError: the file cannot be written.
    """
    encoded, data = cv2.imencode(".png", draw(check))
    if not encoded:
        raise AppError(f"the picture for {path} cannot be made: OpenCV was built without PNG")
    with write_atomically(path) as file:
        file.write(data.tobytes())


def draw(check: Check) -> np.ndarray:
    """(h,w,3) uint8 BGR."""
    scenes = [_PoseScene(check, trial) for trial in _shown(check)] or [_PoseScene(check, None)]
    seen = np.concatenate([scene.extent() for scene in scenes])
    low, high = seen.min(axis=0), seen.max(axis=0)
    target = (low + high) / 2.0
    deep, broad, tall = (high - low).tolist()
    scale = min(_TILE_PX[0] / max(deep, broad), _TILE_PX[1] / tall) / _MARGIN
    side = -1.0 if check.hand == "left" else 1.0
    front = Camera(np.array([1.0, 0.0, 0.0]), target, scale, _TILE_PX)
    beside = Camera(np.array([0.0, side, 0.0]), target, scale, _TILE_PX)
    rows = []
    for camera, label in ((front, "front: looking at the palm"), (beside, "from the thumb's side")):
        tiles = [scene.tile(camera, named=camera is front) for scene in scenes]
        row = np.hstack(tiles)
        strip = np.broadcast_to(row[:1], (_LABEL_PX, *row.shape[1:])).copy()
        text(strip, label, (14, 21), 0.5, _FAINT)
        rows.append(np.vstack([strip, row]))
    feet = np.hstack([scene.foot() for scene in scenes])
    body = np.vstack([rows[0], feet, rows[1]])
    return np.vstack([_head(check, body.shape[1]), body, _legend(check, body.shape[1])])


def _shown(check: Check) -> list[TrialResult]:
    """Open hand, fist, and the pinch of the first finger."""
    wanted: dict[str, TrialResult] = {}
    for trial in check.trials:
        wanted.setdefault(trial.pose.kind, trial)
    return list(wanted.values())


class _PoseScene:
    """The robot in one pose, along the measured axes of the hand, and the human hand it follows."""

    def __init__(self, check: Check, trial: TrialResult | None) -> None:
        self._check = check
        self._trial = trial
        shape = check.shape
        description = shape.description
        self._axes = np.eye(3) if check.frame is None else check.frame.R
        q = shape.straight_q.copy()
        retargeter = check.retargeter
        if trial is not None and retargeter is not None:
            for name, value in zip(retargeter.joint_names, trial.q_rad, strict=True):
                if name in description.tree.joint_names:
                    q[description.tree.joint_index(name)] = value
        self._poses = description.poses(q)
        self._wrist = self._at(shape.wrist_link)
        self._bodies = self._build_bodies()
        self._human = self._build_human()

    def extent(self) -> np.ndarray:
        """(k,3) points that should be in the picture."""
        points = [self._wrist, *self._human]
        for body in self._bodies:
            points += [body.start + body.radius_m, body.start - body.radius_m]
            points += [body.end + body.radius_m, body.end - body.radius_m]
        # Room for the names above the tips.
        above = (0.0, 0.0, _NAMES_SHARE * self._check.shape.length_m)
        points += [self._at(digit.digit.tip) + above for digit in self._check.shape.digits]
        return np.array(points)

    def tile(self, camera: Camera, named: bool) -> np.ndarray:
        """The picture from one side; `named` writes the open hand's fingers at their tips."""
        image = render(self._bodies, camera)
        self._draw_human(image, camera)
        rest = self._trial is None or self._trial.pose.kind == "open"
        if rest:
            self._draw_axes(image, camera)
        self._draw_tips(image, camera, named and rest)
        return image

    def foot(self) -> np.ndarray:
        """What is said about the pose."""
        strip = np.full((_FOOT_PX, _TILE_PX[0], 3), 255, np.uint8)
        if self._trial is None:
            text(strip, "straightest pose; nothing was retargeted", (14, 23), 0.5, _INK)
            return strip
        cv2.circle(strip, (20, 17), 5, _LEVEL_COLOURS[self._trial.level], -1, cv2.LINE_AA)
        words = f"{self._trial.pose.name}: {self._trial.verdict}"
        text(strip, words, (34, 22), fitting(words, 0.5, _TILE_PX[0] - 44), _INK)
        return strip

    def _at(self, link: str) -> np.ndarray:
        tree = self._check.description.tree
        return np.asarray(self._poses[tree.link_index(link), :3, 3] @ self._axes)

    def _colour(self, link: str) -> Colour:
        carrier = self._check.shape.shape_of(link)
        return _PALM if carrier is None else _soft(_digit_colour(self._check, carrier.digit.tip))

    def _build_bodies(self) -> list[Body]:
        """The robot's capsules, and rods along the digits, thin ones where there are capsules."""
        tree = self._check.description.tree
        bodies, covered = [], set()
        if self._check.retargeter is not None and self._trial is not None:
            retargeter = self._check.retargeter
            # Capsules come along the config's axes, the picture goes along the measured ones.
            turn = rotation_of(retargeter.config.hand_frame_rpy).T @ self._axes
            for capsule in retargeter.capsules(self._trial.q_rad):
                start, end = np.array(capsule.start) @ turn, np.array(capsule.end) @ turn
                bodies.append(Body(start, end, capsule.radius_m, self._colour(capsule.link)))
                covered.add(capsule.link)
        thin = 0.028 * self._check.shape.length_m
        for digit in self._check.shape.digits:
            chain = [*digit.digit.moving, tree.link_index(digit.digit.tip)]
            first = self._at(tree.link_names[chain[0]])
            if not covered:
                bodies.append(Body(self._wrist, first, 0.7 * thin, _PALM))
            for link, following in itertools.pairwise(chain):
                name = tree.link_names[link]
                ends = self._at(name), self._at(tree.link_names[following])
                bodies.append(Body(*ends, (0.5 if name in covered else 1.0) * thin, self._colour(name)))
        return bodies

    def _build_human(self) -> np.ndarray:
        """(21,3) the scaled human keypoints, laid at the robot's wrist; none where nothing was asked."""
        if self._trial is None or self._check.retargeter is None:
            return np.empty((0, 3))
        config = self._check.retargeter.config
        turn = rotation_of(config.hand_frame_rpy).T @ self._axes
        return np.asarray(self._wrist + config.scaling_factor * self._trial.pose.keypoints @ turn)

    def _draw_human(self, image: np.ndarray, camera: Camera) -> None:
        if not len(self._human):
            return
        points = camera.pixels(self._human)
        over = image.copy()
        for a, b in SKELETON:
            line(over, points[a], points[b], _HUMAN, 2)
        for point in points:
            dot(over, point, 3.0, _HUMAN)
        image[:] = cv2.addWeighted(over, 0.62, image, 0.38, 0.0)

    def _draw_axes(self, image: np.ndarray, camera: Camera) -> None:
        """The frame that is used, from the wrist; and the right one, thin, where the two differ."""
        used = _used_axes(self._check)
        length = _AXIS_SHARE * self._check.shape.length_m
        for axis in range(3):
            direction = self._axes.T @ used[:, axis]
            start, end = camera.pixels(np.stack([self._wrist, self._wrist + length * direction]))
            colour = _AXIS_COLOURS[axis]
            if np.linalg.norm(end - start) > 0.25 * length * camera.scale:
                line(image, start, end, (255, 255, 255), 7)
                cv2.arrowedLine(image, whole(start), whole(end), colour, 3, cv2.LINE_AA, tipLength=0.22)
                place = end + 14.0 * (end - start) / np.linalg.norm(end - start)
            else:  # toward the eye, or away from it
                dot(image, start, 9.0, (255, 255, 255))
                dot(image, start, 7.0, colour)
                if direction @ (camera.eye - self._wrist) > 0.0:
                    dot(image, start, 2.5, (255, 255, 255))
                place = start + np.array([-17.0, 15.0])
            centred(image, "xyz"[axis], place, 0.6, colour)

    def _draw_tips(self, image: np.ndarray, camera: Camera, named: bool) -> None:
        above = _NAMES_SHARE * self._check.shape.length_m * camera.scale
        fingers = keypoint_fingers(self._check.shape)
        for number, digit in enumerate(self._check.shape.digits):
            point = camera.pixels(self._at(digit.digit.tip))
            colour = _digit_colour(self._check, digit.digit.tip)
            dot(image, point, 6.5, (255, 255, 255))
            dot(image, point, 4.5, colour)
            if named:
                name = FINGERS[fingers[number]] if self._check.shape.thumb and number < len(fingers) else ""
                centred(image, name or str(number + 1), point - (0.0, above), 0.45, _INK)


def _used_axes(check: Check) -> np.ndarray:
    """(3,3) the hand frame the trials used, in the root's axes."""
    if check.retargeter is not None:
        return rotation_of(check.retargeter.config.hand_frame_rpy)
    return np.eye(3) if check.frame is None else check.frame.R


def _digit_colour(check: Check, tip: str) -> Colour:
    tips = [digit.digit.tip for digit in check.shape.digits]
    return FINGER_COLOURS[tips.index(tip) % len(FINGER_COLOURS)]


def _soft(colour: Colour) -> Colour:
    """A pastel of a colour: shaded bodies are not to outshine the lines on them."""
    blue, green, red = (round(0.45 * part + 0.55 * 190) for part in colour)
    return blue, green, red


def _head(check: Check, width: int) -> np.ndarray:
    strip = np.full((_HEAD_PX, width, 3), 255, np.uint8)
    hand = f"{check.shape.hand} hand" if check.shape.hand else "side not known"
    text(strip, f"{check.description.name}: {hand}", (14, 32), 0.8, _INK, 2)
    frame = check.frame
    if frame is None:
        words = "the shape does not tell where the palm is"
        level = Level.HINT
    elif turn_deg(_used_axes(check), frame.measured) > 25.0:
        words = "axes x, y, z as the config has them: they do not fit the hand"
        level = Level.WRONG
    elif frame.follows_convention or check.configured:
        words = "axes: x leaves the palm, y points to a right hand's thumb, z to the fingertips"
        level = Level.GOOD
    else:
        words = "axes as they should be; the URDF's root has them turned: add the line hand_frame_rpy"
        level = Level.WRONG
    cv2.circle(strip, (20, 56), 5, _LEVEL_COLOURS[level], -1, cv2.LINE_AA)
    text(strip, words, (34, 61), 0.5, _INK)
    return strip


def _legend(check: Check, width: int) -> np.ndarray:
    """Which link each fingertip is."""
    strip = np.full((_LEGEND_PX, width, 3), 255, np.uint8)
    tips = [digit.digit.tip for digit in check.shape.digits]
    entries = [*tips, "thin lines: the human hand, scaled"]
    total = sum(text_width(entry, 0.5) + 46 for entry in entries)
    size = 0.5 * min(1.0, (width - 28) / total)
    x = 20
    for entry in entries:
        colour = _digit_colour(check, entry) if entry in tips else _HUMAN
        if entry in tips:
            cv2.circle(strip, (x, 22), 6, colour, -1, cv2.LINE_AA)
        else:
            cv2.line(strip, (x - 8, 22), (x + 8, 22), colour, 2, cv2.LINE_AA)
        text(strip, entry, (x + 14, 27), size, _INK)
        x += text_width(entry, size) + 44
    return strip
