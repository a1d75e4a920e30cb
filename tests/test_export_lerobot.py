"""Recordings become LeRobot datasets: laid out as version 3.0 says, true to them, loaded by LeRobot."""

from __future__ import annotations

import importlib
import json
import os
from fractions import Fraction
from pathlib import Path
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
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import AppError, UsageError
from app.export.hand_columns import read_hands
from app.export.lerobot import export_lerobot
from app.export.lerobot_stats import ImageSample, column_stats
from app.export.resample import on_grid, usual_fps
from app.export.run import run_export
from app.export.settings import ExportSettings
from app.frame import Frame
from app.recording import FRAMES_FILE, HANDS_FILE

CAMERA = "observation.images.camera"
VIDEO = f"videos/{CAMERA}/chunk-000/file-000.mp4"
DATA = "data/chunk-000/file-000.parquet"
TASK = "Close the hand."


@pytest.fixture(scope="module")
def parquet() -> Any:
    """pyarrow's reader; skips where the packages for exporting are absent."""
    pytest.importorskip("av", reason="PyAV is not installed: pip install -r requirements-export.txt")
    return pytest.importorskip(
        "pyarrow.parquet", reason="pyarrow is not installed: pip install -r requirements-export.txt"
    )


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory, parquet: Any) -> Path:
    """Two recordings, of 60 and 35 frames, as one dataset."""
    folder = tmp_path_factory.mktemp("export")
    recordings = [record_usual(folder / "one", 60), record_usual(folder / "two", 35)]
    export_lerobot(recordings, folder / "dataset", TASK)
    return folder / "dataset"


def rows_of(dataset: Path, parquet: Any, file: str = DATA) -> dict[str, np.ndarray]:
    table = parquet.read_table(dataset / file)
    return {name: np.array(table[name].to_pylist()) for name in table.column_names}


def blank(index: int, t_ns: int) -> Frame:
    return Frame(index, t_ns, np.zeros((2, 2, 3), np.uint8))


@given(
    steps_ns=st.lists(st.integers(1, 200_000_000), min_size=1, max_size=60),
    fps=st.sampled_from([10, 25, 30, 60]),
)
@settings(max_examples=60, deadline=None)
def test_each_moment_of_the_grid_has_the_frame_captured_nearest(steps_ns: list[int], fps: int) -> None:
    times_ns = 10**12 + np.cumsum([0, *steps_ns])
    grid = list(on_grid((blank(i, int(t)) for i, t in enumerate(times_ns)), fps, int(times_ns[-1])))
    moments_ns = np.array([moment.t_ns for moment in grid])
    assert np.abs(moments_ns - times_ns[0] - np.arange(len(grid)) * 1e9 / fps).max() <= 0.5
    assert abs(times_ns[-1] - moments_ns[-1]) <= 0.5e9 / fps + 1
    for moment in grid:
        away_ns = abs(moment.frame.t_capture_ns - moment.t_ns)
        assert away_ns == np.abs(times_ns - moment.t_ns).min()


def test_the_usual_rate_is_not_moved_by_a_pause() -> None:
    times_ns = np.concatenate([np.arange(100), 400 + np.arange(100)]) * 33_400_000
    assert usual_fps(times_ns) == 30
    assert usual_fps(times_ns[:1]) is None


