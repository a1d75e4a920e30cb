"""overview.mp4: what the camera saw beside what the robot hand, or the humanoid, did, frame by frame.

Rendering costs more than the pipeline itself, so nothing is drawn while a run is live: camera images are kept
as they come, and the video is composed afterwards.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from app.body_snapshot import BodySnapshot
from app.drawing import draw_caption, draw_detection, draw_skeleton, draw_state, fit_into
from app.errors import AppError
from app.file_names import as_text
from app.frame import Frame
from app.humanoid.scene import HumanoidScene
from app.humanoid.skeleton import draw_body_detection, draw_body_skeleton
from app.interrupt import Interrupt
from app.lane import LaneFrame
from app.opencv import cv2
from app.recording import RecordingReader, RecordingWriter
from app.robot_views import RobotViews
from models.observation import Hand
from robot import RobotState, SceneState

logger = logging.getLogger(__name__)

TILE_HEIGHT_PX = 480
ROBOT_TILE_PX = (480, 480)
HUMANOID_TILE_PX = (480, 480)
WIDEST_CAMERA_TILE_PX = 4 * TILE_HEIGHT_PX
MAX_FRAMES = 54_000  # half an hour at 30 Hz: a live run may last for days, its video need not


@dataclass(frozen=True)
class OverviewFrame:
    """What the composed video needs of one hand in one frame.

    Attributes:
        hand: of the operator.
        keypoints_px: (21,2) where the detector saw the hand; NaN where it did not.
        estimate_px: (21,2) where the temporal stage says it is; NaN while it is lost.
        source_state: of the trajectory.
        mode: of the robot server; empty without one.
        joint_names: order of q_rad.
        q_rad: (n,) joint angles to show: measured, or the targets where no robot measures any.
        scene: where the robot's palm and what it is to grasp are; None without a table.
        version: of the robot hand, see `robot.HandView`.
    """

    hand: Hand
    keypoints_px: np.ndarray
    estimate_px: np.ndarray
    source_state: str
    mode: str
    joint_names: tuple[str, ...]
    q_rad: np.ndarray
    scene: SceneState | None = None
    version: str = "v4"

    @staticmethod
    def of(lane_frame: LaneFrame, state: RobotState | None, version: str = "v4") -> OverviewFrame:
        """From a lane and the robot; without a state of the robot its target stands for the joints."""
        joint_names, q_rad = lane_frame.message.joint_names, lane_frame.message.q_rad[0]
        if state is not None:
            joint_names, q_rad = state.joint_names, state.q_rad
        return OverviewFrame(
            hand=lane_frame.observation.hand,
            keypoints_px=lane_frame.observation.keypoints_px,
            estimate_px=lane_frame.estimate_px,
            source_state=lane_frame.trajectory.source_state,
            mode="" if state is None else state.mode,
            joint_names=joint_names,
            q_rad=q_rad,
            scene=None if state is None else state.scene,
            version=version,
        )


class OverviewRecorder:
    """Keeps what the video needs during a run and composes it at the end."""

    def __init__(self, run_dir: Path, size_px: tuple[int, int], fps: float, blocking: bool) -> None:
        """
        Args:
            run_dir: existing folder the video goes to.
            size_px: of the source.
            fps: of the source; the video has the same.
            blocking: wait for the disk instead of losing images (for runs that are not in real time).

        Raises:
            AppError: no video can be written into a folder of that name.
        """
        as_text(run_dir)  # told now, not after the run
        self._run_dir = run_dir
        self._fps = fps
        self._scale = min(1.0, TILE_HEIGHT_PX / size_px[1])
        self._spool_dir = run_dir / ".camera"
        shutil.rmtree(self._spool_dir, ignore_errors=True)  # of a run that was killed
        self._writer = RecordingWriter(self._spool_dir, size_px=size_px, fps=fps, blocking=blocking)
        self._frames: dict[int, list[OverviewFrame]] = {}
        self._bodies: dict[int, BodySnapshot] = {}
        self._humanoid: HumanoidScene | None = None

    def add(self, frame: Frame, hands: list[OverviewFrame], body: BodySnapshot | None = None) -> None:
        """Keep one frame: its image, and per hand and of the body what became of it."""
        image = frame.image
        if self._scale < 1.0:
            width, height = (max(1, round(side * self._scale)) for side in image.shape[1::-1])
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        if len(self._frames) >= MAX_FRAMES:
            return
        self._frames[frame.index] = hands
        if body is not None:
            self._bodies[frame.index] = body
        self._writer.write(Frame(frame.index, frame.t_capture_ns, image))

    def compose(self, interrupt: Interrupt) -> Path:
        """Write overview.mp4; a progress bar tells how far it is. The images kept for it are gone afterwards.

        The video keeps the time of capture: an image stands until the next one was taken, so frames that were
        skipped or came slowly make it neither shorter nor faster.

        Args:
            interrupt: once it is asked, the video ends where it is.

        Raises:
            AppError: the video cannot be written.
        """
        self.stop()
        path = self._run_dir / "overview.mp4"
        partial = self._run_dir / "overview.part.mp4"
        try:
            frames = self._compose(partial, interrupt)
            _check_video(partial, frames)
            partial.replace(path)
        except OSError as error:
            raise AppError(f"cannot write {path}: {error.strerror}; choose another --run-dir") from error
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            shutil.rmtree(self._spool_dir, ignore_errors=True)  # they may well be what fills the disk
        return path

    def stop(self) -> None:
        """Keep no more images; those kept are on disk when this returns. Safe to call twice."""
        self._writer.close()

    def _compose(self, partial: Path, interrupt: Interrupt) -> int:
        """Write the video; returns how many frames it has."""
        views = RobotViews(ROBOT_TILE_PX)
        video: cv2.VideoWriter | None = None
        written, t_start_ns = 0, 0
        try:
            total = len(self._frames)
            frames = RecordingReader(self._spool_dir).frames()
            for frame in tqdm(frames, "overview.mp4", total, unit="frame", disable=None):
                if interrupt.asked:
                    break
                picture = self._compose_frame(frame, self._frames[frame.index], views)
                if video is None:
                    t_start_ns = frame.t_capture_ns
                    video = _open_video(partial, self._fps, picture)
                due = round((frame.t_capture_ns - t_start_ns) * 1e-9 * self._fps) + 1
                for _ in range(max(1, due - written)):
                    video.write(picture)
                    written += 1
        finally:
            if video is not None:
                video.release()
            views.close()
            if self._humanoid is not None:
                self._humanoid.close()
                self._humanoid = None
        if video is None:
            raise AppError("no overview.mp4 was written: there was no image to show")
        return written

    def _compose_frame(self, frame: Frame, row: list[OverviewFrame], views: RobotViews) -> np.ndarray:
        height, width = frame.image.shape[:2]
        tile_width = 2 * max(1, round(TILE_HEIGHT_PX * width / height / 2))
        camera_size = (min(tile_width, WIDEST_CAMERA_TILE_PX), TILE_HEIGHT_PX)
        camera, scale, offset = fit_into(frame.image, camera_size)
        body = self._bodies.get(frame.index)
        tiles = [camera]
        if self._bodies:
            tiles.append(self._compose_humanoid(camera, body, scale, offset))
        hands = []
        for number, shown in enumerate(row):
            draw_detection(camera, shown.keypoints_px * self._scale * scale + offset)
            draw_skeleton(camera, shown.estimate_px * self._scale * scale + offset)
            robot = views.render(shown.hand, shown.q_rad, shown.joint_names, shown.scene, shown.version)
            draw_caption(robot, f"Allegro {shown.hand}")
            if shown.mode:
                draw_state(robot, shown.mode)
            draw_state(camera, shown.source_state, right=number > 0)
            hands.append(robot)
        if not row and body is not None:
            draw_state(camera, body.source_state)
        draw_caption(camera, f"camera  frame {frame.index}")
        return np.hstack([*tiles, *(_stacked(hands) if self._bodies else hands)])

    def _compose_humanoid(
        self, camera: np.ndarray, body: BodySnapshot | None, scale: float, offset: np.ndarray
    ) -> np.ndarray:
        """The humanoid's tile; the body's skeleton goes onto the camera's."""
        if self._humanoid is None:
            self._humanoid = HumanoidScene(HUMANOID_TILE_PX)
        if body is None:
            tile = self._humanoid.show_lost()
        else:
            draw_body_detection(camera, body.keypoints_px * self._scale * scale + offset)
            draw_body_skeleton(camera, body.estimate_px * self._scale * scale + offset)
            tile = self._humanoid.show(body.rotations, body.hip_m, body.t_s)
        draw_caption(tile, "humanoid")
        return tile


def _stacked(tiles: list[np.ndarray]) -> list[np.ndarray]:
    """Two square tiles as one column of half their width, one above the other; one as it is."""
    if len(tiles) < 2:
        return tiles
    height, width = tiles[0].shape[0] // len(tiles), tiles[0].shape[1] // len(tiles)
    return [np.vstack([cv2.resize(tile, (width, height), interpolation=cv2.INTER_AREA) for tile in tiles])]


def _open_video(path: Path, fps: float, picture: np.ndarray) -> cv2.VideoWriter:
    height, width = picture.shape[:2]
    video = cv2.VideoWriter(as_text(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (width, height))
    if not video.isOpened():
        raise AppError(f"cannot write {path}: no MPEG-4 encoder, or the folder is not writable")
    return video


def _check_video(path: Path, frames: int) -> None:
    """OpenCV writes to a full disk without a word: count what arrived."""
    video = cv2.VideoCapture(as_text(path))
    arrived = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    video.release()
    if arrived != frames:
        raise AppError(f"{path} took {arrived} of {frames} frames: make room on the disk and run again")
