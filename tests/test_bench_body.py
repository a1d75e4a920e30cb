"""bench temporal --body: what is measured, how it is judged, and what it is measured on."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from body_examples import CAMERA, moving_body, seen_body, write_body_clips

from app.bench import body_tables
from app.bench.body import filter_methods, in_short, run_body, run_methods
from app.bench.body_drawn import drawn_sequences
from app.bench.body_footage import filmed_views, frames_a_second
from app.bench.body_gaps import MASKED, gap_study, masked, target_frames
from app.bench.body_measure import best_window, measure_bodies
from app.bench.body_methods import Filled, Stage, nearest
from app.bench.body_motion import test_sequences as sequences_of_the_test_person
from app.bench.body_motion import tuning_sequences
from app.bench.body_names import GRU, NEAREST, SHIPPED, ratios_to_nearest
from app.bench.body_plausible import beyond_limits, count_swaps, plausibility
from app.bench.body_plots import draw
from app.bench.body_runs import BodyRun, CentredRun, OnlineRun
from app.bench.body_scores import score_body, score_matched
from app.bench.body_sequence import (
    DETECTOR_GROUP,
    DRAWN_GROUP,
    PAPER_GROUP,
    SHAPES_GROUP,
    VIEWS_GROUP,
    BodySequence,
    sequence_of_observations,
)
from app.bench.body_start import on_mean_body
from app.bench.body_targets import judge_bodies
from app.bench.body_tuning import tune_bodies
from app.bench.results import without_nan
from app.bench.settings import BenchSettings
from app.bench.temporal import run_temporal
from app.errors import AppError, UsageError
from models import body_posebert_stage
from models.body_canonical import body_bone_lengths, with_body_bone_lengths
from models.body_keypoints import MIRRORED_KEYPOINTS
from models.body_model import BodyModel
from models.errors import ModelError
from models.rotations import matrix_from_axis_angle
from models.train import TrainConfig, train


def sequence(
    name: str = "made-up",
    frames: int = 110,
    seed: int = 0,
    group: str = DETECTOR_GROUP,
    noise_m: float = 0.02,
    missed: bool = True,
) -> BodySequence:
    """A moving body, detected with noise; unseen at first and in a gap."""
    _, truth_m, _ = moving_body(frames, seed)
    clean = sequence_of_observations(name, group, CAMERA, tuple(seen_body(frames, seed)), truth_m)
    noise = np.random.default_rng(seed).normal(0.0, noise_m, truth_m.shape)
    noisy = replace(clean, raw_m=clean.raw_m + noise - noise[:, :1])
    lost = np.zeros(frames, dtype=bool)
    lost[:3] = lost[20:24] = missed
    return noisy.without(lost)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training run of a tiny network."""
    folder = tmp_path_factory.mktemp("run")
    write_body_clips(folder / "clips")
    out = folder / "out"
    clips = (folder / "clips",)
    train(
        TrainConfig(out=out, figure="body", motion=clips, width=64, batch=4, steps=2, log_every=1, threads=1)
    )
    return out


@pytest.fixture(scope="module")
def sequences() -> list[BodySequence]:
    return [
        sequence("a"),
        sequence("b", seed=1, group=PAPER_GROUP),
        replace(sequence("c", seed=2, group=VIEWS_GROUP), metric=False),
    ]


@pytest.fixture(scope="module")
def results(sequences: list[BodySequence], run_folder: Path) -> dict[str, Any]:
    """Of all methods on three short sequences."""
    tuning = tune_bodies([sequence("t", seed=5)])
    trained, about = run_methods({"ours": run_folder})
    shipped = Stage(SHIPPED, body_posebert_stage.load(run_folder / "posebert.onnx", ahead_s=1.0))
    methods = [*filter_methods(tuning), *trained, shipped]
    found: dict[str, Any] = {
        "machine": {"processor": "any", "cores": 2, "memory_gib": 1, "system": "any", "python": "3"},
        "versions": {},
        "quick": True,
        "network": {"file": "posebert.onnx", "sha256": 64 * "0"},
        "runs": about,
        "tuning": asdict(tuning),
        "sequences": [
            {"name": s.name, "group": s.group, "metric": s.metric, "frames": len(s), "detected": 0.9}
            for s in sequences
        ],
        "views": {"frames": 110, "fps": 60.0, "residual_px": 12.0, "swapped": {"c": 3}},
        "left_out": ["dark"],
        "methods": [method.name for method in methods],
        "looks_ahead": {method.name: method.looks_ahead for method in methods},
        **measure_bodies(sequences, methods, sequence("film", seed=7)),
        "best_window": best_window(sequences),
    }
    found["ratios"] = ratios_to_nearest(found)
    found["targets"] = judge_bodies(found)
    return without_nan(found)


# --- what is said -------------------------------------------------------------------------------------------


