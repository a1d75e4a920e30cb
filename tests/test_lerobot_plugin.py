"""The LeRobot teleoperator: it follows, holds, never jumps, never waits, and is what LeRobot expects."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retarget import load as load_retargeter

PLUGIN = Path(__file__).resolve().parents[1] / "plugins" / "lerobot_teleoperator_posehand"
S = 1_000_000_000
JOINTS = [f"joint_{i}.0" for i in range(16)]

STAND_IN = """
    import json, sys, time

    JOINTS = [f"joint_{i}.0" for i in range(16)]

    def say(hand, valid, q_rad):
        now_ns = time.monotonic_ns()
        line = {
            "hand": hand, "valid": valid, "source_state": "tracking" if valid else "lost",
            "t_capture_ns": now_ns, "t_publish_ns": now_ns, "joint_names": JOINTS,
            "t_ns": [now_ns], "q_rad": [[q_rad] * 16],
        }
        print(json.dumps(line), flush=True)

    flags = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    hands = ["right", "left"] if flags["--hand"] == "both" else [flags["--hand"]]
    if flags["--source"] == "broken":
        print("error: there is no camera 0", file=sys.stderr)
        sys.exit(1)
    if flags["--source"] == "crash":
        raise OSError("the disk is gone")
    if flags["--source"] == "bare":
        import a_package_of_posehand
    for hand in hands:
        say(hand, False, 0.25)
    while flags["--source"] != "short":
        for hand in hands:
            say(hand, True, 0.75)
        time.sleep(0.01)
