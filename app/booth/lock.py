"""Keeps to the hand of one operator: another hand elsewhere, nearer or farther never takes over."""

from __future__ import annotations

import math

from app.booth.palm import HandPlace

# A hand that moves on purpose goes at most 0.2 of its length from frame to frame in the real clips; another
# hand that the detector takes for it is 0.8 to 3 away.
REACH_LENGTHS = 0.35
REACH_LENGTHS_PER_S = 6.0  # about 1.1 m/s, beside the above
MAX_REACH_LENGTHS = 1.5
SIZE_RATIO = 1.7  # turning a hand makes it seem up to this much larger in a frame
GONE_S = 1.0  # a hand unseen for longer has to look more alike when it comes back
BACK_SIZE_RATIO = 1.35
SIZE_FOLLOWS_S = 0.3  # in this time the size remembered follows most of the size seen


class OperatorLock:
    """The operator's hand in the image.

    Args:
        place: where it is as the lock closes.
        t_s: when.
    """

    def __init__(self, place: HandPlace, t_s: float) -> None:
        self._place = place
        self._seen_s = t_s

    @property
    def place(self) -> HandPlace:
        """Where it was last seen, its size smoothed."""
        return self._place

    def missing_s(self, t_s: float) -> float:
        """How long it has not been seen."""
        return t_s - self._seen_s

    def find(self, t_s: float, places: list[HandPlace]) -> int | None:
        """Which of the hands in a frame is the operator's; None when it is not among them.

        Args:
            t_s: time of the frame, never less than the one before.
            places: the hands in it.
        """
        gap_s = self.missing_s(t_s)
        reach = min(REACH_LENGTHS + REACH_LENGTHS_PER_S * gap_s, MAX_REACH_LENGTHS)
        ratio = SIZE_RATIO if gap_s <= GONE_S else BACK_SIZE_RATIO
        alike = [
            (place.away_from(self._place), i)
            for i, place in enumerate(places)
            if place.hand == self._place.hand
            and place.away_from(self._place) <= reach
            and place.size_ratio(self._place) <= ratio
        ]
        if not alike:
            return None
        _, found = min(alike)
        seen = places[found]
        share = 1.0 - math.exp(-gap_s / SIZE_FOLLOWS_S)
        factor = (seen.size_px / self._place.size_px) ** (share - 1.0)  # what the size seen is corrected by
        self._place = HandPlace(seen.hand, seen.centre_px, seen.size_px * factor, seen.share * factor)
        self._seen_s = t_s
        return found
