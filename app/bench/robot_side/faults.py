"""A network that loses, doubles, swaps, corrupts and holds back messages, the same way in every run."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Faults:
    """How bad the network is.

    Attributes:
        dropped, duplicated, reordered, corrupted: shares of the messages, 0–1.
        delay_ms: of every message.
        bursts_per_min: times a minute that everything is held back for `burst_ms` and then comes at once.
    """

    dropped: float = 0.05
    duplicated: float = 0.02
    reordered: float = 0.02
    corrupted: float = 0.01
    delay_ms: float = 1.0
    burst_ms: float = 100.0
    bursts_per_min: float = 12.0


class FaultyWire:
    """Takes messages with the time they are sent at and gives them back when they arrive.

    Attributes:
        counts: how many messages met which fault.
    """

    def __init__(self, faults: Faults, seed: int = 0) -> None:
        self.faults = faults
        self.counts = dict.fromkeys(("sent", "dropped", "duplicated", "reordered", "corrupted", "held"), 0)
        self._rng = np.random.default_rng(seed)
        self._under_way: list[tuple[int, int, bytes]] = []
        self._number = 0
        self._burst_until_ns = 0
        self._last_ns: int | None = None

    def send(self, frame: bytes, t_ns: int) -> None:
        """Hand over one message."""
        faults, rng, counts = self.faults, self._rng, self.counts
        counts["sent"] += 1
        elapsed_min = 0.0 if self._last_ns is None else (t_ns - self._last_ns) / 60e9
        self._last_ns = t_ns
        if rng.random() < faults.bursts_per_min * elapsed_min:
            self._burst_until_ns = t_ns + int(faults.burst_ms * 1e6)
        if rng.random() < faults.dropped:
            counts["dropped"] += 1
            return
        arrival_ns = t_ns + int(faults.delay_ms * 1e6)
        if arrival_ns < self._burst_until_ns:
            counts["held"] += 1
            arrival_ns = self._burst_until_ns
        if rng.random() < faults.reordered:
            counts["reordered"] += 1
            arrival_ns += 50_000_000  # the next message overtakes it
        if rng.random() < faults.corrupted:
            counts["corrupted"] += 1
            frame = self._corrupt(frame)
        self._post(frame, arrival_ns)
        if rng.random() < faults.duplicated:
            counts["duplicated"] += 1
            self._post(frame, arrival_ns + 2_000_000)

    def arrived(self, t_ns: int) -> list[bytes]:
        """Messages that have arrived by `t_ns`, in the order they came."""
        found = []
        while self._under_way and self._under_way[0][0] <= t_ns:
            found.append(heapq.heappop(self._under_way)[2])
        return found

    def _post(self, frame: bytes, arrival_ns: int) -> None:
        heapq.heappush(self._under_way, (arrival_ns, self._number, frame))
        self._number += 1

    def _corrupt(self, frame: bytes) -> bytes:
        """Some bytes changed, cut off or put in; what is left may even be a message."""
        changed = bytearray(frame)
        place = int(self._rng.integers(len(changed)))
        kind = self._rng.integers(3)
        if kind == 0:
            for _ in range(int(self._rng.integers(1, 9))):
                changed[int(self._rng.integers(len(changed)))] = int(self._rng.integers(256))
        elif kind == 1:
            del changed[place:]
        else:
            changed[place:place] = self._rng.bytes(int(self._rng.integers(1, 40)))
        return bytes(changed)
