"""Imports the modules named as arguments; tells of each, in order, that it is about to and how it went."""

from __future__ import annotations

import importlib
import sys

from app.doctor.probes.answer import tell

ABSENT = "absent"  # the error of a module that is not there at all


def main(names: list[str]) -> None:
    for name in names:
        tell(module=name, done=False)
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 — a package may raise anything, and it is told
            absent = isinstance(error, ModuleNotFoundError) and error.name == name
            text = " ".join(f"{type(error).__name__}: {error}".split())
            tell(module=name, done=True, error=ABSENT if absent else text)
        else:
            tell(module=name, done=True, error="")


if __name__ == "__main__":
    main(sys.argv[1:])
