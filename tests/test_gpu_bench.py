"""bench temporal --backend all: its table tells who is right, who is fast, and who could not be asked."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
from gpu_examples import shipped

from app.bench import backends
from app.bench.backends import PARITY_RAD, Way, run_backends, ways
from app.bench.real_windows import RealWindows
from app.bench.settings import BenchSettings, refuse_others
from app.errors import UsageError
from app.settings import TeleopSettings, check_settings
from models.backends.cpu import CpuBackend
from models.backends.windows import check_windows
from models.errors import ModelError


@pytest.fixture
def few_windows(monkeypatch) -> None:
    """Generated ones, and hardly any rounds."""

    def generated(network, data, count) -> RealWindows:
        given = check_windows(network)
        parts = [
            np.concatenate([getattr(g, name) for g in given]) for name in ("features", "observed", "start")
        ]
        return RealWindows(*parts, "8 windows")

    monkeypatch.setattr(backends, "real_windows", generated)
    monkeypatch.setattr(backends, "_WARM_UP", 1)
    monkeypatch.setattr(backends, "_ROUNDS_QUICK", 3)


def refuse(reason: str):
    raise ModelError(reason)


class Wrong(CpuBackend):
    def run(self, *given: np.ndarray) -> np.ndarray:
        return super().run(*given) + np.float32(1e-3)


def test_the_table_tells_who_is_right_and_who_could_not_be_asked(few_windows, monkeypatch, tmp_path):
    network = shipped()
    monkeypatch.setattr(backends, "missing_gpu", lambda: "no GPU")
    monkeypatch.setattr(
        backends,
        "ways",
        lambda _: [
            Way("right", "fp32", 1, lambda: CpuBackend(network.session)),
            Way("wrong", "fp32", 1, lambda: Wrong(network.session)),
            Way("broken", "fp32", 1, partial(refuse, "it does not work")),
            Way("on a GPU", "fp16", 2, partial(refuse, "never asked"), on_gpu=True),
        ],
    )
    lines = run_backends(BenchSettings(quick=True, output=tmp_path, backend="all"))
    results = json.loads((tmp_path / "backends.json").read_text())
    right, wrong, broken, on_gpu = results["rows"]
    assert right["within"]
    assert right["difference_rad"] <= PARITY_RAD["fp32"]
    assert right["times_faster"] == pytest.approx(5.0 / right["p50_ms"], rel=1e-3)
    assert not wrong["within"]
    assert wrong["difference_rad"] > 1e-4
    assert broken["left_out"] == "it does not work"
    assert on_gpu["left_out"] == "no GPU"
    table = "\n".join(lines)
    assert "left out (no GPU): on a GPU fp16 2" in table
    assert [line.split()[-1] for line in lines if line.startswith(("right", "wrong"))] == ["yes", "NO"]
    assert "| wrong | fp32 |" in (tmp_path / "backends.md").read_text()


def test_every_backend_is_asked_for_one_hand_and_two():
    found = [(way.name, way.precision, way.windows) for way in ways(shipped())]
    assert len(set(found)) == len(found)
    for name in ("onnxruntime, CPU", "onnxruntime, CUDA", "onnxruntime, CUDA graph", "TensorRT"):
        for precision in ("fp32", "fp16"):
            assert {(name, precision, 1), (name, precision, 2)} <= set(found)


def test_the_flag_is_for_this_benchmark_only():
    with pytest.raises(UsageError, match="--backend is for bench temporal; bench robot takes none"):
        refuse_others("robot", BenchSettings(backend="all"))


@pytest.mark.parametrize("backend", ["cuda", "tensorrt"])
def test_a_filter_needs_no_gpu(backend):
    with pytest.raises(UsageError, match=f"--backend {backend} is for --temporal posebert; one-euro needs"):
        check_settings(TeleopSettings(backend=backend, temporal="one-euro"))
    check_settings(TeleopSettings(backend=backend))
