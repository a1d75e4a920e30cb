"""MediaPipe's two networks for hands on LiteRT: where palms are in an image, and the keypoints of one hand.

MediaPipe's own Tasks compute them on one thread, whatever the machine has, and cannot be told otherwise.
"""

from __future__ import annotations

import io
import lzma
import os
import zipfile
import zlib
from dataclasses import dataclass

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from app.native_stderr import without_native_notices
from app.opencv import cv2
from models.observation import NUM_KEYPOINTS

_PALM_MEMBER, _KEYPOINTS_MEMBER = "hand_detector.tflite", "hand_landmarks_detector.tflite"
_MOST_THREADS = 4  # the networks are small
_PALM_GRIDS = ((24, 2), (12, 6))  # cells along each side, guesses in each cell; a row of output per guess
_PALM_VALUES = 18  # of a guess: centre, size, and seven points, in pixels of the input
_NEAR_SCALE = 0.4  # the landmark network's depths are larger than its pixels by 1 / this
_SAME_PALM_OVERLAP = 0.3
_LOGIT_LIMIT = 100.0


@dataclass(frozen=True)
class Palm:
    """A palm, in shares of the square image it was found in, from its upper left corner.

    Attributes:
        centre, size: (2,) of its upright box.
        points: (7,2); the first is the wrist, the third the knuckle of the middle finger.
        score: 0–1.
    """

    centre: np.ndarray
    size: np.ndarray
    points: np.ndarray
    score: float


@dataclass(frozen=True)
class HandKeypoints:
    """What the landmark network says of a square image.

    Attributes:
        shares: (21,2) float64, in shares of the image's sides from its upper left corner.
        depths: (21,) float64, away from the camera, in shares of a side.
        world_m: (21,3) float64, metres, axes of the image.
        presence: probability that the image shows a hand.
        right: probability that it is a right hand.
    """

    shares: np.ndarray
    depths: np.ndarray
    world_m: np.ndarray
    presence: float
    right: float


class HandNetworks:
    """Both networks of a hand landmarker file.

    Attributes:
        palm_input_px, hand_input_px: sides of the square images they take.
    """

    def __init__(self, model: bytes, threads: int | None = None) -> None:
        """Load them; about 0.1 s.

        Args:
            model: the content of hand_landmarker.task.
            threads: computed on so many; as many as there are processors, up to four, unless told.

        Raises:
            ValueError, RuntimeError: the content is no such file.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(model)) as members:
                palm, keypoints = members.read(_PALM_MEMBER), members.read(_KEYPOINTS_MEMBER)
        except (
            zipfile.BadZipFile, zlib.error, lzma.LZMAError, KeyError, NotImplementedError, EOFError
        ) as error:  # fmt: skip
            raise ValueError(error.args[0] if error.args else "it is cut off") from error
        threads = threads or min(_MOST_THREADS, _processors())
        with without_native_notices():
            self._palm = _Network(palm, threads, [(len(_CELLS), _PALM_VALUES), (len(_CELLS), 1)])
            points = (3 * NUM_KEYPOINTS,)
            self._keypoints = _Network(keypoints, threads, [points, (1,), (1,), points])
        self.palm_input_px, self.hand_input_px = self._palm.side_px, self._keypoints.side_px

    def palms(self, image: np.ndarray, least_score: float) -> list[Palm]:
        """The palms in a BGR uint8 image of `palm_input_px` squared, surest first; one for each palm."""
        boxes, logits = self._palm(image)
        scores = 1.0 / (1.0 + np.exp(-np.clip(logits[:, 0].astype(np.float64), -_LOGIT_LIMIT, _LOGIT_LIMIT)))
        chosen = np.flatnonzero(scores >= least_score)
        values = boxes[chosen].astype(np.float64).reshape(-1, _PALM_VALUES // 2, 2) / self.palm_input_px
        cells = _CELLS[chosen]
        centres, sizes, points = values[:, 0] + cells, values[:, 1], values[:, 2:] + cells[:, None]
        return _merged(centres, sizes, points, scores[chosen])

    def keypoints(self, image: np.ndarray) -> HandKeypoints:
        """The hand in a BGR uint8 image of `hand_input_px` squared."""
        in_image, presence, right, world = self._keypoints(image)
        points = in_image.astype(np.float64).reshape(NUM_KEYPOINTS, 3) / self.hand_input_px
        return HandKeypoints(
            shares=points[:, :2],
            depths=points[:, 2] / _NEAR_SCALE,
            world_m=world.astype(np.float64).reshape(NUM_KEYPOINTS, 3),
            presence=float(presence[0]),
            right=float(right[0]),
        )


class _Network:
    """A network that takes one RGB image of values from 0 to 1."""

    def __init__(self, content: bytes, threads: int, output_shapes: list[tuple[int, ...]]) -> None:
        self._interpreter = Interpreter(model_content=content, num_threads=threads)
        self._interpreter.allocate_tensors()
        (given,) = self._interpreter.get_input_details()
        # Their names tell which is which: Identity, Identity_1 and so on.
        outputs = sorted(self._interpreter.get_output_details(), key=lambda output: output["name"])
        shapes = [tuple(int(size) for size in output["shape"][1:]) for output in outputs]
        shape = tuple(int(size) for size in given["shape"])
        is_image = len(shape) == 4 and shape == (1, shape[1], shape[1], 3) and given["dtype"] == np.float32
        if shapes != output_shapes or not is_image:
            raise ValueError(f"a network in it takes {shape} and gives {shapes}, not {output_shapes}")
        self._input, self._outputs = given["index"], [output["index"] for output in outputs]
        self.side_px = shape[1]

    def __call__(self, image: np.ndarray) -> list[np.ndarray]:
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        values = np.multiply(rgb, np.float32(1.0 / 255.0), dtype=np.float32)
        self._interpreter.set_tensor(self._input, values[None])
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index)[0] for index in self._outputs]


def _merged(centres: np.ndarray, sizes: np.ndarray, points: np.ndarray, scores: np.ndarray) -> list[Palm]:
    """One palm of all guesses (N,…) that overlap: their mean, weighted by their scores."""
    palms = []
    left = np.argsort(-scores, kind="stable")
    while len(left):
        same = _overlaps(centres, sizes, left) > _SAME_PALM_OVERLAP
        same[0] = True
        group, left = left[same], left[~same]
        weights = scores[group] / scores[group].sum()
        centre, size = weights @ centres[group], weights @ sizes[group]
        palms.append(Palm(centre, size, np.tensordot(weights, points[group], 1), float(scores[group[0]])))
    return palms


def _overlaps(centres: np.ndarray, sizes: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Intersection over union of the first box in `order` with each of `order`."""
    low, high = (centres - sizes / 2.0)[order], (centres + sizes / 2.0)[order]
    common = np.clip(np.minimum(high, high[0]) - np.maximum(low, low[0]), 0.0, None).prod(axis=1)
    areas = sizes[order].prod(axis=1)
    return common / np.maximum(areas + areas[0] - common, 1e-12)


def _cells() -> np.ndarray:
    """(guesses,2) middle of each guess's cell in shares of the image, in the network's order."""
    middles = []
    for cells, guesses in _PALM_GRIDS:
        y, x = np.divmod(np.repeat(np.arange(cells * cells), guesses), cells)
        middles.append((np.stack([x, y], axis=1) + 0.5) / cells)
    return np.concatenate(middles)


_CELLS = _cells()


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
