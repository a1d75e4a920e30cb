"""Real-time priority, which keeps a busy computer from being taken for a hanging robot server."""

from __future__ import annotations

import getpass
import sys

from app.doctor.finding import Finding
from app.doctor.probe import AskProbe, ask_probe

_LIMIT_S = 30.0
_SUBJECT = "real-time priority"
GRANT = (
    "echo '@realtime - rtprio 40' | sudo tee /etc/security/limits.d/posehand.conf\n"
    "sudo groupadd -f realtime && sudo usermod -aG realtime {user}   (then log in again)"
)


def look_at_realtime(ask: AskProbe = ask_probe, platform: str = sys.platform) -> list[Finding]:
    """Whether the robot server and its guardian would be granted theirs; only a real hand needs it.

    Args:
        ask: runs a probe.
        platform: as sys.platform.
    """
    if platform != "linux":
        text = "exists on Linux only; with a real hand keep this computer idle beside it"
        return [Finding(_SUBJECT, "note", text)]
    answer = ask("realtime", _LIMIT_S)
    if not answer.facts:
        return [Finding(_SUBJECT, "note", f"cannot be looked at: {answer.why()}")]
    refused = [fact for fact in answer.facts if not fact["granted"]]
    listed = ", ".join(f"{fact['process']} {fact['priority']}" for fact in refused or answer.facts)
    if not refused:
        return [Finding(_SUBJECT, "ok", f"granted: {listed}")]
    text = f"refused: {listed}; only a real hand needs it, a busy computer would stop it now and then"
    return [Finding(_SUBJECT, "note", text, GRANT.format(user=_user()))]


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "$USER"
