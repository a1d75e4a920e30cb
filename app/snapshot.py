"""What the window is shown of a run: the newest frame and what became of it, as one message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np

from app.opencv import cv2
from app.overview import OverviewFrame
from robot import SceneState

VIEW_HEIGHT_PX = 480
JPEG_QUALITY = 85


@dataclass(frozen=True)
class Snapshot:
    """The newest frame as the window shows it.

    Attributes:
        image: (h,w,3) uint8 BGR, at most VIEW_HEIGHT_PX high.
        scale: size of `image` relative to the source's.
        hands: what became of each hand.
        age_ms: capture to publish.
        notice: a sentence for the operator, empty when there is nothing to say.
    """

    image: np.ndarray
    scale: float
    hands: tuple[OverviewFrame, ...]
    age_ms: float
    notice: str

    def encode(self) -> bytes:
        """One message, compressed."""
        _, jpeg = cv2.imencode(".jpg", self.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        hands = [
            {
                "hand": hand.hand,
                "keypoints_px": hand.keypoints_px.ravel().tolist(),
                "estimate_px": hand.estimate_px.ravel().tolist(),
                "source_state": hand.source_state,
                "mode": hand.mode,
                "joint_names": list(hand.joint_names),
                "q_rad": hand.q_rad.tolist(),
                "scene": None if hand.scene is None else _plain(hand.scene),
            }
            for hand in self.hands
        ]
        return msgpack.packb(
            {
                "jpeg": jpeg.tobytes(),
                "scale": self.scale,
                "hands": hands,
                "age_ms": self.age_ms,
                "notice": self.notice,
            }
        )

    @staticmethod
    def decode(message: bytes) -> Snapshot:
        """The snapshot in a message of `encode`."""
        data: dict[str, Any] = msgpack.unpackb(message)
        hands = tuple(
            OverviewFrame(
                hand=hand["hand"],
                keypoints_px=np.array(hand["keypoints_px"]).reshape(-1, 2),
                estimate_px=np.array(hand["estimate_px"]).reshape(-1, 2),
                source_state=hand["source_state"],
                mode=hand["mode"],
                joint_names=tuple(hand["joint_names"]),
                q_rad=np.array(hand["q_rad"]),
                scene=None if hand["scene"] is None else SceneState(**hand["scene"]),
            )
            for hand in data["hands"]
        )
        image = cv2.imdecode(np.frombuffer(data["jpeg"], dtype=np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise ValueError("the snapshot holds no image")
        return Snapshot(image, data["scale"], hands, data["age_ms"], data["notice"])

    @staticmethod
    def of(image: np.ndarray, hands: list[OverviewFrame], age_ms: float, notice: str) -> Snapshot:
        """From a source image of any size."""
        scale = min(1.0, VIEW_HEIGHT_PX / image.shape[0])
        if scale < 1.0:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return Snapshot(image, scale, tuple(hands), age_ms, notice)


def _plain(scene: SceneState) -> dict[str, Any]:
    return {"object": scene.object, "palm": scene.palm.tolist(), "thing": scene.thing.tolist()}
