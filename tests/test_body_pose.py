"""The body on the wire: always valid, never NaN, and nothing else is taken for it."""

from __future__ import annotations

from dataclasses import replace

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.body_keypoints import BODY_JOINT_NAMES, BODY_KEYPOINT_NAMES
from robot import MessageError, decode_trajectory
from robot.body_pose import MAX_BODY_INSTANTS, BodyPose, decode_body_pose, encode_body_pose
from robot.messages import MAX_MESSAGE_BYTES


def pose(k: int = 6) -> BodyPose:
    rng = np.random.default_rng(0)
    return BodyPose(
        seq=7,
        valid=True,
        source_state="tracking",
        t_capture_ns=10,
        t_publish_ns=30,
        joint_names=BODY_JOINT_NAMES,
        keypoint_names=BODY_KEYPOINT_NAMES,
        t_ns=10 + np.arange(k) * 33_333_333,
        rotations_6d=rng.normal(size=(k, 24, 6)),
        keypoints_m=rng.normal(size=(k, 17, 3)),
        hip_m=rng.normal(size=(k, 3)),
        meta={"person": "first"},
    )


def test_comes_back_to_the_last_bit():
    sent = pose()
    got = decode_body_pose(encode_body_pose(sent))
    for name in ("t_ns", "rotations_6d", "keypoints_m", "hip_m"):
        assert getattr(got, name).tobytes() == getattr(sent, name).tobytes()
    assert (got.seq, got.source_state, got.joint_names, got.meta) == (
        7,
        "tracking",
        BODY_JOINT_NAMES,
        sent.meta,
    )


def test_any_language_reads_it():
    topic, _, payload = encode_body_pose(pose()).partition(b" ")
    plain = msgpack.unpackb(payload)
    assert topic == b"body"
    assert plain["v"] == 1
    assert (len(plain["rotations_6d"]), len(plain["rotations_6d"][0]), len(plain["rotations_6d"][0][0])) == (
        6,
        24,
        6,
    )
    assert (len(plain["keypoints_m"][0]), len(plain["hip_m"][0])) == (17, 3)
    assert plain["joint_names"][0] == "pelvis"
    assert plain["keypoint_names"][16] == "right_wrist"


def test_the_largest_one_fits():
    frame = encode_body_pose(pose(MAX_BODY_INSTANTS))
    assert len(frame) < MAX_MESSAGE_BYTES
    assert len(decode_body_pose(frame).t_ns) == MAX_BODY_INSTANTS
    with pytest.raises(MessageError, match="at most 20"):
        pose(MAX_BODY_INSTANTS + 1)


@pytest.mark.parametrize("name", ["rotations_6d", "keypoints_m", "hip_m"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e9])
def test_what_is_not_finite_is_never_valid(name, bad):
    values = getattr(pose(), name).copy()
    values[2, 1] = bad
    with pytest.raises(MessageError, match=name):
        replace(pose(), **{name: values})
    if np.isnan(bad):
        lost = replace(pose(), valid=False, source_state="lost", **{name: values})
        assert not decode_body_pose(encode_body_pose(lost)).valid


@pytest.mark.parametrize(
    "wrong",
    [
        {"rotations_6d": np.zeros((6, 23, 6))},
        {"rotations_6d": np.zeros((6, 24, 3, 3))},
        {"keypoints_m": np.zeros((5, 17, 3))},
        {"hip_m": np.zeros(3)},
        {"hip_m": "here"},
        {"keypoints_m": [[0.0]]},
        {"joint_names": BODY_JOINT_NAMES[:-1]},
        {"keypoint_names": BODY_JOINT_NAMES[:16]},
        {"t_ns": np.zeros(6, np.int64)},
        {"valid": 1},
        {"source_state": "lost"},
        {"seq": -1},
    ],
)
def test_malformed_ones_cannot_be_made(wrong):
    with pytest.raises(MessageError):
        replace(pose(), **wrong)


@given(st.binary(max_size=200))
def test_garbage_is_refused_with_one_kind_of_error(noise):
    frame = encode_body_pose(pose(1))
    for damaged in (noise, b"body " + noise, frame[: len(frame) // 2] + noise):
        with pytest.raises(MessageError):
            decode_body_pose(damaged)


def test_a_body_is_no_target_and_a_target_no_body():
    with pytest.raises(MessageError):
        decode_trajectory(encode_body_pose(pose(1)))
    with pytest.raises(MessageError, match="topic"):
        decode_body_pose(b"target/right" + encode_body_pose(pose(1))[4:])
