"""What the console is made of, without a window: snapshots, phases, rates, layout, words, horizon."""

import dataclasses
import math
import os

import numpy as np
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from console_examples import RobotThatRecords, hand_snapshot, snapshot, wait_until
from PySide6 import QtGui, QtWidgets

from app.booth.status import BoothStatus
from app.console.brush import font
from app.console.latency_history import LatencyHistory
from app.console.layout import lay_out
from app.console.maker import SnapshotMaker
from app.console.paint_states import WORD_SHARE, WORD_SHARE_OF_TWO
from app.console.painter import ROBOT_WIDTH
from app.console.rates import Rates
from app.console.source_phase import SEARCHING_AFTER_NS, PhaseOfSource
from app.console.stopper import Stopper
from app.console.words import ROBOT_WORDS, SOURCE_WORDS, arm_button, robot_words
from app.horizon import LONGEST_MS, Horizon
from app.snapshot import CalibrationView, HandSnapshot, Snapshot, shrink
from robot import HandView, SceneState
from robot.messages import MODES

SECOND_NS = 1_000_000_000


def test_a_snapshot_survives_its_journey():
    scene = SceneState("cup", np.array([0.0, 0.0, 0.1, 0.0, 0.6, 0.0, 0.8]), np.eye(7)[6])
    calibration = CalibrationView("Hand", "Make a fist.", "fist", 0.2, ("open", "fist"), 1, 3.0)
    sent = snapshot(
        hand_snapshot(scene=scene, fault="a fault"),
        hand_snapshot("left", target_rad=np.full(16, np.nan)),
        notice="a notice",
        recording=True,
        recording_note="somewhere",
        booth=BoothStatus("hold", 0.4, 2.0),
        calibration=calibration,
    )
    got = Snapshot.decode(sent.encode())
    for field in dataclasses.fields(Snapshot):
        if field.name == "image":
            np.testing.assert_array_equal(got.image, sent.image)
        elif field.name != "hands":
            assert getattr(got, field.name) == getattr(sent, field.name), field.name
    for got_hand, sent_hand in zip(got.hands, sent.hands, strict=True):
        for field in dataclasses.fields(HandSnapshot):
            ours, theirs = getattr(got_hand, field.name), getattr(sent_hand, field.name)
            if isinstance(theirs, np.ndarray):
                np.testing.assert_array_equal(ours, theirs, err_msg=field.name)
            elif field.name != "scene":
                assert ours == theirs
    assert got.hands[0].scene.object == "cup"
    np.testing.assert_array_equal(got.hands[0].scene.palm, scene.palm)


@pytest.mark.parametrize(("height", "scale"), [(240, 1.0), (480, 1.0), (720, 2 / 3), (1080, 4 / 9)])
def test_images_are_shrunk_to_what_is_shown(height, scale):
    small, by = shrink(np.zeros((height, 2 * height, 3), np.uint8))
    assert by == pytest.approx(scale)
    assert small.shape[0] == min(height, 480)


def test_without_a_measuring_robot_the_targets_are_drawn():
    hand = hand_snapshot(q_rad=np.full(16, np.nan))
    np.testing.assert_array_equal(hand.shown_rad, hand.target_rad)
    np.testing.assert_array_equal(hand_snapshot().shown_rad, hand_snapshot().q_rad)


def test_a_hand_that_never_came_or_left_for_good_is_searched():
    phase = PhaseOfSource()
    assert phase.update("lost", 0) == "searching"
    assert phase.update("tracking", SECOND_NS) == "tracking"
    assert phase.update("predicting", 2 * SECOND_NS) == "predicting"
    assert phase.update("lost", 2 * SECOND_NS + SEARCHING_AFTER_NS) == "lost"
    assert phase.update("lost", 2 * SECOND_NS + SEARCHING_AFTER_NS + 1) == "searching"
    assert phase.update("tracking", 9 * SECOND_NS) == "tracking"


def test_rates_are_of_the_last_three_seconds():
    rates = Rates()
    assert rates.fps(0) == 0.0
    assert math.isnan(rates.detection_rate())
    for i in range(300):
        rates.add(round(i * SECOND_NS / 30), 1.0 if i >= 255 else 0.0)
    now_ns = round(299 * SECOND_NS / 30)
    assert rates.fps(now_ns) == pytest.approx(30.0)
    assert rates.detection_rate() == pytest.approx(0.5, abs=0.01)
    assert rates.fps(now_ns + 2 * SECOND_NS) < 15.0
    assert rates.fps(now_ns + 9 * SECOND_NS) == 0.0


