"""The pipelines that are compared: ours with each temporal stage and horizon, and one of public packages."""

from __future__ import annotations

from dataclasses import dataclass

from app.settings import TemporalChoice

SHOWN = {"none": "none", "one-euro": "One-Euro", "posebert": "PoseBERT"}
OFF, AUTO = "0", "auto"
FIXED_MS = (66,)


@dataclass(frozen=True)
class Contestant:
    """One row of the tables.

    Attributes:
        name: what it is called there.
        temporal: the temporal stage; None is the peer, which has none.
        horizon_ms: as `teleop --horizon-ms`.
    """

    name: str
    temporal: TemporalChoice | None
    horizon_ms: str = OFF


def _ours(temporal: TemporalChoice, horizon_ms: str) -> Contestant:
    ahead = {OFF: "off", AUTO: "auto"}.get(horizon_ms, f"{horizon_ms} ms")
    return Contestant(f"{SHOWN[temporal]}, horizon {ahead}", temporal, horizon_ms)


NONE_OFF, NONE_AUTO = _ours("none", OFF), _ours("none", AUTO)
ONE_EURO_OFF, ONE_EURO_AUTO = _ours("one-euro", OFF), _ours("one-euro", AUTO)
POSEBERT_OFF, POSEBERT_AUTO = _ours("posebert", OFF), _ours("posebert", AUTO)
POSEBERT_FIXED = tuple(_ours("posebert", str(ahead_ms)) for ahead_ms in FIXED_MS)
PEER = Contestant("MediaPipe + dex-retargeting", None)

FULL = (
    NONE_OFF,
    NONE_AUTO,
    ONE_EURO_OFF,
    ONE_EURO_AUTO,
    POSEBERT_OFF,
    POSEBERT_AUTO,
    *POSEBERT_FIXED,
    PEER,
)
QUICK = tuple(one for one in FULL if one not in (NONE_AUTO, *POSEBERT_FIXED))
"""Each costs a quarter of a minute: what says least is left out."""
SUBJECT = POSEBERT_AUTO.name
DROPPED = (POSEBERT_AUTO,)
"""Those that are shown frames without a picture."""


def is_posebert(name: str) -> bool:
    """Whether a row is the learned temporal stage's."""
    return name.startswith(SHOWN["posebert"])
