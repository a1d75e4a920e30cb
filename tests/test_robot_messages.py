"""Wire messages: what goes in comes out, and nothing malformed gets past the decoder."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot import fields
from robot.clock import on_server_clock
from robot.messages import (
    MAX_MESSAGE_BYTES,
    JointTrajectory,
    MessageError,
    RobotState,
    WristTrajectory,
    decode_state,
    decode_trajectory,
    encode_state,
    encode_trajectory,
)
from robot.scene import SceneState

NAMES = ("a", "b", "c")


def trajectory(**changes: Any) -> JointTrajectory:
    content: dict[str, Any] = {
        "seq": 7,
        "hand": "right",
        "valid": True,
        "source_state": "tracking",
        "t_capture_ns": 900,
        "t_publish_ns": 1000,
        "joint_names": NAMES,
        "t_ns": np.array([1000, 2000], dtype=np.int64),
        "q_rad": np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]),
        "wrist": WristTrajectory(np.array([1000]), np.array([[0.0, 0.1, 0.5]]), np.ones((1, 6))),
        "meta": {"note": "x", "n": 3, "f": 0.5, "b": True, "nothing": None},
    }
    return JointTrajectory(**{**content, **changes})


def state(**changes: Any) -> RobotState:
    content: dict[str, Any] = {
        "seq": 1,
        "t_ns": 5,
        "mode": "HOLD",
        "joint_names": NAMES,
        "q_rad": np.zeros(3),
        "dq_rad_s": np.ones(3),
        "target_rad": np.full(3, 0.5),
        "limits_hit": 4,
        "fault": "why",
    }
    return RobotState(**{**content, **changes})


def raw(**changes: Any) -> bytes:
    """A valid trajectory frame with some fields replaced; a field set to `...` is left out."""
    topic, _, payload = encode_trajectory(trajectory()).partition(b" ")
    content = {**msgpack.unpackb(payload), **changes}
    return topic + b" " + msgpack.packb({key: value for key, value in content.items() if value is not ...})


def test_trajectory_survives_the_wire() -> None:
    sent = trajectory()
    got = decode_trajectory(encode_trajectory(sent))
    for name in (
        "seq",
        "hand",
        "valid",
        "source_state",
        "t_capture_ns",
        "t_publish_ns",
        "joint_names",
        "meta",
    ):
        assert getattr(got, name) == getattr(sent, name)
    np.testing.assert_array_equal(got.t_ns, sent.t_ns)
    np.testing.assert_array_equal(got.q_rad, sent.q_rad)
    assert got.wrist is not None
    assert sent.wrist is not None
    np.testing.assert_array_equal(got.wrist.rotation_6d, sent.wrist.rotation_6d)
    assert got.t_ns.dtype == np.int64
    assert got.q_rad.dtype == np.float64


def test_state_survives_the_wire() -> None:
    sent = state()
    got = decode_state(encode_state(sent, "allegro_right"))
    assert (got.seq, got.t_ns, got.mode, got.joint_names) == (
        sent.seq,
        sent.t_ns,
        sent.mode,
        sent.joint_names,
    )
    assert (got.limits_hit, got.fault) == (4, "why")
    np.testing.assert_array_equal(got.target_rad, sent.target_rad)


def scene_map(**changes: Any) -> dict[str, Any]:
    pose = [0.1, -0.2, 0.3, 0.0, 0.6, 0.0, 0.8]
    return {"object": "cup", "palm": pose, "thing": [0.0, 0.1, 0.2, 0.0, 0.0, 0.0, 1.0], **changes}


def raw_state(**changes: Any) -> bytes:
    """A valid state frame with some fields replaced; a field set to `...` is left out."""
    topic, _, payload = encode_state(state(), "allegro_right").partition(b" ")
    content = {**msgpack.unpackb(payload), **changes}
    return topic + b" " + msgpack.packb({key: value for key, value in content.items() if value is not ...})


def test_guards_contacts_and_scene_of_a_state_survive_the_wire() -> None:
    scene = SceneState(**scene_map())
    sent = state(counters={"holds": 3}, contact_n=np.array([0.5, 0.0, 1.5, 0.0]), scene=scene)
    got = decode_state(encode_state(sent, "allegro_right"))
    assert got.counters == {"holds": 3}
    np.testing.assert_array_equal(got.contact_n, sent.contact_n)
    assert got.scene is not None
    assert got.scene.object == "cup"
    np.testing.assert_array_equal(got.scene.palm, scene.palm)
    np.testing.assert_array_equal(got.scene.thing, scene.thing)
    assert decode_state(encode_state(state(), "allegro_right")).scene is None


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"counters": [1]}, "counters"),
        ({"counters": {"holds": -1}}, "counters.holds"),
        ({"contact_n": [[0.1]]}, "contact_n"),
        ({"contact_n": [0.0] * 17}, "contact_n"),
        ({"contact_n": [float("nan")]}, "contact_n"),
        ({"scene": ...}, "missing"),
        ({"scene": "table"}, "scene"),
        ({"scene": []}, "scene"),
        ({"scene": {}}, "missing"),
        ({"scene": scene_map(lamp=1)}, "unknown"),
        ({"scene": scene_map(object="anvil")}, "scene.object"),
        ({"scene": scene_map(object=["cube"])}, "scene.object"),
        ({"scene": scene_map(palm=None)}, "scene.palm"),
        ({"scene": scene_map(palm=[0.0] * 6)}, "scene.palm"),
        ({"scene": scene_map(palm=[0.0] * 7)}, "length must be 1"),
        ({"scene": scene_map(thing=[float("inf"), 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])}, "scene.thing"),
        ({"scene": scene_map(thing=[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, True])}, "scene.thing"),
    ],
)
def test_malformed_field_of_a_state_is_named(changes: dict[str, Any], names: str) -> None:
    with pytest.raises(MessageError, match=names):
        decode_state(raw_state(**changes))


def test_a_state_holds_no_other_kind_of_scene() -> None:
    with pytest.raises(MessageError, match="SceneState or None"):
        state(scene=scene_map())


def test_message_is_one_frame_with_its_topic_in_front() -> None:
    assert encode_trajectory(trajectory(hand="left")).startswith(b"target/left ")
    assert encode_state(state(), "allegro_right").startswith(b"state/allegro_right ")


def test_what_is_invalid_may_hold_nan_and_survives() -> None:
    sent = trajectory(valid=False, source_state="lost", q_rad=np.full((2, 3), np.nan), wrist=None)
    assert np.isnan(decode_trajectory(encode_trajectory(sent)).q_rad).all()


def test_arrays_of_a_message_cannot_be_changed_afterwards() -> None:
    message = trajectory()
    with pytest.raises(ValueError, match="read-only"):
        message.q_rad[0, 0] = 9.0


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"v": 2}, "version"),
        ({"v": True}, "version"),
        ({"v": ...}, "version"),
        ({"seq": -1}, "seq"),
        ({"seq": 1.0}, "seq"),
        ({"seq": True}, "seq"),
        ({"seq": 2**63}, "seq"),
        ({"hand": "both"}, "hand"),
        ({"hand": "left"}, "topic"),
        ({"valid": 1}, "valid"),
        ({"source_state": "guessing"}, "source_state"),
        ({"t_publish_ns": "now"}, "t_publish_ns"),
        ({"t_ns": []}, "t_ns"),
        ({"t_ns": [2000, 1000]}, "t_ns"),
        ({"t_ns": [1000, 1000]}, "t_ns"),
        ({"t_ns": list(range(65))}, "t_ns"),
        ({"q_rad": [[0.1, 0.2, 0.3]]}, "q_rad"),
        ({"q_rad": [[0.1, 0.2], [0.1, 0.2]]}, "q_rad"),
        ({"q_rad": [[0.1, 0.2, "3"], [0.1, 0.2, 0.3]]}, "q_rad"),
        ({"q_rad": [[0.1, 0.2, True], [0.1, 0.2, 0.3]]}, "q_rad"),
        ({"q_rad": [[0.1, 0.2, float("nan")], [0.1, 0.2, 0.3]]}, "q_rad"),
        ({"q_rad": [[0.1, 0.2, float("inf")], [0.1, 0.2, 0.3]]}, "q_rad"),
        ({"q_rad": [[0.1, 0.2, 1e300], [0.1, 0.2, 0.3]]}, "q_rad"),
        ({"joint_names": ["a", "b", "b"]}, "twice"),
        ({"joint_names": ["a", "b", 3]}, "joint_names"),
        ({"joint_names": []}, "joint_names"),
        ({"joint_names": ["x" * 65, "b", "c"]}, "joint_names"),
        ({"wrist": {"t_ns": [1]}}, "missing"),
        ({"wrist": [1, 2]}, "wrist"),
        ({"wrist": {"t_ns": [1], "position_m": [[0, 0, 0]], "rotation_6d": [[0, 0, 0]]}}, "rotation_6d"),
        ({"meta": {"deep": {"er": 1}}}, "meta"),
        ({"meta": {str(i): i for i in range(33)}}, "meta"),
        ({"extra": 1}, "unknown"),
        ({"q_rad": ...}, "missing"),
    ],
)
def test_malformed_field_is_named(changes: dict[str, Any], names: str) -> None:
    with pytest.raises(MessageError, match=names):
        decode_trajectory(raw(**changes))


@pytest.mark.parametrize("frame", [b"", b"target/right", b"target/right ", b"target/right \xc1", b" \x80"])
def test_truncated_frame_is_refused(frame: bytes) -> None:
    with pytest.raises(MessageError):
        decode_trajectory(frame)


def test_oversized_frame_is_refused_before_it_is_read() -> None:
    with pytest.raises(MessageError, match="bytes"):
        decode_trajectory(b"target/right " + bytes(MAX_MESSAGE_BYTES))


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_random_bytes_raise_nothing_but_message_error(payload: bytes) -> None:
    for decode in (decode_trajectory, decode_state):
        with pytest.raises(MessageError):
            decode(b"target/right " + payload)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_mutated_messages_decode_to_finite_values_or_raise_message_error(data: st.DataObject) -> None:
    frame = bytearray(encode_trajectory(trajectory()))
    for _ in range(data.draw(st.integers(1, 6))):
        position = data.draw(st.integers(0, len(frame) - 1))
        frame[position] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(frame)))
    for candidate in (bytes(frame), bytes(frame[:cut])):
        try:
            got = decode_trajectory(candidate)
        except MessageError:
            continue
        assert got.q_rad.shape == (len(got.t_ns), len(got.joint_names))
        assert not got.valid or np.isfinite(got.q_rad).all()


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)


@given(
    st.sampled_from(["v", "seq", "hand", "valid", "t_ns", "q_rad", "joint_names", "wrist", "meta"]), anything
)
@settings(max_examples=300, deadline=None)
def test_any_value_in_any_field_is_legal_or_raises_message_error(field: str, value: Any) -> None:
    try:
        got = decode_trajectory(raw(**{field: value}))
    except MessageError as error:
        sentence = str(error)
    else:
        sentence = ""
        assert not got.valid or np.isfinite(got.q_rad).all()
    assert len(sentence) < 1500


@given(st.none() | anything | st.fixed_dictionaries({}, optional=dict.fromkeys(scene_map(), anything)))
@settings(max_examples=200, deadline=None)
def test_any_scene_is_legal_or_raises_message_error(scene: Any) -> None:
    try:
        got = decode_state(raw_state(scene=scene)).scene
    except MessageError as error:
        sentence = str(error)
    else:
        sentence = ""
        assert got is None or np.isfinite([got.palm, got.thing]).all()
    assert len(sentence) < 1500


def test_largest_legal_trajectory_fits_in_a_message() -> None:
    names = tuple(f"{i:064d}" for i in range(64))
    t_ns = 2**61 + np.arange(64)
    largest = trajectory(
        joint_names=names,
        t_ns=t_ns,
        q_rad=np.full((64, 64), 0.1),
        wrist=WristTrajectory(t_ns, np.full((64, 3), 0.1), np.full((64, 6), 0.1)),
        meta={f"{i:064d}": "x" * 256 for i in range(32)},
    )
    frame = encode_trajectory(largest)
    assert 50_000 < len(frame) <= MAX_MESSAGE_BYTES
    assert decode_trajectory(frame).joint_names == names


def test_message_the_server_would_refuse_is_not_encoded() -> None:
    names, q_rad = tuple(f"{i:064d}" for i in range(64)), np.zeros((64, 64))
    meta = {f"{i}": "\N{SNOWMAN}" * 256 for i in range(32)}
    big = trajectory(joint_names=names, t_ns=np.arange(64), q_rad=q_rad, meta=meta)
    with pytest.raises(MessageError, match="shorten meta"):
        encode_trajectory(big)


@pytest.mark.parametrize(
    "payload",
    [
        {"v": 1, **{f"k{i}": 0 for i in range(8_000)}},
        {"v": 1, "seq": [0] * 60_000},
        {"v": 1, "joint_names": ["abc"] * 15_000},
        [[]] * 60_000,
    ],
)
def test_number_of_elements_is_checked_before_any_of_them(payload: Any, monkeypatch: Any) -> None:
    looked_at = []
    monkeypatch.setattr(fields, "shorten", lambda value: looked_at.append(value) or "x")
    frame = b"target/right " + msgpack.packb(payload)
    assert len(frame) <= MAX_MESSAGE_BYTES
    with pytest.raises(MessageError, match="msgpack"):
        decode_trajectory(frame)
    assert len(looked_at) == 1  # the error of msgpack itself


def test_only_the_beginning_of_a_large_value_is_shown() -> None:
    assert fields.shorten([0] * 10**6) == "[0, 0, 0, 0, 0, 0, ...]"
    assert len(fields.shorten(dict.fromkeys(range(1000), "x" * 10**6))) <= 60


def test_deeply_nested_bomb_is_refused() -> None:
    with pytest.raises(MessageError):
        decode_trajectory(b"target/right " + b"\x91" * 100_000)


def test_clock_offset_moves_every_time_and_is_taken_off() -> None:
    moved = on_server_clock(trajectory(meta={"clock_offset_ns": 500}))
    assert (moved.t_capture_ns, moved.t_publish_ns, moved.t_ns.tolist()) == (1400, 1500, [1500, 2500])
    assert moved.wrist is not None
    assert moved.wrist.t_ns.tolist() == [1500]
    assert moved.meta == {}


@pytest.mark.parametrize("offset", [2**62, -5000, 0.5, "1", True])
def test_impossible_clock_offset_is_refused(offset: object) -> None:
    with pytest.raises(MessageError):
        on_server_clock(replace(trajectory(), meta={"clock_offset_ns": offset}))
