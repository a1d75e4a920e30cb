"""bench all runs every benchmark, each with its own flags and folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import launch
from app.bench.everything import run_all
from app.bench.settings import BenchSettings
from app.errors import UsageError


def fake(name: str, seen: dict[str, BenchSettings]):
    def run(settings: BenchSettings) -> list[str]:
        seen[name] = settings
        assert settings.output is not None
        settings.output.mkdir(parents=True)
        (settings.output / f"{name}.json").write_text(json.dumps({"of": name}))
        return [f"{name} is well"]

    return run


def test_each_gets_its_folder_and_only_its_own_flags(tmp_path):
    seen: dict[str, BenchSettings] = {}
    asked = BenchSettings(
        quick=True, network=Path("n.onnx"), output=tmp_path / "out", json=tmp_path / "all.json"
    )
    lines = run_all(asked, {name: fake(name, seen) for name in launch.BENCHMARKS})
    assert list(seen) == list(launch.BENCHMARKS)
    assert [settings.output for settings in seen.values()] == [tmp_path / "out" / name for name in seen]
    assert all(settings.quick and settings.json is None for settings in seen.values())
    assert [name for name, settings in seen.items() if settings.network] == ["temporal"]
    assert "  latency is well" in lines
    assert json.loads((tmp_path / "all.json").read_text()) == {name: {"of": name} for name in seen}


def test_a_source_is_for_one_benchmark_only():
    with pytest.raises(UsageError, match="--source is for bench latency"):
        run_all(BenchSettings(source="webcam"), {})


@pytest.mark.parametrize("name", launch.BENCHMARKS)
def test_every_benchmark_can_be_found(name):
    assert callable(launch._benchmark(name))
