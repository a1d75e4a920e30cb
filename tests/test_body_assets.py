"""The pose landmarker's file: metadata added to a network, and the whole rebuilt from the wheel."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from app import assets
from app.assets import AssetUnavailableError, TaskAsset, WheelMember
from app.errors import AppError
from app.tflite_metadata import METADATA_NAME, with_normalization

flatbuffers = pytest.importorskip("flatbuffers")
schema = pytest.importorskip("mediapipe.tasks.metadata.schema_py_generated")
metadata_schema = pytest.importorskip("mediapipe.tasks.metadata.metadata_schema_py_generated")


def network(with_metadata: bool = False) -> bytes:
    """A .tflite file without any operator."""
    model = schema.ModelT()
    model.version = 3
    model.description = "toy"
    model.subgraphs = [schema.SubGraphT()]
    model.subgraphs[0].name = "main"
    model.buffers = [schema.BufferT(), schema.BufferT()]
    model.buffers[1].data = list(range(50))
    model.metadata = []
    for name in ("min_runtime_version", METADATA_NAME) if with_metadata else ():
        entry = schema.MetadataT()
        entry.name, entry.buffer = name, 1
        model.metadata.append(entry)
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def unpacked(file: bytes) -> Any:
    return schema.ModelT.InitFromPackedBuf(file, 0)


@pytest.mark.parametrize("with_metadata", [False, True])
def test_a_network_gets_the_normalisation_and_keeps_everything_else(with_metadata: bool) -> None:
    before = network(with_metadata)
    after = with_normalization(before, 0.0, 255.0)
    assert after[4:8] == b"TFL3"
    assert after.endswith(before)
    assert (len(after) - len(before)) % 16 == 0, "the old buffers stay aligned"
    model = unpacked(after)
    assert model.version == 3
    assert model.description == b"toy"
    assert [subgraph.name for subgraph in model.subgraphs] == [b"main"]
    assert list(model.buffers[1].data) == list(range(50))
    entries = {entry.name.decode(): entry.buffer for entry in model.metadata}
    assert set(entries) == {METADATA_NAME, "min_runtime_version"} if with_metadata else {METADATA_NAME}
    assert entries[METADATA_NAME] == 2
    added = bytes(bytearray(model.buffers[2].data))
    assert after.index(added) % 16 == 0
    described = metadata_schema.ModelMetadataT.InitFromPackedBuf(added, 0)
    (tensor,) = described.subgraphMetadata[0].inputTensorMetadata
    (unit,) = tensor.processUnits
    assert (list(unit.options.mean), list(unit.options.std)) == ([0.0], [255.0])


def test_the_same_network_always_gives_the_same_file() -> None:
    assert with_normalization(network(), 127.5, 127.5) == with_normalization(network(), 127.5, 127.5)


@pytest.mark.parametrize("file", [b"", b"no network at all", network()[:40], b"\xff" * 4 + network()[4:]])
def test_other_and_damaged_files_are_refused(file: bytes) -> None:
    with pytest.raises(ValueError, match="TensorFlow Lite"):
        with_normalization(file, 0.0, 1.0)


def test_members_that_lack_metadata_get_it_when_the_task_is_rebuilt(tmp_path: Path) -> None:
    content = network()
    task = assets.build_task([("net.tflite", with_normalization(content, 0.0, 255.0))])
    digest = hashlib.sha256(content).hexdigest()
    asset = TaskAsset(
        file_name="toy.task",
        path_variable="POSEHAND_TOY",
        url="https://example.invalid/toy.task",
        sha256="0" * 64,
        size_bytes=1,
        wheel="toy==1.0",
        members=(WheelMember("toy/net.tflite", "net.tflite", digest, normalization=(0.0, 255.0)),),
        rebuilt_sha256=hashlib.sha256(task).hexdigest(),
    )

    def fetch(_requirement: str, directory: Path) -> Path:
        wheel = directory / "toy.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("toy/net.tflite", content)
        return wheel

    assert assets.rebuild_from_wheel(asset, fetch) == task


def test_the_real_pose_landmarker_is_rebuilt_from_the_package_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(_asset: TaskAsset) -> bytes:
        raise AssetUnavailableError("no network")

    pip = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    if pip.returncode != 0:
        pytest.skip("this Python has no pip")
    monkeypatch.setenv(assets.CACHE_VARIABLE, str(tmp_path))
    monkeypatch.delenv(assets.POSE_LANDMARKER.path_variable, raising=False)
    try:
        path = assets.resolve(assets.POSE_LANDMARKER, download=offline)
    except AppError as error:
        pytest.skip(f"no package index here: {error}")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == assets.POSE_LANDMARKER.rebuilt_sha256
