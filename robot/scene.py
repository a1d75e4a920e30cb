"""A table with something to grasp on it, for the simulated hand: what it is, and its place in the physics.

World frame: z up, the origin on the table's top, under the plinth on which the object stands; x is where the
fingers of the hand point, which hangs palm down, y is the palm's y. All bodies are made of primitives, once,
and are put back rather than made anew: PyBullet keeps the memory of shapes it was ever given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from robot import fields as check
from robot.allegro_model import Hand, Vector
from robot.allegro_shapes import Shape
from robot.errors import RobotError

ObjectKind = Literal["cube", "ball", "cup", "pen"]
OBJECTS: tuple[ObjectKind, ...] = get_args(ObjectKind)

TABLE_SIZE_M: Vector = (0.50, 0.44, 0.03)
_TABLE_MIDDLE_M = (-0.03, -0.07)  # for a right hand; the object stands near the edge the viewer looks over
# The object stands on a plinth, because the thumb of the home pose reaches deeper than a pinch does.
_PLINTH_M: Vector = (0.05, 0.05, 0.02)
SCENE_COLORS: dict[str, tuple[float, float, float, float]] = {
    "plinth": (0.74, 0.74, 0.73, 1.0),
    "wood": (0.60, 0.55, 0.49, 1.0),
    "orange": (0.93, 0.45, 0.13, 1.0),
    "green": (0.36, 0.66, 0.30, 1.0),
    "clay": (0.20, 0.44, 0.66, 1.0),
    "paper": (0.92, 0.92, 0.90, 1.0),
    "ink": (0.72, 0.16, 0.20, 1.0),
}
_TABLE_FRICTION = 0.4
_FLOOR_M = -0.25  # an object that fell below this is off the table for good,
_FALLEN_M = 0.012  # and one that lies so much deeper than it stood is off its plinth
_OBJECT_FRICTION = 0.9

# Where thumb and index finger close on something in a human pinch, retargeted, in the palm frame of a right
# hand: how far before the palm, how far to the side, and how high along the fingers the object begins.
_PINCH_BEFORE_M, _PINCH_BESIDE_M, _PINCH_FROM_M = 0.088, 0.056, 0.014


@dataclass(frozen=True)
class SceneObject:
    """A thing on the table.

    Attributes:
        mass_kg: its mass.
        height_m: how tall it stands.
        width_m: how far thumb and finger are apart when they touch it.
        grip_m: height above its foot at which they do.
        rolling: rolling friction, m; stops what is round.
        parts: its shapes about its centre, in `SCENE_COLORS`.
    """

    mass_kg: float
    height_m: float
    width_m: float
    grip_m: float
    rolling: float
    parts: tuple[Shape, ...]


def _cup(radius_m: float, height_m: float, wall_m: float, staves: int) -> tuple[Shape, ...]:
    """A beaker: a bottom and a ring of upright staves."""
    parts = [Shape("cylinder", (radius_m, wall_m), (0.0, 0.0, (wall_m - height_m) / 2), "clay")]
    middle = radius_m - wall_m / 2
    width = 2.0 * radius_m * math.tan(math.pi / staves)
    for k in range(staves):
        angle = 2.0 * math.pi * k / staves
        place = (middle * math.cos(angle), middle * math.sin(angle), 0.0)
        parts.append(Shape("box", (wall_m, width, height_m), place, "clay", (0.0, 0.0, angle)))
    return tuple(parts)


def _pen() -> tuple[Shape, ...]:
    """A board marker that stands on its cap."""
    return (
        Shape("cylinder", (0.0095, 0.064), (0.0, 0.0, 0.013), "paper"),
        Shape("cylinder", (0.0105, 0.026), (0.0, 0.0, -0.032), "ink"),
    )


_OBJECTS: dict[ObjectKind, SceneObject] = {
    "cube": SceneObject(
        0.060, 0.040, 0.040, 0.020, 0.0, (Shape("box", (0.040,) * 3, (0.0, 0.0, 0.0), "orange"),)
    ),
    "ball": SceneObject(
        0.040, 0.044, 0.044, 0.022, 2e-4, (Shape("sphere", (0.022,), (0.0, 0.0, 0.0), "green"),)
    ),
    "cup": SceneObject(0.060, 0.064, 0.060, 0.036, 0.0, _cup(0.030, 0.064, 0.004, 16)),
    "pen": SceneObject(0.025, 0.090, 0.019, 0.056, 0.0, _pen()),
}


def table_parts(side: float) -> tuple[Shape, ...]:
    """Table and plinth in the world; `side` is 1 under a right hand, -1 under a left one."""
    x, y = _TABLE_MIDDLE_M
    return (
        Shape("box", TABLE_SIZE_M, (x, side * y, -TABLE_SIZE_M[2] / 2), "wood"),
        Shape("box", _PLINTH_M, (0.0, 0.0, _PLINTH_M[2] / 2), "plinth"),
    )


@dataclass(frozen=True)
class SceneConfig:
    """What stands on the table, and where.

    Attributes:
        object: what to grasp.
        offset_m: how far it stands from where the pinch closes, along x and y of the table.
        yaw_rad: how far it is turned about the vertical.
        friction: of the object, as a factor to the fingertips' and the table's; 0 is ice.
        arm: whether the wrist moves by itself, as an arm would: over the object, up with it once thumb and
            finger hold it, and down again.

    Raises:
        RobotError: a value is out of range.
    """

    object: ObjectKind = "cube"
    offset_m: tuple[float, float] = (0.0, 0.0)
    yaw_rad: float = 0.0
    friction: float = _OBJECT_FRICTION
    arm: bool = True

    def __post_init__(self) -> None:
        if self.object not in OBJECTS:
            raise RobotError(f'There is no "{self.object}" to put on the table; choose {", ".join(OBJECTS)}.')
        if not all(abs(value) <= 0.1 for value in self.offset_m):
            raise RobotError(
                f"The object cannot stand {self.offset_m} m off its place; use at most 0.1 m either way."
            )
        if not 0.0 <= self.friction <= 5.0:
            raise RobotError(f"The object cannot have a friction of {self.friction}; use 0 to 5.")

    @property
    def item(self) -> SceneObject:
        """The object's shape and mass."""
        return _OBJECTS[self.object]


