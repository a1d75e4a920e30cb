"""What is posed, a hand or a body, as far as training asks."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Figure(Protocol):
    """The mean hand or the mean body: kinematics, and how its place is told.

    Attributes:
        units_per_m: what errors of keypoints are multiplied by, so that those of hands and bodies weigh about
            as much as those of rotations: about ten to its size.
    """

    units_per_m: float

    def __call__(self, rotations: Tensor) -> Tensor:
        """Keypoints (…,n,3) relative to the root keypoint, metres, of rotations (…,m,3,3)."""
        ...

    def location(self, root_m: Tensor) -> Tensor:
        """What poses hold (…,3) of root keypoints (…,3) in the camera frame: x/z, y/z and nearness."""
        ...
