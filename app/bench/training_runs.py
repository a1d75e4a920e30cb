"""Networks straight from training runs, in torch: many windows at once, live and centred."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from app.bench.methods import HORIZONS, Estimate
from app.bench.sequence import Sequence
from app.window import ObservationWindow
from models.canonical import decode_6d
from models.checkpoint import CHECKPOINT_FILE, Checkpoint
from models.errors import ModelError
from models.hand_model import HandModel
from models.posebert import slot_times
from models.posebert_input import NetworkInput, WindowEncoder
from models.teacher import nearest_observed
from models.train import TrainConfig, build, layout_of, looks_back
from models.window import SLOT_PERIOD_NS, WINDOW_SLOTS

AFTER = 31
"""Frames past the one in question that a centred window holds."""
CENTRE_SLOT = WINDOW_SLOTS - 1 - AFTER
_BATCH = 64


class TrainingRun:
    """The averaged weights of a run, given what the product's temporal stage is given."""

    def __init__(self, name: str, directory: Path) -> None:
        """
        Args:
            name: in the tables.
            directory: `--out` of the training.

        Raises:
            ModelError: it holds no run that can be read.
        """
        self.name = name
        self.config, checkpoint = read_run(directory, "hand")
        try:
            network = build(self.config).eval()
            network.load_state_dict(checkpoint.average)
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise ModelError(
                f"{directory} was trained by another version of this program; train it again"
            ) from error
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._network = network.to(self._device)
        self._model = HandModel.load()
        self._future = tuple(network.config.future)
        self.about = {
            "network": self.config.network,
            "width": self.config.width,
            "parameters": sum(weights.numel() for weights in network.parameters()),
            "noise": self.config.noise if self.config.motion else None,
            "steps": checkpoint.step,
            "minutes": checkpoint.seconds / 60.0,
        }
        """What it is, for the tables."""

    def online(self, sequence: Sequence, wanted: np.ndarray | None = None) -> Estimate:
        frames, inputs = self._windows(sequence, 0, wanted)
        asked = 1 + len(self._future)
        column = {0: 0} | {h: 1 + self._future.index(h) for h in HORIZONS if h in self._future}
        said = self._hands(inputs, asked, list(column.values()), live=True)
        hands = np.full((len(sequence), len(column), 21, 3), np.nan)
        hands[frames] = said
        return Estimate(hands[:, 0], {h: hands[:, k] for k, h in enumerate(column) if h})

    def offline(self, sequence: Sequence) -> np.ndarray | None:
        frames, inputs = self._windows(sequence, AFTER, None)
        hands = np.full((len(sequence), 21, 3), np.nan)
        asked = WINDOW_SLOTS + len(self._future)
        hands[frames] = self._hands(inputs, asked, [CENTRE_SLOT], live=False)[:, 0]
        return hands

    def _windows(
        self, sequence: Sequence, after: int, wanted: np.ndarray | None
    ) -> tuple[np.ndarray, list[NetworkInput]]:
        """The wanted frames (M,) whose window, which ends `after` frames later, holds a detection; those."""
        encoder = WindowEncoder(self._model, layout_of(self.config), len(self._future))
        window = ObservationWindow("right", sequence.camera)
        frames, inputs = [], []
        for i in range(len(sequence) + after):
            if i < len(sequence):
                window.add(sequence.observations[i])
            else:
                last_ns = sequence.observations[-1].t_capture_ns
                window.advance(last_ns + (i + 1 - len(sequence)) * SLOT_PERIOD_NS)
            if i < after or (wanted is not None and not wanted[i - after]):
                continue
            snapshot = window.snapshot()
            if snapshot.observed.any():
                frames.append(i - after)
                inputs.append(encoder.encode(snapshot))
        return np.array(frames, dtype=int), inputs

    @torch.no_grad()
    def _hands(self, inputs: list[NetworkInput], asked: int, columns: list[int], live: bool) -> np.ndarray:
        """(M,C,21,3) keypoints of some of the last `asked` slots; live ones look at no later ones."""
        parts = [np.zeros((0, len(columns), 21, 3))]
        for first in range(0, len(inputs), _BATCH):
            batch = inputs[first : first + _BATCH]
            features, observed, start = (
                torch.from_numpy(np.concatenate([getattr(given, name) for given in batch])).to(self._device)
                for name in ("features", "observed", "start")
            )
            causal = torch.full((len(batch),), live and looks_back(self.config), device=self._device)
            if not live:
                # The encoder starts a gap's slots from what came before it; here what follows is known.
                times = slot_times(WINDOW_SLOTS, self._future, self._device)
                row = torch.arange(len(batch), device=self._device)[:, None]
                start = start[row, nearest_observed(observed, times, causal)]
            poses = self._network(features, observed, start, asked, causal)
            pose = poses[:, columns].cpu().double().numpy()
            parts.append(self._model.keypoints(decode_6d(pose[..., :96].reshape(*pose.shape[:2], 16, 6))))
        return np.concatenate(parts)


def read_run(directory: Path, figure: Literal["hand", "body"]) -> tuple[TrainConfig, Checkpoint]:
    """What a run was asked to train, and its checkpoint.

    Raises:
        ModelError: there is none that can be read, or it is not of hands or bodies as `figure` says.
    """
    path = directory / CHECKPOINT_FILE
    checkpoint = Checkpoint.load(path, "give the run's --out")
    saved = checkpoint.config
    if saved.get("figure", "hand") != figure:
        raise ModelError(f"{path} is of a {saved['figure']}; give the --out of a run with --figure {figure}")
    names = {field.name for field in fields(TrainConfig)}
    plain: dict[str, Any] = {}
    for name, value in saved.items():
        # What shapes the network is plain; the rest, directories and weights of the loss, plays no part here.
        if name in names and name != "out" and not isinstance(value, dict):
            plain[name] = tuple(value) if isinstance(value, list) else value
    plain.setdefault("heading", False)  # of runs older than that
    return TrainConfig(**{**plain, "out": directory}), checkpoint
