"""Answers control requests, a msgpack map for a msgpack map; a wrong one changes nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgpack

from robot import fields as check
from robot.allegro_runtime import AllegroRuntime
from robot.clock import on_server_clock
from robot.messages import MAX_REQUEST_BYTES, VERSION, MessageError, decode_trajectory, encode_state
from robot.runtime import RobotRuntime
from robot.supervisor import COMMANDS

MAX_STEP_NS = 5_000_000_000  # one lock-step request may not occupy the server for long
_FIELDS = {"step": {"trajectory", "until_ns"}}  # besides the command itself
_MAY_MOVE = ("arm", "home", "reset")  # nobody wants these later than they were asked for


def answer(frames: list[bytes], runtime: RobotRuntime | AllegroRuntime, t_ns: int, lockstep: bool) -> bytes:
    """The reply to one request.

    Args:
        frames: the request as it came; a request is one frame.
        runtime: the robot.
        t_ns: now, server clock.
        lockstep: whether time is virtual and moved by `step`.

    Returns:
        A msgpack map: {"ok": true, ...} or {"ok": false, "error": one sentence}.
    """
    try:
        request = _request(frames)
        _refuse_late(request, t_ns)
        reply = _answer(request, runtime, t_ns, lockstep)
    except MessageError as error:
        reply = {"ok": False, "error": str(error)}
    return msgpack.packb(reply)


def _request(frames: list[bytes]) -> dict[str, Any]:
    if len(frames) != 1 or len(frames[0]) > MAX_REQUEST_BYTES:
        came = f"one of {len(frames[0])} bytes" if len(frames) == 1 else "another number of frames"
        raise MessageError(f"A request is one frame of at most {MAX_REQUEST_BYTES} bytes; {came} came.")
    request = check.mapping("request", check.unpack(frames[0]))
    command = check.text("command", request.get("command"), 64)
    expected = {"command"} | _FIELDS.get(command, set())
    optional = {"not_after_ns"} if command in _MAY_MOVE else set()
    if not expected <= set(request) <= expected | optional:
        raise MessageError(
            f"The request {command} came with the fields {check.shorten(sorted(request))}; "
            f"it takes {', '.join(sorted(expected | optional))}."
        )
    return request


def _refuse_late(request: dict[str, Any], t_ns: int) -> None:
    """Refuse what its client gave up before it came: held back by the network, or by a server that hung."""
    if "not_after_ns" not in request:
        return
    late_ns = t_ns - check.integer("not_after_ns", request["not_after_ns"])
    if late_ns > 0:
        raise MessageError(
            f"The command {request['command']} came {late_ns / 1e9:.1f} s later than it was wanted; "
            "nothing was changed, ask again."
        )


def _answer(
    request: dict[str, Any], runtime: RobotRuntime | AllegroRuntime, t_ns: int, lockstep: bool
) -> dict[str, Any]:
    command = request["command"]
    if command in COMMANDS:
        refusal = runtime.supervisor.command(command, t_ns)
        return {"ok": False, "error": refusal} if refusal else {"ok": True, "mode": runtime.supervisor.mode}
    if command == "reset_scene":
        refusal = runtime.reset_scene()
        return {"ok": False, "error": refusal} if refusal else {"ok": True}
    if command == "clock":
        return {"ok": True, "t_ns": t_ns}
    if command == "status":
        return _status(runtime, lockstep)
    if command == "step":
        return _step(request, runtime, lockstep)
    legal = ", ".join((*COMMANDS, "reset_scene", "status", "clock", "step"))
    raise MessageError(f"There is no command {check.shorten(command)}; the commands are {legal}.")


def _status(runtime: RobotRuntime | AllegroRuntime, lockstep: bool) -> dict[str, Any]:
    return {
        "ok": True,
        "version": VERSION,
        "robot": runtime.spec.name,
        "hand": runtime.spec.hand,
        "lockstep": lockstep,
        "state": encode_state(runtime.state(), runtime.spec.name),
        "counters": asdict(runtime.supervisor.counters),
        "last_refusal": runtime.last_refusal,
    }


def _step(request: dict[str, Any], runtime: RobotRuntime | AllegroRuntime, lockstep: bool) -> dict[str, Any]:
    """Offer a trajectory at the time it was published, then let virtual time run to `until_ns`."""
    if not lockstep:
        raise MessageError("This server runs in real time and takes no step; start it with --lockstep.")
    until_ns = check.integer("until_ns", request["until_ns"])
    frame = request["trajectory"]
    if frame is not None and type(frame) is not bytes:
        raise MessageError(
            f"trajectory is a {type(frame).__name__}; it must be an encoded trajectory or nil."
        )
    trajectory = None if frame is None else on_server_clock(decode_trajectory(frame))
    publish_ns = until_ns if trajectory is None else trajectory.t_publish_ns
    now_ns = runtime.t_ns if runtime.started else publish_ns
    # Time advances in whole physics steps, so the clock may stand up to one step before the last until_ns.
    if not max(now_ns, publish_ns) <= until_ns <= now_ns + MAX_STEP_NS:
        raise MessageError(
            f"A step from {now_ns} with a target published at {publish_ns} cannot run until {until_ns}; "
            f"until_ns must be after both, by at most {MAX_STEP_NS // 10**9} s."
        )
    if not runtime.started:
        runtime.start(publish_ns)
    if trajectory is not None:
        runtime.advance_to(publish_ns)
        runtime.offer(trajectory, max(publish_ns, runtime.t_ns))
    runtime.advance_to(until_ns)
    return {"ok": True, "state": encode_state(runtime.state(), runtime.spec.name)}