def test_the_files_are_those_of_version_3(dataset: Path, parquet: Any) -> None:
    files = {str(path.relative_to(dataset)) for path in dataset.rglob("*") if path.is_file()}
    assert files == {
        "meta/info.json",
        "meta/stats.json",
        "meta/tasks.parquet",
        "meta/posehand.json",
        "meta/episodes/chunk-000/file-000.parquet",
        DATA,
        DATA.replace("file-000", "file-001"),
        VIDEO,
        VIDEO.replace("file-000", "file-001"),
    }
    info = json.loads((dataset / "meta/info.json").read_text())
    features = info.pop("features")
    assert info == {
        "codebase_version": "v3.0",
        "robot_type": "allegro_right",
        "total_episodes": 2,
        "total_frames": 95,
        "total_tasks": 1,
        "chunks_size": 1000,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": 30,
        "splits": {"train": "0:2"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
    }
    assert features[CAMERA]["shape"] == [SIZE_PX[1], SIZE_PX[0], 3]
    assert features[CAMERA]["names"] == ["height", "width", "channels"]
    assert features["action"] == {
        "dtype": "float32",
        "shape": [4],
        "names": [f"{name}.pos" for name in JOINTS],
    }
    for name, dtype in {
        "timestamp": "float32",
        "frame_index": "int64",
        "episode_index": "int64",
        "index": "int64",
        "task_index": "int64",
    }.items():
        assert features[name] == {"dtype": dtype, "shape": [1], "names": None}
    assert not any("/" in name for name in features)
    assert {name for name in features if name.startswith(("observation", "action"))} == {
        CAMERA,
        "observation.state",
        "action",
    }


def test_the_tables_have_the_types_the_features_promise(dataset: Path, parquet: Any) -> None:
    import pyarrow as pa

    features = json.loads((dataset / "meta/info.json").read_text())["features"]
    schema = parquet.read_schema(dataset / DATA)
    assert set(schema.names) == set(features) - {CAMERA}
    arrow = {"float32": pa.float32(), "float64": pa.float64(), "int64": pa.int64()}
    arrow |= {"bool": pa.bool_(), "string": pa.string()}
    for name in schema.names:
        kind, (width,) = arrow[features[name]["dtype"]], features[name]["shape"]
        assert schema.field(name).type == (kind if width == 1 else pa.list_(kind, width)), name
        assert width == 1 or len(features[name]["names"]) == width


def test_rows_and_episodes_are_counted_through(dataset: Path, parquet: Any) -> None:
    first, second = (rows_of(dataset, parquet, DATA.replace("000.p", f"00{i}.p")) for i in range(2))
    assert np.array_equal(np.concatenate([first["index"], second["index"]]), np.arange(95))
    assert np.array_equal(second["frame_index"], np.arange(35))
    assert np.abs(first["timestamp"] - np.arange(60) / 30).max() < 1e-6
    assert set(second["episode_index"]) == {1}
    episodes = parquet.read_table(dataset / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    for number, (episode, length, start) in enumerate(zip(episodes, (60, 35), (0, 60), strict=True)):
        wanted = {
            "episode_index": number,
            "tasks": [TASK],
            "length": length,
            "data/chunk_index": 0,
            "data/file_index": number,
            "dataset_from_index": start,
            "dataset_to_index": start + length,
            f"videos/{CAMERA}/chunk_index": 0,
            f"videos/{CAMERA}/file_index": number,
            f"videos/{CAMERA}/from_timestamp": 0.0,
            f"videos/{CAMERA}/to_timestamp": length / 30,
            "meta/episodes/chunk_index": 0,
            "meta/episodes/file_index": 0,
        }
        assert {key: episode[key] for key in wanted} == wanted
        assert len(episode["stats/action/mean"]) == 4
        assert np.shape(episode[f"stats/{CAMERA}/std"]) == (3, 1, 1)
    tasks = parquet.read_table(dataset / "meta/tasks.parquet")
    assert tasks.to_pydict() == {"task_index": [0], "task": [TASK]}
    assert json.loads(tasks.schema.metadata[b"pandas"])["index_columns"] == ["task"]


def test_action_is_what_was_sent_and_state_what_was_measured(dataset: Path, parquet: Any) -> None:
    rows = rows_of(dataset, parquet)
    sent = np.arange(60.0)
    sent[10:15] = 9.0  # the hand is lost and the robot holds
    wanted_rad = sent[:, None] / 100.0 + np.arange(4.0)
    np.testing.assert_allclose(rows["action"], wanted_rad, atol=1e-6)
    measured_rad = np.arange(60.0)[:, None] / 100.0 + np.arange(4.0) - 0.05
    np.testing.assert_allclose(rows["observation.state"], measured_rad, atol=1e-6)
    lost = rows["hand.right.source_state"] == "lost"
    assert np.array_equal(np.flatnonzero(lost), np.arange(10, 15))
    assert np.isnan(rows["hand.right.keypoints_m"][lost]).all()
    assert np.isfinite(rows["hand.right.keypoints_m"][~lost]).all()
    captured_s = (np.array([t_capture_ns(i) for i in range(60)]) - t_capture_ns(0)) * 1e-9
    np.testing.assert_allclose(rows["camera.capture_time_s"], captured_s, atol=1e-9)


def test_video_frames_stand_at_their_rows_times(dataset: Path, parquet: Any) -> None:
    import av

    with av.open(str(dataset / VIDEO)) as video:
        stream = video.streams.video[0]
        assert stream.average_rate == Fraction(30)
        frames = list(video.decode(stream))
    assert len(frames) == 60
    assert max(abs(frame.time - k / 30) for k, frame in enumerate(frames)) < 1e-4
    assert sum(frame.key_frame for frame in frames) >= 30
    for k, frame in enumerate(frames):
        assert_shows(frame.to_ndarray(format="bgr24").reshape(-1, 3).mean(axis=0), k)


def test_statistics_are_those_of_the_rows(dataset: Path, parquet: Any) -> None:
    stats = json.loads((dataset / "meta/stats.json").read_text())
    actions = np.concatenate(
        [rows_of(dataset, parquet, DATA.replace("000.p", f"00{i}.p"))["action"] for i in range(2)]
    )
    for name, wanted in {
        "min": actions.min(axis=0),
        "max": actions.max(axis=0),
        "mean": actions.mean(axis=0),
        "std": actions.std(axis=0),
        "q01": np.quantile(actions, 0.01, axis=0),
        "q99": np.quantile(actions, 0.99, axis=0),
        "count": [95],
    }.items():
        np.testing.assert_allclose(stats["action"][name], wanted, rtol=1e-5)
    assert "NaN" not in (dataset / "meta/stats.json").read_text()
    assert np.shape(stats[CAMERA]["mean"]) == (3, 1, 1)
    assert "hand.right.source_state" not in stats


def test_statistics_count_known_numbers_only() -> None:
    values = np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]])
    stats = column_stats(values)
    assert stats["mean"].tolist() == [2.0, 0.0]
    assert stats["max"].tolist() == [3.0, 0.0]
    assert stats["count"].tolist() == [3]


