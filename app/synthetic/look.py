"""How one rendered clip looks: hand shape, skin, sleeve, light, room and camera, all drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.opencv import cv2
from models.camera import Camera

TEXTURE_SIZE = 512

# sRGB of the back of the hand, light to dark; the palm is lighter and redder.
_SKINS = ((229, 190, 165), (214, 166, 136), (198, 145, 112), (168, 116, 84), (133, 88, 62), (99, 65, 48))
_SLEEVES = ((52, 73, 104), (70, 72, 78), (122, 44, 48), (46, 92, 74), (196, 190, 178), (30, 32, 38))
_WALLS = ((196, 194, 188), (170, 182, 190), (205, 194, 172), (150, 158, 150), (216, 214, 210))
_FURNITURE = ((112, 84, 60), (70, 74, 82), (228, 226, 220), (90, 110, 96), (150, 120, 92), (52, 60, 78))
_SHAPES = ("adult_medium", "adult_small", "adult_large", "adult_medium_slim", "adult_medium_thick", "elder")


@dataclass(frozen=True)
class Look:
    """The fixed part of a clip.

    Attributes:
        shape: name of the hand shape.
        skin, sleeve: sRGB 0–255 of the back of the hand and of the sleeve.
        light: (3,) direction to the light, x right, y up, z to the camera.
        ambient, diffuse: light coefficients.
        distance_m: of the wrist from the camera.
        camera: its intrinsics.
        noise: standard deviation of the sensor noise, grey levels.
        room_seed: of the background and the skin's mottling.
    """

    shape: str
    skin: tuple[int, int, int]
    sleeve: tuple[int, int, int]
    light: tuple[float, float, float]
    ambient: float
    diffuse: float
    distance_m: float
    camera: Camera
    noise: float
    room_seed: int

    @staticmethod
    def of_seed(seed: int, size_px: tuple[int, int], shape: str | None = None) -> Look:
        """The look of a seed; 0 is a medium hand in even light. `shape` is another hand than the seed's."""
        rng = np.random.default_rng([seed, 1])
        assumed = Camera.assumed(size_px)
        focal_px = assumed.focal_px * rng.uniform(0.95, 1.08)
        ambient = rng.uniform(0.52, 0.60)
        shape = _SHAPES[seed % len(_SHAPES)] if shape is None else shape
        return Look(
            shape=shape,
            skin=_SKINS[(1 + seed) % len(_SKINS)],
            sleeve=_SLEEVES[int(rng.integers(len(_SLEEVES)))] if seed else _SLEEVES[0],
            light=(float(rng.uniform(-1.0, 1.0)), float(rng.uniform(0.5, 1.0)), float(rng.uniform(0.9, 1.4))),
            ambient=float(ambient),
            diffuse=float(rng.uniform(1.05, 1.15) - ambient),
            distance_m=float(rng.uniform(0.46, 0.53)) * (1.1 if shape.startswith("adult_large") else 1.0),
            camera=Camera(float(focal_px), assumed.centre_px, size_px),
            noise=float(rng.uniform(1.5, 3.0)),
            room_seed=seed,
        )


