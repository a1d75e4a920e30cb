"""`calibrate camera` from its flags to the calibration that the other commands use."""

from __future__ import annotations

import contextlib
import logging
import math
from pathlib import Path

import numpy as np

from app.calibrate.camera_capture import CaptureDisplay, InstructionLines, Say, capture_views, read_views
from app.calibrate.camera_settings import CalibrateCameraSettings, check_settings
from app.display import has_display
from app.errors import CancelledError, UsageError
from app.files import require_writable
from app.sources.base import Source
from app.sources.open import open_source
from calibration.board import Board, BoardView
from calibration.camera import CameraCalibration, camera_path, canonical_source, save_camera
from calibration.errors import CalibrationError
from calibration.intrinsics import Intrinsics, fit_intrinsics

logger = logging.getLogger(__name__)

_NAMES_SHOWN = 5


def run_camera(
    settings: CalibrateCameraSettings, say: Say = logger.info, source: Source | None = None
) -> list[str]:
    """Calibrate a camera, or write the board to do it with; the lines to print at the end.

    Args:
        settings: the flags.
        say: takes instructions, line by line, where there is no window.
        source: frames to use instead of those of `settings.source`; it is closed here.

    Raises:
        UsageError: a flag has an illegal value.
        AppError: a source, a folder or a file is unusable.
        CancelledError: whoever held the board gave up.
        CalibrationError: the images cannot tell the camera; one sentence says why.
    """
    check_settings(settings)
    if settings.board is not None:
        return _write_board(settings.board, settings)
    try:
        board = Board.printed(settings.square_mm * 1e-3)
    except CalibrationError as error:
        raise UsageError(f"--square-mm is {settings.square_mm:g}: {error}") from error
    camera = canonical_source(settings.camera or settings.source)
    path = settings.output or camera_path(camera)
    require_writable(path)
    notes: list[str] = []
    if settings.images is not None:
        found, without = read_views(settings.images, board, settings.mirror)
        views: tuple[BoardView, ...] = tuple(found)
        if without:
            more = ", …" if len(without) > _NAMES_SHOWN else ""
            notes.append(f"without the board: {', '.join(without[:_NAMES_SHOWN])}{more}")
    else:
        with contextlib.ExitStack() as stack:
            if source is None:
                source = open_source(settings.source, realtime=_is_live(settings.source))
            stack.callback(source.close)
            display = _open_display(settings, source, say)
            stack.callback(display.close)
            captured = capture_views(source, board, display, settings.keep_images, settings.mirror)
        if captured.cancelled:
            raise CancelledError(
                f"cancelled after {len(captured.views)} images; what was calibrated before stays as it is"
            )
        if not captured.complete:
            notes.append(f"{source.name} ended before the board had been everywhere; more of it would help")
        views = captured.views
    intrinsics = fit_intrinsics(views, board)
    calibration = as_calibration(intrinsics, camera)
    save_camera(calibration, path)
    return [*result_lines(intrinsics, calibration), *notes, f"calibration: {path}"]


def as_calibration(intrinsics: Intrinsics, source: str) -> CameraCalibration:
    """What is kept of `intrinsics` for the source of that name.

    Raises:
        CalibrationError: no lens has this distortion.
    """
    return CameraCalibration(
        source=source,
        size_px=intrinsics.size_px,
        fx=intrinsics.fx,
        fy=intrinsics.fy,
        cx=intrinsics.cx,
        cy=intrinsics.cy,
        distortion=tuple(float(value) for value in intrinsics.distortion),
        seen_radius=intrinsics.seen_radius,
        rms_px=intrinsics.rms_px,
        images=len(intrinsics.views),
        coverage=intrinsics.coverage.share,
    )


def result_lines(intrinsics: Intrinsics, calibration: CameraCalibration) -> list[str]:
    """What was found and how well, to be printed."""
    width, height = intrinsics.size_px
    deviations = intrinsics.deviations
    across = math.degrees(2.0 * math.atan(0.5 * width / intrinsics.fx))
    coverage = intrinsics.coverage
    worst = int(np.argmax(intrinsics.view_rms_px))
    lines = [
        f"{calibration.source}, {width}×{height}: focal length {intrinsics.fx:.1f} ± {deviations[0]:.1f} × "
        f"{intrinsics.fy:.1f} ± {deviations[1]:.1f} pixels ({across:.0f}° across), centre "
        f"({intrinsics.cx:.1f} ± {deviations[2]:.1f}, {intrinsics.cy:.1f} ± {deviations[3]:.1f})",
        f"lens: {_lens_words(intrinsics)}; it moves pixels by up to {_most_moved_px(calibration):.1f}",
        f"reprojection error: {intrinsics.rms_px:.2f} pixels over {len(intrinsics.views)} images, "
        f"{intrinsics.view_rms_px[worst]:.2f} in the worst ({intrinsics.views[worst]})",
        f"coverage: {coverage.share:.0%} of the picture, {coverage.tilted} images tilted, distances 1 : "
        f"{coverage.distance_ratio:.1f}",
    ]
    if intrinsics.dropped:
        lines.append("left out: " + ", ".join(f"{name} ({why})" for name, why in intrinsics.dropped))
    return lines


def _lens_words(intrinsics: Intrinsics) -> str:
    names = ("k1", "k2", "p1", "p2", "k3")
    return ", ".join(
        f"{name} {value:.4f}"
        for name, value in zip(names, intrinsics.distortion, strict=True)
        if name in intrinsics.terms.split()
    )


def _most_moved_px(calibration: CameraCalibration) -> float:
    """The farthest that the lens moves any pixel of the picture."""
    width, height = calibration.size_px
    x, y = np.meshgrid(np.linspace(0, width - 1, 17), np.linspace(0, height - 1, 13))
    points_px = np.stack([x, y], axis=-1)
    return float(np.linalg.norm(calibration.undistort_px(points_px) - points_px, axis=-1).max())


def _write_board(path: Path, settings: CalibrateCameraSettings) -> list[str]:
    # Qt takes long to import, and only printing and windows need it.
    from app.calibrate.board_page import PAPERS, RULER_MM, write_board_pdf

    write_board_pdf(path, settings.paper)
    return [
        f"board: {path}",
        f"print it on {PAPERS[settings.paper].title} at 100 %, check that its line is {RULER_MM} mm long, "
        "and glue it flat on a stiff base",
    ]


def _is_live(spec: str) -> bool:
    return spec.partition(":")[0] == "webcam" or "://" in spec


def _open_display(settings: CalibrateCameraSettings, source: Source, say: Say) -> CaptureDisplay:
    if settings.headless or not has_display():
        return InstructionLines(say)
    from app.calibrate.camera_window import CaptureWindow

    return CaptureWindow(f"PoseHand  calibrate {source.name}", mirrored=source.live)
