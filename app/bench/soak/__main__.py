"""Runs the live pipeline for long under random faults and watches it; exit status 1 if a promise breaks."""

from __future__ import annotations

import logging
import sys

import tyro

from app.bench.soak.run import SoakSettings, run_soak
from app.errors import AppError, UsageError


def main() -> int:
    """Run the soak; returns the exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    settings = tyro.cli(SoakSettings, prog="python -m app.bench.soak", description=__doc__)
    try:
        lines, kept = run_soak(settings)
    except AppError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2 if isinstance(error, UsageError) else 1
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