def test_statistics_of_images_are_those_of_red_green_and_blue() -> None:
    sample = ImageSample()
    for blue in (0, 255):
        image = np.zeros((600, 800, 3), np.uint8)
        image[..., 0], image[..., 2] = blue, 51
        sample.add(image)
    stats = sample.stats()
    np.testing.assert_allclose(stats["mean"].ravel(), [0.2, 0.0, 0.5])
    np.testing.assert_allclose(stats["std"].ravel(), [0.0, 0.0, 0.5], atol=1e-12)


def test_a_pause_repeats_the_image_while_the_hand_goes_on(tmp_path: Path, parquet: Any) -> None:
    """The camera gives nothing from frame 10 to frame 30, and the pipeline bridges it."""
    indices = [*range(11), *range(30, 41)]
    records = [make_record(i, framed=i in indices) for i in range(41)]
    write_recording(tmp_path / "run", map(make_frame, indices), records)
    export_lerobot([tmp_path / "run"], tmp_path / "out", TASK)
    rows = rows_of(tmp_path / "out", parquet)
    assert len(rows["index"]) == 41
    np.testing.assert_allclose(rows["action"][:, 0], np.arange(41) / 100, atol=1e-6)
    assert (rows["hand.right.source_state"][11:30] == "predicting").all()
    captured_s = [(t_capture_ns(i) - t_capture_ns(0)) * 1e-9 for i in (10, 30)]
    np.testing.assert_allclose(rows["camera.capture_time_s"][11:20], captured_s[0])
    np.testing.assert_allclose(rows["camera.capture_time_s"][21:30], captured_s[1])


def test_both_hands_stand_side_by_side(tmp_path: Path, parquet: Any) -> None:
    record_usual(tmp_path / "run", 20, ("right", "left"))
    export_lerobot([tmp_path / "run"], tmp_path / "out", TASK)
    info = json.loads((tmp_path / "out/meta/info.json").read_text())
    names = [f"{hand}_{name}.pos" for hand in ("right", "left") for name in JOINTS]
    assert info["features"]["action"]["names"] == names
    assert info["features"]["observation.state"]["names"] == names
    assert info["robot_type"] == "allegro_right_left"
    rows = rows_of(tmp_path / "out", parquet)
    np.testing.assert_allclose(rows["action"][:, :4], rows["action"][:, 4:])
    assert {"hand.right.keypoints_m", "hand.left.keypoints_m"} < set(rows)


def test_without_a_robot_there_is_no_state(tmp_path: Path, parquet: Any) -> None:
    records = [make_record(i, robot=False, lost=i < 3) for i in range(20)]
    write_recording(tmp_path / "run", map(make_frame, range(20)), records)
    export_lerobot([tmp_path / "run"], tmp_path / "out", TASK)
    rows = rows_of(tmp_path / "out", parquet)
    assert "observation.state" not in rows
    assert np.isfinite(rows["action"]).all()
    record_usual(tmp_path / "with", 20)
    with pytest.raises(AppError, match="export it by itself"):
        export_lerobot([tmp_path / "run", tmp_path / "with"], tmp_path / "mixed", TASK)
    assert not (tmp_path / "mixed").exists()
    assert not list(tmp_path.glob(".*"))


