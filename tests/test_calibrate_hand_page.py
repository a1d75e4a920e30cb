"""The window of `calibrate hand`, driven with real key events."""

import numpy as np
import pytest

pytest.importorskip("PySide6.QtWidgets", exc_type=ImportError)

from PySide6 import QtCore, QtGui, QtTest

from app.calibrate.board_page import ensure_application
from app.calibrate.hand_page import HandPicture
from calibration.hand_guide import INSTRUCTIONS, STEPS, GuideState

GREEN = (0x3D, 0xDC, 0x84)


@pytest.fixture(scope="module")
def application() -> QtCore.QCoreApplication:
    return ensure_application()


def page_showing(
    state: GuideState, mirrored: bool = False, notice: str = "", size_px: tuple[int, int] = (1280, 720)
) -> HandPicture:
    page = HandPicture("right", mirrored)
    page.resize(*size_px)
    image = np.full((480, 640, 3), 90, np.uint8)
    image[:, :320] = (200, 40, 40)  # BGR: blue on the left
    page.show_state(image, np.full((21, 2), 200.0) + 8.0 * np.arange(21)[:, None], state, notice)
    return page


def pixels(page: HandPicture) -> np.ndarray:
    """(h,w,3) RGB of what is shown."""
    image = page.grab().toImage().convertToFormat(QtGui.QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    # The image owns the memory and ends with this function.
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def count(picture: np.ndarray, rgb: tuple[int, int, int]) -> int:
    return int((np.abs(picture.astype(int) - rgb).max(axis=-1) < 12).sum())


def state_of(index: int, held: float = 0.0, hint: str = "") -> GuideState:
    step = STEPS[index] if index < len(STEPS) else ""
    return GuideState(step, index, INSTRUCTIONS[step] if step else "Done", hint, held)


def test_the_ring_fills_as_a_pose_is_held(application: QtCore.QCoreApplication) -> None:
    green = [count(pixels(page_showing(state_of(0, held))), GREEN) for held in (0.0, 0.3, 0.6, 0.9)]
    assert green == sorted(green)
    assert green[0] < 0.2 * green[-1]


@pytest.mark.parametrize("size_px", [(640, 360), (1024, 768), (1280, 720), (3840, 2160)])
@pytest.mark.parametrize("index", [0, 3, 7])
def test_every_step_is_drawn_at_every_size(
    application: QtCore.QCoreApplication, size_px: tuple[int, int], index: int
) -> None:
    picture = pixels(page_showing(state_of(index, 0.5, "Hold still"), size_px=size_px))
    height = picture.shape[0]
    banner = picture[: height // 8].astype(int)
    assert np.ptp(banner) > 150  # words
    steps = picture[-height // 5 :].astype(int)
    assert np.ptp(steps) > 120


def test_a_mirrored_picture_is_mirrored(application: QtCore.QCoreApplication) -> None:
    for mirrored in (False, True):
        picture = pixels(page_showing(state_of(0), mirrored))
        blue = np.abs(picture.astype(int) - (40, 40, 200)).max(axis=-1) < 12
        other = np.abs(picture.astype(int) - 90).max(axis=-1) < 12
        assert (np.argwhere(blue)[:, 1].mean() > np.argwhere(other)[:, 1].mean()) == mirrored


@pytest.mark.parametrize("key", [QtCore.Qt.Key.Key_Escape, QtCore.Qt.Key.Key_Q])
def test_escape_cancels(application: QtCore.QCoreApplication, key: QtCore.Qt.Key) -> None:
    page = page_showing(state_of(0))
    page.show()
    QtTest.QTest.keyClick(page, QtCore.Qt.Key.Key_Space)
    assert not page.cancelled
    QtTest.QTest.keyClick(page, key)
    assert page.cancelled
    page.close()


def test_closing_the_window_cancels(application: QtCore.QCoreApplication) -> None:
    page = page_showing(state_of(0))
    page.show()
    page.close()
    assert page.cancelled


def test_a_hint_stays_long_enough_to_be_read(application: QtCore.QCoreApplication) -> None:
    page = page_showing(state_of(0, hint="Straighten all fingers"))
    with_hint = pixels(page)
    image = np.full((480, 640, 3), 90, np.uint8)
    image[:, :320] = (200, 40, 40)
    keypoints_px = np.full((21, 2), 200.0) + 8.0 * np.arange(21)[:, None]
    page.show_state(image, keypoints_px, state_of(0), "")
    assert np.array_equal(pixels(page), with_hint)
    for _ in range(12):
        page.show_state(image, keypoints_px, state_of(0), "")
    assert not np.array_equal(pixels(page), with_hint)
