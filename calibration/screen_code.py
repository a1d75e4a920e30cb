"""A counter that a screen shows and a camera reads back, even where an image catches two numbers at once.

    marker                    greys                    marker
           one cell a bit of the counter, and two of a checksum
           each cell's opposite
    marker                    greys                    marker

The counter is in Gray code: from one number to the next a single cell and its opposite change. A camera
exposes for longer than a screen shows a number, so an image is the average of some numbers in a row, and how
grey a changing cell is tells when within the exposure it changed. The greys, whose light is known, say what
light a value of the image stands for, whatever the camera's gamma and exposure.

An image counts only where every cell and its opposite add up to white and all cells together are what a few
numbers in a row look like: half-drawn, covered, smeared or reflecting screens give no number at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

BITS = 10
NUMBERS = 1 << BITS
"""The counter begins again after so many: 17 s at 60 Hz."""
CELLS = BITS + 2
SIZE_UNITS = (16.0, 9.0)
"""Width and height of the pattern; it scales to any screen."""

_MARKERS = cv2.aruco.DICT_4X4_50
_MARKER_NUMBERS = (40, 41, 42, 43)  # the ChArUco board has the first ones, and may lie in view
_MARKER_UNITS, _QUIET_UNITS = 2.5, 0.35
_SMALLEST_MARKER_PX = 7
_MARKER_CORNERS = ((0.5, 0.5), (13.0, 0.5), (13.0, 6.0), (0.5, 6.0))  # upper left of each marker
_FEWEST_MARKERS = 3
_GREY_LIGHT = (0.0, 0.125, 0.25, 0.5, 1.0)
_GREY_LEFT, _GREY_WIDTH, _GREY_HEIGHT = 3.5, 1.8, 1.9
_GREY_TOPS = (1.0, 6.1)  # the lower row runs the other way, so that uneven lighting evens out
_CELL_LEFT, _CELL_WIDTH, _CELL_HEIGHT = 0.5, 15.0 / CELLS, 1.25
_CELL_TOPS = (3.25, 4.5)
_BACKGROUND = 0.5  # light; it keeps automatic exposures from overexposing the white cells

_PIXELS_PER_UNIT = 20  # of the straightened image that cells are read from
_INNER = 0.25  # of a cell is left out at each side: blur and a bad fit mix neighbours there
_NOMINAL_GAMMA = 2.2
_LEAST_CONTRAST = 25.0  # between white and black, of 255
_LEAST_GREY_STEP = 1.5
_LARGEST_BEND = 0.15  # of a marker's side, corners may be off a plane
_SMOOTHING_PX = 1.2
_OVEREXPOSED = 250.0
_LARGEST_IMBALANCE = 0.25  # of a cell and its opposite, against white
_LARGEST_ERROR, _LARGEST_RMS = 0.22, 0.09  # of the cells, against numbers in a row
_WIDTHS = (0.02, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0, 3.25, 3.5)
_CENTRES = np.arange(-2.5, 3.51, 0.125)


@dataclass(frozen=True)
class CodeReading:
    """What one camera image shows.

    Attributes:
        counter: the number in the middle of the exposure, or next to that, 0 to `NUMBERS` − 1.
        shares: (CELLS,) share of the exposure in which each cell was white, 0–1.
        place: (2,) where the cells' middle is in the image, as shares of its width and height.
    """

    counter: int
    shares: np.ndarray
    place: np.ndarray


@lru_cache(maxsize=1)
def cell_table() -> np.ndarray:
    """(NUMBERS, CELLS) 0 or 1: which cells are white at each number, Gray code first, lowest bit first.

    Each of the two checks is white where an odd number of every other bit is.
    """
    gray = np.arange(NUMBERS) ^ (np.arange(NUMBERS) >> 1)
    bits = (gray[:, None] >> np.arange(BITS)) & 1
    checks = np.stack([bits[:, 0::2].sum(axis=1) % 2, bits[:, 1::2].sum(axis=1) % 2], axis=1)
    table = np.concatenate([bits, checks], axis=1).astype(np.float64)
    table.setflags(write=False)
    return table


@dataclass(frozen=True)
class Box:
    """A grey rectangle of the pattern.

    Attributes:
        x, y, width, height: pixels from the upper left corner.
        value: what to draw it with, 0–255.
    """

    x: int
    y: int
    width: int
    height: int
    value: int


def encode(counter: int, size_px: tuple[int, int]) -> np.ndarray:
    """The picture of a number: `background` with `cells` drawn on it.

    Args:
        counter: any; shown modulo `NUMBERS`.
        size_px: width and height of the picture; the pattern is as large as fits.

    Returns:
        (height, width, 3) uint8, greys as a screen with the usual transfer curve (sRGB) takes them.
    """
    image = background(size_px)
    for box in cells(counter, size_px):
        _draw(image, box)
    return image


def cells(counter: int, size_px: tuple[int, int]) -> list[Box]:
    """What changes from number to number; arguments as of `encode`."""
    return [
        _box(_CELL_LEFT + cell * _CELL_WIDTH, _CELL_TOPS[row], _CELL_WIDTH, _CELL_HEIGHT, light, size_px)
        for cell, white in enumerate(cell_table()[counter % NUMBERS])
        for row, light in enumerate((white, 1.0 - white))
    ]


def background(size_px: tuple[int, int]) -> np.ndarray:
    """(height, width, 3) uint8, all that never changes."""
    width, height = size_px
    image = np.full((height, width, 3), _screen_value(_BACKGROUND), dtype=np.uint8)
    dictionary = cv2.aruco.getPredefinedDictionary(_MARKERS)
    for number, (x, y) in zip(_MARKER_NUMBERS, _MARKER_CORNERS, strict=True):
        around = _MARKER_UNITS + 2 * _QUIET_UNITS
        _draw(image, _box(x - _QUIET_UNITS, y - _QUIET_UNITS, around, around, 1.0, size_px))
        box = _box(x, y, _MARKER_UNITS, _MARKER_UNITS, 0.0, size_px)
        marker = cv2.aruco.generateImageMarker(dictionary, number, max(box.width, _SMALLEST_MARKER_PX))
        place = image[box.y : box.y + box.height, box.x : box.x + box.width]
        place[:] = cv2.resize(marker, place.shape[1::-1], interpolation=cv2.INTER_NEAREST)[:, :, None]
    for row, y in enumerate(_GREY_TOPS):
        for i, light in enumerate(_greys_of(row)):
            x = _GREY_LEFT + i * _GREY_WIDTH
            _draw(image, _box(x, y, _GREY_WIDTH, _GREY_HEIGHT, light, size_px))
    return image


def _box(x: float, y: float, width: float, height: float, light: float, size_px: tuple[int, int]) -> Box:
    """A rectangle in pattern units, in pixels of a picture of this size."""
    scale = min(size_px[0] / SIZE_UNITS[0], size_px[1] / SIZE_UNITS[1])
    left = (size_px[0] - scale * SIZE_UNITS[0]) / 2.0
    top = (size_px[1] - scale * SIZE_UNITS[1]) / 2.0
    x0, x1 = round(left + x * scale), round(left + (x + width) * scale)
    y0, y1 = round(top + y * scale), round(top + (y + height) * scale)
    return Box(x0, y0, max(x1 - x0, 1), max(y1 - y0, 1), _screen_value(light))


def _draw(image: np.ndarray, box: Box) -> None:
    image[box.y : box.y + box.height, box.x : box.x + box.width] = box.value


def _greys_of(row: int) -> tuple[float, ...]:
    return _GREY_LIGHT if row == 0 else _GREY_LIGHT[::-1]


def _screen_value(light: float) -> int:
    """The sRGB value of a share of full light (IEC 61966-2-1)."""
    value = 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1.0 / 2.4) - 0.055
    return round(255.0 * value)


class CodeReader:
    """Reads numbers from camera images; one per thread."""

    def __init__(self) -> None:
        parameters = cv2.aruco.DetectorParameters()
        parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
        # Blurred markers have round corners, grey borders and wrong bits; that only known ones in one plane
        # count makes up for it.
        parameters.adaptiveThreshWinSizeMin, parameters.adaptiveThreshWinSizeMax = 23, 83
        parameters.adaptiveThreshWinSizeStep = 30
        parameters.polygonalApproxAccuracyRate = 0.06
        parameters.maxErroneousBitsInBorderRate = 0.5
        parameters.errorCorrectionRate = 1.0
        self._detector = cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(_MARKERS), parameters)

    def read(self, image: np.ndarray) -> CodeReading | None:
        """The number in a camera image, None where none can be read beyond doubt.

        Args:
            image: (height, width, 3) uint8, not mirrored.
        """
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image
        to_image = self._find(grey)
        if to_image is None:
            return None
        to_flat = np.diag([_PIXELS_PER_UNIT, _PIXELS_PER_UNIT, 1.0])
        size = (round(SIZE_UNITS[0] * _PIXELS_PER_UNIT), round(SIZE_UNITS[1] * _PIXELS_PER_UNIT))
        flat = cv2.warpPerspective(grey, to_flat @ np.linalg.inv(to_image), size)
        shares = _read_cells(flat)
        counter = None if shares is None else _match(shares)
        if shares is None or counter is None:
            return None
        middle = to_image @ [SIZE_UNITS[0] / 2.0, _CELL_TOPS[1], 1.0]
        return CodeReading(counter, shares, middle[:2] / middle[2] / (grey.shape[1], grey.shape[0]))

    def _find(self, grey: np.ndarray) -> np.ndarray | None:
        """(3,3) from pattern units to pixels."""
        corners, numbers, _ = self._detector.detectMarkers(cv2.GaussianBlur(grey, (0, 0), _SMOOTHING_PX))
        found = {} if numbers is None else dict(zip(numbers.ravel().tolist(), corners, strict=True))
        places = dict(zip(_MARKER_NUMBERS, _MARKER_CORNERS, strict=True))
        known = [number for number in _MARKER_NUMBERS if number in found]
        if len(known) < _FEWEST_MARKERS:
            return None
        square = _MARKER_UNITS * np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
        pattern = np.concatenate([np.array(places[number]) + square for number in known])
        pixels = np.concatenate([found[number].reshape(4, 2) for number in known])
        to_image, _ = cv2.findHomography(pattern, pixels)
        if to_image is None or not np.isfinite(to_image).all() or abs(np.linalg.det(to_image)) < 1e-9:
            return None
        there = np.concatenate([pattern, np.ones((len(pattern), 1))], axis=1) @ to_image.T
        apart_px = np.linalg.norm(there[:, :2] / there[:, 2:] - pixels, axis=1)
        side_px = np.linalg.norm(np.diff(pixels.reshape(-1, 4, 2), axis=1), axis=2).min()
        if not apart_px.max() <= _LARGEST_BEND * side_px:
            return None
        found_matrix: np.ndarray = to_image
        return found_matrix


def _level(flat: np.ndarray, x: float, y: float, width: float, height: float) -> float:
    """Mean value of the inner part of a box, in pattern units."""
    edges = [x + _INNER * width, x + (1 - _INNER) * width, y + _INNER * height, y + (1 - _INNER) * height]
    x0, x1, y0, y1 = (round(edge * _PIXELS_PER_UNIT) for edge in edges)
    return float(flat[y0:y1, x0:x1].mean())


def _read_cells(flat: np.ndarray) -> np.ndarray | None:
    """(CELLS,) how much of the exposure each was white; None where the image contradicts itself."""
    greys = np.zeros(len(_GREY_LIGHT))
    for row, top in enumerate(_GREY_TOPS):
        values = [
            _level(flat, _GREY_LEFT + i * _GREY_WIDTH, top, _GREY_WIDTH, _GREY_HEIGHT)
            for i in range(len(_GREY_LIGHT))
        ]
        greys += np.array(values if row == 0 else values[::-1]) / len(_GREY_TOPS)
    if greys[-1] - greys[0] < _LEAST_CONTRAST or np.diff(greys[:-1]).min() < _LEAST_GREY_STEP:
        return None
    # Between the greys the usual gamma holds; they correct what it leaves. White may be overexposed.
    curve = np.maximum.accumulate((greys / 255.0) ** _NOMINAL_GAMMA + 1e-9 * np.arange(len(greys)))
    levels = np.array(
        [
            [_level(flat, _CELL_LEFT + i * _CELL_WIDTH, top, _CELL_WIDTH, _CELL_HEIGHT) for i in range(CELLS)]
            for top in _CELL_TOPS
        ]
    )
    light, opposite = np.interp((levels / 255.0) ** _NOMINAL_GAMMA, curve, _GREY_LIGHT)
    # Of an overexposed cell is known only that it was white for the greater part.
    bright = (levels.max(axis=0) >= _OVEREXPOSED) & (np.minimum(light, opposite) < 0.5)
    if np.abs(light + opposite - 1.0)[~bright].max(initial=0.0) > _LARGEST_IMBALANCE:
        return None
    # The darker of the two is not overexposed.
    return np.where(light < opposite, light, 1.0 - opposite)


def _match(shares: np.ndarray) -> int | None:
    """The number in the middle of the exposure that these cells look like; None if they look like none."""
    gray = int(((shares[:BITS] > 0.5) << np.arange(BITS)).sum())
    guess = 0
    while gray:
        guess ^= gray
        gray >>= 1
    expected = _expected(guess)
    error = np.abs(expected - shares)
    best = int(np.argmin((error**2).sum(axis=1)))
    if error[best].max() > _LARGEST_ERROR or np.sqrt((error[best] ** 2).mean()) > _LARGEST_RMS:
        return None
    centre = float(np.repeat(_CENTRES, len(_WIDTHS))[best])
    return (guess + int(np.floor(centre))) % NUMBERS


@lru_cache(maxsize=256)
def _expected(guess: int) -> np.ndarray:
    """(exposures, CELLS) shares for exposures of several lengths that begin about when `guess` is shown."""
    around = np.arange(guess - 6, guess + 8)
    light = np.concatenate([np.zeros((1, CELLS)), np.cumsum(cell_table()[around % NUMBERS], axis=0)])
    edges = np.arange(len(around) + 1) - 6.0  # code time; a number is shown from itself to the next
    centres, widths = np.repeat(_CENTRES, len(_WIDTHS)), np.tile(_WIDTHS, len(_CENTRES))
    begin, end = centres - widths / 2.0, centres + widths / 2.0
    return np.stack(
        [
            (np.interp(end, edges, cell) - np.interp(begin, edges, cell)) / widths
            for cell in light.T
        ],
        axis=1,
    )  # fmt: skip
