"""A backend that may fail at any time, with the CPU behind it: the stream of poses never stops."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from models.backends.base import Backend
from models.backends.worker import Worker
from models.errors import ModelError

logger = logging.getLogger(__name__)

# A robot holds 150 ms after the last target: this leaves time for two hands, one after the other, and for
# computing their poses on the CPU. A healthy GPU needs a fortieth of it.
LIMIT_S = 0.04
OPEN_LIMIT_S = 180.0  # engines may have to be built and compiled first
CLOSE_LIMIT_S = 1.0  # the program must not end while a driver still frees memory


class GuardedBackend:
    """See `models.backends.base.Backend`.

    A window that the GPU does not compute (it raises, takes longer than the limit, or gives something that is
    no pose) is computed on the CPU at once, and so is everything after it: a GPU that has failed once is not
    trusted again in this run.
    """

    def __init__(self, open_fast: Callable[[], Backend], cpu: Backend, limit_s: float = LIMIT_S) -> None:
        """
        Args:
            open_fast: opens the GPU's backend; called, as all its methods are, on a thread of their own.
            cpu: takes over.
            limit_s: that an update may take.

        Raises:
            ModelError: the GPU's backend cannot be opened.
        """
        self.failed = 0
        self._cpu = cpu
        self._limit_s = limit_s
        self._worker = Worker("network")
        self._why_not = ""
        self._closed = False
        try:
            self._fast = self._worker.call(open_fast, OPEN_LIMIT_S)
        except ModelError:
            self._worker.close()
            raise
        except Exception as error:  # drivers raise anything; the message goes on
            self._worker.close()
            raise ModelError(_one_line(error)) from error
        self._why = self._fast.why

    @property
    def name(self) -> str:
        """What the next window is computed on."""
        return self._cpu.name if self._why_not else self._fast.name

    @property
    def why(self) -> str:
        """Why there."""
        return self._why_not or self._why

    @why.setter
    def why(self, words: str) -> None:
        self._why = words

    def run(self, features: np.ndarray, observed: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Poses (B,K,P), from the GPU or else from the CPU."""
        if self._why_not:
            return self._cpu.run(features, observed, start)
        try:
            pose = self._worker.call(lambda: self._fast.run(features, observed, start), self._limit_s)
        except Exception as error:  # noqa: BLE001 — whatever it is, the CPU computes this window and the next
            return self._give_up(_one_line(error), self._cpu.run(features, observed, start))
        if np.isfinite(pose).all():
            return pose
        # What is no number going in is none coming out, on any processor.
        expected = self._cpu.run(features, observed, start)
        return self._give_up("its pose is not finite", expected) if np.isfinite(expected).all() else expected

    def close(self) -> None:
        """Free the GPU, after a failure too; while it hangs nobody can, and the end of the program does."""
        if self._closed:
            return
        self._closed = True
        try:
            self._worker.call(self._fast.close, CLOSE_LIMIT_S)
        except Exception as error:  # noqa: BLE001 — nothing is left to be done with it
            logger.debug("closing %s: %s", self._fast.name, error)
        self._why_not = self._why_not or "closed"
        self._worker.close()

    def _give_up(self, why: str, pose: np.ndarray) -> np.ndarray:
        self.failed += 1
        self._why_not = f"{self._fast.name} failed ({why})"
        logger.warning("%s: the network goes on, on the CPU", self._why_not)
        return pose


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
