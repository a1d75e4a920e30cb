"""What a recording tells of one frame, or of one gap: hands and body together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from app.recording import RecordingReader
from app.recording_bodies import BodyRecord
from app.recording_hands import NO_FRAME, HandRecord
from models.observation import Hand


@dataclass(frozen=True)
class Moment:
    """One frame or gap; at least one of the two is there.

    Attributes:
        hands: of all hands recorded.
        body: None where it was not asked for.
    """

    hands: tuple[HandRecord, ...]
    body: BodyRecord | None = None

    @property
    def _first(self) -> HandRecord | BodyRecord:
        if self.hands:
            return self.hands[0]
        if self.body is None:
            raise ValueError("a moment without a hand and without a body")
        return self.body

    @property
    def index(self) -> int:
        """Of the source's frame; NO_FRAME for a gap."""
        return self._first.index

    @property
    def is_gap(self) -> bool:
        """Whether no frame came."""
        return self.index == NO_FRAME

    @property
    def t_capture_ns(self) -> int:
        """Of that frame, or the time the gap had reached."""
        return self._first.t_capture_ns

    @property
    def t_publish_ns(self) -> int:
        """When the first message of it was sent."""
        return self._first.message.t_publish_ns

    @property
    def stage_ms(self) -> dict[str, float]:
        """How long each stage took."""
        return self._first.stage_ms


class Moments:
    """The moments of a recording, in order.

    Attributes:
        cut: True once a hand or the body has turned out to be missing in a moment: the writer was killed.
        hands_go_on: True once only the body's part has turned out to be cut off or damaged.
    """

    def __init__(self, reader: RecordingReader, hands: bool, body: bool) -> None:
        """
        Args:
            reader: of the recording.
            hands, body: what is wanted; at least one of them, and the recording has it.
        """
        self.cut = self.hands_go_on = False
        self._reader, self._hands, self._body = reader, hands, body

    def __iter__(self) -> Iterator[Moment]:
        if not self._hands:
            yield from (Moment((), record) for record in self._reader.bodies())
            return
        bodies = RecordingReader(self._reader.directory).bodies() if self._body else None
        for hands in self._of_hands():
            if bodies is None:
                yield Moment(hands)
                continue
            body = next(bodies, None)
            if body is None or (body.index, body.t_capture_ns) != (hands[0].index, hands[0].t_capture_ns):
                self.cut = self.hands_go_on = True
                return
            yield Moment(hands, body)

    def _of_hands(self) -> Iterator[tuple[HandRecord, ...]]:
        """The hands of one frame, or of one gap, together."""
        first: set[Hand] = set()
        for _, together in groupby(self._reader.hands(), key=lambda one: (one.index, one.t_capture_ns)):
            hands = tuple(together)
            seen = {record.hand for record in hands}
            first = first or seen
            if not first <= seen:  # cut between the hands of one frame
                self.cut = True
                return
            yield hands
