"""Training: it learns, resumes, runs on several processes and leaves a network that runs."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from training_examples import write_clips

from models import export, posebert_stage
from models import train as train_module
from models.curves import Curves
from models.errors import ModelError
from models.losses import LossConfig
from models.noise import GapConfig
from models.train import (
    Taught,
    TrainConfig,
    TrainingStoppedError,
    as_published,
    build,
    learning_rate,
    looks_back,
    open_teacher,
    share_done,
    train,
)

ROOT = Path(__file__).parents[1]
needs_a_full_disk = pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="this system has no disk that is always full"
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("clips")
    write_clips(directory / "motion")
    write_clips(directory / "pairs", filmed=True)
    write_clips(directory / "stills", filmed=True, fps=0.0)
    write_clips(directory / "held_out", filmed=True)
    return directory


def config(clips: Path, out: Path) -> TrainConfig:
    return TrainConfig(
        out=out,
        motion=(clips / "motion",),
        pairs=(clips / "pairs",),
        width=64,
        batch=8,
        steps=4,
        warmup=2,
        log_every=2,
        threads=1,
    )


@pytest.fixture
def unexported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs leave neither a network nor a picture: each takes longer than the few steps here."""
    monkeypatch.setattr(export, "export_onnx", lambda *given, **how: None)
    monkeypatch.setattr(Curves, "draw", lambda curves: None)


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "curves.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("start", "lift"), [("observed", False), ("mean", True)])
def test_parts_of_ours_can_be_left_out(start, lift, clips, tmp_path):
    network = build(replace(config(clips, tmp_path), start=start, lift=lift))
    assert network.lifter is None
    assert (network.mixture is None) == (start == "mean")


@pytest.mark.parametrize("network", ["ours", "paper", "gru"])
def test_a_run_leaves_curves_a_checkpoint_and_a_network(network, clips, tmp_path):
    file = train(replace(config(clips, tmp_path), network=network, validate=(clips / "held_out",)))
    posebert_stage.load(file)
    last = rows(tmp_path)[-1]
    assert last["step"] == "4"
    assert all(
        np.isfinite(float(last[name])) for name in ("total", "mpjpe", "pa", "raw_pa", "pa_5", "worst_pa")
    )
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_baselines_of_hands_begin_half_a_metre_ahead_whatever_the_clips(clips, tmp_path):
    teacher = open_teacher(config(clips, tmp_path), torch.device("cpu"), (0,))
    np.testing.assert_allclose(teacher.mean_pose()[-3:], [0.0, 0.0, 0.7])


@pytest.mark.usefixtures("unexported")
def test_the_loss_falls(clips, tmp_path):
    plan = replace(config(clips, tmp_path), paces=(1.0, 1.0), focal_spread=0.0)
    train(replace(plan, steps=72, log_every=8, learning_rate=3e-3, bf16="off"))
    totals = [float(row["total"]) for row in rows(tmp_path)]
    assert totals[-1] < 0.8 * totals[0]


@pytest.mark.usefixtures("unexported")
@pytest.mark.parametrize(
    ("asked", "has", "used"),
    [("auto", True, True), ("auto", False, False), ("on", False, True), ("off", True, False)],
)
def test_sixteen_bits_are_used_where_they_are_quicker_or_asked_for(
    asked, has, used, clips, tmp_path, monkeypatch
):
    seen = []

    class Watched(train_module.Taught):
        def forward(self, *given):
            seen.append(torch.is_autocast_enabled("cpu"))
            return super().forward(*given)

    monkeypatch.setattr(train_module, "has_bf16", lambda device: has)
    monkeypatch.setattr(train_module, "Taught", Watched)
    train(replace(config(clips, tmp_path), steps=2, bf16=asked))
    assert seen == [used] * 2
    assert np.isfinite([float(row["total"]) for row in rows(tmp_path)]).all()


