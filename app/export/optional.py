"""Packages that only exports need, and that not every machine has."""

from __future__ import annotations

import importlib
from typing import Any

from app.errors import AppError

REQUIREMENTS = "requirements-export.txt"


def require(module: str, command: str) -> Any:
    """The module.

    Raises:
        AppError: it is not installed; names the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = error.name or module
        raise AppError(f"{command} needs {missing}: pip install -r {REQUIREMENTS}") from error
