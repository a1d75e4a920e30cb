"""The booth's gate: who gets in, who never does, and how a turn ends."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from booth_examples import NS, Booth, nobody, robot, seen

from app.booth.config import BoothConfig
from app.booth.gate import BoothGate
from app.booth.hold import PalmHold
from app.booth.lock import OperatorLock
from app.booth.palm import is_open_palm, measure_palm, place_of
from app.booth.status import BoothStatus
from app.errors import UsageError
from app.synthetic.clip import Scene, truth_of
from models.observation import Observation

NEAR = BoothConfig().near_share
ELSEWHERE = (0.3, 0.1, 0.7)
BEHIND = (0.02, 0.05, 2.2)


def engaged(config: BoothConfig | None = None) -> Booth:
    booth = Booth(BoothGate(config))
    booth.show(2.0)
    assert booth.now.status.phase == "engaged"
    return booth


def lets_through(booth: Booth) -> bool:
    return booth.now.observations["right"].detected


# -- the open palm
# ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hand", ["right", "left"])
def test_an_open_palm_is_one_with_either_hand(hand):
    assert is_open_palm(seen(0, hand=hand), NEAR)
    assert is_open_palm(seen(0, "flat", hand=hand), NEAR)


@pytest.mark.parametrize(
    "pose", ["fist", "half", "count_1", "count_2", "count_3", "count_4", "pinch_index", "pinch_pinky"]
)
def test_other_poses_are_no_open_palm(pose):
    assert not is_open_palm(seen(0, pose), NEAR)


def test_the_back_of_a_hand_is_no_open_palm():
    assert not is_open_palm(seen(0, turn_rad=np.pi), NEAR)
    assert not is_open_palm(seen(0, turn_rad=np.pi / 2), NEAR)


def test_a_palm_in_the_back_of_the_room_is_not_near():
    assert is_open_palm(seen(0, at_m=(0.0, 0.1, 1.0)), 0.15)
    assert not is_open_palm(seen(0, at_m=(0.0, 0.1, 2.2)), 0.15)


def test_the_size_of_a_hand_does_not_depend_on_its_pose():
    sizes = [place_of(seen(0, pose)).size_px for pose in ("open", "fist", "pinch_index", "count_2")]
    assert max(sizes) < 1.05 * min(sizes)


@pytest.mark.parametrize("spoiled", [np.nan, np.inf, 1e300])
def test_numbers_that_are_none_are_no_hand(spoiled):
    bad_px = replace(seen(0), keypoints_px=np.full((21, 2), spoiled))
    bad_m = replace(seen(0), keypoints_m=np.where(np.arange(63).reshape(21, 3) == 13, spoiled, 0.1))
    for observation in (bad_px, bad_m, replace(seen(0), image_size_px=(0, 0)), nobody(0)):
        assert not is_open_palm(observation, NEAR)
        assert measure_palm(observation) is None


# -- the hold
# ------------------------------------------------------------------------------------------------


def test_a_palm_held_still_long_enough_gets_in():
    booth = Booth()
    booth.show(1.4)
    assert booth.now.status.phase == "hold"
    assert 0.85 < booth.now.status.progress < 1.0
    assert not booth.told
    booth.show(0.3)
    assert booth.now.status.phase == "engaged"
    assert booth.told == ["arm"]
    assert lets_through(booth)


def test_single_missed_frames_do_not_break_a_hold():
    booth = Booth()
    for i in range(60):
        booth.look(nobody(booth.t_ns) if i % 6 == 5 else seen(booth.t_ns))
    assert booth.now.status.phase == "engaged"


def test_a_palm_that_is_hardly_ever_seen_does_not_get_in():
    booth = Booth()
    for i in range(300):
        booth.look(seen(booth.t_ns) if i % 5 == 0 else nobody(booth.t_ns))
    assert not booth.told


def test_a_palm_that_moves_or_changes_starts_anew():
    booth = Booth()
    for i in range(120):
        booth.look(seen(booth.t_ns, at_m=(0.0 + 0.004 * i, 0.1, 0.7)))  # 12 cm/s
    assert not booth.told
    booth = Booth()
    for _ in range(5):
        booth.show(1.2)
        booth.show(0.4, "fist")
    assert not booth.told


def test_the_hand_that_nobody_asked_for_does_not_get_in():
    booth = Booth()
    for _ in range(90):
        booth.look(nobody(booth.t_ns), seen(booth.t_ns, hand="left"))
    assert not booth.told


def test_of_two_palms_the_nearer_one_gets_in():
    hold = PalmHold(1.0)
    near, far = place_of(seen(0)), place_of(seen(0, at_m=(-0.3, 0.1, 0.9)))
    assert hold.update(0.0, [far, near]) is near


# -- the lock
# ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stranger_m", [ELSEWHERE, BEHIND, (-0.3, -0.2, 0.5)])
def test_a_passer_by_never_takes_over(stranger_m):
    booth = engaged()
    for _ in range(30):
        booth.look(seen(booth.t_ns, at_m=stranger_m))
        assert not lets_through(booth)
    booth.show(0.2)
    assert lets_through(booth), "the operator is back where the hand was"
    booth.show(3.2, at_m=stranger_m)
    assert booth.now.status.phase == "goodbye"


def test_the_operator_is_followed_though_another_hand_comes_first():
    booth = engaged()
    for _ in range(60):
        booth.look(seen(booth.t_ns, at_m=ELSEWHERE), seen(booth.t_ns, "fist"))
        through = booth.now.observations["right"]
        assert np.array_equal(through.keypoints_px, seen(0, "fist").keypoints_px)


def test_a_moving_hand_stays_locked():
    booth = engaged()
    for i in range(300):
        t_s = i / 30
        x, z = 0.2 * np.sin(2.5 * t_s), 0.7 + 0.2 * np.sin(1.3 * t_s)
        pose = ("open", "fist", "count_2", "relaxed")[i // 15 % 4]
        booth.look(seen(booth.t_ns, pose, (x, 0.1, z), turn_rad=round(np.sin(t_s), 1)))
        assert lets_through(booth)


def test_a_step_forward_while_unseen_is_not_taken_for_the_operator():
    lock = OperatorLock(place_of(seen(0)), 0.0)
    assert lock.find(2.0, [place_of(seen(0, at_m=(0.0, 0.1, 0.48)))]) is None
    assert lock.find(2.1, [place_of(seen(0, at_m=(0.05, 0.1, 0.66)))]) == 0


# -- the end of a turn
# ------------------------------------------------------------------------------------------------


def test_a_lowered_hand_ends_with_home_then_disarm():
    booth = engaged()
    booth.wait(0.9)
    assert booth.told == ["arm"]
    booth.wait(0.2)
    assert booth.told == ["arm", "home"]
    booth.wait(1.0)
    assert booth.now.status.seconds_left == pytest.approx(0.9, abs=0.05)
    booth.wait(2.5)
    assert booth.now.status.phase == "goodbye"
    booth.wait(5.0)
    assert booth.now.status.phase == "attract"
    assert booth.told == ["arm", "home", "home", "disarm"]
    assert booth.mode == "DISARMED"


def test_the_operator_may_be_gone_for_a_moment():
    booth = engaged()
    booth.wait(1.5)
    booth.show(1.0, "fist")
    assert lets_through(booth)
    assert booth.now.status == BoothStatus("engaged", 1.0, None)


def test_after_a_goodbye_everybody_shows_a_palm_again():
    booth = engaged()
    booth.wait(8.0)
    booth.show(3.0, "fist")
    assert booth.now.status.phase == "invite"
    booth.show(2.0)
    assert booth.now.status.phase == "engaged"


def test_a_picture_of_a_palm_gets_no_second_turn():
    booth = engaged(BoothConfig(idle_s=5.0))
    booth.show(30.0)
    assert booth.told.count("arm") == 1
    assert booth.mode == "DISARMED"
    booth.show(2.0, at_m=ELSEWHERE)
    assert booth.now.status.phase == "engaged"


def test_a_turn_ends_in_time_where_it_is_asked_for():
    booth = engaged(BoothConfig(turn_s=10.0))
    for i in range(12):
        booth.show(0.5, "fist" if i % 2 else "open")
    assert 3.0 < booth.now.status.seconds_left < 4.0
    booth.show(5.0)
    assert booth.now.status.phase == "goodbye"
    assert not lets_through(booth)


def test_a_stopped_robot_stays_stopped_until_staff_unlock_it():
    booth = engaged()
    booth.mode = "STOPPED"
    booth.show(0.1)
    assert booth.now.status.phase == "goodbye"
    booth.show(20.0)
    assert booth.told == ["arm"], "a stopped robot is told nothing"
    assert booth.now.status.needs_staff
    booth.mode = "DISARMED"  # reset
    booth.wait(1.0)
    booth.show(2.0)
    assert booth.told == ["arm"], "unlocked is not yet armed"
    assert booth.now.status.needs_staff
    booth.gate.heed("arm")
    booth.show(2.0)
    assert booth.now.status.phase == "engaged"


def test_a_booth_that_begins_paused_waits_for_staff():
    booth = Booth(BoothGate(paused=True))
    booth.show(5.0)
    assert not booth.told
    assert booth.now.status.needs_staff
    booth.gate.heed("arm")
    booth.show(2.0)
    assert booth.now.status.phase == "engaged"


def test_after_staffs_disarm_only_staff_let_visitors_in_again():
    booth = engaged()
    booth.gate.heed("disarm")
    booth.mode = "DISARMED"
    booth.show(20.0)
    assert booth.told == ["arm", "disarm"]
    assert booth.now.status.needs_staff
    booth.gate.heed("arm")
    booth.show(2.0)
    assert booth.now.status.phase == "engaged"


def test_a_disarm_at_another_console_counts_as_staffs():
    booth = engaged()
    booth.mode = "DISARMED"
    booth.show(10.0)
    assert booth.now.status.needs_staff
    booth.mode = "ENGAGING"  # armed there again
    booth.wait(0.1)
    assert not booth.now.status.needs_staff


@pytest.mark.parametrize("before", [False, True], ids=["first visitor", "after a visitor"])
def test_a_disarm_at_another_console_of_a_robot_that_rests_counts_as_staffs(before):
    booth = engaged() if before else Booth()
    booth.wait(12.0)
    assert not booth.now.status.needs_staff
    told = list(booth.told)
    booth.rest_commands += 1
    booth.show(5.0)
    assert booth.told == told
    assert booth.now.status.needs_staff
    booth.mode = "ENGAGING"  # armed there again
    booth.wait(0.1)
    booth.mode = "DISARMED"
    booth.show(2.0)
    assert booth.now.status.phase == "engaged"


def test_a_disarm_at_another_console_counts_as_staffs_on_the_way_home_too():
    booth = engaged()
    while booth.told != ["arm", "home", "home"]:
        booth.wait(0.1)
    booth.rest_commands += 1
    booth.mode = "DISARMED"
    booth.show(5.0)
    assert booth.told == ["arm", "home", "home", "disarm"]
    assert booth.now.status.needs_staff


def test_the_watchdogs_disarm_ends_the_turn_only():
    booth = engaged()
    gated = booth.gate.filter(booth.t_ns, {"right": seen(booth.t_ns)}, {"right": robot("DISARMED", 1)})
    assert (gated.status.phase, gated.status.needs_staff) == ("goodbye", False)
    assert gated.commands == {"right": ("disarm",)}


def test_a_robot_that_refuses_to_arm_is_let_go():
    gate = BoothGate()
    phases = []
    for i in range(150):
        gated = gate.filter(i * NS // 30, {"right": seen(0)}, {"right": robot("DISARMED")})
        phases.append(gated.status.phase)
    assert phases[60] == "engaged"
    assert phases[149] == "goodbye"


def test_with_two_hands_either_one_drives_its_own_robot():
    gate = BoothGate()
    modes = {"right": robot("DISARMED"), "left": robot("DISARMED")}
    for i in range(60):
        t_ns = i * NS // 30
        sights = {"right": seen(t_ns, "fist"), "left": seen(t_ns, at_m=(-0.2, 0.1, 0.7), hand="left")}
        gated = gate.filter(t_ns, sights, modes)
        if gated.commands:
            assert gated.commands == {"left": ("arm",)}
            modes = {**modes, "left": robot("TRACKING")}
    assert gated.status.phase == "engaged"
    assert gated.observations["left"].detected
    assert not gated.observations["right"].detected


def test_a_clock_that_goes_backwards_locks_nothing_up():
    booth = engaged()
    booth.frame = -100_000
    booth.wait(10.0)
    booth.show(2.0)
    assert booth.now.status.phase == "engaged"
    assert booth.told == ["arm", "home", "home", "disarm", "arm"]


# -- status and settings
# ------------------------------------------------------------------------------------------------


def test_a_status_travels_as_json():
    status = BoothStatus("hold", 0.4, 2.0, True)
    assert BoothStatus.decode(json.loads(json.dumps(status.encode()))) == status


@pytest.mark.parametrize("bad", [("party",), ("hold", 1.5), ("hold", float("nan")), ("hold", 0.0, -1.0)])
def test_a_status_that_makes_no_sense_is_refused(bad):
    with pytest.raises(ValueError, match=r"phase is|progress is|seconds_left is"):
        BoothStatus(*bad)


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(UsageError, match="hold_s"):
        BoothConfig(hold_s=0.0)
    with pytest.raises(UsageError, match="home_after_s"):
        BoothConfig(home_after_s=5.0)


@pytest.mark.parametrize("seed", range(4))
def test_the_rendered_visitor_gets_in_plays_leaves_and_gets_in_again(seed):
    """`--booth --source synthetic`: from the true keypoints, two rounds of what the camera shows."""
    look, model, motion = Scene(seed, "visit").build()
    truth = truth_of(look, model, motion)
    gate, told, phases, mode = BoothGate(), [], [], "DISARMED"
    for frame in range(2 * len(motion.wrist_m)):
        i, t_ns = frame % len(motion.wrist_m), frame * NS // 30
        sight = nobody(t_ns)
        if truth.visible[i]:
            relative_m = truth.keypoints_m[i] - truth.keypoints_m[i, :1]
            sight = Observation(
                t_ns, "right", True, relative_m, truth.keypoints_px[i], look.camera.size_px, 0.97
            )
        gated = gate.filter(t_ns, {"right": sight}, {"right": robot(mode)})
        for command in gated.commands.get("right", ()):
            told.append(command)
            mode = {"arm": "TRACKING", "disarm": "DISARMED"}.get(command, mode)
        if not phases or gated.status.phase != phases[-1]:
            phases.append(gated.status.phase)
    assert told == ["arm", "home", "home", "disarm"] * 2  # home while it may still come back, and at the end
    assert phases.count("engaged") == phases.count("goodbye") == 2
    assert [phase for phase in phases if phase in ("attract", "engaged", "goodbye")] == [
        *["attract", "engaged", "goodbye"] * 2,
        "attract",
    ]
