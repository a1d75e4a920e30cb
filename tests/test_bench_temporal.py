"""bench temporal: every method in every table, results that survive a file, one sentence for bad runs."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bench_examples import sequence
from training_examples import write_clips

from app.bench import tables
from app.bench.fingertip import trace
from app.bench.measure import measure
from app.bench.methods import Estimate, Method, StageMethod
from app.bench.plots import draw
from app.bench.results import without_nan
from app.bench.sequence import OWN_GROUP, Sequence
from app.bench.settings import BenchSettings, parse_runs
from app.bench.speed import measure_speed
from app.bench.targets import judge
from app.bench.temporal import (
    AHEAD_S,
    describe_sequence,
    filter_methods,
    product_methods,
    run_temporal,
    write_results,
)
from app.bench.training_runs import TrainingRun
from app.bench.tuning import tune
from app.errors import AppError, UsageError
from models import posebert_stage
from models.errors import ModelError
from models.foresight import Foresight
from models.poses import Poses
from models.train import TrainConfig, train

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training run of a tiny network."""
    folder = tmp_path_factory.mktemp("run")
    clips = write_clips(folder / "clips", filmed=True)
    out = folder / "out"
    train(TrainConfig(out=out, pairs=(clips,), width=64, batch=4, steps=2, log_every=1, threads=1))
    return out


@pytest.fixture(scope="module")
def sequences() -> list[Sequence]:
    return [
        sequence("a"),
        sequence("b", seed=1, group=OWN_GROUP),
        replace(sequence("c", seed=2), metric=False),
    ]


@pytest.fixture(scope="module")
def results(sequences: list[Sequence], run_folder: Path) -> dict[str, Any]:
    """Of all methods on three short sequences."""
    tuning = tune([])
    runs = [TrainingRun(name, run_folder) for name in ("run", "ablation: none")]
    network = run_folder / "posebert.onnx"
    methods: list[Method] = [*filter_methods(tuning), *runs, *product_methods(network)]
    found: dict[str, Any] = {
        "machine": {"processor": "any", "cores": 2, "memory_gib": 1, "system": "any", "python": "3"},
        "versions": {},
        "quick": True,
        "fast_m_s": 0.05,
        "noise": "none",
        "tuning": asdict(tuning),
        "sequences": [describe_sequence(one) for one in sequences],
        "left_out": ["dark"],
        "runs": {run.name: run.about for run in runs},
        "network": {"file": "posebert.onnx", "sha256": 64 * "0"},
        "methods": ["raw", *(method.name for method in methods)],
        **measure(sequences, methods, (0.0, 0.5)),
        "speed": measure_speed(network, sequences[0], rounds=2),
        "subject": "PoseBERT (ours)",
        "trace": trace(sequences, methods, "PoseBERT (ours)"),
    }
    found["targets"] = judge(found)
    return without_nan(found)


def test_every_table_has_every_method(results):
    text = tables.markdown(results, {})
    sections = {part.splitlines()[0]: part for part in text.split("\n## ")}
    online = sections["Refinement, online"]
    for method in results["methods"]:
        if method.startswith("ablation:"):
            assert method not in online
            assert method.removeprefix("ablation: ") in sections["What each ingredient gives"]
        elif method != "constant velocity of raw":  # of now it knows no more than raw
            assert f"| {method} |" in online or f"| **{method}** |" in online
    for method in ("raw, hold", "constant velocity of raw", "One-Euro, tuned", "run", "PoseBERT (ours)"):
        assert method in sections["Future"]
    for method in ("raw, hold", "EMA 0.2", "run", "PoseBERT (ours)"):
        assert method in sections["Frames dropped at random"]
        assert method in sections["Gaps of ten frames"]
    assert "| nan" not in text
    assert "None" not in text


def test_results_round_trip_through_json(results, tmp_path):
    write_results(results, tmp_path, tmp_path / "also.json")
    read = json.loads((tmp_path / "temporal.json").read_text(encoding="utf-8"))
    assert read == json.loads((tmp_path / "also.json").read_text(encoding="utf-8"))
    links = {path.stem.removeprefix("temporal_"): path.name for path in tmp_path.glob("*.png")}
    assert set(links) == {"methods", "drops", "future", "trace"}
    links = {name: links[name] for name in ("methods", "drops", "future", "trace")}
    assert tables.markdown(read, links) == (tmp_path / "temporal.md").read_text(encoding="utf-8")


def test_pictures_do_without_a_network(results, tmp_path):
    without = {**results, "subject": None, "trace": None}
    assert set(draw(without, tmp_path)) == {"methods", "drops", "future"}


def test_every_target_is_judged_on_both_rendered_groups(results):
    assert len(results["targets"]) == 2 * 15 + 1  # a group's fifteen, and the speed
    untold = [target["wanted"] for target in results["targets"] if target["met"] is None]
    assert untold.count("better than bi-GRU in PA-MPJPE and MPJPE") == 2  # it was not measured
    assert results["targets"][-1]["met"] is not None


def verdict(results: dict[str, Any], words: str) -> list[bool | None]:
    """What was said of the targets whose words contain these, group by group."""
    return [target["met"] for target in judge(results) if words in target["wanted"]]


def test_targets_are_met_from_their_limits_on(results):
    made = copy.deepcopy(results)
    ours, raw = (made["online"][name] for name in (made["subject"], "raw"))
    raw["b"] |= {"pa_seen": 10.0, "mpjpe_seen": 10.0}
    ours["b"] |= {"pa_seen": 5.9, "mpjpe_seen": 6.9, "lag": 10.0}
    words = ("PA-MPJPE at least 40%", "MPJPE at least 30%", "above raw on no clip", "lag at most")
    assert [verdict(made, text)[-1] for text in words] == [True] * 4
    ours["b"] |= {"pa_seen": 10.1, "mpjpe_seen": 7.1, "lag": 11.0}
    assert [verdict(made, text)[-1] for text in words] == [False] * 4


