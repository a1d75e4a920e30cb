"""A camera's focal lengths, centre and lens distortion from images of a board, or why they cannot be had.

Z. Zhang, "A flexible new technique for camera calibration", PAMI 2000, with the lens of D. C. Brown,
"Close-range camera calibration", 1971, as OpenCV's calibrateCamera fits them. Which of the lens' terms are
fitted is decided by what they explain (Bayesian information criterion), so that few images of a plain lens do
not end in coefficients that fit their noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from calibration.board import Board, BoardView
from calibration.camera import FOCAL_SHARES, MOST_ASPECT, MOST_CENTRE_SHARE
from calibration.coverage import TILTED_RAD, Coverage, measure_coverage
from calibration.errors import CalibrationError
from calibration.lens import radius_seen_at

FEWEST_VIEWS = 8
LEAST_SHARE = 0.5  # of the image's cells
LEAST_REACH = 0.6  # beyond that lens distortion is guessed, and it is largest there
FEWEST_TILTED = 3
MOST_BLUR_PX = 1.8
MOST_BLUR_SHARE = 0.04  # of a square's side; the larger of both counts
MOST_RMS_PX = 1.0  # for images up to 1280 pixels wide, in proportion above
MOST_FOCAL_DEVIATION = 0.02  # standard deviation over value
_OUTLIER_RATIO = 3.0  # of an image's error over the median
_OUTLIER_PX = 0.3  # images below that are never outliers
_MOST_DROPPED = 0.25  # of the images
_FIX = (cv2.CALIB_FIX_K1, cv2.CALIB_FIX_K2, cv2.CALIB_ZERO_TANGENT_DIST, cv2.CALIB_FIX_K3)


@dataclass(frozen=True)
class _LensTerms:
    """Which coefficients of the lens are fitted."""

    words: str
    flags: int
    count: int


_TERMS = (
    _LensTerms("k1", _FIX[1] | _FIX[2] | _FIX[3], 1),
    _LensTerms("k1 k2", _FIX[2] | _FIX[3], 2),
    _LensTerms("k1 k2 p1 p2", _FIX[3], 4),
    _LensTerms("k1 k2 p1 p2 k3", 0, 5),
)


@dataclass(frozen=True)
class Intrinsics:
    """A camera as its images show it.

    Attributes:
        size_px: image (width, height).
        fx, fy: focal lengths, pixels.
        cx, cy: principal point, pixels; a pixel's centre has whole coordinates.
        distortion: (5,) k1, k2, p1, p2, k3 as OpenCV orders them.
        deviations: (4,) standard deviations of fx, fy, cx, cy, pixels.
        terms: the distortion coefficients that were fitted; the others are 0.
        rms_px: root mean square distance between corners seen and reprojected, pixels.
        views: names of the images used.
        view_rms_px: (N,) the same distance for each of them.
        dropped: (name, why) of images left out.
        coverage: of the images used.
        seen_radius: the farthest corner from the axis, as the tangent of its angle.
    """

    size_px: tuple[int, int]
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: np.ndarray
    deviations: np.ndarray
    terms: str
    rms_px: float
    views: tuple[str, ...]
    view_rms_px: np.ndarray
    dropped: tuple[tuple[str, str], ...]
    coverage: Coverage
    seen_radius: float


def fit_intrinsics(views: Sequence[BoardView], board: Board) -> Intrinsics:
    """The camera that saw these views of the board. Printing the board larger or smaller changes nothing.

    Raises:
        CalibrationError: the views cannot tell; one sentence says why, and what to do.
    """
    _check_sizes(views)
    _check_count(views)
    sharp = [view for view in views if not is_blurred(view, board)]
    if len(sharp) < FEWEST_VIEWS:
        worst = max(views, key=lambda view: view.blur_px)
        raise CalibrationError(
            f"{len(views) - len(sharp)} of {len(views)} images are blurred ({worst.name} most, by "
            f"{worst.blur_px:.1f} pixels): hold the board still, give more light, and let the camera focus"
        )
    dropped = [
        (view.name, f"blurred by {view.blur_px:.1f} pixels") for view in views if is_blurred(view, board)
    ]
    coverage = _check_coverage(sharp, board)
    fit = _fit(sharp, board)
    agrees = _agreeing(fit)
    kept = [view for view, good in zip(sharp, agrees, strict=True) if good]
    if len(kept) < len(sharp):
        odd = [
            (view.name, f"{rms:.2f} pixels off")
            for view, rms, good in zip(sharp, fit.view_rms_px, agrees, strict=True)
            if not good
        ]
        if len(kept) < FEWEST_VIEWS or len(odd) > _MOST_DROPPED * len(sharp):
            raise CalibrationError(
                f"{len(odd)} of {len(sharp)} images agree with none of the others ({odd[0][0]} is "
                f"{odd[0][1]}): the board bent or moved, or it is not the same board; mount it flat and "
                "hold it still"
            )
        dropped += odd
        coverage = _check_coverage(kept, board)
        fit = _fit(kept, board)
    _check_fit(fit, kept)
    return Intrinsics(
        size_px=kept[0].size_px,
        fx=float(fit.matrix[0, 0]),
        fy=float(fit.matrix[1, 1]),
        cx=float(fit.matrix[0, 2]),
        cy=float(fit.matrix[1, 2]),
        distortion=fit.distortion,
        deviations=fit.deviations,
        terms=fit.terms,
        rms_px=fit.rms_px,
        views=tuple(view.name for view in kept),
        view_rms_px=fit.view_rms_px,
        dropped=tuple(dropped),
        coverage=coverage,
        seen_radius=fit.seen_radius,
    )


def is_blurred(view: BoardView, board: Board) -> bool:
    """Whether edges are smeared so far that corners cannot be placed well."""
    return view.blur_px > max(MOST_BLUR_PX, MOST_BLUR_SHARE * _square_px(view, board))


def _square_px(view: BoardView, board: Board) -> float:
    """Typical distance between neighbouring corners in the image, pixels."""
    area_px, area = (
        cv2.contourArea(cv2.convexHull(points.astype(np.float32)))
        for points in (view.corners_px, board.corners_m[view.ids, :2] / board.square_m)
    )
    return math.sqrt(area_px / area)


def _check_sizes(views: Sequence[BoardView]) -> None:
    sizes = sorted({view.size_px for view in views})
    if len(sizes) > 1:
        found = " and ".join(f"{width}×{height}" for width, height in sizes)
        raise CalibrationError(
            f"the images are of different sizes, {found}: take all with one camera at one resolution"
        )


def _check_count(views: Sequence[BoardView]) -> None:
    if len(views) < FEWEST_VIEWS:
        raise CalibrationError(
            f"the board shows in {len(views)} image{'' if len(views) == 1 else 's'} and at least "
            f"{FEWEST_VIEWS} are needed, better 20: take more, with the board in other places and tilts"
        )


def _check_coverage(views: Sequence[BoardView], board: Board) -> Coverage:
    coverage = measure_coverage(views, board, views[0].size_px)
    if coverage.reach < LEAST_REACH or coverage.share < LEAST_SHARE:
        raise CalibrationError(
            f"the board was seen in {coverage.share:.0%} of the picture and no farther out than "
            f"{coverage.reach:.0%} of the way to its corners: take images with the board in each corner and "
            "along each edge, too"
        )
    if coverage.tilted < FEWEST_TILTED:
        raise CalibrationError(
            f"the board faces the camera squarely in nearly all images ({coverage.tilted} of {len(views)} "
            "are tilted), which leaves the focal length open: tilt it by "
            f"{math.degrees(2 * TILTED_RAD):.0f}° to the left, right, up and down"
        )
    return coverage


@dataclass(frozen=True)
class _Fit:
    """What calibrateCamera makes of a set of views."""

    matrix: np.ndarray
    distortion: np.ndarray
    deviations: np.ndarray
    terms: str
    rms_px: float
    view_rms_px: np.ndarray
    seen_radius: float


def _fit(views: Sequence[BoardView], board: Board) -> _Fit:
    """The fit with the lens terms that the views bear out."""
    values = 2 * sum(len(view.ids) for view in views)
    best: tuple[float, _Fit] | None = None
    for terms in _TERMS:
        fit = _fit_terms(views, board, terms)
        if fit is None:
            continue
        score = values * math.log(max(fit.rms_px, 1e-6) ** 2) + terms.count * math.log(values)
        if best is None or score < best[0]:
            best = (score, fit)
    if best is None:
        raise CalibrationError(
            "no camera explains these images: check that all show this board, printed flat, and were taken "
            "with one camera without zoom"
        )
    return best[1]


def _fit_terms(views: Sequence[BoardView], board: Board, terms: _LensTerms) -> _Fit | None:
    """None where there is no solution, or one whose lens folds the image over itself."""
    corners_m = board.corners_m.astype(np.float32)
    try:
        _, matrix, distortion, _, _, deviations, _, errors = cv2.calibrateCameraExtended(
            [corners_m[view.ids] for view in views],
            [view.corners_px.astype(np.float32)[:, None] for view in views],
            views[0].size_px,
            np.eye(3),
            np.zeros(5),
            flags=terms.flags,
        )
    except cv2.error:
        return None
    coefficients = np.asarray(distortion, dtype=np.float64).reshape(-1)[:5]
    view_rms_px = np.asarray(errors, dtype=np.float64).reshape(-1)
    if not (np.isfinite(matrix).all() and np.isfinite(coefficients).all() and np.isfinite(view_rms_px).all()):
        return None
    corners_px = np.concatenate([view.corners_px for view in views])
    seen = (corners_px - matrix[:2, 2]) / matrix.diagonal()[:2]
    seen_radius = radius_seen_at(coefficients, float(np.linalg.norm(seen, axis=1).max()))
    if not math.isfinite(seen_radius):
        return None
    counts = np.array([len(view.ids) for view in views])
    return _Fit(
        matrix=np.asarray(matrix, dtype=np.float64),
        distortion=coefficients,
        deviations=np.asarray(deviations, dtype=np.float64).reshape(-1)[:4],
        terms=terms.words,
        rms_px=math.sqrt(float(np.sum(counts * view_rms_px**2) / np.sum(counts))),
        view_rms_px=view_rms_px,
        seen_radius=seen_radius,
    )


def _agreeing(fit: _Fit) -> np.ndarray:
    """(N,) bool: images whose error is not far beyond that of the others."""
    return fit.view_rms_px <= max(_OUTLIER_PX, _OUTLIER_RATIO * float(np.median(fit.view_rms_px)))


def _check_fit(fit: _Fit, views: Sequence[BoardView]) -> None:
    """Refuse a camera that no webcam is, or that the images do not pin down."""
    width, height = views[0].size_px
    fx, fy = fit.matrix[0, 0], fit.matrix[1, 1]
    cx, cy = fit.matrix[0, 2], fit.matrix[1, 2]
    most_rms_px = MOST_RMS_PX * max(1.0, max(width, height) / 1280.0)
    if fit.rms_px > most_rms_px:
        worst = int(np.argmax(fit.view_rms_px))
        raise CalibrationError(
            f"corners are {fit.rms_px:.2f} pixels from where they should be, {most_rms_px:.2f} at most is "
            f"good ({views[worst].name} is worst, {fit.view_rms_px[worst]:.2f}): mount the board flat on a "
            "stiff base, hold it still, and switch off the camera's zoom and autofocus"
        )
    if max(fx / fy, fy / fx) > MOST_ASPECT:
        raise CalibrationError(
            f"the focal lengths come out as {fx:.0f} and {fy:.0f} pixels, as if the images were stretched: "
            "take them at a resolution that the camera has by itself"
        )
    longer = max(width, height)
    if not FOCAL_SHARES[0] * longer <= math.sqrt(fx * fy) <= FOCAL_SHARES[1] * longer:
        raise CalibrationError(
            f"the focal length comes out as {math.sqrt(fx * fy):.0f} pixels for images of {width}×{height}, "
            "which is no webcam's: use a lens between 10° and 120° wide, and tilt the board more"
        )
    if (
        abs(cx - 0.5 * width) > MOST_CENTRE_SHARE * width
        or abs(cy - 0.5 * height) > MOST_CENTRE_SHARE * height
    ):
        raise CalibrationError(
            f"the lens' axis comes out at ({cx:.0f}, {cy:.0f}) in images of {width}×{height}, far from the "
            "middle: use whole images, not cut ones, and tilt the board to all four sides"
        )
    deviation = float(max(fit.deviations[0] / fx, fit.deviations[1] / fy))
    if deviation > MOST_FOCAL_DEVIATION:
        raise CalibrationError(
            f"the focal length is known to ±{deviation:.0%} only: take more images with the board near and "
            "tilted to all four sides"
        )
