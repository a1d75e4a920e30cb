"""Sentences that must be read, in the pictures the console draws: faults, alarms, notices."""

import os

import numpy as np
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from console_examples import hand_snapshot, snapshot
from PySide6 import QtGui, QtWidgets

from app.console.layout import Box, lay_out
from app.console.paint_latency import HORIZON_COLOUR
from app.console.paint_overlays import ALARM
from app.console.painter import ConsolePainter, View

SIZES = [(800, 600), (960, 540), (960, 1080), (1080, 1920), (1280, 720)]
# The longest that the robot server may tell, each with a remedy at its end.
FAULTS = (
    "The angle of joint_13.0 jumps faster than a joint can move; check its encoder and cable.",
    "joint_12.0 reads 1.912 rad, more than 0.1 outside its limits 0.263 to 1.396; check the encoder and that "
    "this is the right hand and version.",
    "The stop did not reach the hand, which may still have torque: cut the power. The CAN bus "
    "socketcan:can0 did not take the frame 0C0 [8] 00 00 00 00 00 00 00 00 (Failed to transmit: No buffer "
    "space available [Error Code 105]); check the cable, the power of the hand and the bit rate.",
)


@pytest.fixture(scope="module", autouse=True)
def application() -> QtWidgets.QApplication:
    return QtWidgets.QApplication.instance() or QtWidgets.QApplication([])


@pytest.fixture(scope="module")
def painter():
    made = ConsolePainter()
    yield made
    made.close()


def picture(painter: ConsolePainter, view: View, *hands, **changes: object) -> np.ndarray:
    """(h,w,3) uint8 RGB of the console."""
    painter.take(snapshot(*hands, **changes), 0.0)
    image = painter.paint(view, 0.0).convertToFormat(QtGui.QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def within(pixels: np.ndarray, box: Box) -> np.ndarray:
    return pixels[round(box.y) : round(box.bottom), round(box.x) : round(box.right)]


def red(pixels: np.ndarray) -> int:
    """How much of the picture is an alarm's ground."""
    colour = QtGui.QColor(ALARM)
    return int((pixels == (colour.red(), colour.green(), colour.blue())).all(axis=2).sum())


def stopped(fault: str, hand: str = "right"):
    return hand_snapshot(hand, mode="STOPPED", fault=fault)


def other_end(text: str) -> str:
    return text[:-2] + "x."


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_to_its_end(painter, size, fault):
    view, layout = View(*size), lay_out(*size)
    camera = layout.camera
    whole = picture(painter, view, stopped(fault))
    assert (within(whole, camera) != within(picture(painter, view, stopped(other_end(fault))), camera)).any()
    assert red(within(whole, camera)) > 0.5 * 58 * layout.unit * camera.width, "in red, over the camera"
    nothing = picture(painter, view, stopped(""))
    assert red(within(nothing, camera)) == 0, "a stop that was asked for has no cause to tell"


@pytest.mark.parametrize("size", SIZES)
def test_the_faults_of_two_hands_are_both_told(painter, size):
    view, camera = View(*size), lay_out(*size).camera
    longest = FAULTS[-1]

    def told(right: str, left: str) -> np.ndarray:
        return within(picture(painter, view, stopped(right), stopped(left, "left")), camera)

    both = told(longest, longest)
    assert (both != told(other_end(longest), longest)).any()
    assert (both != told(longest, other_end(longest))).any()
    assert (told(longest, "") != told("", longest)).any(), "it is said of which robot"


def test_what_the_camera_lacks_is_told_beside_a_fault(painter):
    view = View(1280, 720)
    without = picture(painter, view, stopped(FAULTS[0]))
    assert (picture(painter, view, stopped(FAULTS[0]), notice="no picture") != without).any()


def test_a_latency_of_long_ago_is_not_shown_as_of_now(painter):
    view, panel = View(1280, 720), lay_out(1280, 720).latency
    flag = QtGui.QColor(HORIZON_COLOUR)

    def bright(t_s: float, **changes: object) -> bool:
        """Whether the horizon's flag is there in its own colour."""
        painter.take(snapshot(**changes), t_s)
        shown = painter.paint(view, t_s)
        pixels = [shown.pixelColor(x, round(panel.y) + 40) for x in range(round(panel.x), round(panel.right))]
        return flag in pixels

    stalled = {"age_ms": float("nan"), "stage_ms": {}, "fps": 0.0}
    assert bright(100.0)
    assert bright(100.4, **stalled), "one frame that did not come is nothing to look at"
    assert not bright(108.0, **stalled)
    assert bright(108.1)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("over", [{"help": True}, {"quitting": True}])
def test_nothing_comes_over_an_alarm(painter, size, over):
    alarm = (
        "STOP NOT CONFIRMED. Cut the hand's power if it moves: the robot server at tcp://192.168.12.131:5570 "
        "does not answer any more; it may have ended, or the network is down."
    )
    layout = lay_out(*size)
    beside_stop = Box(0, 0, layout.stop.x, size[1])  # which lies over the picture

    def told(alarm: str, fault: str) -> np.ndarray:
        hands = hand_snapshot(), stopped(fault, "left")
        return within(picture(painter, View(*size, alarm=alarm, **over), *hands), beside_stop)

    both = told(alarm, FAULTS[-1])
    assert red(both) > 0.5 * 2 * 58 * layout.unit * beside_stop.width, "as bright as ever"
    assert (both != told(other_end(alarm), FAULTS[-1])).any()
    assert (both != told(alarm, other_end(FAULTS[-1]))).any()
    card = layout.unit * 300  # an alarm alone leaves the keys and the question whole
    middle = Box(size[0] / 2 - card, 110 * layout.unit, 2 * card, size[1] - 110 * layout.unit)
    assert red(within(picture(painter, View(*size, alarm=alarm, **over)), middle)) == 0