@dataclass(frozen=True)
class SceneState:
    """Where everything is, world frame.

    Attributes:
        object: what stands on the table.
        palm: (7,) pose of the palm frame: position x, y, z in metres, then quaternion x, y, z, w.
        thing: (7,) pose of the object's centre, likewise.

    Raises:
        MessageError: any field is of the wrong type, shape or range.
    """

    object: ObjectKind
    palm: np.ndarray
    thing: np.ndarray

    def __post_init__(self) -> None:
        check.choice("scene.object", self.object, OBJECTS)
        check.assign(self, "palm", check.pose("scene.palm", self.palm))
        check.assign(self, "thing", check.pose("scene.thing", self.thing))


def side_of(hand: Hand) -> float:
    """1 for a right hand, -1 for a left one."""
    return 1.0 if hand == "right" else -1.0


def palm_start_m(config: SceneConfig, side: float) -> Vector:
    """Where the palm frame starts so that a pinch closes about the object.

    Args:
        config: the scene.
        side: 1 for a right hand, -1 for a left one.
    """
    item = config.item
    return (
        -_PINCH_FROM_M - item.width_m / 2,
        -side * _PINCH_BESIDE_M,
        _PINCH_BEFORE_M + item.grip_m + _PLINTH_M[2],
    )


class Scene:
    """The table and the object in one Bullet client.

    Args:
        bullet: the pybullet module.
        client: its client.
        config: what to build.
        side: 1 for a right hand, -1 for a left one.
    """

    def __init__(self, bullet: Any, client: int, config: SceneConfig, side: float) -> None:
        self.config = config
        self._bullet, self._client = bullet, client
        self._start_m = _PLINTH_M[2] + config.item.height_m / 2
        self.table = self._body(table_parts(side), 0.0, (0.0, 0.0, 0.0))
        bullet.changeDynamics(self.table, -1, lateralFriction=_TABLE_FRICTION, physicsClientId=client)
        item = config.item
        self.thing = self._body(item.parts, item.mass_kg, (*config.offset_m, self._start_m))
        # Bullet multiplies the frictions of the two bodies that touch.
        bullet.changeDynamics(
            self.thing,
            -1,
            lateralFriction=config.friction,
            rollingFriction=item.rolling * config.friction,
            spinningFriction=item.rolling * config.friction,
            linearDamping=0.0,
            angularDamping=0.05,
            physicsClientId=client,
        )
        self.reset()

    def _body(self, parts: tuple[Shape, ...], mass_kg: float, position_m: Vector) -> int:
        bullet, client = self._bullet, self._client
        kinds = {"box": bullet.GEOM_BOX, "cylinder": bullet.GEOM_CYLINDER, "sphere": bullet.GEOM_SPHERE}
        boxes = [
            np.array(part.size_m) / 2 if part.kind == "box" else np.full(3, part.size_m[0]) for part in parts
        ]
        shape = bullet.createCollisionShapeArray(
            shapeTypes=[kinds[part.kind] for part in parts],
            halfExtents=[half.tolist() for half in boxes],
            radii=[part.size_m[0] for part in parts],
            lengths=[part.size_m[1] if part.kind == "cylinder" else 0.0 for part in parts],
            collisionFramePositions=[part.xyz for part in parts],
            collisionFrameOrientations=[bullet.getQuaternionFromEuler(part.rpy) for part in parts],
            physicsClientId=client,
        )
        return int(
            bullet.createMultiBody(
                baseMass=mass_kg,
                baseCollisionShapeIndex=shape,
                basePosition=position_m,
                physicsClientId=client,
            )
        )

    def paint(self) -> None:
        """Give the bodies their colours, for a window that shows this client."""
        for body, color in ((self.table, "wood"), (self.thing, self.config.item.parts[0].color)):
            self._bullet.changeVisualShape(
                body, -1, rgbaColor=SCENE_COLORS[color], physicsClientId=self._client
            )

    def reset(self) -> None:
        """Put the object back where it started, at rest."""
        bullet, client, config = self._bullet, self._client, self.config
        place = (*config.offset_m, self._start_m)
        turn = bullet.getQuaternionFromEuler((0.0, 0.0, config.yaw_rad))
        bullet.resetBasePositionAndOrientation(self.thing, place, turn, physicsClientId=client)
        bullet.resetBaseVelocity(self.thing, (0.0,) * 3, (0.0,) * 3, physicsClientId=client)

    def thing_pose(self) -> np.ndarray:
        """(7,) pose of the object's centre, see `SceneState`."""
        place, turn = self._bullet.getBasePositionAndOrientation(self.thing, physicsClientId=self._client)
        return np.array([*place, *turn])

    def grip_m(self) -> np.ndarray:
        """(3,) where the object is to be held; where it stands at the start while it lies beside that."""
        if self.fallen:
            place = (*self.config.offset_m, self._start_m)
        else:
            place, _ = self._bullet.getBasePositionAndOrientation(self.thing, physicsClientId=self._client)
        x, y, z = place
        return np.array([x, y, z + self.config.item.grip_m - self.config.item.height_m / 2])

    @property
    def place_is_free(self) -> bool:
        """Whether nothing but the plinth is where the object starts."""
        reach = max(self.config.item.width_m, 0.02) / 2
        x, y = self.config.offset_m
        low = (x - reach, y - reach, _PLINTH_M[2] + 0.002)
        high = (x + reach, y + reach, _PLINTH_M[2] + self.config.item.height_m)
        found = self._bullet.getOverlappingObjects(low, high, physicsClientId=self._client) or ()
        return not any(body not in (self.table, self.thing) for body, _ in found)

    def _height_m(self) -> float:
        place, _ = self._bullet.getBasePositionAndOrientation(self.thing, physicsClientId=self._client)
        return float(place[2])

    @property
    def fell(self) -> bool:
        """Whether the object fell off the table."""
        return self._height_m() < _FLOOR_M

    @property
    def fallen(self) -> bool:
        """Whether the object is off its plinth and not above it."""
        return self._height_m() < self._start_m - _FALLEN_M
