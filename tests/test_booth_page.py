"""The booth's page: what it says and shows in every moment of a visit."""

from __future__ import annotations

import os
import time
from itertools import pairwise

import numpy as np
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from booth_examples import seen
from PySide6 import QtGui, QtWidgets

from app.booth.status import PHASES, BoothStatus
from app.console.attract import AttractLoop, Dance, HumanView, rehearse
from app.console.booth_painter import BoothPainter
from app.console.booth_words import STEPS, booth_words
from app.console.brush import font
from app.console.layout import lay_out
from app.snapshot import HandSnapshot, Snapshot
from robot import hand_spec

SPEC = hand_spec("right")
SIZES = [(1280, 720), (1920, 1080), (3840, 2160), (1024, 768), (1080, 1920)]


@pytest.fixture(scope="module", autouse=True)
def application() -> QtWidgets.QApplication:
    return QtWidgets.QApplication.instance() or QtWidgets.QApplication([])


@pytest.fixture(scope="module")
def dance() -> Dance:
    return rehearse("right")


def snapshot(
    booth: BoothStatus | None, mode: str = "DISARMED", visible: bool = True, fault: str = ""
) -> Snapshot:
    observation = seen(0)
    nan = np.full((21, 2), np.nan)
    pixels = observation.keypoints_px if visible else nan
    q_rad = SPEC.home_rad
    hand = HandSnapshot(
        hand="right",
        keypoints_px=pixels,
        estimate_px=pixels,
        ghost_px=nan,
        keypoints_m=observation.keypoints_m,
        source_state="tracking" if visible else "lost",
        mode=mode,
        fault=fault,
        joint_names=SPEC.joint_names,
        q_rad=q_rad,
        target_rad=q_rad,
        lower_rad=SPEC.lower_rad,
        upper_rad=SPEC.upper_rad,
    )
    return Snapshot(image=np.full((480, 640, 3), 90, np.uint8), hands=(hand,), booth=booth)


MOMENTS = {
    "attract": snapshot(BoothStatus("attract"), visible=False),
    "invite": snapshot(BoothStatus("invite"), visible=False),
    "other hand": snapshot(BoothStatus("attract", other_hand=True), visible=False),
    "hold": snapshot(BoothStatus("hold", 0.5), visible=False),
    "engaged": snapshot(BoothStatus("engaged", 1.0), "TRACKING"),
    "missing": snapshot(BoothStatus("engaged", 1.0, 1.4), "HOLD", visible=False),
    "ending": snapshot(BoothStatus("engaged", 1.0, 6.0), "TRACKING"),
    "goodbye": snapshot(BoothStatus("goodbye"), "ENGAGING", visible=False),
    "stopped": snapshot(BoothStatus("attract", needs_staff=True), "STOPPED", fault="A motor is too hot."),
    "disarmed": snapshot(BoothStatus("invite", needs_staff=True)),
}


def test_every_moment_says_something_else():
    said = {moment: booth_words(shown, silent=False) for moment, shown in MOMENTS.items()}
    assert len({words.headline for words in said.values()}) == len(MOMENTS) - 1  # both breaks say the same
    assert said["stopped"].headline == said["disarmed"].headline
    assert [said[moment].step for moment in ("attract", "invite", "hold", "engaged")] == [0, 1, 2, 3]
    assert "2" in said["missing"].line
    assert "6" in said["ending"].line
    assert {shown.booth.phase for shown in MOMENTS.values()} == set(PHASES)


def test_staff_read_what_to_do():
    assert "U unlocks" in booth_words(MOMENTS["stopped"], silent=False).staff
    assert "A motor is too hot." in booth_words(MOMENTS["stopped"], silent=False).staff
    assert "A lets visitors in" in booth_words(MOMENTS["disarmed"], silent=False).staff
    assert "camera" in booth_words(MOMENTS["engaged"], silent=True).staff


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_off(size):
    layout = lay_out(*size)
    u = layout.unit
    room = layout.booth_stop.x - 48 * u

    def wide(text: str, height: float, bold: bool) -> float:
        return QtGui.QFontMetricsF(font(round(height * u), bold)).horizontalAdvance(text)

    for shown in (*MOMENTS.values(), None):
        words = booth_words(shown, silent=False)
        assert wide(words.headline, 62, True) <= room
        assert wide(words.line, 34, False) <= room
    assert all(wide(step, 26, True) <= (size[0] - 48 * u - 56 * u) / 5 - 16 * u for step in STEPS)