def test_a_maker_without_a_driven_frame_shows_the_image_only():
    made = SnapshotMaker({}).make(np.full((720, 1280, 3), 200, np.uint8), 0, notice="starting")
    assert made.hands == ()
    assert made.notice == "starting"
    maker = SnapshotMaker({})
    maker.make(np.full((720, 1280, 3), 200, np.uint8), 0)
    gap = maker.make(None, 1)
    assert gap.image.shape == (480, 853, 3)
    assert gap.image.max() < 100, "an old image must look like one"
    assert math.isnan(gap.age_ms)


@pytest.mark.parametrize(
    ("width", "height"),
    [
        *((640, 480), (800, 600), (960, 540), (1280, 720), (1280, 1024), (1920, 1080), (2560, 1080)),
        *((3840, 2160), (960, 1080), (1080, 1920)),
    ],
)
def test_nothing_overlaps_and_nothing_leaves_the_window(width, height):
    layout = lay_out(width, height)
    names = ("source", "robot_mode", "arm", "stop", "camera", "robot", "hand", "joints", "latency", "footer")
    boxes = {name: getattr(layout, name) for name in names}
    for name, box in boxes.items():
        assert box.width > 0, name
        assert box.height > 0, name
        assert box.x >= 0, name
        assert box.y >= 0, name
        assert box.right <= width + 1e-6, name
        assert box.bottom <= height + 1e-6, name
    for a in names:
        for b in names:
            if a < b:
                one, two = boxes[a], boxes[b]
                apart = (
                    one.right <= two.x + 1e-6
                    or two.right <= one.x + 1e-6
                    or one.bottom <= two.y + 1e-6
                    or two.bottom <= one.y + 1e-6
                )
                assert apart, f"{a} and {b} overlap"


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1280, 800), (1920, 1080), (3840, 2160)])
def test_states_are_a_twentieth_of_the_window_high(width, height):
    """Readable from three metres, and the longest word still fits."""
    layout = lay_out(width, height)
    u = layout.unit
    words = [words.word for words in (*SOURCE_WORDS.values(), *ROBOT_WORDS.values())]
    line = layout.source.height - 50 * u
    assert WORD_SHARE * line >= height / 20
    assert WORD_SHARE_OF_TWO * (layout.source.height - 4 * u) / 2 >= height / 20
    if QtGui.QGuiApplication.instance() is None:
        QtWidgets.QApplication([])
    metrics = QtGui.QFontMetricsF(font(round(height / 20), True))
    beside_hand = 94 * u if 9 * width == 16 * height else 28 * u  # of two hands, where the window is wide
    for word in words:
        assert metrics.horizontalAdvance(word) <= layout.source.width - beside_hand, word


@pytest.mark.parametrize(
    ("width", "height"), [(640, 480), (800, 600), (960, 1080), (1000, 900), (1280, 1024), (1080, 1920)]
)
def test_states_are_whole_words_in_a_tall_window(width, height):
    """Hardly smaller than what they are drawn at where there is room: nothing is cut, as in "T…"."""
    layout = lay_out(width, height)
    u = layout.unit
    if QtGui.QGuiApplication.instance() is None:
        QtWidgets.QApplication([])
    line, lines_of_two = layout.source.height - 50 * u, (layout.source.height - 4 * u) / 2
    one_word = QtGui.QFontMetricsF(font(round(WORD_SHARE * line), True))
    word_of_two = QtGui.QFontMetricsF(font(round(WORD_SHARE_OF_TWO * lines_of_two), True))
    for word in (words.word for words in (*SOURCE_WORDS.values(), *ROBOT_WORDS.values())):
        assert 0.75 * one_word.horizontalAdvance(word) <= layout.source.width - 28 * u, word
        assert 0.75 * word_of_two.horizontalAdvance(word) <= layout.source.width - 94 * u, word


@pytest.mark.parametrize("hand", ["right", "left"])
def test_a_hand_with_its_fingers_spread_is_within_the_part_that_is_shown(hand):
    view = HandView(hand, (480, 480))
    pictures = []
    for side in (-1.0, 1.0):
        q_rad = np.tile([side * 0.35, 0.5, 0.0, 0.0], 4)  # bent, so that turning at the root moves the tip
        q_rad[8] *= -1.0
        q_rad[12:] = 0.263 if side > 0.0 else 1.396, 0.0, 0.0, 0.0  # the thumb to its limits
        pictures.append(view.render(q_rad, view.spec.joint_names).astype(int))
    moved = np.flatnonzero((abs(pictures[0] - pictures[1]) > 8).any(axis=(0, 2)))
    assert np.ptp(moved) > 200
    assert 2.0 * abs(moved / 480 - 0.5).max() <= ROBOT_WIDTH


