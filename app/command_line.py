"""The command line of a program, read into its settings."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import tyro

from app.complaint import one_sentence
from app.errors import UsageError


def read_arguments(
    kind: Any, arguments: list[str], program: str, description: str | None, default: Any = None
) -> Any:
    """Settings from arguments.

    Args:
        kind: of settings, or commands.
        arguments: without the program's name.
        program: its name, with the words of the command that is read here.
        description: for its help.
        default: what is left out is taken from here.

    Raises:
        UsageError: they are not understood; one sentence says why.
        SystemExit: help was asked for and printed.
    """
    box = io.StringIO()
    try:
        with contextlib.redirect_stderr(box):
            defaults = {} if default is None else {"default": default}
            return tyro.cli(kind, args=arguments, prog=program, description=description, **defaults)
    except SystemExit as ended:
        if not ended.code:
            raise
        raise UsageError(one_sentence(box.getvalue(), program, arguments)) from ended
