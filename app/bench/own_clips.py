"""The test clips of the rendered corpus: hands, seeds and recorded motion that training never met."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from tqdm import tqdm

from app.assets import cache_dir, resolve_hand_landmarker
from app.bench.sequence import OWN_GROUP, Sequence, observations_of
from app.corpus_bank import default_bank_path
from app.corpus_clip import ClipMaker, PairClip, clip_path, split_of
from models.camera import Camera
from models.motion.bank import PoseBank
from models.window import SLOT_PERIOD_NS

logger = logging.getLogger(__name__)

CORPUS_CLIPS, CLIP_FRAMES, SEED = 360, 300, 0  # of an hour's corpus, as `python -m app.corpus` makes it
_QUICK_CLIPS, _QUICK_CLIPS_MADE = 4, 2
_MAKING_S = 20.0  # what rendering and detecting one clip takes on one core


def own_test_clips(quick: bool) -> list[Sequence]:
    """The corpus's test clips; those that are missing are made. With `quick` a few of those that are there.

    With `quick` and none there, two are made.
    """
    folder = corpus_folder()
    wanted = [i for i in range(CORPUS_CLIPS) if split_of(i) == "test"]
    there = [i for i in wanted if clip_path(folder, i).is_file()]
    if quick:
        wanted = there[:_QUICK_CLIPS] or wanted[:_QUICK_CLIPS_MADE]
    _make([i for i in wanted if i not in there], folder)
    return [sequence_of(PairClip.load(path), path.stem, OWN_GROUP) for path in _paths(folder, wanted)]


def train_clips(count: int) -> list[Sequence]:
    """The first clips that training uses too, to tune filters on; as many as are there."""
    folder = corpus_folder()
    train = [i for i in range(CORPUS_CLIPS) if split_of(i) == "train" and clip_path(folder, i).is_file()]
    return [sequence_of(PairClip.load(p), p.stem, "train") for p in _paths(folder, train[:count])]


def corpus_folder() -> Path:
    """Where `python -m app.corpus` puts its clips."""
    return cache_dir() / "corpus" / f"seed{SEED}"


def sequence_of(clip: PairClip, name: str, group: str) -> Sequence:
    """A clip of the corpus as benchmarks take it."""
    width, height = (int(n) for n in clip.size_px)
    centre_px = (float(clip.centre_px[0]), float(clip.centre_px[1]))
    observations = observations_of(
        np.arange(len(clip.observed)) * SLOT_PERIOD_NS, clip.observed, clip.observed_m, clip.observed_px,
        clip.observed_depth_px, clip.score, (width, height),
    )  # fmt: skip
    camera = Camera(clip.focal_px, centre_px, (width, height))
    return Sequence(name, group, camera, observations, clip.keypoints_m.astype(np.float64))


def _paths(folder: Path, indices: list[int]) -> list[Path]:
    return [clip_path(folder, i) for i in indices]


def _make(missing: list[int], folder: Path) -> None:
    if not missing:
        return
    minutes = len(missing) * _MAKING_S / 60.0
    logger.info("rendering %d test clips into %s: about %.0f minutes, once", len(missing), folder, minutes)
    bank_path = default_bank_path()
    bank = PoseBank.load(bank_path) if bank_path.is_file() else None
    if bank is None:
        logger.warning("no bank of real poses at %s, so these clips show generated motion only", bank_path)
    maker = ClipMaker(resolve_hand_landmarker(None), bank, SEED)
    for i in tqdm(missing, "test clips", unit="clip", disable=None):
        maker.make(i, CLIP_FRAMES).save(clip_path(folder, i))
