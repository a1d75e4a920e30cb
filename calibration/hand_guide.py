"""Leads an operator through the poses of a hand calibration: each is recognised, held, and left for the next.

It is pure: times come with the keypoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from calibration.hand_shape import FINGERS, TIPS, extensions, pinch_distances_m, spans

OPEN, FIST, SPREAD = "open", "fist", "spread"
PINCHES: Mapping[str, str] = {finger: f"pinch {finger}" for finger in FINGERS}
STEPS = (OPEN, FIST, *PINCHES.values(), SPREAD)
INSTRUCTIONS: Mapping[str, str] = {
    OPEN: "Hold your hand flat, palm to the camera, fingers together",
    FIST: "Make a fist",
    **{step: f"Touch the thumb with the {finger} finger, tip on tip" for finger, step in PINCHES.items()},
    SPREAD: "Spread all fingers as wide as you can",
}

HOLD_S = 1.5  # a pose has to be seen for so long
FEWEST_FRAMES = 8  # and in so many frames: half of what a camera with 15 frames a second gives
_READ_S = 0.8  # an instruction is there for so long before its pose counts
_FIRST_READ_S = 1.5  # the first one: a hand that is just being raised looks flat, too
_SETTLE_S = 0.3  # at its beginning the hand is still on its way
_LAPSE_S = 0.3  # a pose may be lost for so long: detectors slip
_NO_HAND_S = 1.0
_STRAIGHT = 0.85  # extension of every finger of an open hand
_BENT, _ANY_BENT = 0.65, 0.85  # of a fist's fingers on average, and of each: a thumb over one hides it
_OTHERS_STRAIGHT = 0.7  # extension, on average, of the fingers that do not pinch
_PINCH_SHARE = 0.65  # of the fingertip's distance from the thumb's in the flat hand
_PINCH_LEAD = 0.2  # another finger may seem nearer by so much of its own distance
_SPREAD_SHARE = 1.12  # of the flat hand's span
_STILL_M_S = 0.4  # fingertips' speed, root mean square; estimates that nothing smooths tremble so fast


@dataclass(frozen=True)
class Samples:
    """A pose while it was held.

    Attributes:
        t_ns: (N,) capture times.
        keypoints_m: (N,21,3) metres, hand frame.
    """

    t_ns: np.ndarray
    keypoints_m: np.ndarray


@dataclass(frozen=True)
class GuideState:
    """Where an operator is.

    Attributes:
        step: the pose wanted; "" when all are done.
        index: how many are done.
        instruction: what to do, one short sentence.
        hint: what is wrong; "" while nothing is.
        held: how much of the holding is done, 0–1.
    """

    step: str
    index: int
    instruction: str
    hint: str
    held: float

    @property
    def done(self) -> bool:
        return not self.step


class HandGuide:
    """Takes one hand after the other and decides what comes next.

    Attributes:
        samples: of the steps that are done.
    """

    def __init__(self) -> None:
        self.samples: dict[str, Samples] = {}
        self._held: list[tuple[int, np.ndarray]] = []
        self._t_step_ns: int | None = None  # since when the pose has been seen
        self._t_good_ns = 0
        self._t_asked_ns: int | None = None  # since when the instruction can be read
        self._before: tuple[int, np.ndarray] | None = None
        self._t_hand_ns: int | None = None
        self._nearest: dict[str, float] = {}

    @property
    def step(self) -> str:
        """The pose wanted; "" when all are done."""
        return STEPS[len(self.samples)] if len(self.samples) < len(STEPS) else ""

    @property
    def hand_seen(self) -> bool:
        """Whether any hand was seen so far."""
        return self._t_hand_ns is not None

    def look(self, keypoints_m: np.ndarray | None, t_ns: int) -> GuideState:
        """Take in one frame.

        Args:
            keypoints_m: (21,3) metres, hand frame; None if no hand is seen.
            t_ns: capture time, later than that of the frame before.
        """
        if not self.step:
            return self._state("")
        if keypoints_m is None or not np.isfinite(keypoints_m).all():
            self._lapse(t_ns)
            since_ns = t_ns - (self._t_hand_ns or 0)
            gone = self._t_hand_ns is None or since_ns > _NO_HAND_S * 1e9
            return self._state("Show your hand to the camera" if gone else "")
        self._t_hand_ns = t_ns
        if self._t_asked_ns is None:
            self._t_asked_ns = t_ns
        still = self._is_still(keypoints_m, t_ns)
        wrong = self._what_is_wrong(keypoints_m)
        if wrong or not still:
            self._lapse(t_ns)
            return self._state(wrong or ("Hold still" if self._t_step_ns is not None else ""))
        read_s = _READ_S if self.samples else _FIRST_READ_S
        if t_ns - self._t_asked_ns < read_s * 1e9:
            return self._state("")
        self._lapse(t_ns)  # nor was it seen while no frames came
        if self._t_step_ns is None:
            self._t_step_ns = t_ns
        self._t_good_ns = t_ns
        self._held.append((t_ns, keypoints_m))
        settled = [held for held in self._held if held[0] >= self._t_step_ns + _SETTLE_S * 1e9]
        if t_ns - self._t_step_ns >= HOLD_S * 1e9 and len(settled) >= FEWEST_FRAMES:
            self._finish_step(settled)
            self._t_asked_ns = t_ns
        return self._state("")

    def what_is_missing(self) -> str:
        """One sentence on why the current step was not done; "" when all are."""
        step = self.step
        if not step:
            return ""
        if not self.hand_seen:
            return "no hand was seen; hold it up in front of the camera, in good light"
        finger = step.removeprefix("pinch ")
        if finger in FINGERS:
            seen = self._nearest.get(step)
            far = "" if seen is None else f": the fingertips came no nearer than {1e3 * seen:.0f} mm"
            return (
                f"the pinch of thumb and {finger} finger was not seen{far}; repeat the calibration and hold "
                f"that pinch for two seconds, its side turned to the camera"
            )
        what = {OPEN: "the flat hand", FIST: "the fist", SPREAD: "the spread hand"}[step]
        return f"{what} was not seen; repeat the calibration and hold that pose still for two seconds"

    def _is_still(self, keypoints_m: np.ndarray, t_ns: int) -> bool:
        before, self._before = self._before, (t_ns, keypoints_m)
        if before is None or t_ns <= before[0]:
            return True
        moved_m = np.linalg.norm(keypoints_m[TIPS] - before[1][TIPS], axis=-1)
        speed = float(np.sqrt(np.mean(moved_m**2))) / ((t_ns - before[0]) * 1e-9)
        return speed < _STILL_M_S

    def _what_is_wrong(self, keypoints_m: np.ndarray) -> str:
        """What keeps this hand from being the pose wanted; "" if it is."""
        straight = extensions(keypoints_m)
        if self.step == FIST:
            closed = straight.mean() <= _BENT and straight.max() <= _ANY_BENT
            return "" if closed else "Close all fingers"
        if self.step in (OPEN, SPREAD) and straight.min() < _STRAIGHT:
            return "Straighten all fingers"
        if self.step == OPEN:
            return ""
        flat = self.samples[OPEN].keypoints_m
        if self.step == SPREAD:
            span = float(np.median(spans(flat)))
            return "" if spans(keypoints_m) >= _SPREAD_SHARE * span else "Spread them wider"
        finger = FINGERS.index(self.step.removeprefix("pinch "))
        distances_m = pinch_distances_m(keypoints_m)
        shares = distances_m / np.median(pinch_distances_m(flat), axis=0)
        self._nearest[self.step] = min(self._nearest.get(self.step, np.inf), float(distances_m[finger]))
        if shares[finger] > _PINCH_SHARE:
            return "Bring the two fingertips together"
        if np.delete(straight, finger).mean() < _OTHERS_STRAIGHT:
            return "Stretch the other fingers a little"
        if shares[finger] > shares.min() + _PINCH_LEAD:
            return f"That is the {FINGERS[int(shares.argmin())]} finger; take the {FINGERS[finger]} finger"
        return ""

    def _lapse(self, t_ns: int) -> None:
        """The pose is not seen now; forget it if that lasts."""
        if self._t_step_ns is not None and t_ns - self._t_good_ns > _LAPSE_S * 1e9:
            self._t_step_ns = None
            self._held = []

    def _finish_step(self, kept: list[tuple[int, np.ndarray]]) -> None:
        self.samples[self.step] = Samples(
            np.array([t_ns for t_ns, _ in kept]), np.stack([hand for _, hand in kept])
        )
        self._held = []
        self._t_step_ns = None

    def _state(self, hint: str) -> GuideState:
        held = 0.0
        if self._t_step_ns is not None:
            held = min((self._t_good_ns - self._t_step_ns) / (HOLD_S * 1e9), 1.0)
        step = self.step
        instruction = INSTRUCTIONS[step] if step else "Done"
        return GuideState(step, len(self.samples), instruction, hint, held)
