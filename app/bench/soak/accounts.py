"""Where every frame of the camera went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.bench.soak.source import NOT_READ, UNUSABLE

OVERTAKEN = "overtaken by a newer frame"
_BY_THE_CAMERA = {
    "stall": "camera stalled",
    "unplugged": "camera unplugged",
    "dropped": "camera dropped it",
    "half rate": "camera at half its rate",
    NOT_READ: "not read in time, the detector was busy",
}


def account(frames: Mapping[str, Mapping[str, int]], report: Mapping[str, Any] | None) -> dict[str, Any]:
    """All frames by what became of them, and whether the pipeline's own books agree with the source's.

    Args:
        frames: as FaultySource.counts.
        report: of the run; None when it failed.

    Returns:
        camera: how many frames there were; given: how many of them the source gave; lost: frames no message
        was made of, by cause; processed: frames a message was made of; unaccounted: given and neither;
        unusable: no image for the detector, as the pipeline counts them; unusable_given: as the source does;
        skipped_differs: by how much the source's count of frames not given exceeds the pipeline's, which
        cannot know of those after the last one given.
    """
    given = sum(frames["passed"].values())
    withheld = sum(frames["lost"].values())
    lost = {_BY_THE_CAMERA[cause]: number for cause, number in frames["lost"].items()}
    books: Mapping[str, int] = {} if report is None else report["dropped_frames"]
    processed = 0 if report is None else int(report["frames"])
    lost[OVERTAKEN] = books.get("overtaken", 0)
    return {
        "camera": given + withheld,
        "given": given,
        "lost": {cause: number for cause, number in lost.items() if number},
        "processed": processed,
        "unaccounted": given - processed - lost[OVERTAKEN],
        "unusable": books.get("unusable", 0),
        "unusable_given": sum(frames["passed"].get(kind, 0) for kind in UNUSABLE),
        "skipped_differs": withheld - books.get("skipped_by_source", 0),
    }
