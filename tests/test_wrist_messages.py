"""The wrist on the wire: round trips, what is refused, ten thousand damaged messages, a subscriber."""

import dataclasses
import math

import msgpack
import numpy as np
import pytest

from robot import JointTrajectory, encode_trajectory
from robot.fields import MessageError
from robot.publisher import Publisher
from robot.wrist_messages import (
    WristPose,
    decode_wrist,
    encode_wrist,
    rotation_6d,
    rotation_matrix,
    wrist_topic,
)
from robot.wrist_subscriber import WristSubscriber

T_NS = np.array([10, 20, 30], dtype=np.int64)
UNTURNED = np.tile([1.0, 0.0, 0.0, 1.0, 0.0, 0.0], (3, 1))


def wrist(**changes):
    fields = {
        "seq": 3,
        "hand": "right",
        "valid": True,
        "source": "both",
        "source_state": "tracking",
        "engaged": True,
        "engagement": 1,
        "t_capture_ns": 5,
        "t_publish_ns": 10,
        "t_ns": T_NS,
        "position_m": np.arange(9.0).reshape(3, 3),
        "rotation_6d": UNTURNED,
        "target_position_m": np.ones((3, 3)),
        "target_rotation_6d": UNTURNED,
    }
    return WristPose(**{**fields, **changes})


LOST = {
    "valid": False,
    "source": None,
    "source_state": "lost",
    "position_m": np.full((3, 3), np.nan),
    "rotation_6d": np.full((3, 6), np.nan),
}


@pytest.mark.parametrize("sent", [wrist(), wrist(hand="left", engaged=False), wrist(**LOST)])
def test_comes_back_as_it_was_sent(sent):
    got = decode_wrist(encode_wrist(sent))
    for field in dataclasses.fields(WristPose):
        np.testing.assert_array_equal(getattr(got, field.name), getattr(sent, field.name))


@pytest.mark.parametrize(
    ("named", "value"),
    [
        ("seq", -1),
        ("seq", True),
        ("hand", "both"),
        ("valid", 1),
        ("valid", False),
        ("source", "camera"),
        ("source", None),
        ("source_state", "lost"),
        ("engaged", None),
        ("engagement", 1.0),
        ("t_publish_ns", 2**63),
        ("t_ns", [10, 10, 20]),
        ("t_ns", []),
        ("position_m", np.full((3, 3), np.nan)),
        ("position_m", np.zeros((2, 3))),
        ("rotation_6d", np.zeros((3, 6))),
        ("rotation_6d", np.ones((3, 6))),
        ("target_position_m", np.full((3, 3), math.inf)),
        ("target_position_m", np.full((3, 3), 1e7)),
        ("target_rotation_6d", np.full((3, 6), np.nan)),
        ("target_rotation_6d", 1e3 * UNTURNED),
    ],
)
def test_an_illegal_field_is_refused_by_name(named, value):
    with pytest.raises(MessageError, match=named):
        wrist(**{named: value})


def test_a_lost_wrist_still_has_a_target():
    with pytest.raises(MessageError, match="target_position_m"):
        wrist(**LOST, target_position_m=np.full((3, 3), np.nan))


def test_another_topic_version_or_field_is_refused():
    topic, _, payload = encode_wrist(wrist()).partition(b" ")
    content = msgpack.unpackb(payload)
    with pytest.raises(MessageError, match="topic"):
        decode_wrist(b"wrist/left " + payload)
    with pytest.raises(MessageError, match="version"):
        decode_wrist(topic + b" " + msgpack.packb({**content, "v": 2}))
    with pytest.raises(MessageError, match="unknown"):
        decode_wrist(topic + b" " + msgpack.packb({**content, "more": 1}))
    content.pop("engagement")
    with pytest.raises(MessageError, match="engagement"):
        decode_wrist(topic + b" " + msgpack.packb(content))


def test_damaged_messages_are_refused_or_are_legal_ones():
    rng = np.random.default_rng(7)
    frame = encode_wrist(wrist())
    refused = 0
    for _ in range(10_000):
        damaged = bytearray(frame)
        for _ in range(rng.integers(1, 4)):
            at = int(rng.integers(len(wrist_topic("right")) + 1, len(damaged) + 1))
            kind = rng.integers(0, 4)
            if kind == 0:
                del damaged[at:]
            elif kind == 1:
                damaged[at:at] = rng.bytes(int(rng.integers(1, 20)))
            elif kind == 2:
                del damaged[at : at + int(rng.integers(1, 20))]
            elif at < len(damaged):
                damaged[at] = int(rng.integers(0, 256))
        try:
            got = decode_wrist(bytes(damaged))
        except MessageError:
            refused += 1
        else:
            assert np.isfinite(got.target_position_m).all()
            assert np.isfinite(rotation_matrix(got.target_rotation_6d)).all()
    assert 8_000 < refused < 10_000


def test_rotations_survive_the_wire():
    R, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 3, 3)))
    R = R * np.sign(np.linalg.det(R))[:, None, None]
    assert rotation_matrix(rotation_6d(R)) == pytest.approx(R)


def targets(seq):
    return JointTrajectory(
        seq=seq,
        hand="right",
        valid=True,
        source_state="tracking",
        t_capture_ns=1,
        t_publish_ns=2,
        joint_names=("a", "b"),
        t_ns=np.array([2]),
        q_rad=np.zeros((1, 2)),
    )


def test_a_subscriber_has_the_newest_of_both_kinds_and_of_its_hand_only():
    publisher = Publisher("tcp://127.0.0.1:0")
    try:
        with WristSubscriber(publisher.endpoint, "right") as subscriber:
            for _ in range(200):  # until the subscription has arrived
                publisher.send(encode_wrist(wrist(seq=1)))
                if subscriber.poll(0.05):
                    break
            for seq in range(2, 9):
                publisher.send(encode_wrist(wrist(seq=seq)))
                publisher.send(encode_trajectory(targets(seq)))
                publisher.send(encode_wrist(wrist(seq=seq + 100, hand="left")))
            publisher.send(wrist_topic("right") + b" \xc1")
            publisher.send(b"body nothing for an arm")
            two = [encode_wrist(wrist(seq=200)), encode_wrist(wrist(seq=201, hand="left"))]
            for _ in range(200):
                subscriber.poll(0.05)
                if subscriber.targets is not None and subscriber.targets.seq == 8:
                    break
            publisher._socket.send_multipart(two)
            publisher.send(encode_trajectory(targets(9)))
            for _ in range(200):
                subscriber.poll(0.05)
                if subscriber.targets is not None and subscriber.targets.seq == 9:
                    break
            assert subscriber.targets is not None
            assert subscriber.targets.seq == 9
            assert subscriber.wrist is not None
            assert subscriber.wrist.seq == 8
            assert subscriber.wrist.hand == "right"
    finally:
        publisher.close()