@pytest.mark.parametrize("size", [(800, 600), (1280, 720), (1080, 1920)])
def test_staff_read_a_fault_to_its_end(size):
    fault = (
        "The stop did not reach the hand, which may still have torque: cut the power. The CAN bus "
        "socketcan:can0 did not take the frame 0C0 [8] 00 00 00 00 00 00 00 00 (Failed to transmit: No "
        "buffer space available [Error Code 105]); check the cable, the power of the hand and the bit rate."
    )
    painter = BoothPainter()
    pictures = []
    for told in (fault, fault[:-2] + "x."):
        painter.take(snapshot(BoothStatus("invite", needs_staff=True), "STOPPED", fault=told), 1.0)
        picture = painter.paint(*size, 1.0, 1.2)
        pictures.append(bytes(picture.constBits()))
    assert pictures[0] != pictures[1]
    painter.close()


@pytest.mark.parametrize("size", [(1280, 720), (1080, 1920)])
def test_every_moment_is_another_picture(size):
    painter = BoothPainter()
    pictures = []
    for shown in MOMENTS.values():
        painter.take(shown, 1.0)
        picture = painter.paint(*size, 1.0, 1.2)
        assert (picture.width(), picture.height()) == size
        pictures.append(bytes(picture.constBits()))
    assert len(set(pictures)) == len(pictures)
    painter.close()


def test_the_page_says_so_when_nothing_comes_any_more():
    painter = BoothPainter()
    painter.take(MOMENTS["engaged"], 1.0)
    before = bytes(painter.paint(640, 360, 1.0, 1.1).constBits())
    assert bytes(painter.paint(640, 360, 1.0, 9.0).constBits()) != before
    painter.close()


def test_the_skeleton_lies_on_the_mirrored_hand():
    shown = MOMENTS["engaged"]
    points = shown.hands[0].estimate_px
    image = shown.image.copy()
    x, y = points[8].round().astype(int)
    image[y - 40 : y + 41, x - 40 : x + 41] = (0, 0, 255)  # a red patch about the index finger's tip
    painter = BoothPainter()
    painter.take(Snapshot(image=image, hands=shown.hands, booth=shown.booth), 1.0)
    picture = painter.paint(1280, 720, 1.0, 1.1).convertToFormat(QtGui.QImage.Format.Format_RGB888)
    pixels = np.frombuffer(picture.constBits(), np.uint8).reshape(720, picture.bytesPerLine())
    pixels = pixels[:, : 3 * 1280].reshape(720, 1280, 3)[136:510, 24:630].astype(int)
    red = np.argwhere((pixels[..., 0] > 200) & (pixels[..., 1:].max(axis=-1) < 60))
    white = np.argwhere((pixels > 250).all(axis=-1))
    middle = red.mean(axis=0)
    assert np.abs(white - middle).max(axis=1).min() < 10, "a joint is drawn where the tip is"
    painter.close()


# -- the loop that plays while nobody is there
# ------------------------------------------------------------------------------------------------


def test_the_loop_moves_every_joint_within_its_limits_and_ends_as_it_begins(dance):
    limits = dict(zip(SPEC.joint_names, zip(SPEC.lower_rad, SPEC.upper_rad, strict=True), strict=True))
    lower, upper = np.array([limits[name] for name in dance.joint_names]).T
    assert (dance.q_rad >= lower - 1e-6).all()
    assert (dance.q_rad <= upper + 1e-6).all()
    assert np.ptp(dance.q_rad, axis=0).max() > 1.0
    assert np.abs(dance.q_rad[-1] - dance.q_rad[0]).max() < 0.25
    assert 10.0 < len(dance.q_rad) / 10.0 < 25.0


def test_the_persons_hand_is_wholly_in_its_picture(dance):
    view = HumanView(dance, (480, 250))
    for frame in range(0, len(dance.q_rad), 6):
        picture = view.render(frame).astype(int)
        ground = np.ptp(picture, axis=-1) < 30  # grey, as skin and sleeve are not
        assert ground[:8].all(), "a finger is cut off"
        assert ground[:, [2, -3]].all()
        assert not ground[60:180, 160:320].all()


def test_the_loop_is_drawn_once_and_kept_small():
    loop = AttractLoop("right", (96, 64))
    deadline_s = time.monotonic() + 60.0
    while loop.pictures(0.0) is None and time.monotonic() < deadline_s:
        time.sleep(0.02)
    first = [loop.pictures(0.1 * i) for i in range(150)]
    again = [loop.pictures(3600.0 * 5 + 0.1 * i) for i in range(150)]
    assert len({human.tobytes() for human, _ in first}) == len({human.tobytes() for human, _ in again})
    assert any((a[1] != b[1]).any() for a, b in pairwise(first))
