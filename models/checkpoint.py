"""What a training run goes on from: its weights and how far it is."""

from __future__ import annotations

import io
import json
import pickle
import struct
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from models.errors import ModelError
from models.files import write_whole

CHECKPOINT_FILE = "checkpoint.pt"  # in --out


@dataclass(frozen=True)
class Checkpoint:
    """A run as it was after a step.

    Attributes:
        config: what it was asked, flag by flag, as JSON has it.
        network, average, optimizer: their states, as torch has them.
        step: done so far.
        seconds: of training so far.
    """

    config: dict[str, Any]
    network: dict[str, Any]
    average: dict[str, Any]
    optimizer: dict[str, Any]
    step: int
    seconds: float

    def save(self, file: Path) -> None:
        """Write the file, whole or not at all: a run killed while it writes leaves the last checkpoint whole.

        Raises:
            OSError: it cannot be written; `filename` says which.
        """
        state = {field.name: getattr(self, field.name) for field in fields(self)}
        content = io.BytesIO()
        torch.save(state | {"config": json.dumps(self.config)}, content)
        write_whole(file, content.getbuffer())

    @staticmethod
    def load(file: Path, instead: str) -> Checkpoint:
        """Read what `save` wrote.

        Args:
            file: to read.
            instead: what to do where it cannot be read, for the error.

        Raises:
            ModelError: it is damaged or something else.
        """
        try:
            state = torch.load(file, map_location="cpu", weights_only=True)
            found = {field.name: state[field.name] for field in fields(Checkpoint)}
            return Checkpoint(**{**found, "config": dict(json.loads(found["config"]))})
        except (
            OSError, EOFError, LookupError, ValueError, TypeError, AttributeError, RuntimeError,
            pickle.PickleError, struct.error,
        ) as error:  # fmt: skip
            raise ModelError(f"{file} is no checkpoint of a training run; {instead}") from error
