"""How the pictures of one training clip look and what the camera does to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.opencv import cv2
from app.synthetic.look import Look, background
from models.camera import Camera

_NOISE_REUSED = (
    5  # a picture's noise is drawn once for so many bands of it: drawing it all costs more than rendering
)

# sRGB from light to dark; clips take colours between two neighbours.
_SKINS = np.array(
    [(235, 200, 178), (226, 184, 158), (198, 145, 112), (160, 108, 78), (118, 78, 56), (74, 48, 36)]
)


@dataclass(frozen=True)
class Defects:
    """What optics, sensor and wire do to the pictures of one clip.

    Attributes:
        focus_px: Gaussian blur, pixels.
        exposure: share of a frame's time for which the shutter is open.
        noise: standard deviation, grey levels.
        gain, gamma: brightness.
        tint: (3,) factors of blue, green, red.
        downscale: the picture is taken this much smaller and enlarged.
        quality: JPEG quality 1–100, or 0 for none.
    """

    focus_px: float
    exposure: float
    noise: float
    gain: float
    gamma: float
    tint: np.ndarray
    downscale: float
    quality: int

    @staticmethod
    def random(rng: np.random.Generator) -> Defects:
        """From a good camera to a poor one."""
        poor = rng.random()
        return Defects(
            focus_px=float(rng.uniform(0.3, 0.6 + 0.8 * poor)),
            exposure=float(rng.choice([0.1, 0.25, 0.5, 0.8])),
            noise=float(rng.uniform(0.5, 2.0 + 6.0 * poor**2)),
            gain=float(np.exp(rng.normal(0.0, 0.14))),
            gamma=float(np.exp(rng.normal(0.0, 0.15))),
            tint=np.exp(rng.normal(0.0, 0.05, 3)),
            downscale=float(rng.uniform(1.3, 2.2)) if rng.random() < 0.10 else 1.0,
            quality=0 if rng.random() < 0.3 else int(rng.uniform(35, 95)),
        )

    def apply(self, image: np.ndarray, motion_px: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The picture as it arrives.

        Args:
            image: (height,width,3) uint8 BGR.
            motion_px: (2,) how far the hand moves until the next frame.
            rng: of the noise.
        """
        height, width = image.shape[:2]
        if self.downscale > 1.0:
            small = (max(64, int(width / self.downscale)), max(48, int(height / self.downscale)))
            image = cv2.resize(cv2.resize(image, small, interpolation=cv2.INTER_AREA), (width, height))
        smear = motion_px * self.exposure
        if np.linalg.norm(smear) > 1.5:
            image = cv2.filter2D(image, -1, _line_kernel(smear))
        image = cv2.LUT(cv2.GaussianBlur(image, (0, 0), self.focus_px), self._table())
        sparse = rng.standard_normal(image.size // _NOISE_REUSED, dtype=np.float32)
        noise = np.resize(np.float32(self.noise) * sparse, image.shape)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
        if self.quality:
            _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, self.quality])
            image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
        return np.asarray(image)

    def _table(self) -> np.ndarray:
        grey = (np.arange(256) / 255.0) ** self.gamma
        return np.clip(255.0 * self.gain * grey[None, :, None] * self.tint, 0, 255).astype(np.uint8)


def random_look(rng: np.random.Generator, shape: str, camera: Camera) -> Look:
    """Skin, sleeve and light of one clip; without sensor noise, which `Defects` adds."""
    place = rng.uniform(0.0, len(_SKINS) - 1.001)
    share = place - int(place)
    skin = (1.0 - share) * _SKINS[int(place)] + share * _SKINS[int(place) + 1] + rng.normal(0.0, 5.0, 3)
    ambient = rng.uniform(0.35, 0.75)
    return Look(
        shape=shape,
        skin=_rgb(skin),
        sleeve=_rgb(rng.uniform(15.0, 235.0, 3)),
        light=(float(rng.uniform(-1.5, 1.5)), float(rng.uniform(-0.3, 1.2)), float(rng.uniform(0.4, 1.4))),
        ambient=float(ambient),
        diffuse=float(max(0.15, rng.uniform(0.85, 1.2) - ambient)),
        distance_m=0.5,
        camera=camera,
        noise=0.0,
        room_seed=int(rng.integers(1 << 31)),
    )