def test_every_table_has_every_method(results):
    text = body_tables.markdown(results, {})
    sections = {part.splitlines()[0]: part for part in text.split("\n### ")}
    for method in results["methods"]:
        if method != "constant velocity of raw":  # of now it knows no more than raw
            assert f"| {method} |" in sections["Refinement"] or f"| **{method}** |" in sections["Refinement"]
    for method in ("raw, hold", "constant velocity of raw", "One-Euro, tuned", SHIPPED):
        assert method in sections["Future"]
    for method in (NEAREST, "raw, straight lines", "PoseBERT, centred window", SHIPPED):
        assert method in sections["Gaps"]
    assert SHIPPED in sections["A filmed person"]
    assert SHIPPED in sections["Four cameras"]
    assert "dark" in text
    assert "| nan" not in text
    assert "None |" not in text


def test_rows_that_look_ahead_say_so(results):
    table = body_tables.markdown(results, {}).split(f"#### {DETECTOR_GROUP}\n")[1].split("####")[0]
    rows = [row.split(" | ") for row in table.splitlines() if row.startswith("| ")]
    told = {cells[0].strip("| *"): cells[1] for cells in rows}
    assert told[SHIPPED] == told["One-Euro, tuned"] == told["Savitzky–Golay, tuned"] == "–"
    assert told[NEAREST] == "in gaps"
    assert told["Savitzky–Golay, centred, tuned"] == "the clip"
    assert told["PoseBERT, centred window"] == "31 frames"


def test_results_survive_a_file_and_pictures_are_drawn(results, tmp_path):
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    assert set(draw(results, tmp_path)) == {"refinement", "gaps", "future"}


def test_reports_do_without_networks_and_footage(results, tmp_path):
    without = copy.deepcopy(results)
    for kind in ("refinement", "future", "oracle", "gaps", "footage"):
        without[kind] = {name: at for name, at in without[kind].items() if "PoseBERT" not in name}
    without["methods"] = [name for name in without["methods"] if "PoseBERT" not in name]
    without |= {"views": None, "network": None, "runs": {}, "footage": {}}
    without["sequences"] = [s for s in without["sequences"] if s["group"] != VIEWS_GROUP]
    without["targets"] = judge_bodies(without)
    assert without["targets"] == []
    assert "There is no network for bodies" in body_tables.markdown(without, {})
    assert set(draw(without, tmp_path)) == {"refinement", "gaps", "future"}


# --- how it is judged ---------------------------------------------------------------------------------------


def verdicts(results: dict[str, Any]) -> list[bool | None]:
    return [target["met"] for target in judge_bodies(results)]


def with_figures(results: dict[str, Any], method: str, **factors: float) -> dict[str, Any]:
    """The results in which a method's figures are those of raw nearest times a factor."""
    made = copy.deepcopy(results)
    made["refinement"][method] = {
        name: {**at, **{figure: at[figure] * factor for figure, factor in factors.items()}}
        for name, at in made["refinement"][NEAREST].items()
        if "mpjpe" in at
    }
    return made


def test_targets_follow_the_figures(results):
    reached = with_figures(results, SHIPPED, mpjpe=0.84, pa=0.89, accel=0.39)
    assert verdicts(reached)[:3] == [True, True, True]
    missed = with_figures(results, SHIPPED, mpjpe=0.86, pa=0.91, accel=0.41)
    assert verdicts(missed)[:3] == [False, False, False]


def test_better_than_a_rival_is_better_in_each(results):
    assert verdicts(results)[5] is None  # no bi-GRU was measured
    both = with_figures(results, GRU, mpjpe=0.5, pa=0.5, accel=0.5)
    both = with_figures(both, SHIPPED, mpjpe=0.4, pa=0.4, accel=0.4)
    assert verdicts(both)[5] is True
    assert verdicts(with_figures(both, SHIPPED, mpjpe=0.4, pa=0.6, accel=0.4))[5] is False


def test_a_bridged_gap_is_compared_with_both_raws(results):
    made = copy.deepcopy(results)
    made["gaps"][NEAREST]["10"] = {"mpjpe": 90.0, "pa": 60.0, "targets": 2}
    made["gaps"][NEAREST]["none"] = {"mpjpe": 50.0, "pa": 40.0, "targets": 2}
    made["gaps"][SHIPPED]["10"] = {"mpjpe": 70.0, "pa": 50.0, "targets": 2}
    assert verdicts(made)[-2:] == [True, False]
    made["targets"] = judge_bodies(made)
    assert [line.split()[0] for line in in_short(made)[6:8]] == ["reached", "missed"]


# --- figures ------------------------------------------------------------------------------------------------


