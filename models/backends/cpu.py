"""The network on the CPU, by onnxruntime: what is always there, and what others are held against."""

from __future__ import annotations

import numpy as np
import onnxruntime


class CpuBackend:
    """See `models.backends.base.Backend`."""

    name = "cpu"
    failed = 0

    def __init__(self, session: onnxruntime.InferenceSession, why: str = "as asked") -> None:
        self.why = why
        self.session = session

    def run(self, features: np.ndarray, observed: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Poses (B,K,P)."""
        (pose,) = self.session.run(None, {"features": features, "observed": observed, "start": start})
        return np.asarray(pose)

    def close(self) -> None:
        """Nothing to free."""
