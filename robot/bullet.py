"""PyBullet, imported without its banner and with one call per thing the package needs from it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from types import ModuleType
from typing import Any

from robot.errors import RobotError
from robot.hands import HandSpec


@contextlib.contextmanager
def _stderr_muted() -> Iterator[None]:
    """Send the process's error stream to nowhere; C code writes to the descriptor, past `sys.stderr`."""
    sys.stderr.flush()
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


@lru_cache(maxsize=1)
def load_pybullet() -> ModuleType:
    """The pybullet module.

    Raises:
        RobotError: it is not installed.
    """
    try:
        with _stderr_muted():
            import pybullet
    except ImportError as error:
        raise RobotError(
            f"The simulated hand needs PyBullet, which cannot be imported here ({error}); "
            "install it with: pip install -r requirements.txt"
        ) from error
    return pybullet


def joint_indices(bullet: Any, client: int, body: int, spec: HandSpec) -> list[int]:
    """Bullet's joint numbers of the hand's joints, in the order of `spec.joint_names`."""
    numbers = {
        bullet.getJointInfo(body, i, physicsClientId=client)[1].decode(): i
        for i in range(bullet.getNumJoints(body, physicsClientId=client))
    }
    return [numbers[name] for name in spec.joint_names]
