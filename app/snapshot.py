"""What the console is shown of a run: the newest frame and what became of it, as one message."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import msgpack
import numpy as np

from app.body_snapshot import BodySnapshot
from app.booth.status import BoothStatus
from app.console.source_phase import SourcePhase
from app.lane import LaneFrame
from app.opencv import cv2
from app.run_camera import RunCamera
from models.observation import Hand
from robot import RobotState, SceneState
from robot.allegro_versions import version_spec

VIEW_HEIGHT_PX = 480


@dataclass(frozen=True)
class HandSnapshot:
    """One hand in the newest frame, from the operator's to the robot's.

    Attributes:
        hand: of the operator.
        keypoints_px: (21,2) where the detector saw the hand, pixels of the source; NaN where it did not.
        estimate_px: (21,2) where the temporal stage says it is; NaN while it is lost.
        ghost_px: (21,2) where it is foreseen to be at the instant the robot is aimed at; NaN while lost.
        keypoints_m: (21,3) estimate, metres, relative to the wrist, camera axes; NaN while lost.
        source_state: "searching", "tracking", "predicting" or "lost".
        mode: of the robot server; empty without a robot.
        fault: why the robot was stopped; empty when there is no fault.
        joint_names: n names, the order of what follows.
        q_rad: (n,) measured joint angles; NaN without a robot.
        target_rad: (n,) what the robot is asked for; NaN while the hand is lost.
        lower_rad, upper_rad: (n,) joint limits.
        scene: where the robot's palm and what it is to grasp are; None without a table.
        version: of the robot hand, see `robot.HandView`.
    """

    hand: Hand
    keypoints_px: np.ndarray
    estimate_px: np.ndarray
    ghost_px: np.ndarray
    keypoints_m: np.ndarray
    source_state: SourcePhase
    mode: str
    fault: str
    joint_names: tuple[str, ...]
    q_rad: np.ndarray
    target_rad: np.ndarray
    lower_rad: np.ndarray
    upper_rad: np.ndarray
    scene: SceneState | None = None
    version: str = "v4"

    @property
    def shown_rad(self) -> np.ndarray:
        """(n,) joint angles to draw the robot with: measured, or the targets where no robot measures any."""
        return np.where(np.isfinite(self.q_rad), self.q_rad, self.target_rad)

    @staticmethod
    def of(
        lane_frame: LaneFrame,
        state: RobotState | None,
        camera: RunCamera,
        source_state: SourcePhase,
        version: str = "v4",
    ) -> HandSnapshot:
        """From what became of a frame in a hand's lane, and the robot's newest state."""
        trajectory, names = lane_frame.trajectory, lane_frame.message.joint_names
        hand = lane_frame.observation.hand
        spec = version_spec(version, hand)
        limits = dict(zip(spec.joint_names, zip(spec.lower_rad, spec.upper_rad, strict=True), strict=True))
        lower_rad, upper_rad = np.array([limits[name] for name in names]).T
        q_rad = np.full(len(names), np.nan)
        if state is not None:
            measured = dict(zip(state.joint_names, state.q_rad, strict=True))
            q_rad = np.array([measured.get(name, np.nan) for name in names])
        return HandSnapshot(
            hand=hand,
            keypoints_px=lane_frame.observation.keypoints_px,
            estimate_px=lane_frame.estimate_px,
            ghost_px=_foreseen_px(lane_frame, camera),
            keypoints_m=trajectory.keypoints_m[0],
            source_state=source_state,
            mode="" if state is None else state.mode,
            fault="" if state is None else state.fault,
            joint_names=names,
            q_rad=q_rad,
            target_rad=lane_frame.q_sent_rad,
            lower_rad=lower_rad,
            upper_rad=upper_rad,
            scene=None if state is None else state.scene,
            version=version,
        )


@dataclass(frozen=True)
class CalibrationView:
    """What a guided calibration shows over the console.

    Attributes:
        title: of the calibration, for example "Hand calibration".
        instruction: what to do now, one sentence.
        picture: the pose to take: "open", "fist", "spread", "pinch_index" … "pinch_pinky"; empty for none.
        progress: 0–1, of the whole.
        steps: names of all steps, in order.
        steps_done: how many of them are done.
        seconds_left: of the step that is on; None when no time runs.
    """

    title: str
    instruction: str
    picture: str = ""
    progress: float = 0.0
    steps: tuple[str, ...] = ()
    steps_done: int = 0
    seconds_left: float | None = None


@dataclass(frozen=True)
class Snapshot:
    """The newest frame as the console shows it.

    Attributes:
        image: (h,w,3) uint8 BGR, at most VIEW_HEIGHT_PX high.
        scale: size of `image` relative to the source's.
        hands: what became of each hand.
        stage_ms: how long each stage took; empty when no frame came.
        age_ms: capture to publish; NaN when no frame came.
        horizon_ms: how far past capture the robot is aimed; NaN when nobody knows yet.
        horizon_automatic: whether that is chosen by itself.
        detection_rate: share of the last seconds' frames with the hand in them, or with the body where no
            hand is asked for, 0–1; NaN before the first.
        fps: frames a second.
        notice: a sentence for the operator, empty when there is nothing to say.
        recording: whether the run is being recorded.
        recording_note: where to, or why not; empty when there is nothing to say.
        booth: where a booth's visitor stands; None without a booth.
        calibration: what to show of a calibration; None when none is on.
        body: what became of the body; None where nobody asked for it.
        arm_led: whether the wrist leads an arm; None where no arm controller can be told.
    """

    image: np.ndarray
    scale: float = 1.0
    hands: tuple[HandSnapshot, ...] = ()
    stage_ms: dict[str, float] = field(default_factory=dict)
    age_ms: float = float("nan")
    horizon_ms: float = float("nan")
    horizon_automatic: bool = True
    detection_rate: float = float("nan")
    fps: float = 0.0
    notice: str = ""
    recording: bool = False
    recording_note: str = ""
    booth: BoothStatus | None = None
    calibration: CalibrationView | None = None
    body: BodySnapshot | None = None
    arm_led: bool | None = None

    def encode(self) -> bytes:
        """One message. The image goes as it is: compressing it costs more than sending it next door."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        return msgpack.packb(
            {
                **plain,
                "size": self.image.shape[:2],
                "pixels": self.image.tobytes(),
                "hands": [_encode_hand(hand) for hand in self.hands],
                "body": None if self.body is None else self.body.encode(),
                "booth": None if self.booth is None else self.booth.encode(),
                "calibration": None if self.calibration is None else vars(self.calibration),
            }
        )

    @staticmethod
    def decode(message: bytes) -> Snapshot:
        """The snapshot in a message of `encode`."""
        data: dict[str, Any] = msgpack.unpackb(message)
        height, width = data["size"]
        calibration = data["calibration"]
        if calibration is not None:
            calibration = CalibrationView(**{**calibration, "steps": tuple(calibration["steps"])})
        return Snapshot(
            image=np.frombuffer(data["pixels"], np.uint8).reshape(height, width, 3),
            hands=tuple(_decode_hand(hand) for hand in data["hands"]),
            body=None if data["body"] is None else BodySnapshot.decode(data["body"]),
            booth=None if data["booth"] is None else BoothStatus.decode(data["booth"]),
            calibration=calibration,
            **{name: data[name] for name in _PLAIN},
        )