def random_room(rng: np.random.Generator, look: Look) -> np.ndarray:
    """(height,width,3) BGR behind the hand: a room, plain, cloudy, cluttered, or with a person in it."""
    width, height = look.camera.size_px
    kind = rng.random()
    if kind < 0.3:
        image = background(look)
    elif kind < 0.45:
        image = np.full((height, width, 3), rng.uniform(5, 250, 3), np.uint8)
    else:
        image = _clouds(rng, width, height)
    if kind > 0.6:
        _clutter(rng, image)
    # Rooms have few pure colours.
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    dull = float(rng.uniform(0.3, 1.0))
    image = cv2.addWeighted(image, 1.0 - dull, grey, dull, 0.0)
    if rng.random() < 0.35:
        _person(rng, image, look)
    if rng.random() < 0.5:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.5, width / 100.0)))
    return np.ascontiguousarray(image)


def _clouds(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    total = np.full((height, width, 3), rng.uniform(40, 200, 3))
    for cells in (3, 8, 30):
        coarse = rng.normal(0.0, rng.uniform(5.0, 45.0 / np.sqrt(cells / 3)), (cells, cells, 3))
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(total, 0, 255).astype(np.uint8)


def _clutter(rng: np.random.Generator, image: np.ndarray) -> None:
    height, width = image.shape[:2]
    for _ in range(int(rng.integers(4, 25))):
        centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        size = (int(rng.uniform(3, width / 6)), int(rng.uniform(3, height / 5)))
        colour = [int(c) for c in rng.uniform(0, 255, 3)]
        if rng.random() < 0.5:
            cv2.ellipse(image, centre, size, float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
        else:
            corners = cv2.boxPoints((centre, (2.0 * size[0], 2.0 * size[1]), float(rng.uniform(0, 90))))
            cv2.fillPoly(image, [corners.astype(np.int32)], colour, cv2.LINE_AA)


def _person(rng: np.random.Generator, image: np.ndarray, look: Look) -> None:
    """A torso and a head of the hand's own colour: what a hand is most easily lost before."""
    height, width = image.shape[:2]
    x, y = int(width * rng.uniform(0.2, 0.8)), int(height * rng.uniform(0.15, 0.5))
    r = int(height * rng.uniform(0.1, 0.24))
    skin = [int(c) for c in look.skin[::-1]]
    clothes = [int(c) for c in rng.uniform(20, 220, 3)]
    cv2.ellipse(
        image, (x, y + int(3.4 * r)), (int(2.1 * r), int(2.4 * r)), 0, 0, 360, clothes, -1, cv2.LINE_AA
    )
    cv2.ellipse(image, (x, y + r), (int(0.45 * r), int(0.7 * r)), 0, 0, 360, skin, -1, cv2.LINE_AA)
    cv2.ellipse(image, (x, y), (int(0.75 * r), r), 0, 0, 360, skin, -1, cv2.LINE_AA)
    hair = [int(c) for c in rng.uniform(10, 110, 3)]
    cv2.ellipse(image, (x, y - r // 3), (int(0.8 * r), int(0.8 * r)), 0, 180, 360, hair, -1, cv2.LINE_AA)


def _line_kernel(smear_px: np.ndarray) -> np.ndarray:
    """A smear of unit weight along (2,) pixels, at most 31 long."""
    smear_px = smear_px * min(1.0, 31.0 / float(np.linalg.norm(smear_px)))
    half = int(np.ceil(0.5 * np.abs(smear_px).max())) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    ends = np.round(half + 0.5 * np.outer([-1.0, 1.0], smear_px)).astype(int)
    cv2.line(kernel, tuple(ends[0].tolist()), tuple(ends[1].tolist()), 1.0, 1, cv2.LINE_AA)
    return np.asarray(kernel / kernel.sum())


def _rgb(colour: np.ndarray) -> tuple[int, int, int]:
    r, g, b = (int(c) for c in np.clip(colour, 0, 255))
    return r, g, b
