"""What a hand calibration changes on rendered people of the smallest and the largest hand.

Each person is calibrated on one rendered clip and measured on another, which the calibration has not seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from app.bench.detections import observe_video
from app.bench.tables import table
from app.calibrate.hand import make_calibration
from app.calibrate.hand_session import Seen
from app.calibrate.hand_settings import CalibrateHandSettings
from app.operator_retargeting import load_retargeter
from app.synthetic.clip import SyntheticTruth, clip_of_seed
from app.window import ObservationWindow
from calibration.hand_fit import STRAIGHT_STEPS
from calibration.hand_guide import HandGuide
from calibration.hand_shape import FINGERS, TIPS, bone_lengths_m, extensions
from calibration.operator import OperatorCalibration
from models.camera import Camera
from models.hand_model import HandModel, shape_names
from models.observation import Observation
from models.posebert_input import mean_bone_lengths
from models.temporal import load_temporal
from retarget import Retargeter, to_hand_frame

SEEDS = (0, 1, 2)
TOUCHING_M = 0.002  # between the surfaces of robot fingertips
_HUMAN_TOUCH_M = 0.004  # between the true fingertips
_HUMAN_APART_M = 0.030
_ARRIVED_FRAMES = 4  # of a touch, in which an estimate may still be on its way
_RELEASE_FRAMES = 25
_STRAIGHT = 0.97  # true extension of all fingers of an open hand


@dataclass(frozen=True)
class PinchResult:
    """One finger and the thumb, in one clip.

    Attributes:
        touching_percent: how much of the person's touch the robot's fingertips touch, within TOUCHING_M.
        gap_mm: 95th percentile of their gap then.
        release_mm: how far the person's fingertips are apart when the robot's let go, mean.
        wrong_percent: how much of the time the robot's fingertips touch though the person's are apart.
    """

    touching_percent: float
    gap_mm: float
    release_mm: float
    wrong_percent: float


@dataclass(frozen=True)
class Result:
    """One person, before or after calibration.

    Attributes:
        shape, seed: who.
        when: "before" or "after".
        pinches: by finger.
        short_mm: how far the robot's fingertips stay from where they are in its open hand, while the person's
            hand is open; mean.
    """

    shape: str
    seed: int
    when: str
    pinches: dict[str, PinchResult]
    short_mm: float


def measure(shapes: Sequence[str] | None = None, seeds: Iterable[int] = SEEDS) -> dict[str, Any]:
    """Results of all people, and how far off their bone lengths are, as plain values.

    Args:
        shapes: names of hand shapes; None is the smallest and the largest.
        seeds: people of each: skin, light, room, camera and movement.
    """
    shapes = extreme_shapes() if shapes is None else shapes
    people = [(shape, seed) for shape in shapes for seed in seeds]
    results, bones = [], []
    for shape, seed in tqdm(people, "calibrating rendered people", unit="person", disable=None):
        clip = clip_of_seed(seed, script="calibrate", shape=shape)
        calibration = calibrate(observe_video(clip.video))
        true_m = bone_lengths_m(clip.truth.keypoints_m[0])
        bones.append({"shape": shape, "seed": seed, **bone_errors(calibration, true_m)})
        other = clip_of_seed(seed, script="demo", shape=shape)
        hands_m = estimate(observe_video(other.video))
        for when, operator in (("before", None), ("after", calibration)):
            pinches, short_mm = judge(load_retargeter("allegro_right", operator), other.truth, hands_m)
            results.append(asdict(Result(shape, seed, when, pinches, short_mm)))
    return {"results": results, "bones": bones}


def extreme_shapes() -> tuple[str, str]:
    """Names of the smallest and the largest hand there is."""
    lengths_m = {name: mean_bone_lengths(HandModel.load(name)).sum() for name in shape_names()}
    return min(lengths_m, key=lengths_m.__getitem__), max(lengths_m, key=lengths_m.__getitem__)


def calibrate(observations: Sequence[Observation], palm_mm: float | None = None) -> OperatorCalibration:
    """The calibration that `calibrate hand` makes of these observations of a right hand.

    Raises:
        CalibrationError: a pose is not seen in them.
    """
    guide = HandGuide()
    detected = []
    for observation, hand_m in zip(observations, estimate(observations), strict=True):
        step = guide.step
        state = guide.look(hand_m, observation.t_capture_ns)
        if step in STRAIGHT_STEPS and state.held > 0.0 and observation.detected:
            detected.append(observation.keypoints_m)
    settings = CalibrateHandSettings("rendered", palm_mm=palm_mm)
    return make_calibration(settings, Seen(guide.samples, np.array(detected)))


def estimate(observations: Sequence[Observation]) -> np.ndarray:
    """(N,21,3) hands for the instants of capture, hand frame, by the temporal stage that ships."""
    window = ObservationWindow("right", Camera.assumed(observations[0].image_size_px))
    stage = load_temporal("posebert")
    hands = []
    for observation in observations:
        window.add(observation)
        hands.append(stage.update(window.snapshot()).keypoints_m[0])
    return to_hand_frame(np.array(hands), "right")


def judge(
    retargeter: Retargeter, truth: SyntheticTruth, hands_m: np.ndarray
) -> tuple[dict[str, PinchResult], float]:
    """How well a retargeter follows hands (N,21,3), hand frame, whose truth is known; see `Result`."""
    t_ns = np.round(np.arange(len(hands_m)) * 1e9 / truth.fps).astype(np.int64)
    q_rad = [retargeter.solve(hand, int(t)) for hand, t in zip(hands_m, t_ns, strict=True)]
    tips_m = np.array([retargeter.tip_positions(q) for q in q_rad])
    radii_m = retargeter.tip_radii_m
    gaps_m = np.linalg.norm(tips_m[:, 1:] - tips_m[:, :1], axis=-1) - radii_m[0] - radii_m[1:]
    seen = np.isfinite(hands_m).all(axis=(1, 2)) & truth.visible
    pinches = {}
    for i in range(gaps_m.shape[1]):
        apart_m = np.linalg.norm(truth.keypoints_m[:, 4] - truth.keypoints_m[:, TIPS[i]], axis=-1)
        pinches[FINGERS[i]] = _judge_pinch(gaps_m[:, i], apart_m, seen)
    open_m = retargeter.tip_positions(np.clip(0.0, retargeter.lower_rad, retargeter.upper_rad))[1:]
    is_open = seen & (extensions(truth.keypoints_m).min(axis=-1) > _STRAIGHT)
    short_m = np.linalg.norm(tips_m[is_open, 1:] - open_m, axis=-1)
    return pinches, 1e3 * float(np.mean(short_m))


def bone_errors(calibration: OperatorCalibration, true_m: np.ndarray) -> dict[str, float]:
    """How far bone lengths are off the truth (20,), mm and percent: as they are, and with a measured palm."""
    seen_m = np.array(calibration.bones_m)
    measured_m = seen_m * true_m[8] / calibration.palm_m
    return {
        "palm_mm": 1e3 * calibration.palm_m,
        "true_palm_mm": 1e3 * float(true_m[8]),
        "error_mm": 1e3 * float(np.abs(seen_m - true_m).mean()),
        "measured_error_mm": 1e3 * float(np.abs(measured_m - true_m).mean()),
        "measured_worst_mm": 1e3 * float(np.abs(measured_m - true_m).max()),
    }


def markdown(measured: dict[str, Any]) -> str:
    """The tables of the documentation."""
    rows = []
    for shape in dict.fromkeys(entry["shape"] for entry in measured["results"]):
        for finger in measured["results"][0]["pinches"]:
            cells = [_of(measured, shape, when, finger) for when in ("before", "after")]
            rows.append(
                [
                    shape, f"thumb–{finger}",
                    *(f"{cell['touching_percent']:.0f} %" for cell in cells),
                    *(f"{cell['release_mm']:.0f} mm" for cell in cells),
                    *(f"{cell['wrong_percent']:.1f} %" for cell in cells),
                ]
            )  # fmt: skip
    pinches = table(
        [
            "hand",
            "pinch",
            "touching, before",
            "after",
            "lets go at, before",
            "after",
            "wrongly, before",
            "after",
        ],
        rows,
        words=2,
    )
    reach = table(
        ["hand", "short of open, before", "after"],
        [
            [shape, *(f"{_short_mm(measured, shape, when):.0f} mm" for when in ("before", "after"))]
            for shape in dict.fromkeys(entry["shape"] for entry in measured["results"])
        ],
    )
    bones = table(
        ["hand", "palm, true", "palm, seen", "bones off by, mean", "with --palm-mm", "worst bone"],
        [
            [
                shape,
                f"{_mean(measured, shape, 'true_palm_mm'):.0f} mm",
                f"{_mean(measured, shape, 'palm_mm'):.0f} mm",
                f"{_mean(measured, shape, 'error_mm'):.1f} mm",
                f"{_mean(measured, shape, 'measured_error_mm'):.1f} mm",
                f"{_mean(measured, shape, 'measured_worst_mm'):.1f} mm",
            ]
            for shape in dict.fromkeys(entry["shape"] for entry in measured["bones"])
        ],
    )
    return "\n\n".join([pinches, reach, bones])


def write_results(measured: dict[str, Any], path: Path) -> None:
    """Keep them as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


