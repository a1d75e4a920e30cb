"""The findings as text for people and as JSON for programs."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby

from app.doctor.finding import Finding

_NARROWEST, _USUAL, _WIDEST = 80, 110, 140  # columns; the usual where there is no terminal


def report(findings: Sequence[Finding], json_wanted: bool = False) -> int:
    """Print the findings, and on stderr one sentence if something needed is missing.

    Args:
        findings: of `examine`.
        json_wanted: print JSON instead of text.

    Returns:
        Exit status: 0 if nothing needed is missing, else 1.
    """
    columns = min(max(shutil.get_terminal_size((_USUAL, 24)).columns, _NARROWEST), _WIDEST)
    print(as_json(findings) if json_wanted else "\n".join(report_lines(findings, columns)))
    sentence = missing_sentence(findings)
    if not sentence:
        return 0
    sys.stdout.flush()
    print(f"error: {sentence}", file=sys.stderr)
    return 1


def report_lines(findings: Sequence[Finding], columns: int = 110) -> list[str]:
    """The findings under their headings, one column for what was looked at and one for what was found.

    Args:
        findings: of `examine`.
        columns: width of the lines; long ones are broken between words, commands are not.
    """
    width = max((len(finding.subject) for finding in findings), default=0)
    indent = " " * len(_mark("ok", "", width))
    lines: list[str] = []
    for group, members in groupby(findings, key=lambda finding: finding.group):
        lines += ["", group] if lines else [group]
        for finding in members:
            text = _wrapped(finding.text, columns - len(indent))
            lines.append(_mark(finding.verdict, finding.subject, width) + text[0])
            lines += [indent + line for line in text[1:]]
            for detail in finding.details:
                wrapped = _wrapped(detail, columns - len(indent) - 2)
                lines += [f"{indent}  {line}" for line in wrapped]
            if finding.fix:
                lines += [f"{indent}→ {line}" for line in finding.fix.splitlines()]
    lines += ["", _summary(findings)]
    return lines


def as_json(findings: Sequence[Finding]) -> str:
    """The findings as a JSON object: `complete`, and `findings` with the fields of Finding."""
    complete = not any(finding.missing for finding in findings)
    content = {"complete": complete, "findings": [asdict(finding) for finding in findings]}
    return json.dumps(content, indent=1, ensure_ascii=False)


def missing_sentence(findings: Sequence[Finding]) -> str:
    """One sentence that names what is missing and needed; empty if nothing is."""
    missing = [finding for finding in findings if finding.missing]
    if not missing:
        return ""
    fixes = [finding.fix for finding in missing if finding.fix]
    if len(missing) == 1 and fixes:
        hint = f": {fixes[0].splitlines()[0]}"
    else:
        hint = "; each line marked MISS says what to do"
    return f"missing: {', '.join(finding.subject for finding in missing)}{hint}"


def _mark(verdict: str, subject: str, width: int) -> str:
    return f"  [{verdict:4s}] {subject:{width}s}  "


def _wrapped(text: str, columns: int) -> list[str]:
    return textwrap.wrap(text, max(columns, 20), break_long_words=False, break_on_hyphens=False) or [""]


def _summary(findings: Sequence[Finding]) -> str:
    missing = sum(finding.missing for finding in findings)
    notes = sum(finding.verdict == "note" for finding in findings)
    if missing:
        return f"{missing} needed and missing, {notes} to know."
    return f"Nothing needed is missing; {notes} to know."