def test_what_is_right_has_no_error_and_what_is_silent_is_held():
    clip = sequence(missed=False)
    perfect = score_body(clip.truth_m, clip)
    assert perfect["mpjpe"] == pytest.approx(0.0, abs=1e-9)
    assert perfect["accel"] == pytest.approx(0.0, abs=1e-9)
    quiet = clip.truth_m.copy()
    quiet[50:60] = np.nan
    told = score_body(quiet, clip)
    assert told["silent"] == pytest.approx(10 / len(clip))
    assert told["mpjpe"] > 1.0


def test_matched_frames_are_those_detected():
    clip = sequence()
    spoilt = replace(clip, raw_m=np.where(clip.detected[:, None, None], clip.truth_m, 9.0))
    assert score_matched(spoilt)["mpjpe"] == pytest.approx(0.0, abs=1e-9)
    assert score_body(Filled("x", nearest).estimate(clip).now_m, clip)["silent"] == 0.0


def test_nearest_takes_the_nearer_detection():
    x = np.array([[np.nan], [1.0], [np.nan], [np.nan], [np.nan], [5.0], [np.nan]])
    np.testing.assert_array_equal(nearest(x).ravel(), [1.0, 1.0, 1.0, 1.0, 5.0, 5.0, 5.0])


def test_gaps_are_cut_around_frames_that_count():
    detected = np.ones(300, dtype=bool)
    targets = target_frames(detected)
    assert len(targets) >= 3
    assert masked(300, targets, 5).sum() == 11 * len(targets)
    detected[targets[1] + 21] = False
    assert targets[1] not in target_frames(detected)
    clip = sequence(frames=200, missed=False, noise_m=0.0)
    study = gap_study([clip], Filled(NEAREST, nearest))
    assert study["none"]["mpjpe"] == pytest.approx(0.0, abs=1e-6)
    errors = [study[str(m)]["mpjpe"] for m in MASKED]
    assert 0.0 < errors[0] < errors[1] < errors[2]


def test_a_steady_human_is_plausible_and_a_swapped_one_is_not():
    _, keypoints_m, _ = moving_body(90)
    good = plausibility(keypoints_m, 30.0)
    assert good["swaps"] == 0.0
    assert good["bones"] == pytest.approx(0.0, abs=1.0)
    confused = keypoints_m.copy()
    confused[40:60] = confused[40:60][:, MIRRORED_KEYPOINTS]
    assert count_swaps(confused, 30.0) >= 2
    assert plausibility(confused, 30.0)["jitter"] > good["jitter"]
    unseen = np.full_like(keypoints_m, np.nan)
    assert plausibility(unseen, 30.0)["known"] == 0.0


def test_knees_bend_one_way_only():
    body = BodyModel.load()
    rotations = np.tile(np.eye(3), (3, 24, 1, 1))
    rotations[1, 4] = matrix_from_axis_angle(np.array([1.0, 0.0, 0.0]))  # the left shank backward
    rotations[2, 4] = matrix_from_axis_angle(np.array([-1.0, 0.0, 0.0]))  # and forward
    turned = matrix_from_axis_angle(np.array([0.3, 2.0, 0.1]))
    for R in (np.eye(3), turned):
        placed = body.keypoints(rotations) @ R.T
        np.testing.assert_array_equal(beyond_limits(placed), [False, False, True])


# --- methods ------------------------------------------------------------------------------------------------


def test_many_windows_at_once_say_what_the_live_stage_says(run_folder):
    clip = sequence(missed=False, frames=80)
    batched = OnlineRun("batched", BodyRun(run_folder)).estimate(clip)
    live = Stage("live", body_posebert_stage.load(run_folder / "posebert.onnx", ahead_s=1.0)).estimate(clip)
    np.testing.assert_allclose(batched.now_m, live.now_m, atol=1e-3)
    assert set(batched.ahead_m) == set(live.ahead_m)
    np.testing.assert_allclose(batched.ahead_m[5], live.ahead_m[5], atol=1e-3)


def test_what_posebert_starts_from_has_the_mean_bodys_bones_and_heeds_the_picture():
    clip = sequence(noise_m=0.0)
    long_m = with_body_bone_lengths(clip.raw_m, 1.3 * body_bone_lengths(clip.truth_m))
    askew = replace(clip, raw_m=long_m + np.linspace(0.0, 0.05, 17)[:, None] * [1.0, 0.0, 0.0])
    start = on_mean_body(askew)
    assert score_matched(askew)["mpjpe"] > 60.0
    assert score_matched(start)["mpjpe"] < 15.0
    np.testing.assert_array_equal(np.isfinite(start.raw_m), np.isfinite(clip.raw_m))
    assert start.detected is clip.detected


def test_a_stage_forgets_between_sequences(run_folder):
    stage = Stage("live", body_posebert_stage.load(run_folder / "posebert.onnx"))
    first, again = sequence("a", frames=40), sequence("b", frames=40, seed=1)
    alone = stage.estimate(again).now_m
    stage.estimate(first)
    np.testing.assert_allclose(stage.estimate(again).now_m, alone, atol=1e-6)