_ENCODED = ("image", "hands", "body", "booth", "calibration")
_PLAIN = tuple(f.name for f in fields(Snapshot) if f.name not in _ENCODED)
_VECTORS = ("q_rad", "target_rad", "lower_rad", "upper_rad")
_POINTS = {"keypoints_px": 2, "estimate_px": 2, "ghost_px": 2, "keypoints_m": 3}


def shrink(image: np.ndarray, height_px: int = VIEW_HEIGHT_PX) -> tuple[np.ndarray, float]:
    """A source image (h,w,3), no larger than the console needs it, and its scale."""
    scale = min(1.0, height_px / image.shape[0])
    if scale < 1.0:
        # Averaging areas looks a little smoother, and takes five times as long on the pipeline's processor.
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    return image, scale


def _foreseen_px(lane_frame: LaneFrame, camera: RunCamera) -> np.ndarray:
    """(21,2) pixels of the hand at the instant aimed at, as far as the temporal stage looks ahead."""
    trajectory = lane_frame.trajectory
    points_m = trajectory.keypoints_m + trajectory.wrist_m[:, None]  # (K,21,3)
    ahead_ns = trajectory.t_ns - trajectory.t_capture_ns
    aimed_ns = min(max(lane_frame.ahead_ms * 1e6, 0.0), float(ahead_ns[-1]))
    later = int(np.searchsorted(ahead_ns, aimed_ns))
    if later == 0:
        return camera.project(points_m[0])
    before_ns, after_ns = ahead_ns[later - 1], ahead_ns[later]
    share = (aimed_ns - before_ns) / (after_ns - before_ns)
    return camera.project((1.0 - share) * points_m[later - 1] + share * points_m[later])


def _encode_hand(hand: HandSnapshot) -> dict[str, Any]:
    scene = hand.scene
    return {
        "hand": hand.hand,
        "source_state": hand.source_state,
        "mode": hand.mode,
        "fault": hand.fault,
        "version": hand.version,
        "joint_names": hand.joint_names,
        **{name: np.asarray(getattr(hand, name)).ravel().tolist() for name in (*_VECTORS, *_POINTS)},
        "scene": None
        if scene is None
        else {"object": scene.object, "palm": scene.palm.tolist(), "thing": scene.thing.tolist()},
    }


def _decode_hand(data: dict[str, Any]) -> HandSnapshot:
    vectors = {name: np.array(data[name], dtype=np.float64) for name in _VECTORS}
    points = {name: np.array(data[name], dtype=np.float64).reshape(-1, n) for name, n in _POINTS.items()}
    scene = None if data["scene"] is None else SceneState(**data["scene"])
    names = tuple(data["joint_names"])
    rest = {name: data[name] for name in ("hand", "source_state", "mode", "fault", "version")}
    return HandSnapshot(**{**rest, **vectors, **points, "joint_names": names, "scene": scene})