def test_before_the_first_target_the_action_is_where_the_joints_are() -> None:
    columns = read_hands([make_record(i, lost=i < 2) for i in range(4)], "run")["right"]
    np.testing.assert_allclose(columns.commanded_rad[:2], columns.measured_rad[:2])
    np.testing.assert_allclose(columns.commanded_rad[2:, 0], [0.02, 0.03])


def test_a_measurement_that_comes_late_counts_from_the_start() -> None:
    columns = read_hands([make_record(i, robot=i >= 2) for i in range(4)], "run")["right"]
    np.testing.assert_allclose(columns.measured_rad[:, 0], [-0.03, -0.03, -0.03, -0.02])
    assert columns.mode.tolist() == ["", "", "TRACKING", "TRACKING"]


def test_mirrored_images_are_turned_over(tmp_path: Path, parquet: Any) -> None:
    import av

    frames = [make_frame(i) for i in range(4)]
    for frame in frames:
        frame.image[:, :32] = 0
    run = {"settings": {"mirror": True}}
    write_recording(tmp_path / "run", frames, [make_record(i) for i in range(4)], run)
    export_lerobot([tmp_path / "run"], tmp_path / "out", TASK)
    with av.open(str(tmp_path / "out" / VIDEO)) as video:
        image = next(video.decode(video=0)).to_ndarray(format="bgr24")
    assert image[:, 40:].mean() < 10
    assert image[:, :24].mean() > 40


def test_images_of_odd_size_lose_a_row_and_a_column(tmp_path: Path, parquet: Any) -> None:
    frames = [Frame(i, t_capture_ns(i), np.full((51, 65, 3), 90, np.uint8)) for i in range(4)]
    write_recording(tmp_path / "run", frames, [make_record(i) for i in range(4)], size_px=(65, 51))
    export_lerobot([tmp_path / "run"], tmp_path / "out", TASK)
    info = json.loads((tmp_path / "out/meta/info.json").read_text())
    assert info["features"][CAMERA]["shape"] == [50, 64, 3]


