"""Draws a robot hand in a given pose: a still camera looks at its palm, as a webcam looks at the operator's.

The picture is unmirrored: a right hand has its thumb on the right, like a right palm held up to a camera.
"""

from __future__ import annotations

from functools import lru_cache
from types import TracebackType

import numpy as np

from robot.allegro_look import look_of
from robot.allegro_model import Hand
from robot.allegro_versions import version_spec
from robot.errors import RobotError
from robot.hands import HandSpec
from robot.link_poses import LinkPoses
from robot.renderer import Camera, Geometry, Renderer

# Camera on the palm side, a little to the thumb's side and a little above, so that the curl of the fingers
# and the thumb in front of the palm both show. Palm frame, metres.
_TARGET_M = (0.010, 0.030, 0.010)
_DISTANCE_M = 0.62
_SIDE_DEG = 22.0
_ABOVE_DEG = 12.0
_FOV_DEG = 28.0

_TO_LIGHT = (0.72, 0.30, 0.63)
_SHADOW_HALF_WIDTH_M = 0.22


@lru_cache(maxsize=2)
def _geometry(hand: Hand, version: str) -> Geometry:
    """Built once per process and hand."""
    shapes = look_of(hand, version).shapes
    return Geometry([shapes[link] for link in LinkPoses(hand, version).links])


class JointReader:
    """Picks the joints of one hand out of named angles, and fills gaps with what it read last.

    Args:
        spec: the hand.
    """

    def __init__(self, spec: HandSpec) -> None:
        self._spec = spec
        self._q_rad = np.array(spec.home_rad)
        self._rows: dict[tuple[str, ...], list[int]] = {}

    def read(self, q_rad: np.ndarray, joint_names: tuple[str, ...]) -> np.ndarray:
        """(n,) rad in driver order; see `HandView.render`."""
        q_rad = np.asarray(q_rad, dtype=np.float64)
        joint_names = tuple(joint_names)
        if q_rad.shape != (len(joint_names),):
            raise RobotError(
                f"{len(joint_names)} joint names came with angles of shape {q_rad.shape}; "
                "give one angle per name."
            )
        rows = self._rows.get(joint_names)
        if rows is None:
            missing = [name for name in self._spec.joint_names if name not in joint_names]
            if missing:
                raise RobotError(
                    f"The {self._spec.hand} hand cannot be drawn without {', '.join(missing)}; "
                    f"it has the joints {', '.join(self._spec.joint_names)}."
                )
            rows = [joint_names.index(name) for name in self._spec.joint_names]
            self._rows = {joint_names: rows}
        given = q_rad[rows]
        self._q_rad = np.where(np.isfinite(given), given, self._q_rad)
        return self._q_rad


class HandView:
    """Takes pictures of one robot hand; needs no display and no physics.

    Args:
        hand: "right" or "left".
        size_px: (width, height) of the pictures.
        version: of its hardware, see `robot.allegro_versions`.

    Raises:
        RobotError: there is no such hand, or the size is impossible.
    """

    def __init__(self, hand: Hand, size_px: tuple[int, int] = (640, 480), version: str = "v4") -> None:
        self.spec = version_spec(version, hand)
        side = 1.0 if hand == "right" else -1.0
        azimuth, elevation = np.radians(side * _SIDE_DEG), np.radians(_ABOVE_DEG)
        level = np.cos(elevation)
        camera = Camera(
            target_m=np.array(_TARGET_M) * (1.0, side, 1.0),
            toward=np.array([level * np.cos(azimuth), level * np.sin(azimuth), np.sin(elevation)]),
            distance_m=_DISTANCE_M,
            fov_deg=_FOV_DEG,
            light=np.array(_TO_LIGHT) * (1.0, side, 1.0),
            shadow_half_width_m=_SHADOW_HALF_WIDTH_M,
        )
        self._renderer = Renderer(_geometry(hand, self.spec.version), camera, size_px)
        self.size_px = self._renderer.size_px
        self._poses = LinkPoses(hand, self.spec.version)
        self._joints = JointReader(self.spec)

    def render(self, q_rad: np.ndarray, joint_names: tuple[str, ...]) -> np.ndarray:
        """The hand in the pose `q_rad`.

        Args:
            q_rad: (n,) joint angles, rad; a joint that is not finite stays as it was drawn last.
            joint_names: n names; all joints of the hand must be among them, others are ignored.

        Returns:
            (height,width,3) uint8 BGR picture, fresh memory.

        Raises:
            RobotError: a joint is missing, or the two lengths differ.
        """
        return self._renderer.render(self._poses.of(self._joints.read(q_rad, joint_names)))

    def close(self) -> None:
        """Nothing to give back; pairs with opening it in a `with` statement."""

    def __enter__(self) -> HandView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
