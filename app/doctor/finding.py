"""What a look at the machine found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "note", "MISS"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        subject: what was looked at.
        verdict: ok, as it should be; note, the product has another way; MISS, a run needs it.
        text: what was found.
        fix: command that mends it, or a sentence where none does; empty where nothing is to be mended.
        details: further lines of what was found.
        group: heading it stands under; filled in by `examine`.
    """

    subject: str
    verdict: Verdict
    text: str
    fix: str = ""
    details: tuple[str, ...] = ()
    group: str = ""

    @property
    def missing(self) -> bool:
        """Whether a run needs this and has it not."""
        return self.verdict == "MISS"