def skin_texture(look: Look) -> np.ndarray:
    """(512,512,3) BGR texture: columns run from the arm to the fingertips, rows from the back to the palm."""
    rng = np.random.default_rng([look.room_seed, 2])
    back = np.array(look.skin[::-1], dtype=np.float64)
    palm = back + 0.22 * (np.array([185.0, 200.0, 240.0]) - back)
    size = TEXTURE_SIZE
    # OpenGL's texture origin is the lower left corner: row 0 of the picture is the back of the hand.
    around = np.linspace(1.0, 0.0, size)[:, None]
    along = np.linspace(0.0, 1.0, size)[None, :]
    is_back = 1.0 / (1.0 + np.exp(-(around - 0.45) * 14.0))
    colour = is_back[..., None] * back + (1.0 - is_back)[..., None] * palm
    colour = np.broadcast_to(colour, (size, size, 3)).copy()

    red = np.zeros((size, size))
    knuckles = (0.46, 0.64, 0.82)
    for knuckle in knuckles:
        red += 0.55 * is_back * np.exp(-(((along - knuckle) / 0.035) ** 2))
        crease = np.exp(-(((along - knuckle) / 0.006) ** 2)) * (0.25 + 0.75 * (1.0 - is_back))
        colour *= 1.0 - 0.10 * crease[..., None]
    red += 0.9 * (1.0 - is_back) * np.clip((along - 0.86) / 0.12, 0.0, 1.0)
    colour += red[..., None] * np.array([-9.0, -11.0, 5.0])

    nail = _step(along, 0.925, 0.012) * _step(-along, -0.992, 0.008) * _step(around, 0.90, 0.025)
    nail_colour = back + 0.35 * (np.array([190.0, 195.0, 235.0]) - back)
    colour += nail[..., None] * (nail_colour - colour)

    for blur_px, depth in ((12, 0.030), (4, 0.016), (1, 0.010)):
        noise = cv2.GaussianBlur(rng.normal(size=(size, size)), (0, 0), blur_px)
        colour *= 1.0 + depth * (noise / noise.std())[..., None]
    return np.clip(colour, 0, 255).astype(np.uint8)


def background(look: Look) -> np.ndarray:
    """(height,width,3) BGR of an out-of-focus room."""
    rng = np.random.default_rng([look.room_seed, 3])
    width, height = look.camera.size_px
    wall = np.array(_WALLS[int(rng.integers(len(_WALLS)))][::-1], dtype=np.float64)
    side = np.linspace(-1.0, 1.0, width)[None, :, None] * rng.uniform(-0.16, 0.16)
    fall = np.linspace(0.06, -0.14, height)[:, None, None]
    image = np.clip(wall * (0.82 + side + fall), 0, 255).astype(np.uint8)

    def box(x: float, y: float, w: float, h: float, colour: tuple[int, ...]) -> None:
        corners = ((int(x * width), int(y * height)), (int((x + w) * width), int((y + h) * height)))
        cv2.rectangle(image, *corners, [int(c) for c in colour[::-1]], -1)

    window_x = float(rng.choice([-0.05, 0.72]))
    box(window_x, 0.05, 0.33, 0.50, (120, 116, 108))
    box(window_x + 0.02, 0.08, 0.29, 0.44, tuple(int(v) for v in rng.integers((205, 215, 220), 245)))
    box(window_x + 0.16, 0.08, 0.012, 0.44, (120, 116, 108))
    shelf_x = 0.60 if window_x < 0 else 0.02
    wood = _FURNITURE[int(rng.integers(len(_FURNITURE)))]
    for row in range(3):
        y = 0.20 + 0.22 * row
        box(shelf_x, y, 0.36, 0.02, wood)
        x = shelf_x + 0.01
        while x < shelf_x + 0.32:
            w, h = float(rng.uniform(0.012, 0.035)), float(rng.uniform(0.08, 0.16))
            if rng.random() < 0.8:
                box(x, y - h, w, h, _book(rng))
            x += w + 0.003
    box(0.0, 0.86, 1.0, 0.2, _FURNITURE[int(rng.integers(len(_FURNITURE)))])
    blurred = cv2.GaussianBlur(image, (0, 0), width / 640 * float(rng.uniform(6.0, 9.0)))
    return np.asarray(blurred)


def _book(rng: np.random.Generator) -> tuple[int, ...]:
    """A muted colour."""
    return tuple(int(v) for v in rng.uniform(60.0, 150.0) + rng.uniform(-35.0, 35.0, size=3))


def _step(values: np.ndarray, edge: float, softness: float) -> np.ndarray:
    return np.asarray(1.0 / (1.0 + np.exp(-(values - edge) / softness)))