def test_a_run_is_causal_online_and_sees_ahead_centred(run_folder):
    run = BodyRun(run_folder)
    clip = sequence(frames=90)
    lost = np.zeros(len(clip), dtype=bool)
    lost[60:] = True
    less = clip.without(lost)
    online = OnlineRun("online", run)
    np.testing.assert_allclose(online.estimate(less).now_m[:60], online.estimate(clip).now_m[:60], atol=1e-5)
    centred = CentredRun("centred", run).estimate(clip).now_m
    assert np.isfinite(centred).all()  # what is seen later tells of the frames before the first detection


def test_runs_of_hands_and_two_of_a_kind_are_refused(tmp_path, run_folder):
    with pytest.raises(UsageError, match="two networks"):
        run_methods({"a": run_folder, "b": run_folder})
    (tmp_path / "checkpoint.pt").write_bytes(b"no torch at all")
    with pytest.raises(ModelError, match=r"checkpoint\.pt"):
        BodyRun(tmp_path)


# --- recordings ---------------------------------------------------------------------------------------------


def test_the_test_person_is_seen_the_same_in_every_run(shared_data):
    directory = shared_data / "body" / "cmu_bvh"
    made, again = (sequences_of_the_test_person(directory, quick=True) for _ in range(2))
    assert {s.group for s in made} == {DETECTOR_GROUP, PAPER_GROUP, SHAPES_GROUP}
    assert len({s.name for s in made}) == len(made)
    for one, other in zip(made, again, strict=True):
        np.testing.assert_array_equal(one.raw_m, other.raw_m)
    noisy = [s for s in made if s.group == DETECTOR_GROUP]
    assert all(s.name.startswith("02_") for s in made)
    errors = [score_matched(s)["mpjpe"] for s in noisy]
    assert 40.0 < np.mean(errors) < 250.0
    assert all(np.abs(CAMERA.project(s.truth_m[0] + (0.0, 0.0, 3.0))).max() < 1e4 for s in noisy)
    assert not any(s.name.startswith("02_") for s in tuning_sequences(directory, quick=True))


@pytest.mark.parametrize(("clip", "words"), [("05_02", "05_02"), ("humanoid3d_walk", "humanoid3d_walk")])
def test_drawn_bodies_of_people_learnt_from_are_refused(clip, words, tmp_path):
    _write_drawn(tmp_path / "drawn", clip)
    with pytest.raises(AppError, match=words):
        drawn_sequences(tmp_path / "drawn")
    with pytest.raises(AppError, match=r"app\.body_pairs"):
        drawn_sequences(tmp_path / "none")


def test_drawn_bodies_are_what_the_detector_said(tmp_path):
    _write_drawn(tmp_path / "drawn", "02_03")
    (drawn,) = drawn_sequences(tmp_path / "drawn")
    assert drawn.group == DRAWN_GROUP
    assert drawn.camera == CAMERA
    assert not drawn.detected[40:45].any()
    assert drawn.detected.sum() == 95
    assert 20.0 < score_matched(drawn)["mpjpe"] < 90.0  # 3 cm of noise


def _write_drawn(folder: Path, clip: str) -> None:
    """A file as `app.body_pairs` writes them, of a clip of that name."""
    file = write_body_clips(folder, count=1, filmed=True) / "clip_0.npz"
    with np.load(file) as data:
        arrays = dict(data)
    np.savez(file, **arrays, name=clip, shape="adult")


def test_a_directory_without_the_test_person_gets_one_sentence(tmp_path):
    with pytest.raises(AppError, match="--bvh"):
        sequences_of_the_test_person(tmp_path, quick=True)


def test_frames_a_second_are_those_of_the_video():
    clip = sequence()
    slow = replace(clip, t_ns=np.arange(len(clip), dtype=np.int64) * 50_000_000)
    assert frames_a_second(slow) == pytest.approx(20.0)


def test_a_folder_without_views_gets_one_sentence(tmp_path):
    with pytest.raises(AppError, match="pose2sim") as told:
        filmed_views(tmp_path)
    assert "\n" not in str(told.value)


# --- the command --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (BenchSettings(body=True, backend="all"), "--body"),
        (BenchSettings(bvh=Path("x")), "--bvh"),
        (BenchSettings(body=True, runs=("gru.onnx",)), "NAME=DIR"),
        (BenchSettings(body=True, source="webcam"), "--source"),
    ],
)
def test_flags_that_do_not_belong_are_refused(settings, words):
    with pytest.raises(UsageError, match=words):
        run_temporal(settings)


def test_a_missing_network_is_told_before_anything_is_measured(tmp_path):
    with pytest.raises(AppError, match="--network"):
        run_body(BenchSettings(body=True, network=tmp_path / "none.onnx"))
