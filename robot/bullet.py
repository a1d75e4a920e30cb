"""PyBullet, imported without its banner and with one call per thing the package needs from it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any

from robot.errors import RobotError


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


def link_indices(bullet: Any, client: int, body: int) -> dict[str, int]:
    """Bullet's number of every link by name; its base has none and is left out."""
    return {
        bullet.getJointInfo(body, i, physicsClientId=client)[12].decode(): i
        for i in range(bullet.getNumJoints(body, physicsClientId=client))
    }


def joint_indices(bullet: Any, client: int, body: int, names: Sequence[str]) -> list[int]:
    """Bullet's numbers of the joints called `names`, in that order."""
    numbers = {
        bullet.getJointInfo(body, i, physicsClientId=client)[1].decode(): i
        for i in range(bullet.getNumJoints(body, physicsClientId=client))
    }
    return [numbers[name] for name in names]
