"""The network on the CPU in two steps, the first of which can be done before the newest slot is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime

from models.backends.base import Network, cpu_session
from models.posebert_input import NetworkInput
from models.window import SAME_END_NS, SLOT_PERIOD_NS

_SAME_OFFSET = 1.001 * SAME_END_NS / SLOT_PERIOD_NS  # rounded to 32 bits
_THREADS = 1  # the first step has one processor, the detector the other; the second step is too small for two


@dataclass(frozen=True)
class Remembered:
    """All slots but the newest, computed.

    Attributes:
        given: what it was computed from.
        past: what the second step takes, by name.
    """

    given: NetworkInput
    past: dict[str, np.ndarray]

    def fits(self, given: NetworkInput) -> bool:
        """Whether these are the slots before the newest one of that input, too.

        The last feature may differ by as much as SAME_END_NS makes of it: by how much a detection is off its
        slot. (The paper's features end in a coordinate; detections are the same where all others are.)
        """
        mine, slots = self.given, given.observed.shape[1] - 1
        features, ours = given.features[:, :slots], mine.features[:, :slots]
        return (
            np.array_equal(mine.observed[:, :slots], given.observed[:, :slots])
            and np.array_equal(mine.start[:, :slots], given.start[:, :slots])
            and np.array_equal(ours[..., :-1], features[..., :-1])
            and bool((np.abs(ours[..., -1] - features[..., -1]) <= _SAME_OFFSET).all())
        )


class Halves:
    """Both steps; together they give the poses that the network gives."""

    def __init__(self, past: onnxruntime.InferenceSession, rest: onnxruntime.InferenceSession) -> None:
        """
        Args:
            past: the first step.
            rest: the second.
        """
        self._past, self._rest = past, rest
        taken = {value.name for value in rest.get_inputs()}
        self._names = [value.name for value in past.get_outputs() if value.name in taken]

    @staticmethod
    def of(network: Network) -> Halves | None:
        """Those of a network; None where the file has none, as where slots look at later ones."""
        if network.halves is None:
            return None
        past, rest = network.halves
        return Halves(cpu_session(past, _THREADS), cpu_session(rest, _THREADS))

    def remember(self, given: NetworkInput) -> Remembered:
        """The first step; what is given of the newest slot makes no difference."""
        values = self._past.run(self._names, _fed(self._past, given))
        return Remembered(given, dict(zip(self._names, values, strict=True)))

    def proceed(self, remembered: Remembered, given: NetworkInput) -> np.ndarray:
        """Poses (1,1+F,P) of now and the future.

        Args:
            remembered: of slots that fit.
            given: with the newest slot.
        """
        (pose,) = self._rest.run(None, {**remembered.past, **_fed(self._rest, given)})
        return np.asarray(pose)


def _fed(session: onnxruntime.InferenceSession, given: NetworkInput) -> dict[str, np.ndarray]:
    """What a session takes of an input."""
    every = {"features": given.features, "observed": given.observed, "start": given.start}
    return {value.name: every[value.name] for value in session.get_inputs() if value.name in every}
