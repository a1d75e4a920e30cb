"""Render generated motion, run the real detector on it and keep the pairs: python -m app.corpus --minutes 60.

Clips are numbered; a clip depends on the seed and its number alone, so a run that was stopped goes on where
it was, a longer run extends a shorter one, and several machines can share the numbers between them.
"""

from __future__ import annotations

import logging
import math
import multiprocessing
import signal
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import tyro
from tqdm import tqdm

from app import assets
from app.assets import cache_dir
from app.corpus_bank import default_bank_path
from app.corpus_clip import ClipMaker, PairClip, clip_path
from app.corpus_report import clip_paths, report
from app.errors import AppError, UsageError
from app.opencv import cv2
from app.tool import run_tool
from models.motion.bank import PoseBank
from models.motion.generator import FPS

logger = logging.getLogger(__name__)

_CLIP_FRAMES, _STILLS = 300, 6


@dataclass(frozen=True)
class Settings:
    """Make pairs of what the detector says and what is true."""

    output: Path | None = None
    """Folder of the corpus; by default corpus/seedN (stills/seedN) in the user's cache directory."""
    minutes: float = 60.0
    """Footage in all, 1,800 frames a minute: 90 % train, 5 % val, 5 % test."""
    seed: int = 0
    """Another seed is another corpus."""
    frames: int | None = None
    """Of each clip, at 30 frames/s, or of each scene with --stills; by default 300 and 6."""
    stills: bool = False
    """Frames that do not follow each other: they show far more poses in the same time."""
    workers: int = 2
    """Processes; each fills one core."""
    share: tuple[int, int] = (0, 1)
    """Which of how many machines this is: 0 2 and 1 2 make one half each."""
    bank: Path | None = None
    """Bank of real poses; by default the one app.corpus_bank made, none if there is none."""
    report_only: bool = False
    """Only say what the corpus holds and how well the detector does on it."""

    @property
    def length(self) -> int:
        """Frames of each clip or scene."""
        usual = _STILLS if self.stills else _CLIP_FRAMES
        return usual if self.frames is None else self.frames


def make_corpus(settings: Settings) -> Path:
    """Make the clips that are missing.

    Returns:
        The corpus's folder.

    Raises:
        UsageError: a setting is out of range.
        AppError: a worker died, or the folder cannot be written or is of stills
            when clips are asked for, or the other way round.
    """
    least = 1 if settings.stills else 16
    lasts = 0.0 < settings.minutes < math.inf  # false for nan, too
    if not lasts or settings.length < least or settings.workers < 1 or settings.seed < 0:
        raise UsageError(
            "a corpus takes minutes above 0, at least 16 frames a clip (1 with --stills), "
            "at least one worker and a seed from 0 up"
        )
    part, parts = settings.share
    if not 0 <= part < parts:
        raise UsageError(f"--share {part} {parts} names no machine: give I N with 0 ≤ I < N")
    folder = folder_of(settings)
    kept = next(iter(clip_paths(folder)), None)
    if kept is not None and (PairClip.load(kept).fps == 0) != settings.stills:
        raise AppError(
            f"{folder} holds {'clips' if settings.stills else 'stills'}; "
            f"{'leave out' if settings.stills else 'give'} --stills to make more of them, or another --output"
        )
    count = max(1, round(settings.minutes * 60.0 * FPS / settings.length))
    todo = [i for i in range(count) if i % parts == part and not clip_path(folder, i).is_file()]
    asset = assets.resolve(assets.HAND_LANDMARKER)
    bank = settings.bank or (default_bank_path() if default_bank_path().is_file() else None)
    if bank is None:
        logger.warning("there is no bank of real poses; make one first with python -m app.corpus_bank")
    else:
        PoseBank.load(bank)  # a bad file is better found now than in every worker
    logger.info("%d of %d clips to make in %s", len(todo), count, folder)
    if todo:
        _make(todo, folder, settings, asset, bank)
    return folder


def folder_of(settings: Settings) -> Path:
    """Where the corpus is kept."""
    kind = "stills" if settings.stills else "corpus"
    return settings.output or cache_dir() / kind / f"seed{settings.seed}"


def _make(todo: list[int], folder: Path, settings: Settings, asset: Path, bank: Path | None) -> None:
    context = multiprocessing.get_context("spawn")
    workers = min(settings.workers, len(todo))
    pool = ProcessPoolExecutor(workers, context, _start_worker, (asset, bank, settings.seed))
    progress = tqdm(total=len(todo) * settings.length, desc="corpus", unit="frame", disable=None)
    waiting = iter(todo)
    try:
        running: set[Future[float]] = set()
        started_s, made = time.monotonic(), 0
        while True:
            # Few at a time, so that Ctrl-C ends with the clips in the making.
            while len(running) < 2 * workers and (index := next(waiting, None)) is not None:
                running.add(pool.submit(_make_clip, index, settings, clip_path(folder, index)))
            if not running:
                break
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                detected = future.result()
                made += 1
                progress.update(settings.length)
                progress.set_postfix(detected=f"{detected:.0%}")
        rate = made * settings.length / (time.monotonic() - started_s)
        logger.info("%d clips, %.1f frames/s in %d processes", made, rate, workers)
    except BrokenProcessPool as error:
        raise AppError(
            "a process that makes the corpus died; close programs that need memory, then start it again: "
            "it goes on from here"
        ) from error
    finally:
        progress.close()
        pool.shutdown(wait=True, cancel_futures=True)


_maker: ClipMaker | None = None


def _start_worker(asset: Path, bank: Path | None, seed: int) -> None:
    global _maker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    cv2.setNumThreads(1)  # the workers share the cores already
    _maker = ClipMaker(asset, None if bank is None else PoseBank.load(bank), seed)


def _make_clip(index: int, settings: Settings, path: Path) -> float:
    """Make and keep one clip, or a scene's stills; the share of frames in which the hand was detected."""
    if _maker is None:
        raise RuntimeError("The worker was not started.")
    make = _maker.make_stills if settings.stills else _maker.make
    clip = make(index, settings.length)
    clip.save(path)
    return float(clip.observed.mean())


def main(arguments: list[str]) -> int:
    """The command line."""

    def run() -> None:
        settings = tyro.cli(Settings, args=arguments, prog="app.corpus")
        folder = folder_of(settings) if settings.report_only else make_corpus(settings)
        for line in report(folder):
            logger.info("%s", line)

    return run_tool(run, stopped="stopped; the same command goes on from here")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
