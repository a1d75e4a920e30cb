"""What the booth plays while nobody is there: a rendered hand waves, counts, pinches, the robot with it."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

import numpy as np

from app.opencv import cv2
from app.synthetic.routine import Motion, play
from app.synthetic.scripts import Beat
from app.synthetic.surface import ArmSurface, vertex_normals
from models.errors import ModelError
from models.hand_model import HandModel
from models.observation import Hand
from models.rotations import mirror_points
from retarget import RetargetError, load, to_hand_frame
from robot import HandView
from robot.renderer import Camera, Geometry, Renderer

logger = logging.getLogger(__name__)

FPS = 10.0
_HOME_M = np.array([0.0, 0.09, 0.6])  # the wrist in the camera frame
# Camera axes (right, down, away) to those of robot pictures (to the viewer, right, up).
_STAGE_FROM_CAMERA = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
# Blue, green, red, highlight strength, highlight exponent.
_SKIN = (136.0, 166.0, 214.0, 0.10, 14.0)
_SLEEVE = (104.0, 73.0, 52.0, 0.03, 8.0)
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 92]


def attract_script() -> list[Beat]:
    """About 17 s, ending as it begins."""
    beats = [Beat("open", 0.0, 0.8)]
    beats += [
        Beat("open", 0.45, 0.0, (("tilt", side * 14.0), ("deviation", -side * 6.0)))
        for side in (1, -1, 1, -1)
    ]
    beats += [Beat("open", 0.4, 0.3), Beat("fist", 0.6, 0.4)]
    beats += [Beat(f"count_{n}", 0.45, 0.45) for n in range(1, 6)]
    for finger in ("index", "middle", "ring"):
        beats += [Beat(f"pinch_{finger}", 0.55, 0.45, (("turn", 14.0),)), Beat("relaxed", 0.4, 0.0)]
    return [*beats, Beat("open", 0.6, 0.8)]


@dataclass(frozen=True)
class Dance:
    """The loop's poses, frame by frame.

    Attributes:
        motion: the right hand's.
        model: of that hand.
        joint_names: of the robot.
        q_rad: (N,n) the robot's joints.
    """

    motion: Motion
    model: HandModel
    joint_names: tuple[str, ...]
    q_rad: np.ndarray


def rehearse(hand: Hand) -> Dance:
    """Work out the loop; takes a second or two.

    Raises:
        ModelError, RetargetError: the hand or the robot's description is missing.
    """
    model = HandModel.load()
    motion = play(attract_script(), model, FPS, _HOME_M, np.random.default_rng(0))
    keypoints_m = model.keypoints(motion.rotations)
    if hand == "left":
        keypoints_m = mirror_points(keypoints_m)
    retargeter = load(f"allegro_{hand}")
    in_hand_m = to_hand_frame(keypoints_m, hand)
    q_rad = [retargeter.solve(points, round(i * 1e9 / FPS)) for i, points in enumerate(in_hand_m)]
    return Dance(motion, model, retargeter.joint_names, np.array(q_rad))


class ArmGeometry(Geometry):
    """A hand's mesh with its forearm, for the renderer that draws the robots."""

    def __init__(self, model: HandModel) -> None:
        self._surface = ArmSurface(model)
        skin, sleeve = self._surface.skin.faces, self._surface.sleeve.faces
        count = int(skin.max()) + 1
        self.triangles = np.concatenate([skin, sleeve + count]).astype(np.int32)
        self.materials = np.array([_SKIN] * len(skin) + [_SLEEVE] * len(sleeve))
        vertices = count + int(sleeve.max()) + 1
        self.vertices = np.zeros((vertices, 3))
        self.normals = np.zeros((vertices, 3))
        self.owners = np.zeros(vertices, dtype=np.int32)

    def pose(self, rotations: np.ndarray, wrist_m: np.ndarray, forearm: np.ndarray) -> None:
        """Take the pose of one frame of a `Motion`."""
        skin, sleeve = self._surface.vertices(rotations, wrist_m, forearm)
        self.vertices = (np.concatenate([skin, sleeve]) - _HOME_M) @ _STAGE_FROM_CAMERA.T
        self.normals = vertex_normals(self.vertices, self.triangles)


class HumanView:
    """Takes pictures of the person's hand in the loop, in the light of the robot's pictures."""

    def __init__(self, dance: Dance, size_px: tuple[int, int]) -> None:
        camera = Camera(
            target_m=np.array([0.0, 0.0, 0.07]),
            toward=np.array([1.0, 0.0, 0.0]),
            distance_m=0.62,
            fov_deg=28.0,
            light=np.array([0.72, 0.30, 0.63]),
            shadow_half_width_m=0.25,
        )
        self._motion = dance.motion
        self._geometry = ArmGeometry(dance.model)
        self._renderer = Renderer(self._geometry, camera, size_px)

    def render(self, frame: int) -> np.ndarray:
        """(height,width,3) uint8 BGR."""
        motion = self._motion
        self._geometry.pose(motion.rotations[frame], motion.wrist_m[frame], motion.forearm[frame])
        return self._renderer.render(np.eye(4)[None])


class AttractLoop:
    """The loop's pictures. They are drawn once and kept packed: it plays for hours beside a pipeline at work.

    Args:
        hand: which of the robot's hands dances; a left one mirrors the person.
        size_px: (width, height) of each picture.
    """

    def __init__(self, hand: Hand, size_px: tuple[int, int]) -> None:
        self._hand: Hand = hand
        self._size_px = size_px
        self._dance: Dance | None = None
        self._views: tuple[HumanView, HandView] | None = None
        self._pictures: dict[int, tuple[bytes, bytes]] = {}
        threading.Thread(target=self._rehearse, name="attract", daemon=True).start()

    def pictures(self, t_s: float) -> tuple[np.ndarray, np.ndarray] | None:
        """Person's and robot's hand (height,width,3) uint8 BGR at `t_s`; None until worked out."""
        dance = self._dance
        if dance is None:
            return None
        frame = int(t_s * FPS) % len(dance.q_rad)
        packed = self._pictures.get(frame)
        if packed is None:
            packed = self._pictures[frame] = self._draw(dance, frame)
        return _unpacked(packed[0]), _unpacked(packed[1])

    def _draw(self, dance: Dance, frame: int) -> tuple[bytes, bytes]:
        if self._views is None:
            self._views = HumanView(dance, self._size_px), HandView(self._hand, self._size_px)
        human = self._views[0].render(frame)
        if self._hand == "left":
            human = human[:, ::-1]
        robot = self._views[1].render(dance.q_rad[frame], dance.joint_names)
        return _packed(human), _packed(robot)

    def _rehearse(self) -> None:
        try:
            self._dance = rehearse(self._hand)
        except (ModelError, RetargetError) as error:
            logger.warning("the booth's page goes without its moving pictures: %s", error)


def _packed(image: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", image, _JPEG)[1].tobytes()


def _unpacked(jpeg: bytes) -> np.ndarray:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR))
