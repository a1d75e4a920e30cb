"""TensorRT engines, built here for GPUs that are not: what goes in, what comes out, and who cannot."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import pytest
from gpu_examples import shipped

from app import export_network
from app.errors import AppError, UsageError
from app.export_network import run_export_network
from app.export_network_settings import ExportOnnxSettings, ExportTensorRtSettings
from models.backends import tensorrt_engine
from models.backends.driver import missing_gpu
from models.backends.tensorrt_engine import MODULES, EngineTensor, TensorRt
from models.body_temporal import BODY_NETWORK_FILE
from models.errors import ModelError
from models.graph.prepare import prepare

installed = any(importlib.util.find_spec(name) for name in MODULES)
needs_tensorrt = pytest.mark.skipif(
    not installed, reason=f"TensorRT is not installed: {tensorrt_engine.HOW_TO_GET}"
)


@pytest.fixture(scope="module")
def tensorrt() -> TensorRt:
    loaded = TensorRt.load()
    if not loaded.rtx:
        pytest.skip(f"{loaded.version} builds engines for the GPU in the machine only")
    return loaded


@needs_tensorrt
@pytest.mark.parametrize("capability", [80, 86, 89, 120])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_an_engine_takes_and_gives_what_the_network_does(tensorrt, capability, precision):
    network = shipped()
    batch = 2 if capability == 89 else 1
    engine = tensorrt.build(prepare(network.data, precision, batch).SerializeToString(), capability)
    shapes = network.shapes(batch)
    assert engine.tensors == (
        EngineTensor("features", shapes["features"], "float32", True),
        EngineTensor("observed", shapes["observed"], "bool", True),
        EngineTensor("start", shapes["start"], "float32", True),
        EngineTensor("pose", shapes["pose"], "float32", False),
    )
    assert 5e6 < len(engine.data) < 50e6  # 2.4 million weights and the code to compute with them
    for name in shapes:
        assert name.encode() in engine.data


@needs_tensorrt
def test_turing_takes_16_bits_only(tensorrt):
    network = shipped()
    engine = tensorrt.build(prepare(network.data, "fp16", 1, 75).SerializeToString(), 75)
    assert len(engine.tensors) == 4
    with pytest.raises(ModelError, match=r"cannot build an engine for compute capability 75: .*FP32 GEMM"):
        tensorrt.build(prepare(network.data, "fp32", 1).SerializeToString(), 75)


@needs_tensorrt
def test_a_gpu_it_does_not_know_is_refused_with_those_it_knows(tensorrt):
    with pytest.raises(ModelError, match=r"builds ahead for compute capabilities 75 80 86 89 .*not for 90"):
        tensorrt.build(prepare(shipped().data, "fp32", 1).SerializeToString(), 90)


@needs_tensorrt
def test_nothing_is_built_where_one_gpu_cannot_be_built_for(tensorrt, tmp_path):
    with pytest.raises(ModelError, match="not for 90"):
        run_export_network("tensorrt", ExportTensorRtSettings(tmp_path, None, (89, 90)))
    assert not list(tmp_path.glob("*.engine"))


@needs_tensorrt
def test_what_is_no_graph_is_refused(tensorrt):
    with pytest.raises(ModelError, match="cannot read the graph"):
        tensorrt.build(b"nothing", 89)


@needs_tensorrt
def test_engines_for_other_machines_are_exported(tensorrt, tmp_path):
    lines = run_export_network("tensorrt", ExportTensorRtSettings(tmp_path, None, (89,)))
    facts = json.loads((tmp_path / "network.json").read_text())
    assert len(facts["files"]) == 4
    for entry in facts["files"]:
        assert (tmp_path / entry["file"]).stat().st_size > 5e6
        assert [tensor["name"] for tensor in entry["tensors"]] == ["features", "observed", "start", "pose"]
        assert entry["built_by"] == tensorrt.version
    assert facts["network_sha256"] == shipped().sha256
    assert len(lines) == 5


def test_without_tensorrt_one_sentence_says_how_to_get_it(monkeypatch, tmp_path):
    def nothing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(tensorrt_engine.importlib, "import_module", nothing)
    with pytest.raises(
        ModelError, match=r"TensorRT is not installed: pip install tensorrt-rtx-cu13-bindings"
    ):
        run_export_network("tensorrt", ExportTensorRtSettings(tmp_path / "engines", None, (89,)))
    assert not (tmp_path / "engines").exists()


@needs_tensorrt
def test_without_a_gpu_the_flag_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(export_network, "missing_gpu", lambda: "no NVIDIA driver is installed")
    with pytest.raises(UsageError, match="--compute-capability says which GPUs to build for"):
        run_export_network("tensorrt", ExportTensorRtSettings(tmp_path))


def test_onnx_is_exported_in_both_precisions_for_one_hand_and_two(tmp_path: Path):
    lines = run_export_network("onnx", ExportOnnxSettings(tmp_path))
    facts = json.loads((tmp_path / "network.json").read_text())
    assert [entry["file"] for entry in facts["files"]] == [
        f"posebert-{precision}-{windows}.onnx" for precision in ("fp32", "fp16") for windows in (1, 2)
    ]
    for entry in facts["files"]:
        assert (tmp_path / entry["file"]).is_file()
        assert entry["difference_rad"] < (1e-5 if entry["precision"] == "fp32" else 1e-3)
    assert all("rad" in line for line in lines[:4])


def test_a_network_of_bodies_is_exported_too(tmp_path: Path):
    run_export_network("onnx", ExportOnnxSettings(tmp_path, BODY_NETWORK_FILE))
    for entry in json.loads((tmp_path / "network.json").read_text())["files"]:
        assert (tmp_path / entry["file"]).is_file()
        assert entry["shapes"]["pose"][1:] == [19, 147]
        assert entry["difference_rad"] < (1e-5 if entry["precision"] == "fp32" else 1e-3)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_full_disk_is_told_with_the_file_that_did_not_fit(tmp_path: Path):
    name = "posebert-fp32-1.onnx"
    (tmp_path / f".{name}.{os.getpid()}.part").symlink_to("/dev/full")
    with pytest.raises(AppError, match=f"cannot write .*{name}: No space left"):
        run_export_network("onnx", ExportOnnxSettings(tmp_path))
    assert not (tmp_path / name).exists()


def test_classic_tensorrt_says_that_it_needs_the_gpu(monkeypatch):
    class Classic:
        __version__ = "10.9"

        class ILogger:
            pass

    assert TensorRt(Classic).capabilities == ()
    with pytest.raises(ModelError, match="for the GPU in the machine only: leave out --compute-capability"):
        TensorRt(Classic).refuse(89)


@pytest.mark.skipif(missing_gpu() is not None, reason=f"no GPU: {missing_gpu()}")
@pytest.mark.parametrize("figure", ["hand", "body"])
@pytest.mark.parametrize("name", ["cuda", "tensorrt"])
def test_a_gpu_gives_the_cpus_poses(name, figure):
    from models.backends import open_backend

    backend = open_backend(name, shipped(figure))  # refuses by itself what differs
    assert backend.name == name
    backend.close()