"""


@pytest.fixture(scope="module")
def link() -> Iterator[Any]:
    """The part of the plugin that needs no LeRobot."""
    sys.path.insert(0, str(PLUGIN))
    yield importlib.import_module("posehand_link")
    sys.path.remove(str(PLUGIN))


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A folder that looks like PoseHand's and holds a program that says 0.75 rad for every joint."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").touch()
    (tmp_path / "app" / "target_stream.py").write_text(textwrap.dedent(STAND_IN))
    return tmp_path


def targets_at(link: Any, t_ns: int, q_rad: float, valid: bool = True) -> Any:
    """Targets of two joints that stay at q_rad."""
    return link.Targets(
        "right", valid, "tracking", t_ns, ("a", "b"), np.array([t_ns]), np.full((1, 2), q_rad)
    )


def run(link: Any, follower: Any, goal_rad: Callable[[float], float | None], seconds: float) -> np.ndarray:
    """(N,2) what the robot is told at 50 Hz while the hand is at goal_rad(time); None is lost."""
    told = []
    for k in range(round(seconds * 50)):
        now_ns, goal = 100 * S + k * S // 50, goal_rad(k / 50)
        told.append(follower.step(targets_at(link, now_ns, goal or 0.0, goal is not None), now_ns))
    return np.array(told)


def test_targets_are_read_at_the_moment_they_are_for(link: Any) -> None:
    q_rad = np.array([[0.0, 1.0], [1.0, 3.0], [1.0, 3.0]])
    targets = link.Targets("right", True, "tracking", 0, ("a", "b"), np.array([S, 2 * S, 3 * S]), q_rad)
    for t_ns, wanted_rad in [(0, [0, 1]), (S, [0, 1]), (1_500_000_000, [0.5, 2]), (9 * S, [1, 3])]:
        np.testing.assert_allclose(targets.at(t_ns), wanted_rad)


@pytest.mark.parametrize(
    "change",
    [
        {"q_rad": [[0.0]]},
        {"q_rad": [[0.0, None]]},
        {"q_rad": [[0.0, float("nan")]]},
        {"t_ns": []},
        {"t_ns": [2, 1], "q_rad": [[0.0, 0.0]] * 2},
        {"joint_names": 3},
    ],
)
def test_a_damaged_line_is_refused(link: Any, change: dict[str, Any]) -> None:
    line = {"hand": "right", "valid": True, "source_state": "tracking", "t_publish_ns": 1}
    line |= {"joint_names": ["a", "b"], "t_ns": [1], "q_rad": [[0.0, 0.0]]}
    assert link.parse_targets(json.dumps(line).encode()).valid
    for damaged in (json.dumps(line | change).encode(), b"Traceback", json.dumps(line).encode()[:-4]):
        with pytest.raises(ValueError, match="joint targets"):
            link.parse_targets(damaged)


def test_the_hand_is_approached_slowly_and_then_followed(link: Any) -> None:
    limits = link.FollowLimits()
    follower = link.HandFollower(np.zeros(2), limits)
    told = run(link, follower, lambda t: 1.0 if t < 2 else 1.0 + 2.0 * (t - 2), 3.0)
    steps_rad = np.abs(np.diff(told, axis=0)).max(axis=1)
    assert steps_rad[:45].max() <= limits.engage_speed_rad_s / 50 + 1e-9
    np.testing.assert_allclose(told[-1], 1.0 + 2.0 * 0.98)  # no lag once engaged


def test_a_lost_hand_is_held_and_never_jumped_to(link: Any) -> None:
    limits = link.FollowLimits()
    follower = link.HandFollower(np.zeros(2), limits)

    def goal_rad(t: float) -> float | None:
        return 0.5 if t < 1 else None if t < 2 else -1.0

    told = run(link, follower, goal_rad, 4.0)
    np.testing.assert_allclose(told[50:100], 0.5)
    steps_rad = np.abs(np.diff(told[99:], axis=0))
    assert (steps_rad.max(axis=1) > limits.engage_speed_rad_s / 50 + 1e-9).sum() <= 1  # the last few degrees
    assert steps_rad.max() <= limits.engaged_rad
    np.testing.assert_allclose(told[-1], -1.0)


def test_stale_targets_are_held(link: Any) -> None:
    follower = link.HandFollower(np.zeros(2), link.FollowLimits())
    run(link, follower, lambda t: 0.5, 1.0)
    old = targets_at(link, 101 * S, 0.9)
    told = [follower.step(old, 101 * S + k * S // 50) for k in range(100)]
    still = [k for k in range(1, 100) if (told[k] == told[k - 1]).all()]
    assert set(range(14, 100)) <= set(still)
    assert not follower.following
    assert follower.held_s(103 * S) > 1.5


def test_a_pause_of_the_caller_does_not_add_up_to_a_jump(link: Any) -> None:
    limits = link.FollowLimits()
    follower = link.HandFollower(np.zeros(2), limits)
    before = run(link, follower, lambda t: 0.5, 1.0)[-1]
    after = follower.step(targets_at(link, 900 * S, 3.0), 900 * S)
    assert np.abs(after - before).max() <= limits.engage_speed_rad_s * limits.longest_step_s + 1e-9


def test_no_targets_at_all_is_the_pose_of_the_start(link: Any) -> None:
    follower = link.HandFollower(np.array([0.1, 0.2]), link.FollowLimits())
    np.testing.assert_allclose(follower.step(None, S), [0.1, 0.2])
    assert follower.held_s(2 * S) == float("inf")


def test_limits_must_be_positive(link: Any) -> None:
    with pytest.raises(ValueError, match="speed_rad_s is 0"):
        link.FollowLimits(speed_rad_s=0.0)


def test_posehand_is_found_or_asked_for(link: Any, stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSEHAND_DIR", raising=False)
    assert link.find_posehand() == PLUGIN.parents[1]  # of the checkout it is installed from
    assert link.find_posehand(stand_in) == stand_in.resolve()
    monkeypatch.setenv("POSEHAND_DIR", str(stand_in))
    assert link.find_posehand() == stand_in.resolve()
    with pytest.raises(link.PoseHandNotFoundError, match="give it as posehand_dir"):
        link.find_posehand(stand_in / "app")


def test_the_newest_targets_are_there_without_waiting(link: Any, stand_in: Path) -> None:
    command = link.posehand_command("camera", "both")
    pipeline = link.Pipeline(command, stand_in)
    try:
        assert pipeline.wait_for(("right", "left"), 30.0)
        np.testing.assert_allclose(pipeline.rest("left").q_rad, 0.25)
        for _ in range(3000):
            if pipeline.newest("left").valid:
                break
            time.sleep(0.01)
        np.testing.assert_allclose(pipeline.newest("left").q_rad, 0.75)
        assert pipeline.running
        assert pipeline.reason == ""
    finally:
        pipeline.close()
        pipeline.close()
    assert not pipeline.running


def test_a_pipeline_that_does_not_start_says_why(link: Any, stand_in: Path) -> None:
    pipeline = link.Pipeline(link.posehand_command("broken", "right"), stand_in)
    assert not pipeline.wait_for(("right",), 30.0)
    pipeline.close()
    assert pipeline.reason == "there is no camera 0"
    with pytest.raises(link.PipelineError, match="cannot run no-such-python"):
        link.Pipeline(link.posehand_command("a", "right", python="no-such-python"), stand_in)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("crash", "it ended with status 1 (OSError: the disk is gone)"),
        (
            "bare",
            "it ended with status 1 (ModuleNotFoundError: No module named 'a_package_of_posehand'); "
            "give posehand_python, the Python of PoseHand's .venv",
        ),
    ],
)
def test_a_pipeline_that_names_no_error_is_quoted(link: Any, stand_in: Path, source: str, told: str) -> None:
    pipeline = link.Pipeline(link.posehand_command(source, "right"), stand_in)
    assert not pipeline.wait_for(("right",), 30.0)
    pipeline.close()
    assert pipeline.reason == told


def test_paths_count_from_where_the_user_is(
    link: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    for name in ("mine.mp4", "webcam"):
        (tmp_path / name).touch()
    mine = str(tmp_path / "mine.mp4")
    sources = {"mine.mp4": mine, "~/mine.mp4": mine, mine: mine}
    unchanged = ("webcam", "webcam:1", "synthetic", "not_there.mp4", "rtsp://camera/" + 300 * "a", "")
    for source, wanted in (sources | dict(zip(unchanged, unchanged, strict=True))).items():
        command = link.posehand_command(source, "right")
        assert command[command.index("--source") + 1] == wanted

    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.symlink_to(sys.executable)
    relative = os.path.join("bin", "python")
    for given in (relative, os.path.join("~", relative), str(python)):
        assert link.posehand_command("webcam", "right", given)[0] == str(python)
    assert link.posehand_command("webcam", "right", "python3")[0] == "python3"
    assert link.posehand_command("webcam", "right")[0] == sys.executable


@pytest.fixture
def lerobot(link: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """LeRobot's teleoperators with the plugin registered; skips where LeRobot is absent."""
    monkeypatch.setitem(os.environ, "HF_LEROBOT_HOME", str(tmp_path / "home"))
    teleoperators = pytest.importorskip("lerobot.teleoperators", reason="LeRobot is not installed")
    importlib.import_module("lerobot_teleoperator_posehand")
    return teleoperators