def test_one_visible_jump_is_one_too_many(results):
    made = copy.deepcopy(results)
    for at in made["gaps"][made["subject"]].values():
        at["jumps"] = 0
    assert verdict(made, "no jump") == [True, True]
    made["gaps"][made["subject"]]["a"]["jumps"] = 1
    assert sorted(verdict(made, "no jump")) == [False, True]


class Mute:
    """Holds the truth, and says nothing more from frame 60 on."""

    name = "mute"

    def online(self, sequence: Sequence, wanted: np.ndarray | None = None) -> Estimate:
        said_m = sequence.truth_m.copy()
        said_m[60:] = np.nan
        return Estimate(said_m, {5: said_m})

    def offline(self, sequence: Sequence) -> np.ndarray | None:
        return None


def test_silence_is_no_way_to_predict_well(sequences):
    found = measure(sequences[:1], [Mute()], (0.0,))
    truth_m = sequences[0].truth_m
    at = np.arange(8, len(truth_m))  # five after the first detection
    said_m = truth_m[np.minimum(at - 5, 59)]
    error_mm = 1e3 * np.linalg.norm(said_m - truth_m[at], axis=-1).mean()
    assert found["future"]["mute"]["a"]["5"]["mpjpe"] == pytest.approx(error_mm)


def test_sequences_are_scored_one_by_one(sequences, results):
    alone = measure(sequences[1:2], filter_methods(tune([]))[:1], (0.0,))
    name = filter_methods(tune([]))[0].name
    assert without_nan(alone["online"][name]["b"]) == results["online"][name]["b"]


def test_a_run_and_its_exported_network_agree(sequences, run_folder):
    run = TrainingRun("run", run_folder)
    network = run_folder / "posebert.onnx"

    class Nothing(Foresight):
        def look(self, poses: Poses, regular_ns: int = 0) -> tuple[Poses, Poses]:
            return poses, poses

    def stage() -> posebert_stage.PoseBertStage:
        return posebert_stage.PoseBertStage(network, ahead_s=AHEAD_S, foresight=Nothing())

    live = StageMethod("live", stage).online(sequences[0])
    batched = run.online(sequences[0])
    # Right after a gap the stage fades over from what it predicted.
    frames = np.r_[3:20, 60:140]
    np.testing.assert_allclose(batched.now_m[frames], live.now_m[frames], atol=1e-4)
    np.testing.assert_allclose(batched.ahead_m[30][frames], live.ahead_m[30][frames], atol=1e-4)
    assert np.isnan(batched.now_m[:3]).all()


def test_wanted_frames_are_the_same_alone(sequences, run_folder):
    run = TrainingRun("run", run_folder)
    wanted = np.arange(len(sequences[0])) % 7 == 0
    few, all_of_them = run.online(sequences[0], wanted), run.online(sequences[0])
    np.testing.assert_allclose(few.now_m[wanted], all_of_them.now_m[wanted], atol=1e-5)
    assert np.isnan(few.now_m[~wanted]).all()


def test_a_run_is_causal_online_and_sees_ahead_offline(sequences, run_folder):
    run = TrainingRun("run", run_folder)
    lost = np.zeros(len(sequences[0]), dtype=bool)
    lost[60:] = True
    less = sequences[0].without(lost)
    np.testing.assert_allclose(run.online(less).now_m[:60], run.online(sequences[0]).now_m[:60], atol=1e-5)
    centred = run.offline(sequences[0])
    assert centred is not None
    assert np.isfinite(centred).all()


def test_speed_is_a_ratio_to_the_papers_network(results):
    speed = results["speed"]
    assert speed["stage_times_faster"] == pytest.approx(speed["paper_torch_ms"] / speed["stage_ms"], rel=1e-4)
    assert speed["rounds"] == 2


@pytest.mark.parametrize("text", ["ours", "=runs/ours", "ours=", "ours=no/such/folder"])
def test_runs_that_are_none_get_one_sentence(text):
    with pytest.raises(UsageError, match="--runs") as told:
        parse_runs((text,))
    assert "\n" not in str(told.value)


def test_a_run_named_twice_is_refused(run_folder):
    with pytest.raises(UsageError, match="twice"):
        parse_runs((f"a={run_folder}", f"a={run_folder}"))


@pytest.mark.parametrize("content", [b"", b"not torch at all", None])
def test_a_checkpoint_of_something_else_is_refused(tmp_path, content):
    if content is None:
        torch.save({"weights": 1}, tmp_path / "checkpoint.pt")
    else:
        (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(ModelError, match=r"checkpoint\.pt"):
        TrainingRun("run", tmp_path)


def test_a_place_that_cannot_be_written_is_told_before_anything_is_measured(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(AppError, match="cannot write"):
        run_temporal(BenchSettings(output=tmp_path / "file" / "results"))


def test_a_missing_network_is_told_before_anything_is_measured(tmp_path):
    with pytest.raises(AppError, match="--network"):
        run_temporal(BenchSettings(network=tmp_path / "none.onnx"))


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(AppError, match=r"torch and matplotlib.*requirements-dev"):
        run_temporal(BenchSettings())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["fly"], "temporal"), (["temporal", "--runs", "ours"], "NAME=DIR")],
)
def test_the_command_line_says_what_is_legal(arguments, words):
    command = [sys.executable, "launch.py", "bench", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert words in done.stderr.strip().splitlines()[-1]
