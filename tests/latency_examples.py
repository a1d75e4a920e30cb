"""A screen and a camera with known delays, rendered: what the tests of the latency calibration look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.opencv import cv2
from calibration.loop_delay import Shown, Sighting
from calibration.screen_code import NUMBERS, CodeReader, encode

SCREEN_PX = (640, 360)
CAMERA_PX = (640, 480)
_CORNERS_PX = np.array([(105, 118), (548, 96), (560, 372), (92, 352)], dtype=np.float32)


@dataclass(frozen=True)
class Bench:
    """A camera in front of a screen.

    Attributes:
        delay_ms: what is to be found: from the middle of the exposure to the capture time.
        screen_hz: how often the screen is drawn; it shows each number for `hold` such periods.
        screen_ms: from the moment a number counts as shown to its light.
        readout_ms: how much later the image's last row is exposed than its first.
        phase_ms: when the first exposure is, against the screen.
        every: of so many frames of the camera only one is looked at, which saves the tests' time.
    """

    delay_ms: float
    screen_hz: float = 60.0
    hold: int = 1
    screen_ms: float = 0.0
    camera_hz: float = 30.0
    exposure_ms: float = 12.0
    readout_ms: float = 0.0
    phase_ms: float = 3.0
    noise: float = 2.0
    blur_px: float = 1.2
    gamma: float = 2.2
    gain: float = 0.9
    jitter_ms: float = 0.0
    every: int = 1
    seed: int = 0

    def film(self, frames: int) -> tuple[Shown, list[Sighting], int]:
        """What the screen showed, what the reader saw in the camera's images, and how many there were."""
        rng = np.random.default_rng(self.seed)
        period_ms = self.hold * 1e3 / self.screen_hz
        begin_ms = 1000.0 + self.phase_ms
        last_ms = begin_ms + frames * self.every * 1e3 / self.camera_hz + 1000.0
        first = int(rng.integers(0, 5000))
        shown_ms = np.arange(0.0, last_ms, period_ms)
        shown = Shown(np.round(shown_ms * 1e6).astype(np.int64), first + np.arange(len(shown_ms)))
        reader, sightings = CodeReader(), []
        for i in range(frames):
            middle_ms = begin_ms + i * self.every * 1e3 / self.camera_hz
            image = self.image(first, middle_ms - self.screen_ms, period_ms, rng)
            t_ms = middle_ms + self.delay_ms + rng.normal(0.0, self.jitter_ms)
            reading = reader.read(image)
            if reading is not None:
                sightings.append(Sighting(round(t_ms * 1e6), reading))
        return shown, sightings, frames

    def image(self, first: int, middle_ms: float, period_ms: float, rng: np.random.Generator) -> np.ndarray:
        """(480,640,3) uint8 that is exposed about `middle_ms` on the screen's clock."""
        rows_ms = middle_ms + self.readout_ms * (np.arange(CAMERA_PX[1]) / CAMERA_PX[1] - 0.5)
        begin = (rows_ms - self.exposure_ms / 2) / period_ms
        end = begin + self.exposure_ms / period_ms
        light = np.zeros((CAMERA_PX[1], CAMERA_PX[0]), dtype=np.float32)
        for number in range(int(np.floor(begin.min())), int(np.floor(end.max())) + 1):
            share = np.clip(np.minimum(end, number + 1) - np.maximum(begin, number), 0.0, None)
            light += (share / (end - begin)).astype(np.float32)[:, None] * seen_light(first + number)
        return self.develop(light, rng)

    def develop(self, light: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """What the camera makes of light."""
        light = cv2.GaussianBlur(light, (0, 0), self.blur_px) if self.blur_px else light
        value = 255.0 * np.clip(self.gain * light + 0.004, 0.0, 1.0) ** (1.0 / self.gamma)
        value = value + self.noise * rng.standard_normal(value.shape, dtype=np.float32)
        grey = np.clip(np.round(value), 0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)


_seen: dict[int, np.ndarray] = {}


def seen_light(counter: int) -> np.ndarray:
    """(480,640) light that a number on the screen sends to each pixel, in perspective."""
    counter %= NUMBERS
    if counter not in _seen:
        if len(_seen) > 64:
            _seen.clear()
        width, height = SCREEN_PX
        value = encode(counter, SCREEN_PX)[:, :, 0] / 255.0
        light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
        light = light.astype(np.float32)
        corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float32)
        to_image = cv2.getPerspectiveTransform(corners, _CORNERS_PX)
        _seen[counter] = cv2.warpPerspective(light, to_image, CAMERA_PX, borderValue=0.05)
    return _seen[counter]
