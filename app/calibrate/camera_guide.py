"""Guides a board in front of a camera: which images to take, what is still missing, and what to say.

An image is taken when the board is sharp, holds still, and adds something: a part of the picture where it has
not been, a tilt or a distance of which there are not enough. It is pure: times come with the images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from calibration.board import Board, BoardView
from calibration.coverage import GRID, SIDES, STEEPEST_RAD, BoardPose, Side, board_pose, count_cells
from calibration.intrinsics import is_blurred

Goal = Literal["left", "right", "top", "bottom", "near", "far", "picture"]
GOALS: tuple[Goal, ...] = get_args(Goal)
IMAGES_PER_GOAL = 2
FEWEST_IMAGES = 15
ENOUGH_CELLS = 0.9  # of the picture; a board's outermost corners hardly reach the rest
NEAR_SHARE = 0.068  # of a picture's longer side, one square: 0.38 m from a camera 60° wide
FAR_SHARE = 0.047  # 0.55 m
STILL_S = 0.2
_STILL_SHARE_S = 0.06  # of the picture's longer side a second: how hands tremble
_LONGEST_STEP_S = 0.5  # two images farther apart say nothing about stillness
_PAUSE_S = 0.4  # between two images taken
_CORNERS_FOR_STILLNESS = 4
_FRESH_CELLS = 1
_MOVED_SHARE = 0.08  # of the picture's longer side, by which two images differ once all goals are met

_WORDS: Mapping[Goal, str] = {
    "left": "Turn the board: its left edge away from the camera",
    "right": "Turn the board: its right edge away from the camera",
    "top": "Tilt the board: its upper edge away from the camera",
    "bottom": "Tilt the board: its lower edge away from the camera",
    "near": "Come closer: let the board nearly fill the picture",
    "far": "Move back: let the board fill half the picture's height",
}
_COLUMN_WORDS = ("left", "", "right")
_MIRRORED = {"left": "right", "right": "left"}
_ROW_WORDS = ("upper", "", "lower")


@dataclass(frozen=True)
class GuideState:
    """What the guide makes of one image.

    Attributes:
        instruction: one short sentence for whoever holds the board.
        taken: this image was taken.
        images: taken so far.
        cells: (4,6) bool, parts of the picture in which the board was seen.
        wanted: (4,6) bool, where the board is wanted next; all False while something else is.
        progress: of each goal, 0–1.
        done: there is enough.
    """

    instruction: str
    taken: bool
    images: int
    cells: np.ndarray
    wanted: np.ndarray
    progress: Mapping[Goal, float]
    done: bool


class CaptureGuide:
    """Decides about one image after the other.

    Attributes:
        views: those taken.
    """

    def __init__(self, size_px: tuple[int, int], board: Board, mirrored: bool = False) -> None:
        """
        Args:
            size_px: of the images, (width, height).
            board: that is shown.
            mirrored: say left and right as whoever faces the camera sees them.
        """
        self._mirrored = mirrored
        self.views: list[BoardView] = []
        self._longer_px = max(size_px)
        self._size_px = size_px
        self._board = board
        self._cells = np.zeros(GRID[::-1], dtype=bool)
        self._sides: dict[Side, int] = dict.fromkeys(SIDES, 0)
        self._near = self._far = 0
        self._before: tuple[int, BoardView] | None = None
        self._t_still_ns: int | None = None
        self._t_taken_ns: int | None = None
        self._region: tuple[int, int] | None = None

    @property
    def progress(self) -> dict[Goal, float]:
        """Of each goal, 0–1."""
        progress: dict[Goal, float] = {
            side: min(1.0, count / IMAGES_PER_GOAL) for side, count in self._sides.items()
        }
        progress["near"] = min(1.0, self._near / IMAGES_PER_GOAL)
        progress["far"] = min(1.0, self._far / IMAGES_PER_GOAL)
        progress["picture"] = min(1.0, float(self._cells.mean()) / ENOUGH_CELLS)
        return progress

    @property
    def done(self) -> bool:
        return len(self.views) >= FEWEST_IMAGES and all(share >= 1.0 for share in self.progress.values())

    def look(self, view: BoardView | None, t_ns: int) -> GuideState:
        """Take in what one image shows.

        Args:
            view: the board in it; None if it does not show.
            t_ns: capture time of the image, ns, later than the one before.
        """
        if view is None:
            self._before = self._t_still_ns = None
            return self._state("Show the board to the camera", False)
        still_s = self._still_s(view, t_ns)
        if self.done:
            return self._state("Done", False)
        pose = board_pose(view, self._board)
        if pose is None or pose.tilt_rad > STEEPEST_RAD:
            return self._state("Tilt the board back a little", False)
        fresh = self._adds(view, pose)
        if fresh and is_blurred(view, self._board):
            return self._state("Hold it still; the picture is blurred", False)
        if fresh and still_s < STILL_S:
            return self._state("Hold it still", False)
        paused = self._t_taken_ns is None or t_ns - self._t_taken_ns >= _PAUSE_S * 1e9
        if fresh and paused:
            self._take(view, pose, t_ns)
            return self._state("Done" if self.done else self._missing(), True)
        return self._state(self._missing(), False)

    def _still_s(self, view: BoardView, t_ns: int) -> float:
        """For how long the board has held still."""
        before, self._before = self._before, (t_ns, view)
        if before is None:
            self._t_still_ns = t_ns
            return 0.0
        step_s = (t_ns - before[0]) * 1e-9
        _, ours, theirs = np.intersect1d(view.ids, before[1].ids, return_indices=True)
        speed_px_s = np.inf
        if len(ours) >= _CORNERS_FOR_STILLNESS and 0.0 < step_s <= _LONGEST_STEP_S:
            shift_px = np.linalg.norm(view.corners_px[ours] - before[1].corners_px[theirs], axis=1)
            speed_px_s = float(np.mean(shift_px)) / step_s
        if speed_px_s > _STILL_SHARE_S * self._longer_px or self._t_still_ns is None:
            self._t_still_ns = t_ns
        return (t_ns - self._t_still_ns) * 1e-9

    def _adds(self, view: BoardView, pose: BoardPose) -> bool:
        """Whether the view brings any goal forward."""
        if int(np.sum(self._cells_of(view) & ~self._cells)) >= _FRESH_CELLS:
            return True
        if pose.away is not None and self._sides[pose.away] < IMAGES_PER_GOAL:
            return True
        near, far = self._distance(pose)
        if (near and self._near < IMAGES_PER_GOAL) or (far and self._far < IMAGES_PER_GOAL):
            return True
        return all(share >= 1.0 for share in self.progress.values()) and self._is_elsewhere(view)

    def _is_elsewhere(self, view: BoardView) -> bool:
        """Whether it differs from all views taken."""
        for other in self.views:
            _, ours, theirs = np.intersect1d(view.ids, other.ids, return_indices=True)
            if len(ours) == 0:
                continue
            shift_px = np.linalg.norm(view.corners_px[ours] - other.corners_px[theirs], axis=1)
            if float(np.mean(shift_px)) < _MOVED_SHARE * self._longer_px:
                return False
        return True

    def _distance(self, pose: BoardPose) -> tuple[bool, bool]:
        share = pose.square_px / self._longer_px
        return share >= NEAR_SHARE, share <= FAR_SHARE

    def _cells_of(self, view: BoardView) -> np.ndarray:
        return count_cells(view.corners_px, self._size_px) > 0

    def _take(self, view: BoardView, pose: BoardPose, t_ns: int) -> None:
        self.views.append(view)
        self._cells |= self._cells_of(view)
        if pose.away is not None:
            self._sides[pose.away] += 1
        near, far = self._distance(pose)
        self._near += near
        self._far += far
        self._t_taken_ns = t_ns

    def _missing(self) -> str:
        """What to do next. The first goal that is open, the picture's parts before tilts and distances."""
        self._region = self._wanted_region()
        if self._region is not None:
            row, column = self._region
            across = self._seen_as(_COLUMN_WORDS[column])
            words = " ".join(word for word in (_ROW_WORDS[row], across) if word)
            kind = "corner" if row != 1 and column != 1 else "edge"
            return f"Move it to the {words} {kind}" if words else "Move it to the middle"
        for goal, share in self.progress.items():
            if share < 1.0 and goal in _WORDS:
                return _WORDS[goal].replace(f" {goal} ", f" {self._seen_as(goal)} ")
        return "Move it to a few more places"

    def _seen_as(self, word: str) -> str:
        return _MIRRORED.get(word, word) if self._mirrored else word

    def _wanted_region(self) -> tuple[int, int] | None:
        """(row, column) of the 3×3 parts of the picture; the one before until nothing misses there."""
        if self.progress["picture"] >= 1.0:
            return None
        missing = {
            (row, column): int(np.sum(_region_cells(row, column) & ~self._cells))
            for row in range(3)
            for column in range(3)
        }
        if self._region is not None and missing[self._region] > 0:
            return self._region
        return max(missing, key=lambda region: missing[region])

    def _state(self, instruction: str, taken: bool) -> GuideState:
        wanted = np.zeros_like(self._cells)
        if self._region is not None and self.progress["picture"] < 1.0 and not self.done:
            wanted = _region_cells(*self._region) & ~self._cells
        return GuideState(
            instruction=instruction,
            taken=taken,
            images=len(self.views),
            cells=self._cells.copy(),
            wanted=wanted,
            progress=self.progress,
            done=self.done,
        )


def _region_cells(row: int, column: int) -> np.ndarray:
    """(4,6) bool: the cells of one of the picture's 3×3 parts; the middle row is the two rows between."""
    across, down = GRID
    cells = np.zeros((down, across), dtype=bool)
    rows = (slice(0, 1), slice(1, down - 1), slice(down - 1, down))[row]
    columns = (slice(0, 2), slice(2, across - 2), slice(across - 2, across))[column]
    cells[rows, columns] = True
    return cells
