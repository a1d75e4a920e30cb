"""The results of bench robot as Markdown, and what of them had to be reached."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.bench.robot_side.hardware import PERIOD_ERROR_MS, STOP_MS, TORQUE_FREE_MS
from app.bench.robot_side.killed_publisher import FREEZE_MS, REST_MS, REST_RAD_S
from app.bench.tables import number, table

Results = dict[str, Any]
_BOUND_RAD = 0.6  # a tenth of a second at the speed of brisk fingers
_LEAK_MIB_PER_MIN = 0.5


def judge(results: Results) -> list[Results]:
    """Every promise, what was reached, and whether it was kept."""
    publisher, server, soak, pace = (results[key] for key in ("publisher", "server", "soak", "pace"))
    whole = results["robot_server"]
    violations = sum(soak["violations"].values())
    error = pace["period_error_ms_p50_p99_max"]
    slope = soak["memory_mib_per_min"]
    stop = results["stop"]["latency_ms"]
    rows = [
        (
            f"publisher killed: targets stand still within {FREEZE_MS:.0f} ms",
            f"{publisher['froze']} of {publisher['trials']}, {_spread(publisher['freeze_ms'])}",
            publisher["froze"] == publisher["trials"],
        ),
        (
            f"publisher killed: every joint under {REST_RAD_S} rad/s within {REST_MS:.0f} ms",
            f"{publisher['rested']} of {publisher['trials']}, {_spread(publisher['rest_ms'])}",
            publisher["rested"] == publisher["trials"],
        ),
        (
            f"control loop killed: the guardian has the hand without torque within {TORQUE_FREE_MS:.0f} ms",
            f"{server['in_time']} of {server['trials']}, {_spread(server['latency_ms'])}",
            server["trials"] > 0 and server["in_time"] == server["trials"],
        ),
        (
            "the same of the whole robot server, driven over its sockets",
            f"{whole['in_time']} of {whole['trials']}, {_spread(whole['latency_ms'])}",
            whole["trials"] > 0 and whole["in_time"] == whole["trials"],
        ),
        (
            f"stop by a client: motors without torque within one period of {STOP_MS:.0f} ms",
            f"{sum(value <= STOP_MS for value in stop)} of {len(stop)}, {_spread(stop)}, with the request",
            all(value <= STOP_MS for value in stop),
        ),
        (
            f"333 Hz loop: p99 period error under {PERIOD_ERROR_MS:.0f} ms",
            f"p50 {error[0]:.2f}, p99 {error[1]:.2f}, "
            f"max {error[2]:.1f} ms; {pace['counters'].get('overruns', 0)} overruns in {pace['steps']} steps",
            error[1] < PERIOD_ERROR_MS,
        ),
        (
            "faulty network: the robot follows 90 % of the time, and no fault stops it",
            f"{soak['modes'].get('TRACKING', 0.0):.1%}, {soak['counters']['faults']} faults",
            soak["modes"].get("TRACKING", 0.0) >= 0.9 and soak["counters"]["faults"] == 0,
        ),
        (
            "faulty network: no position, speed or acceleration beyond its limit",
            f"{violations} in {soak['steps']} steps",
            violations == 0,
        ),
        (
            f"faulty network: joints within {_BOUND_RAD} rad of the hand while they follow",
            f"p50 {soak['error_p50_rad']:.3f}, p99 {soak['error_p99_rad']:.3f}, "
            f"max {soak['error_max_rad']:.3f} rad",
            soak["error_max_rad"] <= _BOUND_RAD,
        ),
        (
            "faulty network: no memory growth",
            "not measured on this system" if slope is None else f"{slope:+.2f} MiB a minute",
            None if slope is None else slope < _LEAK_MIB_PER_MIN,
        ),
    ]
    return [{"wanted": wanted, "reached": reached, "met": met} for wanted, reached, met in rows]


def in_short(results: Results) -> list[str]:
    """One line for each promise."""
    words = {True: "yes", False: "no", None: "–"}
    return [f"{words[one['met']]:>8}  {one['wanted']}: {one['reached']}" for one in results["targets"]]


def promises(results: Results) -> str:
    """What was promised, and what came of it."""
    marks = {True: "yes", False: "**no**", None: "–"}
    rows = [[one["wanted"], one["reached"], marks[one["met"]]] for one in results["targets"]]
    return table(["promise", "measured", "kept"], rows, words=3)


def markdown(results: Results) -> str:
    """The whole report, headings of the second level on."""
    machine, soak = results["machine"], results["soak"]
    quick = " Quick: few trials." if results["quick"] else ""
    wire = table(
        ["messages " + ", ".join(soak["wire"])],
        [[", ".join(str(value) for value in soak["wire"].values())]],
        words=1,
    )
    guards = table(
        ["guard", "spoke"], [[name, str(value)] for name, value in soak["counters"].items() if value]
    )
    worst = table(
        ["of the motors", "violations", "most that was used"],
        [
            [name, str(soak["violations"][name]), _used(name, value)]
            for name, value in sorted(soak["worst"].items())
        ],
    )
    remark = ""
    if results["server"]["stopped_before"]:
        remark = (
            f"\nIn {results['server']['stopped_before']} more trials the server had stopped the hand by "
            "itself before it was killed, as it must when the machine holds it up.\n"
        )
    head = (
        f"Written by `python launch.py bench robot`.{quick} {machine['processor']}, "
        f"{machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, "
        f"Python {machine['python']}."
    )
    about = (
        f"{soak['seconds']:.0f} s of generated hand motion at 30 Hz, half a second ahead, into the "
        "supervisor and the simulated hand in virtual time. The motors are looked at by a checker that "
        "knows nothing of the supervisor."
    )
    return (
        f"{head}\n\n## Promises\n\n{promises(results)}{remark}\n"
        f"## Faulty network\n\n{about}\n\n{wire}\n{worst}\n{guards}"
    )


def _spread(values_ms: list[float]) -> str:
    if not values_ms:
        return "no trial"
    return f"median {np.median(values_ms):.1f}, max {max(values_ms):.1f} ms"


def _used(name: str, value: float) -> str:
    if name.endswith("position"):
        return f"{abs(value):.3f} rad {'beyond' if value > 0 else 'inside'} the limit"
    return f"{number(100.0 * value, 0)} % of the limit"
