"""Asks questions in a process of their own: a crash, an abort or a hang there is an answer like any other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Answer:
    """How a process answered.

    Attributes:
        status: its exit status, negative for the signal that ended it; None if it could not be started or
            did not end in time.
        output: what it wrote to stdout, or why it could not be started.
        complaints: what it wrote to stderr.
    """

    status: int | None
    output: str = ""
    complaints: str = ""

    @property
    def facts(self) -> list[dict[str, Any]]:
        """The lines of its output that are JSON objects, in order."""
        found = []
        for line in self.output.splitlines():
            try:
                fact = json.loads(line)
            except ValueError:
                continue
            if isinstance(fact, dict):
                found.append(fact)
        return found

    @property
    def fact(self) -> dict[str, Any]:
        """The last of its facts, empty if there is none."""
        facts = self.facts
        return facts[-1] if facts else {}

    def why(self) -> str:
        """Why it did not answer as it should, in a few words."""
        if self.status is None:
            return self.output or "no answer in time"
        last = (self.complaints.strip().splitlines() or [""])[-1].strip()
        if self.status < 0:
            return f"ended by signal {-self.status}" + (f", {last}" if last else "")
        return last or f"ended with status {self.status}"


RunCommand = Callable[[Sequence[str], float], Answer]
AskProbe = Callable[..., Answer]


def run_command(
    command: Sequence[str], limit_s: float, changes: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Answer:
    """Run a command and wait for its answer, `limit_s` at most; never raises.

    Args:
        command: program and arguments.
        limit_s: it is killed after this long, s.
        changes: environment variables to set for it.
        cwd: where it runs.
    """
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limit_s,
            cwd=cwd,
            env={**os.environ, **(changes or {})},
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return Answer(None, f"no answer within {limit_s:.0f} s", _text(late.stderr))
    except (OSError, ValueError) as error:
        return Answer(None, str(error))
    return Answer(done.returncode, _text(done.stdout), _text(done.stderr))


def ask_probe(name: str, limit_s: float, *arguments: str, changes: Mapping[str, str] | None = None) -> Answer:
    """The answer of the module `app.doctor.probes.<name>`, run by this Python.

    Args:
        name: of the module.
        limit_s: it is killed after this long, s.
        arguments: for it.
        changes: environment variables to set for it.
    """
    command = [sys.executable, "-m", f"app.doctor.probes.{name}", *arguments]
    return run_command(command, limit_s, changes, _ROOT)


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", errors="replace")
