"""`check-hand` from its flags to the report, the picture and the config."""

from __future__ import annotations

from pathlib import Path

from app.check_hand.check import check_hand
from app.check_hand.picture import write_picture
from app.check_hand.proposal import relative_to
from app.check_hand.report import NOTHING, closing_line, report_lines
from app.check_hand.settings import CheckHandSettings, check_settings
from app.files import write_atomically


def run_check_hand(urdf: Path, settings: CheckHandSettings) -> tuple[list[str], int]:
    """The lines to print and the exit status: 1 if something would make the hand move wrongly.

    Args:
        urdf: a URDF, or the name of a hand that ships.
        settings: the flags.

    Raises:
        UsageError: a flag cannot be followed.
        RetargetError: a file is missing or unusable.
        AppError: the URDF is not a hand, or a file cannot be written.
    """
    check_settings(settings)
    check = check_hand(urdf, settings)
    lines = report_lines(check)
    write_picture(check, settings.output)
    lines += ["", "a ready config", "", *(check.proposal.splitlines() or [f"  {NOTHING}"]), ""]
    if settings.write is not None and check.proposal:
        proposal = relative_to(check.proposal, check.description.tree.path, settings.write.parent)
        with write_atomically(settings.write) as file:
            file.write(proposal.encode())
        lines.append(f"config: {settings.write}")
    lines += [f"picture: {settings.output}", closing_line(check)]
    return lines, 1 if check.wrong else 0