def test_every_state_has_its_word():
    assert set(SOURCE_WORDS) == {"searching", "tracking", "predicting", "lost"}
    assert set(ROBOT_WORDS) == {"", *MODES}
    stopped = robot_words(hand_snapshot(mode="STOPPED", fault="Joint 3 is too hot."))
    assert "Joint 3 is too hot." in stopped.sentence
    assert "U" in stopped.sentence
    waiting = robot_words(hand_snapshot(mode="HOLD", source_state="lost"))
    assert "waits for the hand" in waiting.sentence
    late = robot_words(hand_snapshot(mode="HOLD", source_state="tracking"))
    assert "too late" in late.sentence, "the hand that is seen is not to blame"
    assert (late.word, late.tone) == (waiting.word, waiting.tone)
    assert arm_button([hand_snapshot(mode="STOPPED")]).command == "reset"
    assert arm_button([hand_snapshot(mode="HOLD")]).command == "disarm"
    assert arm_button([hand_snapshot(mode="DISARMED")]).command == "arm"
    assert arm_button([hand_snapshot(mode="")]).command is None


def test_the_latency_history_keeps_ten_seconds_and_skips_gaps():
    history = LatencyHistory()
    for i in range(600):
        history.add(snapshot(age_ms=30.0 if i % 2 else float("nan")), i / 30)
    seconds, ages = history.ages(20.0)
    assert len(ages) == 150
    assert seconds.min() >= -10.0
    assert history.age_ms == pytest.approx(30.0)
    history.add(snapshot(horizon_ms=120.0, horizon_automatic=False), 20.1)
    assert history.horizon_ms == 120.0, "what the operator set is shown as it is"


def test_the_latency_is_of_now_only_while_frames_come():
    history = LatencyHistory()
    assert history.silent_s(5.0) == math.inf
    history.add(snapshot(), 10.0)
    history.add(snapshot(age_ms=float("nan"), stage_ms={}), 12.5)
    assert history.silent_s(12.5) == pytest.approx(2.5)
    history.add(snapshot(), 13.0)
    assert history.silent_s(13.0) == 0.0


def test_a_stop_that_fails_is_told_until_one_succeeds():
    robots = RobotThatRecords(fails=True), RobotThatRecords()
    stopper = Stopper(robots)
    assert not stopper.pending
    stopper.stop()
    assert stopper.pending
    assert wait_until(lambda: all(robot.stops for robot in robots) and bool(stopper.alarm), lambda: None)
    assert stopper.pending
    robots[0].fails = False
    stopper.stop()
    assert wait_until(lambda: not stopper.alarm, lambda: None)
    assert wait_until(lambda: stopper.confirmed, lambda: None)
    assert not stopper.pending
    stopper.close()


def test_the_horizon_is_moved_in_steps_and_given_back():
    horizon = Horizon(None)
    automatic_ms = horizon.ahead_ms(33.0)
    horizon.shift(10.0)
    assert not horizon.automatic
    assert horizon.ahead_ms(33.0) == 10.0 * round((automatic_ms + 10.0) / 10.0)
    before_ms = horizon.ahead_ms(33.0)
    horizon.shift(-10.0)
    assert horizon.ahead_ms(99.0) == before_ms - 10.0, "a fixed one does not follow the age"
    for _ in range(100):
        horizon.shift(-10.0)
    assert horizon.ahead_ms(33.0) == 0.0
    assert not horizon.predicts
    for _ in range(100):
        horizon.shift(10.0)
    assert horizon.ahead_ms(33.0) == LONGEST_MS
    horizon.give_back_to_auto()
    assert horizon.automatic
    assert horizon.predicts
    assert horizon.ahead_ms(33.0) == automatic_ms


def test_a_horizon_fixed_from_the_start_can_be_given_to_auto():
    horizon = Horizon(60.0)
    horizon.shift(10.0)
    assert horizon.ahead_ms(20.0) == 70.0
    horizon.give_back_to_auto()
    assert horizon.ahead_ms(20.0) == Horizon(None).ahead_ms(20.0)
