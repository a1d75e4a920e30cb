"""Networks for bodies straight from training runs, in torch: many windows at once, live and centred."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.bench.body_methods import HORIZONS, BodyEstimate
from app.bench.body_sequence import BodySequence
from app.bench.training_runs import AFTER, CENTRE_SLOT, read_run
from app.body_window import BodyObservationWindow
from models.body_input import BodyEncoder
from models.body_keypoints import NUM_BODY_JOINTS, NUM_BODY_KEYPOINTS
from models.body_model import BodyModel
from models.canonical import decode_6d
from models.errors import ModelError
from models.posebert import slot_times
from models.posebert_input import NetworkInput
from models.teacher import nearest_observed
from models.train import build, layout_of, looks_back
from models.window import SLOT_PERIOD_NS, WINDOW_SLOTS

_BATCH = 64


class BodyRun:
    """The averaged weights of a training run.

    Attributes:
        kind: of network: ours, paper or gru.
        about: what it is, for the tables.
    """

    def __init__(self, directory: Path) -> None:
        """
        Args:
            directory: `--out` of the training.

        Raises:
            ModelError: it holds no run that can be read, or one of hands.
        """
        self.config, checkpoint = read_run(directory, "body")
        try:
            network = build(self.config).eval()
            network.load_state_dict(checkpoint.average)
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise ModelError(
                f"{directory} was trained by another version of this program; train it again"
            ) from error
        self.kind = self.config.network
        self._network = network
        self._body = BodyModel.load()
        self.future = tuple(network.config.future)
        self.about: dict[str, Any] = {
            "network": self.kind,
            "width": self.config.width,
            "parameters": sum(weights.numel() for weights in network.parameters()),
            "steps": checkpoint.step,
            "minutes": checkpoint.seconds / 60.0,
        }

    def windows(
        self, sequence: BodySequence, after: int, wanted: np.ndarray | None
    ) -> tuple[np.ndarray, list[NetworkInput]]:
        """The wanted frames (M,) whose window, which ends `after` frames later, holds a detection; those.

        Frames past the sequence's end are a slot period apart, and nothing is seen in them.
        """
        encoder = BodyEncoder(self._body, layout_of(self.config), len(self.future))
        window = BodyObservationWindow(sequence.camera)
        frames, inputs = [], []
        for i in range(len(sequence) + after):
            if i < len(sequence):
                window.add(sequence.observations[i])
            else:
                window.advance(int(sequence.t_ns[-1]) + (i + 1 - len(sequence)) * SLOT_PERIOD_NS)
            if i < after or (wanted is not None and not wanted[i - after]):
                continue
            snapshot = window.snapshot()
            if snapshot.observed.any():
                frames.append(i - after)
                inputs.append(encoder.encode(snapshot))
        return np.array(frames, dtype=int), inputs

    @torch.no_grad()
    def bodies(self, inputs: list[NetworkInput], asked: int, columns: list[int], live: bool) -> np.ndarray:
        """(M,C,17,3) keypoints of some of the last `asked` slots; live ones look at no later ones."""
        parts = [np.zeros((0, len(columns), NUM_BODY_KEYPOINTS, 3))]
        for first in range(0, len(inputs), _BATCH):
            batch = inputs[first : first + _BATCH]
            features, observed, start = (
                torch.from_numpy(np.concatenate([getattr(given, name) for given in batch]))
                for name in ("features", "observed", "start")
            )
            causal = torch.full((len(batch),), live and looks_back(self.config))
            if not live:
                # The encoder starts a gap's slots from what came before it; here what follows is known.
                times = slot_times(WINDOW_SLOTS, self.future, torch.device("cpu"))
                row = torch.arange(len(batch))[:, None]
                start = start[row, nearest_observed(observed, times, causal)]
            pose = self._network(features, observed, start, asked, causal)[:, columns].double().numpy()
            sixd = pose[..., : 6 * NUM_BODY_JOINTS].reshape(*pose.shape[:2], NUM_BODY_JOINTS, 6)
            keypoints_m = self._body.keypoints(decode_6d(sixd))
            parts.append(keypoints_m - keypoints_m[..., :1, :])
        return np.concatenate(parts)


@dataclass(frozen=True)
class OnlineRun:
    """The newest slot of windows that end now.

    Attributes:
        name: in the tables.
        run: the network.
    """

    name: str
    run: BodyRun
    looks_ahead: str = ""

    def estimate(self, sequence: BodySequence, wanted: np.ndarray | None = None) -> BodyEstimate:
        frames, inputs = self.run.windows(sequence, 0, wanted)
        future = self.run.future
        column = {0: 0} | {h: 1 + future.index(h) for h in HORIZONS if h in future}
        said = self.run.bodies(inputs, 1 + len(future), list(column.values()), live=True)
        bodies_m = np.full((len(sequence), len(column), NUM_BODY_KEYPOINTS, 3), np.nan)
        bodies_m[frames] = said
        return BodyEstimate(bodies_m[:, 0], {h: bodies_m[:, k] for k, h in enumerate(column) if h})


@dataclass(frozen=True)
class CentredRun:
    """The middle of windows that end `AFTER` frames later: what the paper calls offline.

    Attributes:
        name: in the tables.
        run: the network.
    """

    name: str
    run: BodyRun
    looks_ahead: str = f"{AFTER} frames"

    def estimate(self, sequence: BodySequence, wanted: np.ndarray | None = None) -> BodyEstimate:
        frames, inputs = self.run.windows(sequence, AFTER, wanted)
        bodies_m = np.full((len(sequence), NUM_BODY_KEYPOINTS, 3), np.nan)
        asked = WINDOW_SLOTS + len(self.run.future)
        bodies_m[frames] = self.run.bodies(inputs, asked, [CENTRE_SLOT], live=False)[:, 0]
        return BodyEstimate(bodies_m)
