"""bench latency: a judge that finds what was put in, runs laid over clips, figures, targets, refusals."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.bench.latency import captions
from app.bench.latency import peer as peer_module
from app.bench.latency.clips import Clip, darkened, in_a_loop, known_clip, read_images, write_images
from app.bench.latency.contestants import (
    FULL,
    NONE_OFF,
    ONE_EURO_AUTO,
    ONE_EURO_OFF,
    PEER,
    POSEBERT_AUTO,
    POSEBERT_OFF,
    QUICK,
    SUBJECT,
)
from app.bench.latency.dropouts import GAP_FRAMES, choose_gaps, gap_figures
from app.bench.latency.example import example
from app.bench.latency.figures import TRUE_Q, Fingertips, Seen, look, pool
from app.bench.latency.judge import (
    RATE_HZ,
    Pair,
    gap_errors_mm,
    jitter_mm2,
    motion_delay,
    overshoots_mm,
    rises,
)
from app.bench.latency.play import ABSENT, Played, Stage
from app.bench.latency.recorder import RobotMotion
from app.bench.latency.run import run_latency
from app.bench.latency.tables import in_short, markdown, summary
from app.bench.latency.targets import front
from app.bench.latency.targets import judge as judge_targets
from app.bench.latency.timeline import lay_over
from app.bench.latency.track import Track, runs, smoothed
from app.bench.latency.usage import Usage, UsageWatch
from app.bench.results import without_nan
from app.bench.retargeting.peers import open_dex_retargeting
from app.bench.retargeting.run import run_retarget
from app.bench.settings import BenchSettings
from app.errors import AppError, UsageError
from app.synthetic.clip import clip_of_seed
from app.trace import STAGES
from launch import Bench, parse
from retarget import load

ROOT = Path(__file__).parents[1]
FPS = 30.0
BEGAN_S = 1000.0  # when the clip of a made-up run began, monotonic clock
HAS_PEER = all(importlib.util.find_spec(name) for name in ("dex_retargeting", "dexi_rs", "torch"))


def min_jerk(t_s: np.ndarray, begin_s: float, move_s: float) -> np.ndarray:
    """From 0 to 1 as people move."""
    s = np.clip((t_s - begin_s) / move_s, 0.0, 1.0)
    return s**3 * (10.0 - 15.0 * s + 6.0 * s**2)


def fro_and_to(t_s: np.ndarray) -> np.ndarray:
    """(T,4,3) m: a quick move of 60 mm and back, each followed by a rest, twice over."""
    way = sum((-1) ** i * min_jerk(t_s, 3.0 + 2.0 * i, 0.35) for i in range(4))
    tips_m = np.zeros((len(t_s), 4, 3))
    tips_m[:, :, 0] = 0.06 * way[:, None]
    return tips_m


T_S = np.arange(0.0, 11.0, 1.0 / RATE_HZ)
WANTED_M = fro_and_to(T_S)


# --- signals -----------------------------------------------------------------------------------------------


def test_smoothing_leaves_straight_lines_alone_up_to_their_ends():
    line = np.arange(20.0)[:, None] * [1.0, -2.0]
    np.testing.assert_allclose(smoothed(line, 7), line)
    spike = np.zeros(9)
    spike[4] = 3.0
    np.testing.assert_allclose(smoothed(spike, 3), [0, 0, 0, 1, 1, 1, 0, 0, 0])


def test_runs_are_where_flags_are_true_without_a_break():
    assert runs(np.array([1, 1, 0, 1, 0, 0, 1], bool)) == [slice(0, 2), slice(3, 4), slice(6, 7)]
    assert runs(np.zeros(3, bool)) == []


def test_tracks_keep_their_shape_between_and_beyond_samples():
    track = Track(np.array([0.0, 1.0]), np.arange(12.0).reshape(2, 2, 3))
    np.testing.assert_allclose(track.at(np.array([-1.0, 0.5, 9.0]))[:, 1, 2], [5.0, 8.0, 11.0])


# --- the judge ---------------------------------------------------------------------------------------------


def joints(t_s: np.ndarray) -> np.ndarray:
    return np.stack([np.sin(2.0 * np.pi * f * t_s) for f in (0.7, 1.1, 1.9)], axis=1)


@pytest.mark.parametrize("delay_ms", [-20.0, 0.0, 13.7, 43.2, 133.3, 300.0])
def test_delay_is_found_to_a_fraction_of_a_millisecond(delay_ms):
    t_frame, t_state = np.arange(0.0, 12.0, 1.0 / FPS), np.arange(0.003, 12.5, 0.01)
    wanted = Track(t_frame, joints(t_frame))
    # The robot's measured joints, half as far and with an offset: neither is a delay.
    robot = Track(t_state, 0.5 * joints(t_state - 1e-3 * delay_ms) + 0.2)
    found_ms, correlation = motion_delay(wanted, robot, 2.0, 11.5)
    assert found_ms == pytest.approx(delay_ms, abs=0.3)
    assert correlation > 0.99


def test_delay_of_what_does_not_move_is_unknown():
    t_s = np.arange(0.0, 12.0, 1.0 / FPS)
    still, moving = Track(t_s, np.zeros((len(t_s), 3))), Track(t_s, joints(t_s))
    for pair in ((still, moving), (moving, still)):
        assert np.isnan(motion_delay(*pair, 2.0, 11.0)).all()


def test_a_late_copy_rises_late_and_neither_trembles_nor_overshoots():
    pair = Pair(T_S, WANTED_M, fro_and_to(T_S - 0.08))
    found = rises(pair)
    assert len(found) == 4
    np.testing.assert_allclose([(one.half_ms, one.most_ms) for one in found], 80.0, atol=0.5)
    assert np.sqrt(jitter_mm2(pair).mean()) < 1e-3
    assert max(overshoots_mm(pair)) < 1e-3
    assert len(overshoots_mm(pair)) == 4 * 4


def test_a_filter_is_later_the_further_the_move_is_gone():
    alpha = 1.0 - np.exp(-1.0 / RATE_HZ / 0.1)  # time constant 100 ms
    robot_m = np.zeros_like(WANTED_M)
    for i in range(1, len(T_S)):
        robot_m[i] = robot_m[i - 1] + alpha * (WANTED_M[i] - robot_m[i - 1])
    for one in rises(Pair(T_S, WANTED_M, robot_m)):
        assert 70.0 < one.half_ms < 100.0 < 140.0 < one.most_ms


def test_a_robot_that_does_not_follow_has_no_rise():
    found = rises(Pair(T_S, WANTED_M, 0.1 * WANTED_M))
    assert len(found) == 4
    assert all(np.isnan(one.half_ms) and np.isnan(one.most_ms) for one in found)


def test_jitter_is_the_trembling_put_in_and_not_a_constant_error():
    trembling_m = np.zeros_like(WANTED_M)
    trembling_m[:, :, 1] = 4e-4 * np.sin(2.0 * np.pi * 8.0 * T_S)[:, None]
    pair = Pair(T_S, WANTED_M, WANTED_M + trembling_m + 0.02)
    assert np.sqrt(jitter_mm2(pair).mean()) == pytest.approx(0.4 / np.sqrt(2.0), rel=0.05)
    assert pair.errors_mm.mean() == pytest.approx(20.0 * np.sqrt(3.0), rel=0.01)


def test_overshoot_is_how_far_past_the_end_the_fingertips_go():
    bump_m = np.zeros_like(WANTED_M)
    for i in range(4):  # 5 mm further in the direction of the move, 0.1 s after it ended
        bump_m[:, :, 0] += (-1) ** i * 0.005 * np.exp(-(((T_S - 3.45 - 2.0 * i) / 0.04) ** 2))[:, None]
    found = overshoots_mm(Pair(T_S, WANTED_M, WANTED_M + bump_m))
    assert len(found) == 16
    np.testing.assert_allclose(found, 5.0, atol=0.15)


def test_slow_moves_are_neither_sudden_nor_stops():
    slow_m = np.zeros_like(WANTED_M)
    slow_m[:, :, 0] = 0.06 * min_jerk(T_S, 3.0, 2.5)[:, None]
    pair = Pair(T_S, slow_m, slow_m)
    assert rises(pair) == []
    assert overshoots_mm(pair) == []


def test_gap_errors_are_the_most_beyond_an_undisturbed_run():
    errors_mm = np.ones((len(T_S), 4))
    errors_mm[(T_S > 4.2) & (T_S < 4.3), 2] += 7.0
    errors_mm[(T_S > 8.0) & (T_S < 8.1), 1] += 50.0  # long after any gap
    found = gap_errors_mm(T_S, errors_mm, np.ones_like(errors_mm), np.array([4.0, 6.0]), 0.6)
    assert found == pytest.approx([7.0, 0.0])


# --- runs laid over clips ----------------------------------------------------------------------------------


@pytest.mark.parametrize("lost_first", [0, 1, 17])
def test_frames_lost_before_the_first_are_told_by_the_pictures(lost_first):
    rng = np.random.default_rng(lost_first)
    truth = np.cumsum(rng.normal(0.0, 2.0, (200, 21, 2)), axis=0)
    frames = np.setdiff1d(np.arange(lost_first, 200), [40, 41, 90])
    pixels = truth[frames] + rng.normal(0.0, 3.0, (len(frames), 21, 2))
    pixels[5:9] = np.nan
    timeline = lay_over(BEGAN_S + frames / FPS, pixels, truth, FPS)
    np.testing.assert_array_equal(timeline.frames, frames)
    assert timeline.begin_s == pytest.approx(BEGAN_S, abs=1e-6)
    assert timeline.lost(1.0) == (lost_first, 3)


def test_a_run_that_saw_no_hand_cannot_be_laid_over():
    truth = np.zeros((50, 21, 2))
    with pytest.raises(AppError, match="detected in 0 frames"):
        lay_over(np.arange(50) / FPS, np.full((50, 21, 2), np.nan), truth, FPS)
    with pytest.raises(AppError, match="no frame"):
        lay_over(np.empty(0), np.empty((0, 21, 2)), truth, FPS)


@pytest.fixture(scope="module")
def clip() -> Clip:
    """All joints to and fro, each at a pace of its own, as if it had been filmed."""
    frames = 270
    hand = load()
    paces_hz = np.linspace(0.3, 1.3, len(hand.joint_names))
    swings = np.sin(2.0 * np.pi * paces_hz * np.arange(frames)[:, None] / FPS)
    wanted_rad = 0.5 * (hand.lower_rad + hand.upper_rad) + 0.3 * (hand.upper_rad - hand.lower_rad) * swings
    pixels = np.cumsum(np.random.default_rng(0).normal(0.0, 2.0, (frames, 21, 2)), axis=0)
    return Clip("made up", Path("none.mp4"), FPS, np.zeros((frames, 21, 3)), pixels, wanted_rad)


def played(clip: Clip, late_s: float, wrong_rad: float = 0.0, lost: tuple[int, ...] = ()) -> Played:
    """A run in which the robot did what the clip asks for, so much later, and so far off."""
    frames = np.setdiff1d(np.arange(clip.frames), lost)
    rows: dict[str, np.ndarray] = {
        "t_capture_s": BEGAN_S + frames / FPS,
        "detected": np.ones(len(frames), bool),
        "keypoints_image_px": clip.pixels[frames],
        "age_ms": np.linspace(10.0, 30.0, len(frames)),
        **{f"stage_ms_{stage}": np.full(len(frames), 2.0 + i) for i, stage in enumerate(STAGES)},
    }
    t_s = np.arange(0.0, clip.t_s[-1] + 0.5, 0.01)
    q_rad = Track(clip.t_s, clip.wanted_rad).at(t_s - late_s) + wrong_rad
    names = Fingertips().joint_names
    back = tuple(reversed(names))  # a robot's own order is not the retargeter's
    motion = RobotMotion(BEGAN_S + t_s, back, q_rad[:, ::-1], q_rad[:, ::-1], np.ones(len(t_s), bool))
    usage = Usage(cpu_share=0.5, peak_rss_mib=400.0, threads=7, others_share=0.02)
    return Played(rows, {"skipped_by_source": len(lost), "unusable": 0}, motion, usage)


@pytest.fixture(scope="module")
def views(clip: Clip) -> dict[str, Seen]:
    """Pipelines of known delay."""
    fingertips = Fingertips()
    late_s = {NONE_OFF: 0.06, ONE_EURO_OFF: 0.11, ONE_EURO_AUTO: 0.1, POSEBERT_OFF: 0.05, POSEBERT_AUTO: 0.03}
    found = {
        one.name: look(clip, played(clip, seconds, wrong_rad=seconds), fingertips)
        for one, seconds in late_s.items()
    }
    # A peer is judged by what it makes of the truth itself, in its own order of joints.
    run = played(clip, 0.15)
    theirs = {TRUE_Q: clip.wanted_rad[:, ::-1], "joint_names": np.array(fingertips.joint_names[::-1])}
    found[PEER.name] = look(clip, dataclasses.replace(run, rows={**run.rows, **theirs}), fingertips)
    return found


def results_of(views: dict[str, Seen], clip: Clip, **others: Any) -> dict[str, Any]:
    results: dict[str, Any] = {
        "machine": {"processor": "x", "cores": 2, "memory_gib": 1, "system": "Linux", "python": "3"},
        "versions": {"mediapipe": "1"},
        "quick": True,
        "left_out": [],
        "clips": [{"name": clip.name, "frames": clip.frames}],
        "rows": {name: pool([seen]) for name, seen in views.items()},
        "example": example(views, Fingertips().joint_names, clip.name),
        "gaps": None,
        "sustained": None,
        "camera": None,
        "others_share": 0.02,
    }
    # The made-up motion never rests.
    jitter = {NONE_OFF.name: 1.5, ONE_EURO_OFF.name: 0.4, ONE_EURO_AUTO.name: 0.6, PEER.name: 0.3}
    for name, row in results["rows"].items():
        row["jitter_mm"] = jitter.get(name, 0.2)
    plain: dict[str, Any] = without_nan({**results, **others})
    plain["front"] = front(plain["rows"])
    plain["targets"] = judge_targets(plain)
    return plain


@pytest.fixture
def results(views: dict[str, Seen], clip: Clip) -> dict[str, Any]:
    return results_of(views, clip)


def test_a_run_has_the_delay_and_the_errors_that_were_put_in(clip, views):
    figures = pool([views[SUBJECT]])
    assert figures["delay_ms"] == pytest.approx(30.0, abs=0.5)
    assert figures["error_mm"]["mean"] > figures["error_shifted_mm"]["mean"] > 0.5
    perfect = pool([look(clip, played(clip, 0.03), Fingertips())])
    assert perfect["error_shifted_mm"]["mean"] < 0.1
    assert pool([views[PEER.name]])["delay_ms"] == pytest.approx(150.0, abs=0.5)


def test_frames_times_and_costs_are_counted(clip):
    lost = (3, 60, 61)
    seen = look(clip, played(clip, 0.03, lost=lost), Fingertips())
    figures = pool([seen, seen])
    frames = figures["frames"]
    assert (frames["total"], frames["lost_at_start"], frames["lost"]) == (2 * clip.frames, 2, 4)
    assert frames["processed"] == 2 * (clip.frames - 3)
    assert frames["by_cause"] == {"skipped_by_source": 6}
    assert figures["age_ms"]["p50"] == pytest.approx(20.0)
    assert figures["stage_ms"][STAGES[1]]["p99"] == 3.0
    assert (figures["late_share"], figures["threads"]) == (0.0, 7)
    assert figures["tracking_share"] == 1.0


def test_a_gap_is_compared_with_two_undisturbed_runs(clip):
    fingertips = Fingertips()
    first, again = (look(clip, played(clip, seconds), fingertips) for seconds in (0.03, 0.031))
    disturbed = look(clip, played(clip, 0.03, wrong_rad=0.1), fingertips)
    figures = gap_figures(first, again, disturbed, np.array([3.0, 5.0]), FPS)
    assert figures["gaps"] == 2
    assert figures["extra_mm"]["worst"] > 5.0 > 1.0 > figures["repeated_mm"]["worst"]


def test_gaps_are_where_the_hand_moves_and_apart(clip):
    tips_m = Fingertips().of(clip.wanted_rad)
    gaps = choose_gaps(tips_m, FPS)
    speed = np.linalg.norm(np.gradient(tips_m, 1.0 / FPS, axis=0), axis=-1).max(axis=-1)
    assert len(gaps) >= 2
    assert np.diff(gaps).min() >= 2.0 * FPS
    assert speed[gaps + GAP_FRAMES // 2].min() > np.median(speed)
    assert choose_gaps(np.zeros((300, 4, 3)), FPS).size == 0


# --- videos ------------------------------------------------------------------------------------------------


def test_pictures_are_taken_away_and_repeated_as_asked(tmp_path, small_video):
    dark = np.zeros(20, bool)
    dark[4:9] = True
    images = darkened(read_images(small_video), dark)
    path = write_images(tmp_path / "gaps.mp4", images, FPS, 20)
    levels = np.array([image.mean() for image in read_images(path)])
    np.testing.assert_array_equal(levels < 50.0, dark)
    assert sum(1 for _ in in_a_loop([small_video, path], 50)) == 50
    with pytest.raises(AppError, match="cannot read the video"):
        list(read_images(tmp_path / "none.mp4"))


# --- targets and tables ------------------------------------------------------------------------------------


def verdicts(results: dict[str, Any]) -> dict[str, bool | None]:
    return {one["wanted"]: one["met"] for one in judge_targets(results)}


def test_targets_that_are_reached_are_met_and_others_not_told(results):
    met = verdicts(results)
    assert [met[key] for key in met if key.startswith("5 minutes")] == [None, None]
    assert met[f"{SUBJECT}: motion-to-motion delay ≤ 40 ms, the simulated servo included"] is True
    assert all(met[key] for key in met if "lower than One-Euro" in key)
    assert met["no other pipeline beats any horizon of ours in both delay and jitter"] is True
    assert set(results["front"]) == {SUBJECT}


def test_what_is_missed_is_said(results):
    rows = results["rows"]
    rows[SUBJECT]["delay_ms"] = 41.0
    rows[PEER.name].update(delay_ms=20.0, jitter_mm=0.1)
    results["sustained"] = {
        "frames": {"lost": 1, "total": 9000, "lost_at_start": 2},
        "age_ms": {"p50": 19.0, "p99": 34.0},
    }
    spread = {"median": 1.0, "worst": 5.2}
    results["gaps"] = {SUBJECT: {"gaps": 3, "extra_mm": spread, "repeated_mm": spread}}
    missed = [one["wanted"] for one in judge_targets(results) if one["met"] is False]
    assert len(missed) == 6
    told = {one["wanted"]: one["reached"] for one in judge_targets(results)}
    assert f"{SUBJECT} by {PEER.name}" in " ".join(told.values())
    assert "1 of 9000" in " ".join(told.values())


def test_a_busy_machine_gives_no_verdict(results):
    results["others_share"] = 0.4
    results["targets"] = judge_targets(results)
    assert {one["met"] for one in results["targets"]} == {None}
    assert "other programs had up to 40% of its processor time" in markdown(results, {})
    assert "busy" in in_short(results)[0]


def test_a_peer_that_is_not_there_is_left_out(views, clip):
    without = {name: seen for name, seen in views.items() if name != PEER.name}
    results = results_of(without, clip, left_out=["dex-retargeting is left out: it is not installed"])
    assert "Dex-retargeting is left out" in markdown(results, {})
    assert in_short(results)[0].startswith("dex-retargeting is left out")
    told = [one for one in results["targets"] if PEER.name in one["wanted"]]
    assert [one["met"] for one in told] == [None, None]


def test_the_report_has_a_row_for_every_pipeline_and_its_pictures(results, tmp_path):
    pytest.importorskip("matplotlib")
    from app.bench.latency.plots import draw

    pictures = draw(results, tmp_path)
    assert set(pictures) == {"front", "example", "stages"}
    text = markdown(results, {name: path.name for name, path in pictures.items()})
    for name in results["rows"]:
        assert text.count(f"| **{name}** |" if name.startswith("PoseBERT") else f"| {name} |") == 3
    assert all(f"]({path.name})" in text for path in pictures.values())
    assert "nan" not in text
    assert "| 30.0 |" in text
    assert summary(results).count("\n") == 2 + len(results["rows"])


def test_labels_stand_beside_their_points_and_not_on_each_other():
    from app.bench.latency.labels import place

    at = {"a": (50.0, 50.0), "b": (52.0, 55.0), "c": (95.0, 50.0), "d": (50.0, 50.0)}
    placed = place({name: f"label {name}" for name in at}, at, (100.0, 100.0))
    boxes = [placed[name].box for name in at]
    for i, one in enumerate(boxes):
        assert one[0] >= 0.0
        assert one[1] <= 100.0
        for other in boxes[:i]:
            apart = one[1] <= other[0] or other[1] <= one[0] or one[3] <= other[2] or other[3] <= one[2]
            assert apart


def test_drop_outs_and_minutes_on_end_have_tables_of_their_own(results):
    spread = {"median": 1.0, "worst": 2.0}
    results["gaps"] = {SUBJECT: {"gaps": 3, "extra_mm": spread, "repeated_mm": spread}}
    results["sustained"] = {**results["rows"][SUBJECT], "name": SUBJECT, "seconds": 300.0}
    text = markdown(results, {})
    assert "## Drop-outs" in text
    assert "in a loop for 5 minutes" in text


def test_a_camera_is_reported_without_what_cannot_be_known(results):
    camera = {
        **results["rows"][SUBJECT],
        "name": SUBJECT,
        "source": "webcam:0",
        "frames": 900,
        "seconds": 30.0,
        "period_ms": {"p50": 33.4, "max": 66.0},
        "dropped": {},
        "camera_delay_ms": None,
        "actuator_delay_ms": None,
    }
    results["camera"] = camera
    text = markdown(results, {})
    assert "Your camera" in text
    assert "calibrate latency" in text
    assert "Must reach" not in text
    assert "900 frames in 30 s" in in_short(results)[0]
    camera["camera_delay_ms"] = 41.0
    assert "camera 41 ms" in markdown(results, {})
    assert captions.NOT_CALIBRATED not in markdown(results, {})


def test_the_page_of_the_docs_gets_the_figures_and_keeps_the_rest(results, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    pytest.importorskip("PIL")
    spec = importlib.util.spec_from_file_location("make_latency", ROOT / "docs" / "make_latency.py")
    assert spec is not None
    assert spec.loader is not None
    monkeypatch.setattr(sys, "path", list(sys.path))
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    (tmp_path / "images").mkdir()
    for attribute, name, block in (("PAGE", "latency.md", "measured"), ("README", "README.md", "latency")):
        page = tmp_path / name
        text = f"before\n<!-- {block}: written by docs/make_latency.py -->\nSTALE\n<!-- /{block} -->\nafter\n"
        page.write_text(text, encoding="utf-8")
        monkeypatch.setattr(script, attribute, page)
    path = tmp_path / "latency.json"
    path.write_text(json.dumps(results), encoding="utf-8")
    shipped = (ROOT / "README.md").read_bytes()
    monkeypatch.setattr(sys, "argv", ["make_latency.py", str(path)])
    script.main()
    for name in ("latency.md", "README.md"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert text.startswith("before\n")
        assert text.endswith("after\n")
        assert "STALE" not in text
        assert f"**{SUBJECT}**" in text
    assert (tmp_path / "images" / "latency_front.webp").is_file()
    assert (ROOT / "README.md").read_bytes() == shipped


# --- the command -------------------------------------------------------------------------------------------


def test_all_stages_and_horizons_are_compared():
    assert len({one.name for one in FULL}) == len(FULL)
    ours = {(one.temporal, one.horizon_ms) for one in FULL}
    assert {(stage, ahead) for stage in ("none", "one-euro", "posebert") for ahead in ("0", "auto")} <= ours
    assert PEER in FULL


def test_in_a_hurry_those_that_are_judged_are_still_compared():
    assert set(QUICK) < set(FULL)
    assert {ONE_EURO_OFF, ONE_EURO_AUTO, POSEBERT_AUTO, PEER} <= set(QUICK)


def test_the_command_line_knows_it():
    command = parse(["bench", "latency", "--quick", "--source", "webcam:1"])
    assert isinstance(command, Bench)
    assert (command.what, command.settings.quick, command.settings.source) == ("latency", True, "webcam:1")


def test_flags_of_other_benchmarks_are_refused(tmp_path):
    with pytest.raises(UsageError, match="bench latency takes neither"):
        run_latency(BenchSettings(runs=("a=b",), output=tmp_path))
    with pytest.raises(UsageError, match="--source is for bench latency"):
        run_retarget(BenchSettings(source="webcam", output=tmp_path))
    with pytest.raises(AppError, match="cannot write"):
        run_latency(BenchSettings(json=tmp_path))


def test_a_peer_that_is_not_installed_says_so(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "dex_retargeting.retargeting_config", None)
    arguments = ["video.mp4", "tcp://127.0.0.1:5570", str(tmp_path / "a.npz"), str(tmp_path / "a.json")]
    assert peer_module.main(arguments) == ABSENT
    assert "requirements-bench.txt" in capsys.readouterr().err


@pytest.mark.skipif(not HAS_PEER, reason="needs requirements-bench.txt")
def test_the_peer_ships_with_a_filter_that_is_not_in_the_truth(clip):
    motion = clip_of_seed(0, 8, workers=1, script="latency")
    keypoints_m = known_clip("short", motion.video, motion.truth).keypoints_m
    held = np.concatenate([keypoints_m[:1], np.repeat(-keypoints_m[:1, :, ::-1], 3, axis=0)])
    shipped, bare = (
        peer_module.retarget_truth(open_dex_retargeting(filtered), held) for filtered in (True, False)
    )
    np.testing.assert_allclose(shipped[0], bare[0])
    np.testing.assert_allclose(shipped[1], bare[0] + 0.2 * (bare[1] - bare[0]), atol=1e-6)


# --- real processes ----------------------------------------------------------------------------------------


def test_a_process_is_seen_from_outside():
    watch = UsageWatch(os.getpid(), os.getpid())
    for _ in range(2):
        watch.sample()
    usage = watch.usage(0.0, 1.0)
    assert usage.peak_rss_mib > 10.0
    assert usage.threads >= 1
    assert np.isnan(usage.cpu_share)  # both samples are long after


def test_the_product_itself_is_played_into_a_robot(hand_landmarker_asset):
    rendered = clip_of_seed(0, 45, script="latency")
    clip = known_clip("short", rendered.video, rendered.truth)
    with Stage() as stage:
        run = stage.play(NONE_OFF, str(clip.video), clip.t_s[-1])
        with pytest.raises(AppError, match="no source"):
            stage.play(NONE_OFF, "nowhere.mp4", 1.0)
    timeline = lay_over(run.rows["t_capture_s"], run.rows["keypoints_image_px"], clip.pixels, clip.fps)
    assert (np.diff(timeline.frames) >= 1).all()
    assert timeline.frames[-1] < clip.frames
    lost = sum(timeline.lost(0.0))
    assert lost + len(timeline.frames) == clip.frames
    # The robot's clock is that of the captures, and it moved while the clip was played.
    t_s = run.robot.t_s - timeline.begin_s
    assert t_s[0] < 0.5
    assert t_s[-1] > clip.t_s[-1]
    assert np.ptp(run.robot.q_rad, axis=0).max() > 0.05
    assert run.robot.joint_names == tuple(Fingertips().joint_names)
    assert run.usage.peak_rss_mib > 50.0
