"""How long a frame waits for its body: never so long that the next frame's hands would."""

from __future__ import annotations

import dataclasses
from concurrent.futures import wait

from app.body_sight import BodySight, already_seen
from app.clock import Clock
from app.seeing import Sight
from app.sources.base import SourceFacts
from models.body_observation import BodyObservation

WAITED = 0.8  # of the time to the next frame; what follows needs the rest


class BodyPatience:
    """Takes bodies that are found in time, and remembers those that are found later.

    Args:
        clock: of the run.
        source: of the frames.
    """

    def __init__(self, clock: Clock, source: SourceFacts) -> None:
        self._clock = clock
        self._source = source
        self._late: BodySight | None = None  # still being looked for when its frame was done
        self._told: BodyObservation | None = None  # the newest that was taken

    def wait(self, sight: Sight) -> Sight:
        """The sight with a body that is there now; the hands of its frame are with their robots.

        A body that is not found by the time the next frame comes counts as missing, and comes as an earlier
        one with the first frame after it was.
        """
        body, frame = sight.body, sight.frame
        if body is None:
            return sight
        if body is not self._late:
            t_read_ns = frame.t_capture_ns + sight.stage_ms.get("capture", 0.0) * 1e6
            spent_s = (self._clock.now_ns() - t_read_ns) * 1e-9
            wait([body], max(0.0, WAITED / self._source.fps - spent_s))
        looked_for = [body] if self._late is None else [self._late, body]
        unfinished = [one for one in looked_for if not one.done()]
        self._late = unfinished[-1] if unfinished else None
        found = [one.result() for one in looked_for if one not in unfinished]
        in_time = any(seen.observation.t_capture_ns == frame.t_capture_ns for seen in found)
        late = [
            seen
            for seen in found
            if seen.observation.t_capture_ns != frame.t_capture_ns and seen.observation is not self._told
        ]
        earlier = {id(one): one for one in (*sight.earlier_bodies, *(seen.observation for seen in late))}
        earlier.pop(id(self._told), None)
        if found:
            self._told = found[-1].observation
        if not in_time:
            missing = BodyObservation.missing(frame.t_capture_ns, self._source.size_px)
            body = already_seen(missing, late[-1].detect_ms if late else 0.0)
        oldest_first = sorted(earlier.values(), key=lambda observation: observation.t_capture_ns)
        return dataclasses.replace(sight, body=body, earlier_bodies=tuple(oldest_first))