def make_teleoperator(lerobot: Any, tmp_path: Path, **fields: Any) -> Any:
    config = lerobot.TeleoperatorConfig.get_choice_class("posehand")
    return lerobot.make_teleoperator_from_config(
        config(id="test", calibration_dir=tmp_path / "calibration", **fields)
    )


def test_lerobot_makes_it_from_its_settings(lerobot: Any, tmp_path: Path) -> None:
    teleoperator = make_teleoperator(lerobot, tmp_path)
    assert isinstance(teleoperator, lerobot.Teleoperator)
    assert teleoperator.name == teleoperator.config.type == "posehand"
    assert teleoperator.action_features == {f"{name}.pos": float for name in JOINTS}
    assert [*load_retargeter("allegro_right").joint_names] == JOINTS
    assert teleoperator.feedback_features == {}
    assert teleoperator.is_calibrated
    assert not teleoperator.is_connected
    both = make_teleoperator(lerobot, tmp_path, hand="both")
    assert list(both.action_features)[::16] == ["right_joint_0.0.pos", "left_joint_0.0.pos"]
    renamed = make_teleoperator(lerobot, tmp_path, joint_names=[f"j{i}" for i in range(16)])
    assert list(renamed.action_features)[:2] == ["j0.pos", "j1.pos"]
    for wrong in ({"hand": "foot"}, {"joint_names": ["a"]}, {"start_rad": [0.0]}, {"speed_rad_s": -1.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            make_teleoperator(lerobot, tmp_path, **wrong)


def test_lerobots_flags_reach_it(lerobot: Any) -> None:
    import draccus

    Run = dataclasses.make_dataclass("Run", [("teleop", lerobot.TeleoperatorConfig)])
    flags = ["--type=posehand", "--source=webcam:1", "--hand=both", "--flags=[--temporal, one-euro]"]
    config = draccus.parse(Run, args=[flag.replace("--", "--teleop.", 1) for flag in flags]).teleop
    assert (config.source, config.hand, config.flags) == ("webcam:1", "both", ["--temporal", "one-euro"])


def test_it_gives_actions_from_connect_to_disconnect(lerobot: Any, stand_in: Path, tmp_path: Path) -> None:
    from lerobot.utils.errors import DeviceAlreadyConnectedError, DeviceNotConnectedError

    teleoperator = make_teleoperator(lerobot, tmp_path, posehand_dir=str(stand_in), hand="both")
    with pytest.raises(DeviceNotConnectedError):
        teleoperator.get_action()
    with teleoperator:
        with pytest.raises(DeviceAlreadyConnectedError):
            teleoperator.connect()
        action = teleoperator.get_action()
        assert list(action) == list(teleoperator.action_features)
        assert all(type(value) is float for value in action.values())
        np.testing.assert_allclose(list(action.values()), 0.25, atol=0.11)  # rest, and at most a first step
        for _ in range(3000):
            action = teleoperator.get_action()
            if min(action.values()) > 0.749:
                break
            time.sleep(0.01)
        np.testing.assert_allclose(list(action.values()), 0.75)
        teleoperator.send_feedback({})
    assert not teleoperator.is_connected
    with pytest.raises(DeviceNotConnectedError):
        teleoperator.disconnect()


def test_a_pipeline_that_ends_is_held_and_then_reported(lerobot: Any, stand_in: Path, tmp_path: Path) -> None:
    from lerobot.utils.errors import DeviceNotConnectedError

    short = make_teleoperator(lerobot, tmp_path, posehand_dir=str(stand_in), source="short")
    short.connect()

    def act_for_long() -> None:
        for _ in range(3000):
            assert set(short.get_action().values()) == {0.25}
            time.sleep(0.01)

    with pytest.raises(DeviceNotConnectedError, match="its source has ended"):
        act_for_long()
    short.disconnect()
    broken = make_teleoperator(lerobot, tmp_path, posehand_dir=str(stand_in), source="broken")
    with pytest.raises(DeviceNotConnectedError, match="there is no camera 0"):
        broken.connect()
    assert not broken.is_connected


def test_lerobot_finds_it_where_it_is_installed(lerobot: Any) -> None:
    from importlib import metadata

    from lerobot.utils.import_utils import register_third_party_plugins

    names = {distribution.metadata["Name"] for distribution in metadata.distributions()}
    if "lerobot_teleoperator_posehand" not in names:
        pytest.skip("the plugin is not installed: pip install -e plugins/lerobot_teleoperator_posehand")
    register_third_party_plugins()
    assert "posehand" in lerobot.TeleoperatorConfig.get_known_choices()
