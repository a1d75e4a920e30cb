"""The first run of a real hand, `python -m robot.bringup`, as its operator types it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


def bringup(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "robot.bringup", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_dry_run_moves_the_emulated_hand_and_reports_in_json() -> None:
    run = bringup("--dry-run", "--move", "0.3", "--seconds", "2.5")
    assert run.returncode == 0, run.stderr
    reports = [json.loads(line) for line in run.stdout.splitlines()]
    assert reports[-1]["side"] == "right"
    assert reports[-1]["fault"] == ""
    assert reports[-1]["steps"] > 100
    assert max(abs(u) for u in reports[-1]["torque_u"]) > 0.0
    assert max(b - a for a, b in zip(reports[0]["q_rad"], reports[-1]["q_rad"], strict=True)) > 0.05
    assert "not sent: 100 [0]" in run.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--dry-run", "--seconds", "nan"), "--seconds is nan; it must be above 0."),
        (("--dry-run", "--seconds", "-1"), "--seconds is -1.0; it must be above 0."),
        (("--dry-run", "--move", "0.7"), "--move is 0.7 rad; it must be 0 to 0.5."),
        (("--interface", "udp_multicast", "--channel", "no host"), "udp_multicast:no host cannot be opened"),
        (("--interface", "nonsense"), "The CAN bus nonsense: cannot be opened"),
    ],
)
def test_what_cannot_run_takes_one_sentence_and_no_traceback(arguments: tuple[str, ...], said: str) -> None:
    run = bringup(*arguments)
    assert run.returncode == 1
    assert said in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert not run.stdout
