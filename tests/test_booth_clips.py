"""The booth's gate on real recordings: a palm on purpose gets in, gestures and people in the room do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from booth_examples import NS

from app.booth.config import BoothConfig
from app.booth.gate import BoothGate
from app.booth.palm import is_open_palm
from app.detector import HandDetector
from app.frame import Frame
from app.opencv import cv2
from models.observation import Hand, Observation

NEAR = BoothConfig().near_share
Sights = list[dict[Hand, Observation]]


def detect(asset: Path, clip: Path, frames: range) -> Sights:
    """What the detector says of some frames of a clip."""
    if not clip.is_file():
        pytest.skip(f"no recording {clip}")
    video = cv2.VideoCapture(str(clip))
    sights = []
    with HandDetector(asset, ("right", "left")) as detector:
        video.set(cv2.CAP_PROP_POS_FRAMES, frames.start)
        for index in frames:
            _, image = video.read()
            sights.append(detector.detect(Frame(index, index * NS // 30, image)))
    video.release()
    return sights


def visit(sights: Sights, seconds: float) -> list[str]:
    """Play sights to and fro before a gate for a while; the commands to the robots."""
    gate, told = BoothGate(), []
    there_and_back = [*sights, *sights[-2:0:-1]]
    for i in range(round(seconds * 30)):
        gated = gate.filter(i * NS // 30, there_and_back[i % len(there_and_back)], {})
        told += [command for commands in gated.commands.values() for command in commands]
    return told


@pytest.mark.parametrize(("clip", "frames"), [("hand_counting.mp4", 585), ("hand_person_a.mp4", 26)])
def test_a_palm_held_up_on_purpose_gets_in(hand_landmarker_asset, shared_data, clip, frames):
    sights = detect(hand_landmarker_asset, shared_data / "video" / clip, range(frames, frames + 8))
    assert all(is_open_palm(sight["right"], NEAR) for sight in sights)
    assert visit(sights, 2.0) == ["arm"]


@pytest.mark.parametrize(
    ("clip", "frames"),
    [
        ("hand_counting.mp4", range(314, 322)),  # index finger on the thumb, the others straight
        ("hand_counting.mp4", range(62, 70)),  # index finger bent
        ("hand_thumb_up.mp4", range(60, 70)),
        ("hand_stereo_cam0.mp4", range(330, 340)),  # an open hand that hangs down
        ("body_sit_walk.mp4", range(110, 120)),  # arms stretched out, at the other end of the room
    ],
)
def test_other_hands_do_not(hand_landmarker_asset, shared_data, clip, frames):
    sights = detect(hand_landmarker_asset, shared_data / "video" / clip, frames)
    assert any(sight[hand].detected for sight in sights for hand in sight)
    assert visit(sights, 6.0) == []