@pytest.mark.parametrize(
    ("capabilities", "has"),
    [
        ({"avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, False),
        ({"avx512_bf16": True, "amx_bf16": False}, True),
        ({"avx512_bf16": False, "amx_bf16": True}, True),
        ({"neon": True, "bf16": True}, True),
        ({"neon": True}, False),
    ],
)
def test_what_a_processor_has_for_sixteen_bits_is_asked_of_torch(capabilities, has, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert train_module.has_bf16(torch.device("cpu")) == has


def with_stills(clips: Path, out: Path) -> TrainConfig:
    return replace(config(clips, out), stills=(clips / "stills",), stills_batch=64)


@pytest.mark.usefixtures("unexported")
def test_stills_teach_the_correction_of_single_poses(clips, tmp_path):
    plan = with_stills(clips, tmp_path)
    teacher = open_teacher(plan, torch.device("cpu"), (0,))
    taught = Taught(build(plan))
    features, observed, start = teacher.encode(teacher.batch(4).seen, teacher.causal(4))
    _, still = teacher.singles(8)
    *_, alone = taught(features, observed, start, teacher.causal(4), teacher.described(still))
    assert alone.shape == (8, 1, 99)
    alone.sum().backward()
    learning = {name for name, value in taught.named_parameters() if value.grad is not None}
    assert learning
    assert all(name.startswith("network.lifter.") for name in learning)
    train(plan)
    assert all(float(row["single"]) > 0.0 for row in rows(tmp_path))


def test_stills_stand_in_windows_as_hands_that_rest(clips, tmp_path):
    plan = replace(with_stills(clips, tmp_path), gaps=GapConfig(random_pose_rate=0.0))
    teacher = open_teacher(plan, torch.device("cpu"), (0,))
    batch = teacher.batch(10)
    assert batch.foreseen.tolist() == 2 * [False] + 8 * [True]
    assert batch.filmed.tolist() == 6 * [True] + 4 * [False]
    assert batch.truth.wrist_m[:2].diff(dim=1).abs().max() == 0.0
    assert batch.seen.rays[:2].diff(dim=1).abs().max() < 1e-5
    assert (batch.truth.wrist_m[2:].diff(dim=1).abs().amax((1, 2)) > 0.0).all()


@pytest.mark.parametrize(
    "change", [{"network": "paper"}, {"lift": False}, {"loss": LossConfig(alone=0.0)}, {"figure": "body"}]
)
def test_stills_are_refused_where_nothing_would_learn_from_them(change, clips, tmp_path):
    with pytest.raises(ModelError, match="--stills"):
        train(replace(with_stills(clips, tmp_path), **change))


@pytest.mark.usefixtures("unexported")
def test_a_stopped_run_goes_on(clips, tmp_path):
    train(replace(config(clips, tmp_path), steps=2))
    first = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    train(config(clips, tmp_path))
    second = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert (first["step"], second["step"]) == (2, 4)
    assert [row["step"] for row in rows(tmp_path)] == ["2.0", "4"]
    key = "embed.weight"
    assert 0.0 < (second["network"][key] - first["network"][key]).abs().max() < 0.1
    moments = second["optimizer"]["state"][0]["step"]
    assert int(moments) == 4


@pytest.mark.usefixtures("unexported")
def test_weight_decay_given_to_a_run_that_goes_on_counts(clips, tmp_path):
    train(replace(config(clips, tmp_path), steps=1))
    train(replace(config(clips, tmp_path), steps=2, weight_decay=0.5))
    groups = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["optimizer"]["param_groups"]
    assert [group["weight_decay"] for group in groups] == [0.5, 0.0]


def test_a_run_that_is_stopped_saves_its_step_and_goes_on_from_it(clips, tmp_path):
    asked = iter([False, False, False, True])
    with pytest.raises(TrainingStoppedError, match="stopped at step 3; the same command goes on from it"):
        train(replace(config(clips, tmp_path), steps=5, log_every=10), lambda: next(asked))
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 3
    assert [row["step"] for row in rows(tmp_path)] == ["3"]
    assert not (tmp_path / "posebert.onnx").exists()
    with pytest.raises(TrainingStoppedError, match="stopped at step 3"):
        train(replace(config(clips, tmp_path), steps=5), lambda: True)
    at_its_end = iter([False, True])
    posebert_stage.load(train(replace(config(clips, tmp_path), steps=4), lambda: next(at_its_end)))


def test_a_run_stopped_before_its_first_step_leaves_none(clips, tmp_path):
    with pytest.raises(TrainingStoppedError, match="before the first step"):
        train(config(clips, tmp_path), lambda: True)
    assert not (tmp_path / "checkpoint.pt").exists()


@pytest.mark.usefixtures("unexported")
def test_curves_are_means_of_the_steps_since_the_last_row_after_a_stop_too(clips, tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    for out, lengths in ((whole, (6,)), (stopped, (3, 6))):
        for steps in lengths:
            train(replace(config(clips, out), steps=steps))
    totals = {
        out.name: {int(float(row["step"])): float(row["total"]) for row in rows(out)}
        for out in (whole, stopped)
    }
    assert set(totals["stopped"]) == {2, 3, 4, 6}
    for step in (4, 6):  # other windows, but of the same size
        assert 0.5 < totals["stopped"][step] / totals["whole"][step] < 2.0


@pytest.mark.parametrize(
    "cut", ["3,0.", "3,0.5,1e-3,2.", "3,0.5,1e-", "\0\0\0\0", "3,0.5\n", "what\n", "3,x\n"]
)
def test_damaged_rows_of_the_curves_are_left_out_when_a_run_goes_on(cut, tmp_path):
    curves = Curves(tmp_path, 0)
    for step in (1, 2):
        curves.add({"step": step, "seconds": 0.5, "learning_rate": 1e-3, "total": 2.5})
    with (tmp_path / "curves.csv").open("a") as file:
        file.write(cut)
    curves = Curves(tmp_path, 5)
    curves.add({"step": 6, "seconds": 0.9, "learning_rate": 1e-3, "total": 2.0, "mpjpe": 9.0})
    assert [float(row["step"]) for row in rows(tmp_path)] == [1.0, 2.0, 6.0]
    assert [float(row["total"]) for row in rows(tmp_path)] == [2.5, 2.5, 2.0]
    assert [row["mpjpe"] for row in rows(tmp_path)] == ["", "", "9.0"]


@pytest.mark.parametrize("damaged", ["", "step,sec", "st\n1\n", "hello\nyou\n"])
def test_curves_without_a_header_begin_anew(damaged, tmp_path):
    (tmp_path / "curves.csv").write_text(damaged)
    Curves(tmp_path, 5).add({"step": 6, "total": 2.0})
    assert [row["step"] for row in rows(tmp_path)] == ["6"]


@needs_a_full_disk
@pytest.mark.parametrize("file", ["curves.csv", "curves.png"])
def test_a_full_disk_leaves_the_curves_whole(file, tmp_path):
    curves = Curves(tmp_path, 0)
    curves.add({"step": 1, "total": 2.0, "mpjpe": 9.0})
    before = (tmp_path / file).read_bytes()
    (tmp_path / f"{file}.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match=file):
        curves.add({"step": 2, "total": 2.0, "mpjpe": 8.0})
    assert (tmp_path / file).read_bytes() == before


def test_a_loss_that_is_no_number_ends_the_run_and_leaves_its_checkpoint(clips, tmp_path):
    ruinous = replace(config(clips, tmp_path), learning_rate=1e9, warmup=1, log_every=1)
    with pytest.raises(ModelError, match=r"at step 2; the checkpoint of step 1 is kept; lower --learning-"):
        train(ruinous)
    kept = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert kept["step"] == 1
    assert all(weights.isfinite().all() for weights in kept["average"].values())
    assert not (tmp_path / "posebert.onnx").exists()


@pytest.mark.usefixtures("unexported")
def test_validation_takes_clips_that_are_short_or_never_seen(clips, tmp_path):
    directory = write_clips(tmp_path / "odd", count=3, frames=20, filmed=True)
    file = directory / "clip_0.npz"
    with np.load(file) as data:
        values = dict(data)
    np.savez(file, **{**values, "observed": np.zeros(20, dtype=bool)})
    write_clips(tmp_path / "usual", count=1, filmed=True)
    train(replace(config(clips, tmp_path / "out"), validate=(directory, tmp_path / "usual")))
    last = rows(tmp_path / "out")[-1]
    assert all(np.isfinite(float(last[name])) for name in ("mpjpe", "pa", "raw_pa", "pa_30", "worst_pa"))


def test_baselines_leave_out_what_is_ours(clips, tmp_path):
    paper = as_published(replace(config(clips, tmp_path), network="paper"))
    assert (paper.paces, paper.roll_rate, paper.focal_spread, paper.proportions_m) == (
        (1.0, 1.0),
        0.0,
        0.0,
        0.0,
    )
    assert paper.loss == LossConfig.paper()
    assert not looks_back(paper)
    gru = as_published(replace(config(clips, tmp_path), network="gru"))
    assert (gru.paces, gru.roll_rate) == ((1.0, 1.0), config(clips, tmp_path).roll_rate)
    assert as_published(config(clips, tmp_path)) == config(clips, tmp_path)


@pytest.mark.usefixtures("unexported")
def test_another_networks_run_is_not_gone_on_with(clips, tmp_path):
    train(replace(config(clips, tmp_path), steps=2))
    with pytest.raises(ModelError, match="width"):
        train(replace(config(clips, tmp_path), width=128))


@pytest.fixture(scope="module")
def a_run(clips, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    train(replace(config(clips, out), steps=1))
    return out


def damage(file: Path, how: str) -> None:
    if how == "foreign":
        torch.save({"weights": 1}, file)
    elif how == "cut off":
        file.write_bytes(file.read_bytes()[:5000])
    else:
        file.write_text(how)


@pytest.mark.parametrize("how", ["foreign", "cut off", "", "hello", "{}", "a note on this run"])
def test_a_damaged_checkpoint_is_named_when_a_run_goes_on_or_begins_with_it(how, clips, a_run, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(a_run, damaged)
    damage(damaged / "checkpoint.pt", how)
    with pytest.raises(ModelError, match=r"damaged.checkpoint\.pt is no checkpoint .*; move it away"):
        train(config(clips, damaged))
    with pytest.raises(ModelError, match=r"damaged.checkpoint\.pt is no checkpoint .*; give the --out .*"):
        train(replace(config(clips, tmp_path / "new"), begin=damaged))


def test_a_checkpoint_with_other_layers_is_refused(clips, a_run, tmp_path):
    shutil.copytree(a_run, tmp_path / "older")
    file = tmp_path / "older" / "checkpoint.pt"
    state = torch.load(file, weights_only=True)
    state["network"].pop("embed.weight")
    torch.save(state, file)
    with pytest.raises(ModelError, match="another version of this program; give another --out"):
        train(config(clips, tmp_path / "older"))


@pytest.mark.parametrize("validated", ["pairs", "motion", ".", "a link"])
def test_clips_that_are_trained_on_are_refused_to_validate_with(validated, clips, tmp_path):
    if validated == "a link":
        (tmp_path / validated).symlink_to(clips / "pairs", target_is_directory=True)
        directory = tmp_path / validated
    else:
        directory = clips / validated
    with pytest.raises(
        ModelError, match=r"clip_0\.npz is both trained on and validated with; give --validate"
    ):
        train(replace(config(clips, tmp_path / "out"), validate=(clips / "held_out", directory)))


def test_nothing_to_train_on_is_told(tmp_path):
    with pytest.raises(ModelError, match="--motion"):
        train(TrainConfig(out=tmp_path, width=64))


def test_a_folder_that_cannot_be_made_is_named(clips, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match=r"--out .*file.out cannot be made .*; give another folder"):
        train(config(clips, tmp_path / "file" / "out"))


def test_two_processes_train_one_network(clips, tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "models.train", "--out", str(tmp_path), "--motion", str(clips / "motion")]
    command += ["--width", "64", "--batch", "8", "--steps", "3", "--threads", "1", "--log-every", "1"]
    command += ["--stills", str(clips / "stills"), "--stills-batch", "16"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert [row["step"] for row in rows(tmp_path)] == ["1", "2", "3"]
    posebert_stage.load(tmp_path / "posebert.onnx")
    # Going on, the second process hears from the first what its disk may not hold.
    command[command.index("--steps") + 1] = "5"
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert [float(row["step"]) for row in rows(tmp_path)] == [1.0, 2.0, 3.0, 4.0, 5.0]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows kills without asking")
@pytest.mark.parametrize("processes", [1, 2])
def test_a_polite_kill_stops_all_processes_at_one_step(processes, clips, tmp_path):
    command = [sys.executable]
    if processes > 1:
        command += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command += ["launch.py", "train", "--out", str(tmp_path), "--motion", str(clips / "motion")]
    command += ["--width", "64", "--batch", "4", "--threads", "1", "--log-every", "1", "--no-lift"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True) as run:
        try:
            deadline = time.monotonic() + 200.0
            while not (tmp_path / "checkpoint.pt").exists() and time.monotonic() < deadline:
                assert run.poll() is None, run.communicate()
                time.sleep(0.1)
            run.send_signal(signal.SIGTERM)
            said, _ = run.communicate(timeout=200)
        finally:
            run.kill()
    step = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"]
    assert said.splitlines() == processes * [f"stopped at step {step}; the same command goes on from it"]
    assert run.returncode == 130 or processes > 1


@needs_a_full_disk
@pytest.mark.parametrize("file", ["checkpoint.pt", "config.json", "posebert.onnx"])
def test_a_full_disk_is_told_and_leaves_the_last_checkpoint_whole(file, clips, a_run, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(a_run, out)
    before = (out / file).read_bytes()
    partial = out / f"{file}.part"
    partial.symlink_to("/dev/full")
    with pytest.raises(
        ModelError, match=f"cannot write .*{file} .No space left .*; make room .* goes on from"
    ):
        train(replace(config(clips, out), steps=2))
    assert (out / file).read_bytes() == before
    assert not partial.is_symlink()
    train(replace(config(clips, out), steps=2))
    assert torch.load(out / "checkpoint.pt", weights_only=True)["step"] == 2


def test_fitted_noise_needs_its_file(clips, tmp_path):
    with pytest.raises(ModelError, match="--noise-file"):
        train(replace(config(clips, tmp_path), noise="fitted"))


def test_the_learning_rate_rises_then_falls():
    plan = TrainConfig(out=Path("unused"), steps=1000, warmup=10, learning_rate=1e-3)
    rates = [learning_rate(plan, step, share_done(plan, step, 0.0)) for step in (0, 10, 500, 999)]
    np.testing.assert_allclose(rates, [1e-4, 1e-3, 5.05e-4, 1e-5], rtol=1e-2)


def test_a_run_may_end_by_the_clock(clips, tmp_path):
    plan = replace(config(clips, tmp_path), steps=10**9, minutes=3.0 / 60.0)
    assert share_done(plan, 10, 1.5) == 0.5
    train(plan)
    assert 1.0 <= float(rows(tmp_path)[-1]["step"]) < 10**9
    posebert_stage.load(tmp_path / "posebert.onnx")