def test_what_a_crash_left_is_exported(tmp_path: Path, parquet: Any) -> None:
    directory = record_usual(tmp_path / "run", 60)
    for name in (FRAMES_FILE, HANDS_FILE):
        content = (directory / name).read_bytes()
        (directory / name).write_bytes(content[: len(content) * 2 // 3])
    lines = export_lerobot([directory], tmp_path / "out", TASK)
    assert 35 <= len(rows_of(tmp_path / "out", parquet)["index"]) <= 41
    assert any("cut off" in line for line in lines)


def test_cut_off_hands_are_said_though_all_images_are_there(tmp_path: Path, parquet: Any) -> None:
    directory = record_usual(tmp_path / "run", 60)
    content = (directory / HANDS_FILE).read_bytes()
    (directory / HANDS_FILE).write_bytes(content[: len(content) * 2 // 3])
    lines = export_lerobot([directory], tmp_path / "out", TASK)
    assert 35 <= len(rows_of(tmp_path / "out", parquet)["index"]) <= 41
    assert any("cut off" in line for line in lines)


def test_a_long_recording_becomes_several_episodes(tmp_path: Path, parquet: Any) -> None:
    record_usual(tmp_path / "run", 75)
    export_lerobot([tmp_path / "run"], tmp_path / "out", TASK, longest_episode_s=1)
    episodes = parquet.read_table(tmp_path / "out/meta/episodes/chunk-000/file-000.parquet").to_pydict()
    assert episodes["length"] == [30, 30, 15]
    assert episodes["dataset_from_index"] == [0, 30, 60]
    third = rows_of(tmp_path / "out", parquet, DATA.replace("file-000", "file-002"))
    np.testing.assert_allclose(third["action"][:, 0], np.arange(60, 75) / 100, atol=1e-6)
    assert third["timestamp"][0] == 0.0


def test_a_lower_rate_leaves_rows_out(tmp_path: Path, parquet: Any) -> None:
    record_usual(tmp_path / "run", 61)
    run_export("lerobot", [tmp_path / "run"], ExportSettings(fps=10))
    rows = rows_of(tmp_path / "run-lerobot", parquet)
    assert len(rows["index"]) == 21
    np.testing.assert_allclose(rows["observation.state"][:, 0], np.arange(0, 61, 3) / 100 - 0.05, atol=1e-6)


def test_where_it_comes_from_is_kept(dataset: Path) -> None:
    origin = json.loads((dataset / "meta/posehand.json").read_text())["recordings"]
    assert [one["recording"] for one in origin] == ["one", "two"]
    assert [one["episodes"] for one in origin] == [[0], [1]]
    assert origin[0]["run"]["versions"] == {"numpy": "x"}


def test_what_cannot_be_exported_is_said_in_one_sentence(tmp_path: Path, parquet: Any) -> None:
    images_only = write_recording(tmp_path / "images", map(make_frame, range(5)), [])
    with pytest.raises(AppError, match=r"only images.*--detect --hand right"):
        export_lerobot([images_only], tmp_path / "out", TASK)
    with pytest.raises(AppError, match="not a recording"):
        export_lerobot([tmp_path / "nowhere"], tmp_path / "out", TASK)
    single = write_recording(tmp_path / "single", [make_frame(0)], [make_record(0)])
    with pytest.raises(AppError, match="fewer than two images"):
        export_lerobot([single], tmp_path / "out", TASK)
    usual = record_usual(tmp_path / "usual", 5)
    large = write_recording(
        tmp_path / "large", map(make_frame, range(5)), map(make_record, range(5)), size_px=(128, 96)
    )
    with pytest.raises(AppError, match="128×96"):
        export_lerobot([usual, large], tmp_path / "out", TASK)
    with pytest.raises(AppError, match="there already"):
        export_lerobot([usual], usual, TASK)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("room_bytes", [0, 1000, 10_000])
def test_a_full_disk_is_said_in_one_sentence(tmp_path: Path, parquet: Any, room_bytes: int) -> None:
    pytest.importorskip("resource", reason="the size of files cannot be limited here")
    record_usual(tmp_path / "run", 60)
    out = tmp_path / "out"
    call = f"lerobot.export_lerobot([Path({str(tmp_path / 'run')!r})], Path({str(out)!r}), 'Do.')"
    said = export_with_little_room(call, room_bytes)
    assert said.startswith("cannot write")
    assert said.endswith("choose another place\n")
    assert said.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"run"}


def test_a_missing_package_is_named_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record_usual(tmp_path / "run", 5)
    found = importlib.import_module

    def without_pyarrow(name: str, package: str | None = None) -> Any:
        if name.startswith("pyarrow"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return found(name, package)

    monkeypatch.setattr(importlib, "import_module", without_pyarrow)
    with pytest.raises(AppError, match=r"needs pyarrow: pip install -r requirements-export\.txt"):
        export_lerobot([tmp_path / "run"], tmp_path / "out", TASK)


def test_flags_are_checked_first(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--fps is a number from 1 to 240, not 0"):
        run_export("lerobot", [tmp_path], ExportSettings(fps=0))
    with pytest.raises(UsageError, match="--task is empty"):
        run_export("lerobot", [tmp_path], ExportSettings(task=" "))
    with pytest.raises(UsageError, match="needs a recording"):
        run_export("lerobot", [], ExportSettings())


def test_lerobot_itself_loads_it(dataset: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(os.environ, "HF_HUB_OFFLINE", "1")
    monkeypatch.setitem(os.environ, "HF_HOME", str(tmp_path))
    monkeypatch.setitem(os.environ, "HF_LEROBOT_HOME", str(tmp_path))
    module = pytest.importorskip("lerobot.datasets.lerobot_dataset", reason="LeRobot is not installed")
    # PyAV comes with LeRobot; its other decoder needs FFmpeg's libraries on the machine.
    loaded = module.LeRobotDataset("local/posehand", root=dataset, video_backend="pyav")
    assert (loaded.num_episodes, loaded.num_frames, loaded.fps) == (2, 95, 30)
    for row in range(95):
        item = loaded[row]
        index = row if row < 60 else row - 60
        sent = 9 if 10 <= index < 15 else index
        assert item["task"] == TASK
        assert item["episode_index"].item() == (row >= 60)
        np.testing.assert_allclose(item["action"].numpy(), sent / 100 + np.arange(4.0), atol=1e-6)
        np.testing.assert_allclose(
            item["observation.state"].numpy(), index / 100 + np.arange(4.0) - 0.05, atol=1e-6
        )
        assert_shows(item[CAMERA].numpy().mean(axis=(1, 2))[::-1] * 255.0, index)
    window = module.LeRobotDataset(
        "local/posehand",
        root=dataset,
        episodes=[1],
        delta_timestamps={"action": [0.0, 1 / 30, 2 / 30], CAMERA: [-1 / 30, 0.0]},
        video_backend="pyav",
    )
    item = window[3]
    assert item["action"].shape == (3, 4)
    assert item[CAMERA].shape == (2, 3, SIZE_PX[1], SIZE_PX[0])
    np.testing.assert_allclose(item["action"][:, 0].numpy(), [0.03, 0.04, 0.05], atol=1e-6)
