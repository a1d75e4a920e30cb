"""Times how long one open palm has been held still."""

from __future__ import annotations

from app.booth.palm import HandPlace

STILL_LENGTHS = 0.25  # how far the palm may stray from where it was first held, 4.5 cm
STILL_RATIO = 1.3  # and how much nearer or farther it may seem; the detector's own noise is 1.24 in 99 %
GAP_S = 0.25  # for so long the palm may be missed ...
SEEN_SHARE = 0.6  # ... as long as it is seen in most frames


class PalmHold:
    """One palm at a time, from its first sight until it has been held long enough or is gone.

    Args:
        hold_s: how long is long enough.
    """

    def __init__(self, hold_s: float) -> None:
        self._hold_s = hold_s
        self._anchor: HandPlace | None = None
        self._since_s = self._seen_s = 0.0
        self._frames = self._sightings = 0

    @property
    def palm(self) -> HandPlace | None:
        """The palm that is being held, where it was first held."""
        return self._anchor

    @property
    def progress(self) -> float:
        """0–1, of the time asked for."""
        if self._anchor is None:
            return 0.0
        return min(1.0, (self._seen_s - self._since_s) / self._hold_s)

    @property
    def done(self) -> bool:
        """Whether it was held long enough, and truly there all the time."""
        return self.progress >= 1.0 and self._sightings >= SEEN_SHARE * self._frames

    def reset(self) -> None:
        """Nobody holds a palm."""
        self._anchor = None

    def update(self, t_s: float, palms: list[HandPlace]) -> HandPlace | None:
        """Take in one frame.

        Args:
            t_s: its time, never less than the one before.
            palms: the open palms in it.

        Returns:
            The held palm where it is now; None when it is not seen in this frame.
        """
        self._frames += 1
        anchor = self._anchor
        if anchor is not None:
            same = [palm for palm in palms if _still(palm, anchor)]
            if same and t_s - self._seen_s <= GAP_S:
                self._seen_s = t_s
                self._sightings += 1
                return min(same, key=anchor.away_from)
            if not same and t_s - self._seen_s <= GAP_S:
                return None
        # The nearest visitor is the one who stands at the mark.
        self._anchor = max(palms, key=lambda palm: palm.share, default=None)
        self._since_s = self._seen_s = t_s
        self._frames = self._sightings = 1
        return self._anchor


def _still(palm: HandPlace, anchor: HandPlace) -> bool:
    return (
        palm.hand == anchor.hand
        and palm.away_from(anchor) <= STILL_LENGTHS
        and palm.size_ratio(anchor) <= STILL_RATIO
    )
