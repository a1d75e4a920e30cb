"""Makes an operator's calibration of the poses that were held."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from calibration.errors import CalibrationError
from calibration.finger_range import FingerRange, stretch_fingers
from calibration.hand_guide import FEWEST_FRAMES, FIST, OPEN, PINCHES, SPREAD, STEPS, Samples
from calibration.hand_shape import (
    FINGERS,
    TIPS,
    bone_lengths_m,
    curls_rad,
    flexions_rad,
    hand_length_m,
    pinch_distances_m,
)
from calibration.operator import OperatorCalibration, PinchRange, StepQuality

STRAIGHT_STEPS = (OPEN, SPREAD)  # in which bones are seen at their full length
_PALM_BONE = 8  # wrist → middle knuckle
# A finger is drawn to the thumb from a little farther away than it was seen while touching, since it is seen
# farther in other light and from another side: between sessions, 5 to 20 mm.
_PROJECT_MARGIN_M = 0.010
_ESCAPE_MARGIN_M = 0.012
_NARROWEST_M = 0.015  # between drawing together and letting go
_CLEARANCE_M = 0.003  # let go so much before what is seen of fingers that do not touch
_LEAST_CLEARANCE_M = 0.0105  # the width of the ramp in which a retargeter draws them together, and a little
_LEAST_CLOSING = 0.75  # a touching fingertip's distance over the nearest one in the open poses


def fit_operator(
    name: str,
    hand: str,
    temporal: str,
    samples: Mapping[str, Samples],
    detected_m: np.ndarray,
    mean_seen_m: np.ndarray,
    mean_bones_m: np.ndarray,
    palm_m: float | None = None,
) -> OperatorCalibration:
    """The calibration that follows from one run through all steps.

    Args:
        name: of the operator.
        hand: "right" or "left".
        temporal: name of the temporal stage that gave the samples.
        samples: by step, as the temporal stage saw them.
        detected_m: (N,21,3) metres, any axes: the detector's own keypoints, in poses with straight fingers.
        mean_seen_m: (20,) the bone lengths that the detector sees of a hand of mean proportions.
        mean_bones_m: (20,) the bone lengths of that hand.
        palm_m: wrist to middle knuckle, measured with a ruler; None if it was not.

    Raises:
        CalibrationError: a step is missing or was not performed; says which one to repeat.
    """
    _check_performed(samples)
    ranges = _finger_ranges(samples)
    stretched = {
        step: stretch_fingers(samples[step].keypoints_m, [ranges[finger] for finger in FINGERS])
        for step in STEPS
    }
    seen_m = np.median(bone_lengths_m(detected_m), axis=0)
    bones_m = mean_bones_m * seen_m / mean_seen_m
    if palm_m is not None:
        bones_m = bones_m * palm_m / bones_m[_PALM_BONE]
    pipeline_m = np.median(bone_lengths_m(samples[OPEN].keypoints_m), axis=0)
    return OperatorCalibration(
        name=name,
        hand=hand,
        temporal=temporal,
        bones_m=tuple(round(float(m), 5) for m in bones_m),
        palm_m=round(float(bones_m[_PALM_BONE]), 5),
        palm_measured=palm_m is not None,
        scale=round(float(hand_length_m(mean_bones_m) / hand_length_m(pipeline_m)), 4),
        fingers=ranges,
        pinches={finger: _pinch_range(finger, stretched) for finger in FINGERS},
        quality={step: _quality(samples[step].keypoints_m) for step in STEPS},
    )


def _check_performed(samples: Mapping[str, Samples]) -> None:
    for step in STEPS:
        if step not in samples or len(samples[step].keypoints_m) < FEWEST_FRAMES:
            raise CalibrationError(
                f"the step {step!r} was not seen long enough; repeat the calibration and hold that pose for "
                "two seconds"
            )
    flat_m = np.percentile(pinch_distances_m(samples[OPEN].keypoints_m), 5, axis=0)
    for i, finger in enumerate(FINGERS):
        touch_m = float(np.median(pinch_distances_m(samples[PINCHES[finger]].keypoints_m)[:, i]))
        if touch_m > _LEAST_CLOSING * flat_m[i]:
            raise CalibrationError(
                f"thumb and {finger} finger did not pinch: their tips were seen {1e3 * touch_m:.0f} mm "
                f"apart, and {1e3 * flat_m[i]:.0f} mm in the flat hand; repeat the calibration and touch tip "
                "on tip"
            )


def _finger_ranges(samples: Mapping[str, Samples]) -> dict[str, FingerRange]:
    flat, fist = samples[OPEN].keypoints_m, samples[FIST].keypoints_m
    open_rad = np.median(flexions_rad(flat), axis=0)
    fist_rad = np.median(flexions_rad(fist), axis=0)
    fist_curl = np.median(curls_rad(fist), axis=0)
    ranges = {}
    for i, finger in enumerate(FINGERS):
        pinch_curl = np.percentile(curls_rad(samples[PINCHES[finger]].keypoints_m)[:, i], 90)
        try:
            ranges[finger] = FingerRange(
                float(open_rad[i]), float(fist_rad[i]), float(pinch_curl), float(fist_curl[i])
            )
        except CalibrationError as error:
            raise CalibrationError(
                f"the {finger} finger bent too little between the flat hand "
                f"({np.degrees(open_rad[i]):.0f}° at the knuckle) and the fist "
                f"({np.degrees(fist_rad[i]):.0f}°); repeat the calibration with a flat hand and a closed fist"
            ) from error
    return ranges


def _pinch_range(finger: str, hands_m: Mapping[str, np.ndarray]) -> PinchRange:
    """From where on the robot's finger is drawn to its thumb, and let go.

    Drawing together begins a ramp earlier and then holds on, so it counts from the usual distance; letting go
    has to bear the worst moment of a pinch.
    """
    i, own = FINGERS.index(finger), PINCHES[finger]
    seen = {step: pinch_distances_m(hand)[:, i] for step, hand in hands_m.items()}
    least_m, usual_m, most_m, worst_m = np.percentile(seen[own], [10, 50, 75, 97])
    # A pinch that is seen unsteadily for a second strays further in a minute.
    strays_m = worst_m - least_m
    apart_m = min(float(np.percentile(d, 2)) for step, d in seen.items() if step not in (own, FIST))
    fist_m = float(np.percentile(seen[FIST], 2))
    # Half-way to what does not touch; of the fist only so far that a pinch is still one.
    project_m = min(most_m + 0.5 * strays_m + _PROJECT_MARGIN_M, 0.5 * (most_m + apart_m))
    if fist_m - _LEAST_CLEARANCE_M > most_m:
        project_m = min(project_m, fist_m - _LEAST_CLEARANCE_M)
    escape_m = min(
        max(worst_m + strays_m + _ESCAPE_MARGIN_M, project_m + _NARROWEST_M), apart_m - _CLEARANCE_M
    )
    escape_m = max(escape_m, project_m + _LEAST_CLEARANCE_M)
    return PinchRange(*(round(float(m), 5) for m in (usual_m, apart_m, project_m, escape_m)))


def _quality(keypoints_m: np.ndarray) -> StepQuality:
    tips = keypoints_m[:, [4, *TIPS]]
    strayed = np.linalg.norm(tips - tips.mean(axis=0), axis=-1)
    return StepQuality(len(tips), round(float(np.sqrt(np.mean(strayed**2))), 5))
