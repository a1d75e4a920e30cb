"""Asks the operating system to let the control loop run when it is due, where the user may ask that."""

from __future__ import annotations

import logging
import os

log = logging.getLogger(__name__)

# Of 1–99; above ordinary work, below the kernel's own threads. A guardian must get past a server that hangs.
LOOP_PRIORITY, GUARDIAN_PRIORITY = 20, 30


def request_realtime(priority: int = LOOP_PRIORITY) -> bool:
    """Give this process real-time priority (Linux, SCHED_FIFO); everything else goes on as before.

    A busy machine runs an ordinary process up to tens of milliseconds late, which for a 3 ms loop is a stop.

    Returns:
        Whether it was granted; it takes root, CAP_SYS_NICE or an rtprio limit in limits.conf.
    """
    if not hasattr(os, "sched_setscheduler"):
        log.info("real-time priority exists on Linux only; keep the machine idle beside the robot")
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except OSError as error:
        log.warning("no real-time priority (%s); a busy machine will stop the hand now and then", error)
        return False
    return True
