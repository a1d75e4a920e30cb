"""Wrists during a run: published frame by frame, led only while the operator says so."""

from __future__ import annotations

import dataclasses
import socket
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from test_loop_commands import SOURCE, Eyes
from test_wrist_estimate import STRIDE_NS, T0, T_NS, body_at, hand_at

from app.clock import MonotonicClock
from app.console.command import Command
from app.errors import UsageError
from app.interrupt import Interrupt
from app.loop import FrameLoop
from app.settings import TeleopSettings, check_settings
from app.teleop import run_teleop
from app.timing import StageTimer
from app.wrist_run import WristRun, workspace_of
from robot.messages import JointTrajectory, SourceState
from robot.wrist_messages import WristPose, decode_wrist
from robot.wrist_subscriber import WristSubscriber


class Outbox:
    """Keeps what is published."""

    endpoint, sent = "tcp://127.0.0.1:1", 0

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def send(self, frame: bytes) -> None:
        self.frames.append(frame)


def loop_with_wrists(settings: TeleopSettings) -> tuple[FrameLoop, Outbox]:
    loop = FrameLoop(settings, SOURCE, Eyes(), MonotonicClock(), {}, Interrupt())
    outbox = Outbox()
    loop.wrists = WristRun.of(settings, outbox)
    return loop, outbox


def test_the_clutch_is_the_operators_and_every_stop_opens_it():
    loop, _ = loop_with_wrists(TeleopSettings())
    wrists = loop.wrists.wrists
    assert not wrists.engaged
    for stop in ("stop", "disarm"):
        loop._obey(Command("clutch"))
        assert wrists.engaged
        loop._obey(Command(stop))
        assert not wrists.engaged
    loop._obey(Command("clutch"))
    loop._obey(Command("clutch"))
    assert not wrists.engaged


def test_a_clutch_asked_for_long_ago_moves_no_arm_but_still_lets_it_rest():
    loop, _ = loop_with_wrists(TeleopSettings())
    asked = [Command("clutch")]
    loop.console = SimpleNamespace(poll_command=lambda: asked.pop() if asked else None)
    loop._t_polled_s -= 10.0
    loop._operator_quits()
    assert not loop.wrists.wrists.engaged
    loop.wrists.wrists.engage()
    asked.append(Command("clutch"))
    loop._t_polled_s -= 10.0
    loop._operator_quits()
    assert not loop.wrists.wrists.engaged


def test_without_publish_the_key_says_what_is_missing():
    loop = FrameLoop(TeleopSettings(), SOURCE, Eyes(), MonotonicClock(), {}, Interrupt())
    loop._obey(Command("clutch"))
    assert "--publish" in loop._notice()


def test_gaps_without_frames_are_told_too_as_nothing_known():
    loop, outbox = loop_with_wrists(TeleopSettings(hand="none", body=True, clutch="closed"))
    loop._bridge(10**9)
    messages = [decode_wrist(frame) for frame in outbox.frames]
    assert [message.hand for message in messages] == ["right", "left"]
    assert not any(message.valid for message in messages)
    assert all(message.engaged for message in messages)


def told(settings: TeleopSettings, state: SourceState | None) -> list[WristPose]:
    """What arm controllers hear of the right hand, None where none is looked for, while a body walks by."""
    outbox, hands = Outbox(), {}
    if state is not None:
        q_rad = np.zeros((1, 1))
        angles = JointTrajectory(1, "right", False, "lost", T0, T0, ("joint",), T_NS[:1], q_rad)
        result = SimpleNamespace(trajectory=hand_at((0.1, 0.0, 0.5), state=state), message=angles)
        hands = {"right": SimpleNamespace(result=result)}
    run = WristRun.of(settings, outbox)
    for step in range(20):
        body = SimpleNamespace(trajectory=body_at((0.05 * step, 0.0, 2.0)))
        run.tell(hands, SimpleNamespace(result=body), T0 + step * STRIDE_NS // 20, StageTimer())
    return [decode_wrist(frame) for frame in outbox.frames if frame.startswith(b"wrist/right ")]


@pytest.mark.parametrize("state", [None, "lost", "tracking"])
def test_whoever_walks_by_a_booth_leads_no_arm(state: SourceState | None):
    """Its gate lets one visitor's hand through; nobody knows whose body is in view."""
    booth = TeleopSettings(booth=True, body=True, clutch="closed")
    messages = told(booth, state)
    assert {message.source for message in messages} == {"hand" if state == "tracking" else None}
    assert max(np.abs(message.target_position_m).max() for message in messages) < 1e-9
    elsewhere = told(dataclasses.replace(booth, booth=False), state)
    assert {message.source for message in elsewhere} == {"both" if state == "tracking" else "body"}
    assert max(np.abs(message.target_position_m).max() for message in elsewhere) > 1e-3


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"arm_scale": 2.0}, "--arm-scale is for --publish"),
        ({"clutch": "closed"}, "--clutch is for --publish"),
        ({"publish_keys": Path("keys")}, "--publish-keys is for --publish"),
    ],
)
def test_flags_of_the_arm_need_somewhere_to_publish(flags, said):
    with pytest.raises(UsageError, match=said):
        check_settings(TeleopSettings(**flags))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"arm_scale": -1.0}, "scale is"),
        ({"arm_rotation": 1.5}, "rotation factor is 1.5"),
        ({"arm_box_m": -0.1}, "box goes from"),
        ({"arm_yaw_deg": float("nan")}, "yaw of the arm.s base is nan"),
    ],
)
def test_an_arm_that_cannot_be_is_refused(flags, said):
    with pytest.raises(UsageError, match=said):
        workspace_of(TeleopSettings(publish="tcp://127.0.0.1:5580", **flags))


@pytest.mark.usefixtures("hand_landmarker_asset")
def test_a_run_tells_arm_controllers_of_wrist_and_hand(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    over = threading.Event()

    def listen(subscriber: WristSubscriber) -> None:  # who does not read while it runs loses the newest
        while not over.is_set() or subscriber.poll(0.5):
            subscriber.poll(0.05)

    with WristSubscriber(address, "right") as subscriber:
        listener = threading.Thread(target=listen, args=(subscriber,))
        listener.start()
        result = run_teleop(
            TeleopSettings(
                source="synthetic:0",
                temporal="one-euro",
                robot="none",
                headless=True,
                realtime=False,
                video=False,
                max_frames=60,
                run_dir=tmp_path,
                publish=address,
                clutch="closed",
            )
        )
        over.set()
        listener.join()
        assert subscriber.wrist is not None
        assert subscriber.targets is not None
    assert not subscriber.wrist.engaged, "at its end a run lets the arm rest"
    assert subscriber.wrist.engagement == 1, "and had it led before"
    assert subscriber.wrist.source == "hand"
    assert subscriber.wrist.valid
    assert 0.2 < subscriber.wrist.position_m[0, 2] < 2.0
    assert subscriber.targets.valid
    assert len(subscriber.targets.joint_names) == 16
    published = {"endpoint": address, "messages": 120}  # what is said at the very end comes after the report
    assert result.report["published"] == published


def test_both_wrists_are_told_of_where_only_the_body_is_followed():
    settings = TeleopSettings(hand="none", body=True, publish="tcp://127.0.0.1:5580")
    wrists = WristRun.of(settings, Outbox()).wrists
    assert [message.hand for message in wrists.update({}, None, 1)] == ["right", "left"]
