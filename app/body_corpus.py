"""Clips of whole bodies to train and validate with: `python -m app.body_corpus BVH_DIRECTORY OUT`."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from app.tool import run_tool
from models.body_clips import humanoid_directory, read_body_clips, write_body_clips
from models.window import SLOT_RATE_HZ

logger = logging.getLogger(__name__)


@dataclass
class Arguments:
    """Move CMU's motions, and PyBullet's humanoid's if that is installed, to PoseHand's body.

    Attributes:
        bvh_directory: with CMU's .bvh files, named SUBJECT_TRIAL.bvh.
        out: folders train, validation and test appear in it.
    """

    bvh_directory: tyro.conf.Positional[Path]
    out: tyro.conf.Positional[Path]


def write_corpus(arguments: Arguments) -> None:
    """Write one file for each clip and each clip's mirror image."""
    clips = read_body_clips(arguments.bvh_directory, None, humanoid_directory())
    write_body_clips(arguments.out, clips)
    for split in ("train", "validation", "test"):
        minutes = sum(len(clip) for clip in clips if clip.split == split) / SLOT_RATE_HZ / 60.0
        logger.info("%s: %.1f minutes, mirror images included", split, minutes)


def main(arguments: list[str]) -> int:
    """The command line."""
    return run_tool(lambda: write_corpus(tyro.cli(Arguments, args=arguments, prog="app.body_corpus")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
