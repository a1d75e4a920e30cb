"""The network in torch as a backend: what the others are held against, and one of those that are timed."""

from __future__ import annotations

import numpy as np
import torch

from models.backends.base import THREADS
from models.posebert import PoseBert


class TorchBackend:
    """See `models.backends.base.Backend`."""

    why = "to compare with"
    failed = 0

    def __init__(self, network: PoseBert, device: str = "cpu", compiled: bool = False) -> None:
        """
        Args:
            network: moved to the device.
            device: as torch calls it.
            compiled: by torch.compile; without a CUDA graph, which torch makes on its main thread only.
        """
        self.name = f"torch {device}"
        torch.set_num_threads(THREADS)
        self._device = torch.device(device)
        self._network = network.to(self._device).eval()
        self._asked = len(network.config.future) + 1
        self._call = torch.compile(self._network) if compiled else self._network

    def run(self, features: np.ndarray, observed: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Poses (B,K,99)."""
        causal = torch.ones(len(features), dtype=torch.bool, device=self._device)
        given = (torch.from_numpy(x).to(self._device) for x in (features, observed, start))
        with torch.no_grad():
            pose = self._call(*given, self._asked, causal)
        return pose.cpu().numpy()

    def close(self) -> None:
        """Freed with the object."""