def _judge_pinch(gaps_m: np.ndarray, apart_m: np.ndarray, seen: np.ndarray) -> PinchResult:
    touch = apart_m < _HUMAN_TOUCH_M
    arrived = touch & seen
    for back in range(1, _ARRIVED_FRAMES + 1):
        arrived[back:] &= touch[:-back]
        arrived[:back] = False
    closed = gaps_m <= TOUCHING_M
    releases = []
    for end in np.flatnonzero(touch[:-1] & ~touch[1:]):
        after = np.arange(int(end), min(int(end) + _RELEASE_FRAMES, len(touch)))
        free = after[~closed[after]]
        if closed[end] and len(free):
            releases.append(apart_m[free[0]])
    wrong = closed & seen & (apart_m > _HUMAN_APART_M)
    return PinchResult(
        touching_percent=100.0 * float(closed[arrived].mean()),
        gap_mm=1e3 * float(np.percentile(gaps_m[arrived], 95)),
        release_mm=1e3 * float(np.mean(releases)) if releases else float("nan"),
        wrong_percent=100.0 * float(wrong.sum() / max(seen.sum(), 1)),
    )


def _of(measured: dict[str, Any], shape: str, when: str, finger: str) -> dict[str, float]:
    """Means over people of one shape."""
    found = [e["pinches"][finger] for e in measured["results"] if (e["shape"], e["when"]) == (shape, when)]
    return {key: float(np.nanmean([entry[key] for entry in found])) for key in found[0]}


def _short_mm(measured: dict[str, Any], shape: str, when: str) -> float:
    found = [e["short_mm"] for e in measured["results"] if (e["shape"], e["when"]) == (shape, when)]
    return float(np.mean(found))


def _mean(measured: dict[str, Any], shape: str, key: str) -> float:
    return float(np.mean([entry[key] for entry in measured["bones"] if entry["shape"] == shape]))
