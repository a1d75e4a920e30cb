"""Make the bank of real poses from a directory of recordings: python -m app.corpus_bank --data DIR."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from app.assets import cache_dir
from app.files import write_atomically
from app.tool import run_tool
from models.hand_model import HandModel
from models.motion.bank import RATE_HZ, SOURCES, PoseBank, build_bank
from models.motion.recordings import read_recordings

logger = logging.getLogger(__name__)


def default_bank_path() -> Path:
    """Where the bank is kept unless told otherwise."""
    return cache_dir() / "motion" / "bank.npz"


@dataclass(frozen=True)
class Settings:
    """Fit recorded hands to the skeleton and keep them as a bank of poses and motion."""

    data: Path
    """Directory with leap/*.npz and other recordings, see models/motion/recordings.py."""
    output: Path | None = None
    """The bank; by default motion/bank.npz in the user's cache directory."""


def make_bank(settings: Settings) -> PoseBank:
    """Build the bank, write it and say what is in it."""
    bank = build_bank(read_recordings(settings.data), HandModel.load())
    path = settings.output or default_bank_path()
    with write_atomically(path) as file:
        bank.save(file)
    for i, source in enumerate(SOURCES):
        ours = bank.source == i
        seconds = (ours & bank.is_motion).sum() / RATE_HZ
        clips = len(np.unique(bank.clip[ours]))
        logger.info("%-15s %5d poses in %3d clips, %5.1f s of motion", source, ours.sum(), clips, seconds)
    logger.info("%d poses in %s", len(bank), path)
    return bank


def main(arguments: list[str]) -> int:
    """The command line."""
    return run_tool(lambda: make_bank(tyro.cli(Settings, args=arguments, prog="app.corpus_bank")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
