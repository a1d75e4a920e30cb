"""From the operator's wrist to the arm: axes, scale, limits.

The camera faces the operator: image right (camera x) is the operator's left, y is down, and z points from the
camera to the operator. An arm's base has x ahead, y to its left and z up. Two views of the arm are natural:

    along    the arm looks where the operator looks, as if the operator stood behind it: ahead is ahead and
             left is left. This is a rotation.
    mirror   the arm faces the operator like a mirror image: towards each other is ahead for both, and what
             moves to one side of the room moves to the same side. This is a reflection; turns are mirrored
             with it.

A yaw turns either about the arm's vertical, for bases mounted otherwise (180° of "along" is an arm that faces
the operator and moves as the hand does in the room).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from retarget.errors import RetargetError

ArmView = Literal["along", "mirror"]

_BASE_FROM_CAMERA: dict[str, np.ndarray] = {
    "along": np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]),
    "mirror": np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]),
}
MAX_SPEED_M_S = 0.5  # slower than a walk: who stands beside it can step back
MAX_TURN_RAD_S = 2.0
_LARGEST_SCALE = 10.0


def _vector(value: float) -> np.ndarray:
    return np.full(3, value)


@dataclass(frozen=True)
class ArmWorkspace:
    """How an arm's target follows a wrist, and how far and fast it may go.

    Attributes:
        base_from_camera: (3,3) orthogonal; takes directions in camera axes to the arm base's.
        scale: (3,) metres of the arm for each metre of the wrist, along the base's axes, 0 to 10; 0 keeps an
            axis still.
        rotation_factor: radians of the arm for each radian of the wrist, 0 to 1; 0 keeps its orientation.
        lower_m, upper_m: (3,) box the target stays in, metres from the arm's start along the base's axes;
            the start lies in it.
        max_speed_m_s: of the target, along any direction.
        max_turn_rad_s: of the target, about any axis.

    Raises:
        RetargetError: a field has an illegal value; the message names it.
    """

    base_from_camera: np.ndarray = field(default_factory=lambda: _BASE_FROM_CAMERA["along"])
    scale: np.ndarray = field(default_factory=lambda: _vector(1.0))
    rotation_factor: float = 1.0
    lower_m: np.ndarray = field(default_factory=lambda: _vector(-0.4))
    upper_m: np.ndarray = field(default_factory=lambda: _vector(0.4))
    max_speed_m_s: float = MAX_SPEED_M_S
    max_turn_rad_s: float = MAX_TURN_RAD_S

    def __post_init__(self) -> None:
        A = np.asarray(self.base_from_camera, dtype=np.float64)
        if A.shape != (3, 3) or not np.allclose(A @ A.T, np.eye(3), atol=1e-6):
            raise RetargetError("The arm's axes must be a (3,3) orthogonal matrix: a turn or a mirroring.")
        object.__setattr__(self, "base_from_camera", A)
        for name in ("scale", "lower_m", "upper_m"):
            value = np.asarray(getattr(self, name), dtype=np.float64)
            if value.shape != (3,) or not np.isfinite(value).all():
                raise RetargetError(f"The arm's {name} is {getattr(self, name)}; give three finite numbers.")
            object.__setattr__(self, name, value)
        if not ((self.scale >= 0.0) & (self.scale <= _LARGEST_SCALE)).all():
            raise RetargetError(
                f"The arm's scale is {self.scale.tolist()}; each number must be from 0 to {_LARGEST_SCALE:g}."
            )
        if not 0.0 <= self.rotation_factor <= 1.0:
            raise RetargetError(
                f"The arm's rotation factor is {self.rotation_factor}; it must be from 0 to 1."
            )
        if not ((self.lower_m <= 0.0) & (self.upper_m >= 0.0)).all():
            raise RetargetError(
                f"The arm's box goes from {self.lower_m.tolist()} to {self.upper_m.tolist()} m; the start, "
                "0, must lie in it along each axis."
            )
        for name, unit in (("max_speed_m_s", "m/s"), ("max_turn_rad_s", "rad/s")):
            if not 0.0 < getattr(self, name) < math.inf:
                raise RetargetError(f"The arm's {name} is {getattr(self, name)}; it must be over 0 {unit}.")

    @staticmethod
    def of(
        scale: float | tuple[float, float, float] = 1.0,
        rotation_factor: float = 1.0,
        view: ArmView = "along",
        yaw_rad: float = 0.0,
        box_m: tuple[float, float, float] = (0.4, 0.4, 0.4),
        max_speed_m_s: float = MAX_SPEED_M_S,
        max_turn_rad_s: float = MAX_TURN_RAD_S,
    ) -> ArmWorkspace:
        """A workspace from the few numbers a user gives.

        Args:
            scale: one for all of the base's axes, or one for each.
            rotation_factor: see above.
            view: "along" or "mirror", see the module.
            yaw_rad: how far the base is turned from that view about its vertical, counter-clockwise from
                above.
            box_m: how far the target may go from the start, either way, along x, y, z of the base.
            max_speed_m_s, max_turn_rad_s: see above.

        Raises:
            RetargetError: a value is illegal.
        """
        if view not in _BASE_FROM_CAMERA:
            raise RetargetError(f"There is no view {view!r} of an arm; use one of: along, mirror.")
        if not math.isfinite(yaw_rad):
            raise RetargetError(f"The yaw of the arm's base is {yaw_rad}; it must be a finite angle.")
        cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
        # The base is turned by yaw, so directions in it are turned back.
        turn = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
        upper_m = np.asarray(box_m, dtype=np.float64)
        return ArmWorkspace(
            base_from_camera=turn @ _BASE_FROM_CAMERA[view],
            scale=_vector(float(scale)) if isinstance(scale, int | float) else np.asarray(scale, np.float64),
            rotation_factor=rotation_factor,
            lower_m=-upper_m,
            upper_m=upper_m,
            max_speed_m_s=max_speed_m_s,
            max_turn_rad_s=max_turn_rad_s,
        )
