"""A calibrated camera, kept per source: from its pixels to those of a pinhole, and back."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import numpy as np
from platformdirs import user_config_path

from calibration.errors import CalibrationError
from calibration.lens import Lens
from models.camera import Camera

# What a webcam can be, and a calibration must say.
FOCAL_SHARES = (0.3, 6.0)  # of the image's longer side: 120° to 10° across
MOST_ASPECT = 1.2  # fx over fy, or fy over fx
MOST_CENTRE_SHARE = 0.2  # of the image's size, from its middle

_MOST_TANGENTIAL = 0.1  # a sensor tilted by far less than that is thrown away
_EQUAL_ASPECT = 0.01
_CURE = "delete it and run: python launch.py calibrate camera"


@dataclass(frozen=True)
class CameraCalibration:
    """Focal lengths, centre and lens of one camera at one resolution.

    Attributes:
        source: the source it is of, as `--source` names it.
        size_px: image (width, height).
        fx, fy: focal lengths, pixels.
        cx, cy: principal point, pixels; a pixel's centre has whole coordinates, as in OpenCV.
        distortion: k1, k2, p1, p2, k3 in OpenCV's order.
        seen_radius: how far from the axis the board was seen, as the tangent of the angle.
        rms_px: root mean square reprojection error, pixels.
        images: how many images it was fitted to.
        coverage: share of the picture's cells in which the board was seen, 0–1.
    """

    source: str
    size_px: tuple[int, int]
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...]
    seen_radius: float
    rms_px: float
    images: int
    coverage: float

    def __post_init__(self) -> None:
        numbers = (
            self.fx,
            self.fy,
            self.cx,
            self.cy,
            *self.distortion,
            self.seen_radius,
            self.rms_px,
            self.coverage,
        )
        if len(self.distortion) != 5 or not all(math.isfinite(number) for number in numbers):
            raise CalibrationError(
                "a camera has five distortion coefficients, and all its numbers are finite"
            )
        if min(*self.size_px, self.fx, self.fy, self.seen_radius) <= 0:
            raise CalibrationError("a camera's image size, focal lengths and seen_radius are above 0")
        longer, aspect = max(self.size_px), max(self.fx / self.fy, self.fy / self.fx)
        share = math.sqrt(self.fx) * math.sqrt(self.fy) / longer
        if aspect > MOST_ASPECT or not FOCAL_SHARES[0] <= share <= FOCAL_SHARES[1]:
            raise CalibrationError(
                f"focal lengths of {self.fx:.4g} and {self.fy:.4g} pixels are no webcam's of {longer} pixels"
            )
        for centre_px, side_px in zip((self.cx, self.cy), self.size_px, strict=True):
            if abs(centre_px - 0.5 * side_px) > MOST_CENTRE_SHARE * side_px:
                raise CalibrationError(
                    f"its axis, at {centre_px:.4g} of {side_px} pixels, is far off the middle"
                )
        if max(abs(term) for term in self.distortion[2:4]) > _MOST_TANGENTIAL:
            raise CalibrationError(f"no lens has p1 or p2 beyond ±{_MOST_TANGENTIAL}")
        try:
            _ = self._lens
        except ValueError as error:
            raise CalibrationError(f"no lens has this distortion: {error}") from error

    @cached_property
    def _lens(self) -> Lens:
        return Lens(np.asarray(self.distortion), self.seen_radius)

    @cached_property
    def _focal_px(self) -> float:
        """Of the pinhole that stands for this camera."""
        return math.sqrt(self.fx * self.fy)

    def for_size(self, size_px: tuple[int, int]) -> CameraCalibration:
        """The same camera at another resolution of the same shape.

        Raises:
            CalibrationError: the shape is another; cameras cut it out of the sensor in ways of their own.
        """
        if size_px == self.size_px:
            return self
        scale = np.asarray(size_px) / np.asarray(self.size_px)
        if abs(scale[0] / scale[1] - 1.0) > _EQUAL_ASPECT:
            given, known = (f"{size[0]}×{size[1]}" for size in (size_px, self.size_px))
            raise CalibrationError(
                f"{self.source} was calibrated at {known} and gives {given}, which is another shape: set it "
                "back, or calibrate it again with: python launch.py calibrate camera"
            )
        return replace(
            self,
            size_px=size_px,
            fx=self.fx * float(scale[0]),
            fy=self.fy * float(scale[1]),
            # An image's edge, half a pixel before its first pixel's centre, stays where it is.
            cx=(self.cx + 0.5) * float(scale[0]) - 0.5,
            cy=(self.cy + 0.5) * float(scale[1]) - 0.5,
            rms_px=self.rms_px * float(scale[0]),
        )

    def pinhole(self, size_px: tuple[int, int] | None = None) -> Camera:
        """The pinhole camera whose pixels `undistort_px` gives, for images of `size_px`.

        Raises:
            CalibrationError: `size_px` is of another shape than what was calibrated.
        """
        if size_px is not None and size_px != self.size_px:
            return self.for_size(size_px).pinhole()
        return Camera(self._focal_px, (self.cx, self.cy), self.size_px)

    def undistort_px(self, points_px: np.ndarray) -> np.ndarray:
        """Where the pinhole would see what the camera sees at `points_px` (…,2); NaN in, NaN out.

        Defined for all pixels: beyond where the board was seen the lens is continued, see calibration.lens.
        """
        centre = np.array([self.cx, self.cy])
        seen = (np.asarray(points_px, dtype=np.float64) - centre) / np.array([self.fx, self.fy])
        return self._lens.undistort(seen) * self._focal_px + centre

    def distort_px(self, points_px: np.ndarray) -> np.ndarray:
        """Where the camera sees what the pinhole sees at `points_px` (…,2): the inverse of `undistort_px`."""
        centre = np.array([self.cx, self.cy])
        seen = self._lens.distort((np.asarray(points_px, dtype=np.float64) - centre) / self._focal_px)
        return seen * np.array([self.fx, self.fy]) + centre


def canonical_source(source: str) -> str:
    """One name for one camera: `webcam` is `webcam:0`, an address has no password, a path is whole.

    Raises:
        CalibrationError: it is an address that makes no sense.
    """
    if source == "webcam":
        return "webcam:0"
    if "://" in source:
        try:
            parts = urlsplit(source)
        except ValueError as error:
            raise CalibrationError(f"--source is no address ({error}); give PROTOCOL://HOST/PATH") from error
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    kind, _, number = source.partition(":")
    if kind in ("webcam", "synthetic"):
        return f"{kind}:{number or 0}"
    return str(Path(os.path.expanduser(source)).resolve())


def camera_path(source: str) -> Path:
    """Where the calibration of `source` is kept."""
    name = canonical_source(source)
    is_file = Path(name).is_absolute()
    plain = re.sub(r"[^A-Za-z0-9.-]+", "_", Path(name).name if is_file else name).strip("_")[:40]
    if is_file or "://" in name:  # names cut short or stripped of signs could be alike
        plain = f"{plain}_{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}"
    return user_config_path("posehand", appauthor=False) / "cameras" / f"{plain}.json"


def load_camera(source: str, path: Path | None = None) -> CameraCalibration | None:
    """The calibration of `source`; None where it has none.

    Args:
        source: as `--source` names it.
        path: another file than `camera_path`.

    Raises:
        CalibrationError: the file is there and holds no calibration.
    """
    path = camera_path(source) if path is None else path
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content["size_px"], list):
            raise ValueError("size_px is no list of width and height")
        width, height = content["size_px"]
        return CameraCalibration(
            source=str(content["source"]),
            size_px=(int(width), int(height)),
            fx=float(content["fx"]),
            fy=float(content["fy"]),
            cx=float(content["cx"]),
            cy=float(content["cy"]),
            distortion=tuple(float(value) for value in content["distortion"]),
            seen_radius=float(content["seen_radius"]),
            rms_px=float(content["rms_px"]),
            images=int(content["images"]),
            coverage=float(content["coverage"]),
        )
    except KeyError as error:
        raise CalibrationError(f"{path} holds no camera calibration (no {error.args[0]}); {_CURE}") from error
    except (OSError, ValueError, TypeError, OverflowError, RecursionError, CalibrationError) as error:
        raise CalibrationError(f"{path} holds no camera calibration ({error}); {_CURE}") from error


def save_camera(calibration: CameraCalibration, path: Path | None = None) -> Path:
    """Keep it for the runs to come; returns where.

    Raises:
        CalibrationError: the place cannot be written.
    """
    path = camera_path(calibration.source) if path is None else path
    content = {
        "source": calibration.source,
        "size_px": list(calibration.size_px),
        "fx": calibration.fx,
        "fy": calibration.fy,
        "cx": calibration.cx,
        "cy": calibration.cy,
        "distortion": list(calibration.distortion),
        "seen_radius": calibration.seen_radius,
        "rms_px": calibration.rms_px,
        "images": calibration.images,
        "coverage": calibration.coverage,
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.with_suffix(".part").unlink(missing_ok=True)
        raise CalibrationError(f"cannot write {path}: {error.strerror or error}") from error
    return path
