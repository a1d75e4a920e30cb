"""A recording exported for Rerun holds what was recorded, at the times of capture."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from export_examples import (
    JOINTS,
    SIZE_PX,
    assert_shows,
    export_with_little_room,
    make_frame,
    make_record,
    record_usual,
    t_capture_ns,
    write_recording,
)

from app.errors import AppError, UsageError
from app.export.rerun import export_rerun
from app.export.run import run_export
from app.export.settings import ExportSettings
from app.opencv import cv2
from app.recording import FRAMES_FILE, HANDS_FILE
from app.run_calibration import RunCalibration
from app.run_camera import RunCamera
from calibration.camera import CameraCalibration

Rows = list[tuple[int, int | None, Any]]


@pytest.fixture(scope="module")
def rerun() -> Any:
    """The rerun package; skips where it is absent."""
    return pytest.importorskip(
        "rerun", reason="rerun-sdk is not installed: pip install -r requirements-export.txt"
    )


@pytest.fixture(scope="module")
def chunks(rerun: Any) -> Any:
    """How rerun reads its own files; skips where its version cannot."""
    return pytest.importorskip("rerun.chunk", reason="this rerun-sdk does not read .rrd files; 0.41 does")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, rerun: Any) -> Path:
    folder = tmp_path_factory.mktemp("rerun")
    record_usual(folder / "run", 40)
    assert run_export("rerun", [folder / "run"], ExportSettings())[-1] == f"rerun: {folder / 'run.rrd'}"
    return folder / "run.rrd"


def rows_of(chunks: Any, path: Path, entity: str, component: str) -> Rows:
    """(capture time in ns, frame, value) of every row of a component, in the order of time."""

    def rows() -> Iterator[tuple[int, int | None, Any]]:
        for chunk in chunks.RrdReader(path).stream():
            batch = chunk.to_record_batch()
            if chunk.entity_path != entity or component not in batch.schema.names:
                continue
            times = batch["capture_time"].cast("int64").to_pylist()
            frames = batch["frame"].to_pylist() if "frame" in batch.schema.names else [None] * len(times)
            yield from zip(times, frames, batch[component].to_pylist(), strict=True)

    return sorted(rows(), key=lambda row: row[0])


def since_start_ns(index: float) -> int:
    return t_capture_ns(index) - t_capture_ns(0)


def test_joints_stand_at_their_times_and_frames(exported: Path, chunks: Any) -> None:
    targets = rows_of(chunks, exported, "/right/target", "Scalars:scalars")
    tracked = [i for i in range(40) if not 10 <= i < 15]
    assert [(t_ns, frame) for t_ns, frame, _ in targets] == [(since_start_ns(i), i) for i in tracked]
    wanted_rad = np.array(tracked)[:, None] / 100.0 + np.arange(4.0)
    np.testing.assert_allclose([value for *_, value in targets], wanted_rad)
    measured = rows_of(chunks, exported, "/right/measured", "Scalars:scalars")
    wanted_rad = np.arange(40.0)[:, None] / 100.0 + np.arange(4.0) - 0.05
    np.testing.assert_allclose([value for *_, value in measured], wanted_rad)


def test_joints_have_their_names(exported: Path, chunks: Any) -> None:
    found = [
        chunk.to_record_batch()["SeriesLines:names"].to_pylist()
        for chunk in chunks.RrdReader(exported).stream()
        if chunk.entity_path == "/right/target"
        and "SeriesLines:names" in chunk.to_record_batch().schema.names
    ]
    assert found == [[list(JOINTS)]]


def test_images_are_the_recorded_ones(exported: Path, chunks: Any) -> None:
    images = rows_of(chunks, exported, "/camera/image", "EncodedImage:blob")
    assert [(t_ns, frame) for t_ns, frame, _ in images] == [(since_start_ns(i), i) for i in range(40)]
    for index, (*_, (blob,)) in enumerate(images):
        image = cv2.imdecode(np.asarray(blob, np.uint8), cv2.IMREAD_COLOR)
        assert_shows(image.reshape(-1, 3).mean(axis=0), index)


def test_a_lost_hand_is_cleared_and_its_state_said(exported: Path, chunks: Any) -> None:
    cleared = rows_of(chunks, exported, "/space/right/estimate/points", "Clear:is_recursive")
    assert [frame for _, frame, _ in cleared] == list(range(10, 15))
    points = rows_of(chunks, exported, "/space/right/estimate/points", "Points3D:positions")
    assert len(points) == 35
    np.testing.assert_allclose(points[0][2], make_record(0).trajectory.keypoints_m[0] + 0.5, atol=1e-6)
    states = rows_of(chunks, exported, "/right/source_state", "TextLog:text")
    assert [(frame, text) for _, frame, (text,) in states] == [
        (0, "tracking"),
        (10, "lost"),
        (15, "tracking"),
    ]
    levels = rows_of(chunks, exported, "/right/source_state/level", "Scalars:scalars")
    assert [level for *_, (level,) in levels] == [2.0] * 10 + [0.0] * 5 + [2.0] * 25


def test_the_estimate_is_drawn_where_the_recorded_camera_sees_it(tmp_path: Path, chunks: Any) -> None:
    distortion = (0.05, -0.1, 0.0, 0.0, 0.0)
    calibration = CameraCalibration(
        "webcam:0", SIZE_PX, 120.0, 118.0, 35.0, 20.0, distortion, 0.5, 0.3, 20, 0.9
    )
    run = {"settings": {"mirror": False}, "calibration": RunCalibration(camera=calibration).plain()}
    write_recording(tmp_path / "run", [make_frame(0)], [make_record(0)], run)
    export_rerun(tmp_path / "run", tmp_path / "run.rrd")
    rows = rows_of(chunks, tmp_path / "run.rrd", "/camera/right/estimate/points", "Points2D:positions")
    ((_, _, estimate_px),) = rows
    points_m = make_record(0).trajectory.keypoints_m[0] + 0.5
    np.testing.assert_allclose(estimate_px, RunCamera(SIZE_PX, calibration).project(points_m), atol=1e-3)


def test_times_of_stages_are_there(exported: Path, chunks: Any) -> None:
    detect = rows_of(chunks, exported, "/timing/right/detect", "Scalars:scalars")
    np.testing.assert_allclose([took_ms for *_, (took_ms,) in detect], 20.0 + np.arange(40.0))
    assert {
        ahead for *_, (ahead,) in rows_of(chunks, exported, "/timing/right/ahead", "Scalars:scalars")
    } == {55.0}


def test_gaps_have_a_time_and_no_frame(tmp_path: Path, chunks: Any) -> None:
    records = [make_record(i, framed=i < 5) for i in range(10)]
    write_recording(tmp_path / "run", map(make_frame, range(5)), records)
    export_rerun(tmp_path / "run", tmp_path / "run.rrd")
    rows = rows_of(chunks, tmp_path / "run.rrd", "/right/target", "Scalars:scalars")
    assert [frame for _, frame, _ in rows] == [0, 1, 2, 3, 4, None, None, None, None, None]
    assert [t_ns for t_ns, *_ in rows] == [since_start_ns(i) for i in range(10)]


def test_recordings_of_images_only_and_cut_off_ones_are_exported(tmp_path: Path, rerun: Any) -> None:
    images_only = write_recording(tmp_path / "images", map(make_frame, range(5)), [])
    assert "5 images and 0 hand records" in export_rerun(images_only, tmp_path / "images.rrd")[0]
    cut = record_usual(tmp_path / "cut", 20)
    content = (cut / HANDS_FILE).read_bytes()
    (cut / HANDS_FILE).write_bytes(content[:-100])
    lines = export_rerun(cut, tmp_path / "cut.rrd")
    assert "20 images and 19 hand records" in lines[0]
    assert "cut off" in lines[1]
    assert not list(tmp_path.glob(".*"))


def test_what_cannot_be_exported_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_usual(tmp_path / "run", 3)
    with pytest.raises(UsageError, match="one folder at a time"):
        run_export("rerun", [tmp_path / "run", tmp_path / "run"], ExportSettings())
    with pytest.raises(UsageError, match="export rerun takes neither"):
        run_export("rerun", [tmp_path / "run"], ExportSettings(fps=10))
    with pytest.raises(UsageError, match=r"run\.txt is no \.rrd file"):
        run_export("rerun", [tmp_path / "run"], ExportSettings(output=tmp_path / "run.txt"))
    with pytest.raises(AppError, match="is no UTF-8; rename it"):
        run_export("rerun", [tmp_path / "run"], ExportSettings(output=tmp_path / os.fsdecode(b"\xe9.rrd")))

    def absent(name: str, package: str | None = None) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(AppError, match=r"needs rerun: pip install -r requirements-export\.txt"):
        export_rerun(tmp_path / "run", tmp_path / "run.rrd")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, rerun: Any) -> None:
    record_usual(tmp_path / "run", 3)
    (tmp_path / "file").touch()
    with pytest.raises(AppError, match="cannot write"):
        export_rerun(tmp_path / "run", tmp_path / "file" / "run.rrd")


def test_a_folder_is_refused_before_anything_is_read(tmp_path: Path, rerun: Any) -> None:
    (tmp_path / "folder.rrd").mkdir()
    with pytest.raises(AppError, match="give the name of a file"):
        export_rerun(record_usual(tmp_path / "run", 3), tmp_path / "folder.rrd")


def test_a_disk_with_too_little_room_is_left_alone(
    tmp_path: Path, rerun: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = record_usual(tmp_path / "run", 40)
    size = sum((run / name).stat().st_size for name in (FRAMES_FILE, HANDS_FILE))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=size - 1))
    with pytest.raises(AppError, match=r"may take .* MB and .* MB are free; make room"):
        export_rerun(run, tmp_path / "run.rrd")
    assert {path.name for path in tmp_path.iterdir()} == {"run"}
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=size))
    export_rerun(run, tmp_path / "run.rrd")
    assert (tmp_path / "run.rrd").stat().st_size <= size


@pytest.mark.parametrize("room_bytes", [0, 1000])
def test_a_full_disk_is_said_in_one_sentence(tmp_path: Path, rerun: Any, room_bytes: int) -> None:
    pytest.importorskip("resource", reason="the size of files cannot be limited here")
    record_usual(tmp_path / "run", 40)
    call = f"rerun.export_rerun(Path({str(tmp_path / 'run')!r}), Path({str(tmp_path / 'run.rrd')!r}))"
    said = export_with_little_room(call, room_bytes)
    assert said.startswith(f"cannot write {tmp_path / 'run.rrd'}: ")
    assert said.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"run"}
