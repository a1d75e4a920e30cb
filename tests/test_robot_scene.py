"""Table, objects, moving wrist and the pictures of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from robot.allegro_model import HANDS, Hand
from robot.bullet_window import check_display
from robot.errors import RobotError
from robot.hands import mirror_q
from robot.lift import HEIGHT_M, Lift, holds
from robot.reach import Reach
from robot.scene import OBJECTS, TABLE_SIZE_M, ObjectKind, SceneConfig, SceneState
from robot.scene_view import SceneView
from robot.simulation import HandSimulation
from robot.wrist import SPEED_M_S

# Index and thumb closed on each other; the rest of the hand open. Right hand.
PINCH = np.array([0.05, 1.0, 0.81, 0.76] + [0.0, 0.3, 0.1, 0.1] * 2 + [1.08, 0.27, 0.92, 0.40])
BY_HAND = SceneConfig(arm=False)


def state_of(simulation: HandSimulation) -> SceneState:
    state = simulation.scene_state()
    assert state is not None
    return state


@pytest.mark.parametrize("kind", OBJECTS)
def test_things_stand_still_until_they_are_touched(kind: ObjectKind) -> None:
    with HandSimulation("right", SceneConfig(kind, arm=False)) as simulation:
        start = state_of(simulation)
        simulation.advance_to(1_000_000_000)
        end = state_of(simulation)
        np.testing.assert_allclose(end.thing[:3], start.thing[:3], atol=1e-3)
        assert np.abs(end.thing[3:5]).max() < 0.03  # upright
        np.testing.assert_allclose(end.palm, start.palm, atol=1e-3)
        assert (simulation.contact_forces_n() == 0.0).all()


@pytest.mark.parametrize("hand", HANDS)
def test_the_hand_hangs_palm_down_and_does_not_sag(hand: Hand) -> None:
    with HandSimulation(hand, BY_HAND) as simulation:
        palm = state_of(simulation).palm
        # A quarter turn about y: out of the palm is down, along the fingers is the world's x.
        np.testing.assert_allclose(palm[3:], [0.0, np.sqrt(0.5), 0.0, np.sqrt(0.5)], atol=1e-6)
        simulation.advance_to(1_000_000_000)
        np.testing.assert_allclose(simulation.q_rad, simulation.spec.home_rad, atol=2e-3)


@pytest.mark.parametrize("hand", HANDS)
def test_fingers_that_press_on_each_other_feel_it(hand: Hand) -> None:
    pinch = PINCH if hand == "right" else mirror_q(PINCH)
    with HandSimulation(hand) as simulation:
        simulation.advance_to(200_000_000)
        assert (simulation.contact_forces_n() == 0.0).all()
        simulation.set_target(pinch)
        simulation.advance_to(1_500_000_000)
        thumb, index, middle, ring = simulation.contact_forces_n()
        assert 0.1 < thumb < 10.0
        assert index == pytest.approx(thumb, rel=1e-6)
        assert middle == ring == 0.0


def test_the_wrist_goes_where_it_is_told_no_faster_than_it_may() -> None:
    with HandSimulation("right", BY_HAND) as simulation:
        goal = np.array([0.03, -0.02, 0.1])
        simulation.move_wrist(goal)
        palms = [state_of(simulation).palm[:3]]
        for _ in range(750):
            simulation.step()
            palms.append(state_of(simulation).palm[:3])
        np.testing.assert_allclose(palms[-1] - palms[0], goal, atol=1e-3)
        speed = np.diff(palms, axis=0) / 0.002
        assert np.abs(speed).max() < 1.1 * SPEED_M_S
        assert np.abs(np.diff(speed, axis=0)).max() < 0.01  # no jerk that a held thing would feel


def test_reset_puts_everything_back() -> None:
    with HandSimulation("right", BY_HAND) as simulation:
        start = state_of(simulation)
        simulation.set_target(PINCH)
        simulation.move_wrist(np.array([0.0, 0.0, 0.05]))
        simulation.advance_to(1_000_000_000)
        assert np.abs(state_of(simulation).palm - start.palm).max() > 0.02
        simulation.reset_scene()
        np.testing.assert_allclose(state_of(simulation).palm, start.palm, atol=1e-9)
        np.testing.assert_allclose(state_of(simulation).thing, start.thing, atol=1e-9)


def test_what_falls_off_the_table_comes_back() -> None:
    with HandSimulation("right", SceneConfig("ball")) as simulation:
        bullet, client, thing = simulation._bullet, simulation._client, simulation._scene.thing
        bullet.resetBasePositionAndOrientation(
            thing, (TABLE_SIZE_M[0], 0.0, 0.05), (0, 0, 0, 1), physicsClientId=client
        )
        simulation.advance_to(200_000_000)
        assert state_of(simulation).thing[2] < -0.05
        simulation.advance_to(1_500_000_000)
        np.testing.assert_allclose(state_of(simulation).thing[:2], 0.0, atol=0.01)


def test_a_thing_that_lies_beside_its_place_is_put_back_once_the_hand_leaves_room() -> None:
    with HandSimulation("right", SceneConfig("cube")) as simulation:
        bullet, client, thing = simulation._bullet, simulation._client, simulation._scene.thing
        closed = np.clip(PINCH, simulation.spec.lower_rad, simulation.spec.upper_rad)
        bullet.resetBasePositionAndOrientation(thing, (0.12, 0.1, 0.03), (0, 0, 0, 1), physicsClientId=client)
        simulation.set_target(closed)
        simulation.advance_to(3_000_000_000)
        assert state_of(simulation).thing[0] > 0.1
        simulation.set_target(simulation.spec.home_rad)
        simulation.advance_to(5_500_000_000)
        np.testing.assert_allclose(state_of(simulation).thing[:3], [0.0, 0.0, 0.04], atol=1e-3)


def test_many_resets_keep_no_memory() -> None:
    resource = pytest.importorskip("resource", reason="this system does not say how much memory is used")
    unit = 1 if sys.platform == "darwin" else 1024
    with HandSimulation("right", SceneConfig("cup")) as simulation:
        view = SceneView("right", "cup", (64, 48))

        def run(times: int) -> float:
            for _ in range(times):
                simulation.reset_scene()
                simulation.step()
                view.render(simulation.q_rad, simulation.spec.joint_names, state_of(simulation))
            return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)

        before = run(50)
        assert run(500) - before < 2e6  # shapes made anew would have taken hundreds of megabytes


def test_simulations_that_are_opened_and_closed_keep_little_memory() -> None:
    resource = pytest.importorskip("resource", reason="this system does not say how much memory is used")
    unit = 1 if sys.platform == "darwin" else 1024

    def run(times: int) -> float:
        for _ in range(times):
            with HandSimulation("right", SceneConfig("cup")) as simulation:
                simulation.step()
        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)

    before = run(5)
    assert run(25) - before < 25e6


def test_scenes_that_cannot_be_are_refused_with_the_legal_ones() -> None:
    with pytest.raises(RobotError, match="cube, ball, cup, pen"):
        SceneConfig("anvil")  # type: ignore[arg-type]
    with pytest.raises(RobotError, match=r"at most 0\.1 m"):
        SceneConfig(offset_m=(0.0, 0.2))
    with pytest.raises(RobotError, match="0 to 5"):
        SceneConfig(friction=-1.0)
    with HandSimulation("right") as simulation:
        assert simulation.scene_state() is None
        simulation.reset_scene()
        with pytest.raises(RobotError, match="with a scene"):
            simulation.move_wrist(np.zeros(3))
    with HandSimulation("right", SceneConfig()) as simulation, pytest.raises(RobotError, match="arm=False"):
        simulation.move_wrist(np.zeros(3))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a display")
def test_a_window_without_a_display_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for display in ("", ":987"):
        monkeypatch.setenv("DISPLAY", display)
        with pytest.raises(RobotError, match="needs a display"):
            check_display()


def test_the_lift_rises_with_a_grip_and_sinks_without() -> None:
    grip, none = np.array([0.5, 0.4, 0.0, 0.0]), np.array([0.0, 0.4, 0.3, 0.0])
    assert holds(grip)
    assert not holds(none)
    lift = Lift()
    heights = []
    for step in range(400):
        t_ns = step * 10_000_000
        t_s = t_ns * 1e-9
        holding = 0.5 <= t_s < 2.0 and not 1.2 <= t_s < 1.7  # a grip, a slip of 0.5 s, and let go for good
        heights.append(lift.step(t_ns, holding))
    up = np.nonzero(heights)[0] / 100.0
    assert up[0] == pytest.approx(0.9)
    assert up[-1] == pytest.approx(2.99)
    assert set(heights) == {0.0, HEIGHT_M}


def test_the_wrist_follows_the_fingers_until_they_touch() -> None:
    reach = Reach(np.array([-0.03, -0.05, 0.12]))
    grip = np.array([0.01, 0.0, 0.04])
    tips = np.array([[0.02, 0.05, -0.08], [0.06, 0.05, -0.09], [0.1, 0.0, -0.04], [0.1, -0.05, -0.04]])

    def palm(t_s: float, tips_m: np.ndarray, touching: bool) -> np.ndarray:
        offset = reach.step(int(t_s * 1e9), tips_m, 0.012, grip, touching)
        return np.array([-0.03, -0.05, 0.12]) + offset

    np.testing.assert_allclose(palm(0.0, tips, False), grip - tips[:2].mean(axis=0))
    deeper = tips.copy()
    deeper[2, 2] = -0.125  # the palm must stay high enough for every finger
    assert palm(0.1, deeper, False)[2] == pytest.approx(0.125 + 0.012 + 0.003)
    touched = palm(0.2, tips, True)
    assert touched[2] == pytest.approx(0.140)
    np.testing.assert_allclose(palm(1.1, tips, False), touched)
    assert palm(1.3, tips, False)[2] == pytest.approx(0.125)


def colored(image: np.ndarray) -> np.ndarray:
    """(h,w) bool where the picture is orange, as the cube."""
    blue, green, red = (image[:, :, k].astype(int) for k in range(3))
    return (red > 2 * blue) & (red > green + 40)


@pytest.mark.parametrize("hand", HANDS)
def test_pictures_show_the_cube_where_it_is(hand: Hand) -> None:
    with HandSimulation(hand, SceneConfig("cube")) as simulation:
        view = SceneView(hand, "cube", (320, 240))
        names = simulation.spec.joint_names
        start = state_of(simulation)
        on_table = colored(view.render(simulation.q_rad, names, start))
        raised = start.thing.copy()
        raised[2] += 0.08
        lifted = colored(view.render(simulation.q_rad, names, SceneState("cube", start.palm, raised)))
        assert 200 < on_table.sum() < 4000
        assert np.nonzero(lifted)[0].mean() < np.nonzero(on_table)[0].mean() - 15


def test_left_picture_is_the_right_one_mirrored() -> None:
    images = []
    for hand in HANDS:
        with HandSimulation(hand, SceneConfig("cube")) as simulation:
            view = SceneView(hand, "cube", (320, 240))
            images.append(view.render(simulation.q_rad, simulation.spec.joint_names, state_of(simulation)))
    difference = np.abs(images[0].astype(int) - images[1][:, ::-1].astype(int)).max(axis=2)
    assert (difference > 40).mean() < 0.02


def test_pictures_need_no_folder_to_keep_compiled_code_in() -> None:
    program = """
import numpy as np
from numba.core.dispatcher import Dispatcher

def nowhere(self):
    raise RuntimeError("cannot cache function: no locator available")

Dispatcher.enable_caching = nowhere
import app.teleop  # all that a run imports
from robot import raster

ones, moved = np.ones((1, 3)), np.empty((1, 3))
raster.move_vertices(ones, ones, np.zeros(1, int), np.eye(4)[None], moved, np.empty((1, 3)))
print(moved.tolist())
"""
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout == "[[1.0, 1.0, 1.0]]\n"
