"""`calibrate camera` from its flags: the board's page, folders of images, and guided capture."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from board_examples import BOARD, BoardCamera, Pose, good_poses

from app.calibrate.board_page import PAPERS, ensure_application, page_image
from app.calibrate.camera import run_camera
from app.calibrate.camera_capture import InstructionLines, capture_views
from app.calibrate.camera_guide import GOALS, CaptureGuide, GuideState
from app.calibrate.camera_settings import CalibrateCameraSettings
from app.calibrate.camera_window import CapturePicture
from app.errors import AppError, CancelledError, UsageError
from app.frame import Frame
from app.opencv import cv2
from app.sources.base import EndOfSource
from calibration.board import BoardDetector, BoardView
from calibration.camera import load_camera
from calibration.errors import CalibrationError

MM_PER_INCH = 25.4
PT_PER_INCH = 72.0
FPS = 15.0
FRAMES_HELD = 9  # 0.6 s: time to hold still, and for the pause between two images


@pytest.fixture(scope="module")
def camera() -> BoardCamera:
    return BoardCamera()


@pytest.fixture(scope="module")
def images(camera: BoardCamera) -> list[np.ndarray]:
    return [camera.render(pose, seed=i) for i, pose in enumerate(good_poses())]


@pytest.fixture(autouse=True)
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.calibrate.camera.has_display", lambda: False)
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")


class Shown:
    """A source of given images, each with its time."""

    fps = FPS
    live = True
    frame_count: int | None = None
    status = ""
    name = "camera 0"

    def __init__(self, images: list[np.ndarray | None], size_px: tuple[int, int] = (640, 480)) -> None:
        self.size_px = size_px
        self.closed = False
        self._images = images
        self._next = 0

    def read(self, timeout_s: float) -> Frame | None:
        if self._next == len(self._images):
            raise EndOfSource
        index, self._next = self._next, self._next + 1
        image = self._images[index]
        return None if image is None else Frame(index, round(index * 1e9 / FPS), image)

    def close(self) -> None:
        self.closed = True


def _moving(images: list[np.ndarray], empty: np.ndarray) -> list[np.ndarray | None]:
    """Every image held for a while, with the board away in between."""
    return [image for still in images for image in [*[still] * FRAMES_HELD, empty]]


def _write_folder(folder: Path, images: list[np.ndarray]) -> Path:
    folder.mkdir()
    for i, image in enumerate(images):
        cv2.imwrite(str(folder / f"{i:02d}.png"), image)
    return folder


# --- the page


@pytest.mark.parametrize("name", ["a4", "letter"])
def test_page_has_its_true_size_and_one_sheet(tmp_path: Path, name: str) -> None:
    path = tmp_path / "new" / "board.pdf"
    lines = run_camera(CalibrateCameraSettings(board=path, paper=name))
    assert str(path) in lines[0]
    assert "100 mm" in lines[1]
    content = path.read_bytes()
    assert content.startswith(b"%PDF")
    boxes = re.findall(rb"/MediaBox\s*\[\s*0\s+0\s+([\d.]+)\s+([\d.]+)\s*\]", content)
    assert len(boxes) == 1
    paper = PAPERS[name]
    for points, mm in zip(boxes[0], (paper.width_mm, paper.height_mm), strict=True):
        assert float(points) / PT_PER_INCH * MM_PER_INCH == pytest.approx(mm, abs=0.2)  # whole points
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a4", "letter"])
def test_printed_board_is_found_in_its_true_size(name: str) -> None:
    dpi = 150
    page = page_image(name, dpi)
    view = BoardDetector(BOARD).detect(page)
    assert view is not None
    assert len(view.ids) == 35
    found_m = (view.corners_px + 0.5) / dpi * MM_PER_INCH * 1e-3
    expected_m = BOARD.corners_m[view.ids, :2]
    offset_m = (found_m - expected_m).mean(axis=0)
    assert found_m - offset_m == pytest.approx(expected_m, abs=5e-5)


def test_printed_ruler_is_as_long_as_it_says() -> None:
    dpi = 254  # ten dots a millimetre
    page = page_image("a4", dpi)[..., 0]
    below = page[round((12.0 + BOARD.size_m[1] * 1e3 + 1.0) * 10) :]
    longest = max(_longest_run(row < 128) for row in below)
    assert longest == pytest.approx(1000, abs=2)


def _longest_run(black: np.ndarray) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], black.astype(int), [0]])))
    return int(np.max(edges[1::2] - edges[::2], initial=0))


@pytest.mark.parametrize("name", ["a4", "letter"])
def test_printers_margins_stay_free(name: str) -> None:
    page = page_image(name, 100)[..., 0]
    margin = round(5.0 / MM_PER_INCH * 100)
    inner = page[margin:-margin, margin:-margin]
    assert (page < 128).sum() == (inner < 128).sum()


def test_board_into_a_place_that_takes_no_files_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AppError, match="cannot write"):
        run_camera(CalibrateCameraSettings(board=tmp_path / "file" / "board.pdf"))


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
def test_a_disk_without_room_keeps_the_board_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "board.pdf"
    run_camera(CalibrateCameraSettings(board=path))
    before = path.read_bytes()
    with pytest.raises(AppError, match=r"cannot write .*board\.pdf"), little_room(len(before) // 2):
        run_camera(CalibrateCameraSettings(board=path))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@contextmanager
def little_room(room_bytes: int) -> Iterator[None]:
    """No file may become larger than that meanwhile."""
    import resource  # not on Windows

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# --- a folder


def test_folder_of_images_becomes_a_calibration(tmp_path: Path, images: list[np.ndarray]) -> None:
    folder = _write_folder(tmp_path / "images", images)
    (folder / "notes.txt").write_text("not an image")
    (folder / "broken.png").write_bytes(b"\x89PNG but no more")
    cv2.imwrite(str(folder / "empty.jpg"), np.full((480, 640, 3), 90, np.uint8))
    output = tmp_path / "out" / "camera.json"
    settings = CalibrateCameraSettings(images=folder, camera="webcam:2", output=output)
    lines = run_camera(settings)
    calibration = load_camera("webcam:2", output)
    assert calibration is not None
    assert calibration.source == "webcam:2"
    assert calibration.size_px == (640, 480)
    assert calibration.fx == pytest.approx(560.0, rel=0.005)
    assert calibration.images >= 18
    assert calibration.rms_px < 0.2
    text = "\n".join(lines)
    assert "reprojection error" in text
    assert "without the board: broken.png, empty.jpg" in text
    assert str(output) in lines[-1]


def test_mirror_images_give_the_camera_of_what_they_mirror(tmp_path: Path, images: list[np.ndarray]) -> None:
    folder = _write_folder(tmp_path / "mirrored", [image[:, ::-1] for image in images])
    output = tmp_path / "camera.json"
    with pytest.raises(AppError, match="not found"):
        run_camera(CalibrateCameraSettings(images=folder, output=output))
    run_camera(CalibrateCameraSettings(images=folder, output=output, mirror=True))
    calibration = load_camera("webcam", output)
    assert calibration is not None
    assert calibration.cx == pytest.approx(326.0, abs=3.0)


def test_refused_folder_leaves_the_calibration_before_it(tmp_path: Path, images: list[np.ndarray]) -> None:
    output = tmp_path / "camera.json"
    output.write_text("as it was")
    folder = _write_folder(tmp_path / "few", images[:4])
    with pytest.raises(CalibrationError, match="shows in 4 images and at least 8 are needed"):
        run_camera(CalibrateCameraSettings(images=folder, output=output))
    assert output.read_text() == "as it was"


def test_useless_folders_are_one_sentence_each(tmp_path: Path) -> None:
    def run(folder: Path) -> None:
        run_camera(CalibrateCameraSettings(images=folder, output=tmp_path / "camera.json"))

    with pytest.raises(AppError, match="is no folder"):
        run(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(AppError, match="holds no images"):
        run(tmp_path / "empty")
    with pytest.raises(AppError, match="not found in any of the 2 images"):
        run(_write_folder(tmp_path / "grey", [np.full((48, 64, 3), 90, np.uint8)] * 2))


# --- guided capture


def test_guided_capture_of_a_video_ends_by_itself(
    tmp_path: Path, camera: BoardCamera, images: list[np.ndarray]
) -> None:
    video = tmp_path / "board.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (640, 480))
    for image in _moving(images, camera.render(None)):
        assert image is not None
        writer.write(image)
    writer.release()
    output, kept = tmp_path / "camera.json", tmp_path / "kept"
    said: list[str] = []
    settings = CalibrateCameraSettings(source=str(video), camera="webcam", output=output, keep_images=kept)
    lines = run_camera(settings, said.append)
    calibration = load_camera("webcam", output)
    assert calibration is not None
    assert calibration.source == "webcam:0"
    assert calibration.fx == pytest.approx(560.0, rel=0.005)
    assert calibration.images >= 14
    assert not any("ended before" in line for line in lines)
    assert len(list(kept.glob("board_*.png"))) == sum("taken" in line for line in said) >= 15
    assert any(line.startswith("Move it to the") for line in said)


def test_guided_capture_picks_varied_images(camera: BoardCamera, images: list[np.ndarray]) -> None:
    source = Shown(_moving(images, camera.render(None)))
    captured = capture_views(source, BOARD, InstructionLines(lambda line: None), None)
    assert captured.complete
    assert not captured.cancelled
    assert len(captured.views) >= 15
    middles = np.array([view.corners_px.mean(axis=0) for view in captured.views])
    assert np.ptp(middles[:, 0]) > 250
    assert np.ptp(middles[:, 1]) > 150
    for i, view in enumerate(captured.views):  # no image twice
        for other in captured.views[i + 1 :]:
            same = len(view.ids) == len(other.ids) and np.allclose(
                view.corners_px, other.corners_px, atol=1.0
            )
            assert not same


def _look_for(
    guide: CaptureGuide, view: BoardView | None, count: int, t_ns: int = 0
) -> tuple[GuideState, int]:
    state = None
    for _ in range(count):
        state = guide.look(view, t_ns)
        t_ns += round(1e9 / FPS)
        if state.taken:
            break
    assert state is not None
    return state, t_ns


def test_same_place_is_taken_once(images: list[np.ndarray]) -> None:
    view = BoardDetector(BOARD).detect(images[0])
    guide = CaptureGuide((640, 480), BOARD)
    state, t_ns = _look_for(guide, view, 60)
    assert state.taken
    second, t_ns = _look_for(guide, view, 60, t_ns)  # two near ones are wanted
    assert second.taken
    state, _ = _look_for(guide, view, 60, t_ns)
    assert not state.taken
    assert state.images == 2


def test_moving_board_is_not_taken(camera: BoardCamera) -> None:
    guide = CaptureGuide((640, 480), BOARD)
    detector = BoardDetector(BOARD)
    for i in range(8):
        state = guide.look(detector.detect(camera.render(Pose(0.012 * i, 0.0, 0.36))), round(i * 1e9 / FPS))
        assert not state.taken
        assert state.instruction == "Hold it still"


def test_blurred_board_is_not_taken(camera: BoardCamera) -> None:
    view = BoardDetector(BOARD).detect(camera.render(Pose(0.0, 0.0, 0.34), blur_px=2.3))
    state, _ = _look_for(CaptureGuide((640, 480), BOARD), view, 30)
    assert not state.taken
    assert "blurred" in state.instruction


def test_what_is_missing_is_said(camera: BoardCamera) -> None:
    guide = CaptureGuide((640, 480), BOARD)
    assert guide.look(None, 0).instruction == "Show the board to the camera"
    detector = BoardDetector(BOARD)
    t_ns = 1
    everywhere = [Pose(x, y, 0.38) for x in (-0.14, 0.14) for y in (-0.09, 0.09)] + [Pose(0, 0, 0.38)]
    said = set()
    for pose in everywhere:
        view = detector.detect(camera.render(pose))
        for _ in range(2):
            state, t_ns = _look_for(guide, view, 12, t_ns)
            said.add(state.instruction)
        guide.look(None, t_ns)
        t_ns += 1
    assert any(words.startswith("Move it to the") for words in said)
    assert state.progress["picture"] == 1.0
    assert state.progress["near"] == 1.0
    assert state.instruction == "Turn the board: its left edge away from the camera"
    assert not state.done
    assert set(state.progress) == set(GOALS)


def test_left_and_right_are_those_of_whoever_faces_the_camera(camera: BoardCamera) -> None:
    view = BoardDetector(BOARD).detect(camera.render(Pose(0.16, -0.1, 0.36)))
    plain, mirrored = (
        _look_for(CaptureGuide((640, 480), BOARD, mirrored), view, 30)[0].instruction
        for mirrored in (False, True)
    )
    assert "left" in plain
    assert mirrored == plain.replace("left", "right")


class Cancelling(InstructionLines):
    """Gives up after some images were taken."""

    def __init__(self, images: int) -> None:
        super().__init__(lambda line: None)
        self._left = images

    def show(self, frame: Frame, view: BoardView | None, state: GuideState, notice: str) -> None:
        self._left -= state.taken
        self.cancelled = self._left <= 0


def test_cancelling_keeps_the_calibration_there_was(
    tmp_path: Path, camera: BoardCamera, images: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "camera.json"
    output.write_text("as it was")
    monkeypatch.setattr("app.calibrate.camera._open_display", lambda *arguments: Cancelling(2))
    source = Shown(_moving(images, camera.render(None)))
    settings = CalibrateCameraSettings(output=output, keep_images=tmp_path / "kept")
    with pytest.raises(CancelledError, match="cancelled after 2 images; what was calibrated before stays"):
        run_camera(settings, source=source)
    assert output.read_text() == "as it was"
    assert len(list((tmp_path / "kept").iterdir())) == 2
    assert source.closed


def test_source_that_never_shows_the_board_is_one_sentence(tmp_path: Path, camera: BoardCamera) -> None:
    settings = CalibrateCameraSettings(output=tmp_path / "camera.json")
    with pytest.raises(AppError, match="never showed the board"):
        run_camera(settings, source=Shown([camera.render(None)] * 5))


def test_camera_without_images_is_one_sentence(tmp_path: Path) -> None:
    settings = CalibrateCameraSettings(output=tmp_path / "camera.json")
    source = Shown([None] * 1000)
    with pytest.raises(AppError, match="camera 0 gives no images"):
        run_camera(settings, source=source)
    assert source.closed


def test_video_that_shows_too_little_says_what_is_missing(
    tmp_path: Path, camera: BoardCamera, images: list[np.ndarray]
) -> None:
    source = Shown(_moving(images[:3], camera.render(None)))
    with pytest.raises(CalibrationError, match="images and at least 8 are needed"):
        run_camera(CalibrateCameraSettings(output=tmp_path / "camera.json"), source=source)


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"board": Path("board.png")}, "--board"),
        ({"output": Path("camera.txt")}, "--output"),
        ({"images": Path("a"), "keep_images": Path("b")}, "--keep-images"),
        ({"source": "synthetic"}, "--source"),
        ({"square_mm": 0.0}, "--square-mm is 0: .* from 5 to 500 mm"),
        ({"square_mm": float("nan")}, "--square-mm is nan"),
    ],
)
def test_flags_that_cannot_be_followed_are_named(changes: dict[str, object], flag: str) -> None:
    with pytest.raises(UsageError, match=flag):
        run_camera(dataclasses.replace(CalibrateCameraSettings(), **changes))


# --- the window


def test_window_draws_every_state_and_escape_cancels(images: list[np.ndarray]) -> None:
    from PySide6 import QtCore, QtGui

    application = ensure_application()
    picture = CapturePicture(mirrored=True)
    picture.resize(900, 700)
    before = _pixels(picture.grab().toImage())
    view = BoardDetector(BOARD).detect(images[0])
    guide = CaptureGuide((640, 480), BOARD, mirrored=True)
    state, _ = _look_for(guide, view, 30)
    picture.show_state(images[0], view, state, "")
    after = _pixels(picture.grab().toImage())
    assert np.mean(np.any(before != after, axis=-1)) > 0.4
    picture.show_notice("camera 0 is unplugged; trying again")
    assert np.any(_pixels(picture.grab().toImage()) != after)
    assert not picture.cancelled
    press = QtGui.QKeyEvent(
        QtCore.QEvent.Type.KeyPress, QtCore.Qt.Key.Key_Escape, QtCore.Qt.KeyboardModifier.NoModifier
    )
    application.sendEvent(picture, press)
    assert picture.cancelled
    picture.close()


class Typing(Shown):
    """Presses Esc in the window after some frames."""

    def read(self, timeout_s: float) -> Frame | None:
        from PySide6 import QtCore, QtGui, QtWidgets

        if self._next == 4:
            for widget in QtWidgets.QApplication.topLevelWidgets():
                if isinstance(widget, CapturePicture):
                    press = QtGui.QKeyEvent(
                        QtCore.QEvent.Type.KeyPress,
                        QtCore.Qt.Key.Key_Escape,
                        QtCore.Qt.KeyboardModifier.NoModifier,
                    )
                    QtWidgets.QApplication.postEvent(widget, press)
        return super().read(timeout_s)


def test_escape_in_the_window_ends_the_run(
    tmp_path: Path, images: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.calibrate.camera.has_display", lambda: True)
    source = Typing([images[0]] * 30)
    with pytest.raises(CancelledError, match="cancelled after"):
        run_camera(CalibrateCameraSettings(output=tmp_path / "camera.json"), source=source)
    assert source.closed
    assert source._next < 10
    assert not (tmp_path / "camera.json").exists()


def _pixels(image: object) -> np.ndarray:
    from PySide6 import QtGui

    assert isinstance(image, QtGui.QImage)
    rgb = image.convertToFormat(QtGui.QImage.Format.Format_RGB32)
    return np.frombuffer(rgb.constBits(), np.uint8).reshape(rgb.height(), rgb.width(), 4).copy()
