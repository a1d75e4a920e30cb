"""Tells whether real-time priority is granted, the robot server's and its guardian's."""

from __future__ import annotations

from app.doctor.probes.answer import tell


def main() -> None:
    from robot.realtime import GUARDIAN_PRIORITY, LOOP_PRIORITY, request_realtime

    for name, priority in (("server", LOOP_PRIORITY), ("guardian", GUARDIAN_PRIORITY)):
        tell(process=name, priority=priority, granted=request_realtime(priority))


if __name__ == "__main__":
    main()
