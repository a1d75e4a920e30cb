"""Draws hand poses: vocabulary, wrapped grasps, broad random bends, pinches, real ones and mixtures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.hand_model import HandModel
from models.keypoints import FINGER_JOINTS, FINGERS
from models.motion.bank import SOURCES, PoseBank
from models.motion.collision import collides
from models.motion.fitting import wide_limits
from models.motion.vocabulary import FOUR, GESTURES, gesture_angles, set_thumb, wrapped_grasps
from models.pinch import touch_tips

_PINCH_VARIANTS = 8  # solved for each finger; the other fingers vary without end
_ATTEMPTS = 4
_SIDEWAYS_RAD = np.radians(4.0)  # hinges' sideways bend and twist from pose to pose
_SHARED_SOURCE_POWER = 0.5  # small sources of the bank are drawn more often than their size says


@dataclass(frozen=True)
class Mix:
    """How often each kind of pose is drawn; the bank's kinds count only when there is a bank."""

    gesture: float = 0.08
    grasp: float = 0.16
    broad: float = 0.14
    pinch: float = 0.10
    real: float = 0.10
    mixed: float = 0.30
    between: float = 0.12


KINDS = ("gesture", "grasp", "broad", "pinch", "real", "mixed", "between")


class PoseSampler:
    """Poses of one hand.

    Args:
        model: the hand.
        bank: real poses to draw from, if any.
        mix: shares of the kinds.
        seed: of the solved pinches.
    """

    def __init__(
        self, model: HandModel, bank: PoseBank | None = None, mix: Mix | None = None, seed: int = 0
    ) -> None:
        self._model = model
        self._bank = bank
        self._limits = wide_limits(model)
        self._rest = model.rest_angles_rad
        mix = mix or Mix()
        shares = np.array([getattr(mix, kind) for kind in KINDS])
        if bank is None:
            shares[KINDS.index("real")] = 0.0
        else:
            counts = np.bincount(bank.source, minlength=len(SOURCES))
            weight = np.maximum(counts, 1.0) ** -_SHARED_SOURCE_POWER
            self._bank_odds = np.cumsum(weight[bank.source] / weight[bank.source].sum())
        self._shares = shares / shares.sum()
        self._gestures = np.stack([gesture_angles(gesture) for gesture in GESTURES])
        self._pinches: dict[str, np.ndarray] = {}
        self._seed = seed

    def sample(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Poses and their kinds.

        Returns:
            angles (count,15,3) rad within `wide_limits`; kind (count,) index into `KINDS`.
        """
        kind = rng.choice(len(KINDS), size=count, p=self._shares)
        angles = self._draw(rng, kind)
        for _ in range(_ATTEMPTS):
            bad = np.flatnonzero(collides(angles, self._model) & (kind != KINDS.index("real")))
            if not len(bad):
                break
            angles[bad] = self._draw(rng, kind[bad])
        return angles, kind

    def _draw(self, rng: np.random.Generator, kind: np.ndarray) -> np.ndarray:
        angles = np.empty((len(kind), 15, 3))
        draws = (
            self._gesture, self._grasp, self._broad, self._pinch, self._real, self._mixed, self._between
        )  # fmt: skip
        for i, draw in enumerate(draws):
            rows = np.flatnonzero(kind == i)
            if len(rows):
                angles[rows] = draw(rng, len(rows))
        return np.clip(angles, self._limits[..., 0], self._limits[..., 1])

    def _gesture(self, rng: np.random.Generator, count: int) -> np.ndarray:
        angles = self._gestures[rng.integers(len(self._gestures), size=count)]
        return self._loosened(rng, angles, np.radians(rng.uniform(1.0, 12.0, (count, 1, 1))))

    def _grasp(self, rng: np.random.Generator, count: int) -> np.ndarray:
        return self._loosened(
            rng, wrapped_grasps(rng, count), np.radians(rng.uniform(1.0, 10.0, (count, 1, 1)))
        )

    def _broad(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Anything joints allow; how far fingers bend together differs from pose to pose."""
        together = rng.random((count, 1))
        curl = together * rng.random((count, 1)) + (1.0 - together) * rng.random((count, 4))
        degrees = np.zeros((count, 15, 3))
        fan = rng.normal(0.0, 0.8, (count, 1)) + 0.4 * rng.standard_normal((count, 4))
        for i, finger in enumerate(FOUR):
            rows = [joint - 1 for joint in FINGER_JOINTS[finger]]
            low, high = np.degrees(self._limits[rows, 0].T)
            apart = rng.random((count, 1)) ** 0.5
            share = (1.0 - apart) * curl[:, i : i + 1] + apart * rng.random((count, 3))
            bend = low + share * (high - low)
            # Outer joints bend with their inner neighbour, not at all, or as they like.
            follow = rng.integers(3, size=count)
            bend[:, 2] = np.choose(follow, [0.6 * bend[:, 1], rng.normal(2.0, 5.0, count), bend[:, 2]])
            straight = rng.random(count) < 0.25
            bend[:, 1] = np.where(straight, rng.normal(5.0, 6.0, count), bend[:, 1])
            degrees[:, rows, 0] = bend
            side_low, side_high = np.degrees(self._limits[rows[0], 1])
            # Bent knuckles cannot spread: their ligaments are tight.
            freedom = np.clip(1.15 - bend[:, 0] / 110.0, 0.25, 1.0)
            middle, half = 0.5 * (side_low + side_high), 0.5 * (side_high - side_low)
            degrees[:, rows[0], 1] = middle + half * freedom * np.tanh(
                fan[:, i] * (i - 1.2) + rng.normal(0, 0.4, count)
            )
        rows = [joint - 1 for joint in FINGER_JOINTS["thumb"]]
        low, high = np.degrees(self._limits[rows][..., 0]), np.degrees(self._limits[rows][..., 1])
        thumb = np.stack(
            [
                _between_bounds(rng, count, low[0, 0], high[0, 0]),
                _between_bounds(rng, count, low[0, 1], high[0, 1]),
                _between_bounds(rng, count, low[0, 2], high[0, 2]),
                _between_bounds(rng, count, low[1, 0], high[1, 0]),
                _between_bounds(rng, count, low[2, 0], high[2, 0]),
            ],
            axis=1,
        )
        set_thumb(degrees, thumb)
        degrees[:, rows[1], 1] = rng.uniform(0.7, 1.0, count) * rng.uniform(low[1, 1], high[1, 1], count)
        return self._loosened(rng, np.radians(degrees), np.radians(rng.uniform(0.0, 3.0, (count, 1, 1))))

    def _pinch(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Thumb on a fingertip, exactly; the other fingers as in some other pose."""
        others = self._of_kinds(rng, count, ("gesture", "grasp", "broad", "real"))
        finger = rng.integers(4, size=count)
        for i, name in enumerate(FOUR):
            rows = np.flatnonzero(finger == i)
            solved = self._solved_pinches(name)
            held = solved[rng.integers(len(solved), size=len(rows))]
            for digit in ("thumb", name):
                joints = np.array(FINGER_JOINTS[digit]) - 1
                others[rows[:, None], joints] = held[:, joints]
            # Half the time the other fingers stay as a person would leave them.
            usual = rows[rng.random(len(rows)) < 0.5]
            others[usual] = held[np.searchsorted(rows, usual)]
        return others

    def _real(self, rng: np.random.Generator, count: int) -> np.ndarray:
        return self._from_bank(rng, count) + np.radians(1.0) * rng.standard_normal((count, 15, 3))

    def _mixed(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Each digit from one of two other poses of any kind, real ones most often."""
        kinds = ("real", "real", "grasp", "broad", "gesture")
        first, second = self._of_kinds(rng, count, kinds), self._of_kinds(rng, count, kinds)
        for finger in FINGERS:
            joints = np.array(FINGER_JOINTS[finger]) - 1
            rows = np.flatnonzero(rng.random(count) < (0.7 if finger == "thumb" else 0.5))
            first[rows[:, None], joints] = second[rows[:, None], joints]
        away = np.radians(rng.uniform(0.0, 8.0, (count, 1, 1))) * rng.standard_normal((count, 15, 3))
        return first + away * _FLEXIBLE

    def _between(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """On the way from one pose to another, or somewhat beyond."""
        kinds = ("gesture", "grasp", "broad", "real")
        first, second = self._of_kinds(rng, count, kinds), self._of_kinds(rng, count, kinds)
        share = rng.uniform(-0.15, 1.15, (count, 1, 1))
        return first + share * (second - first)

    def _of_kinds(self, rng: np.random.Generator, count: int, kinds: tuple[str, ...]) -> np.ndarray:
        """Poses of some kinds, the ones named twice twice as often."""
        allowed = [KINDS.index(kind) for kind in kinds if kind != "real" or self._bank is not None]
        return self._draw(rng, rng.choice(allowed, size=count))

    def _from_bank(self, rng: np.random.Generator, count: int) -> np.ndarray:
        if self._bank is None:
            raise ValueError("Real poses are drawn from a bank, and there is none.")
        return self._bank.angles_rad[
            np.searchsorted(self._bank_odds, rng.random(count)).clip(0, len(self._bank) - 1)
        ]

    def _loosened(self, rng: np.random.Generator, angles: np.ndarray, sigma_rad: np.ndarray) -> np.ndarray:
        """Everyone does it a little differently; hinges bend sideways and twist a little, as fits say."""
        noise = rng.standard_normal(angles.shape)
        hinges = self._rest[None] * _HINGES
        sideways = _SIDEWAYS_RAD * rng.random((len(angles), 1, 1)) * noise * _SIDEWAYS
        return angles + hinges + sigma_rad * noise * _FLEXIBLE + sideways

    def _solved_pinches(self, finger: str) -> np.ndarray:
        if finger not in self._pinches:
            rng = np.random.default_rng([self._seed, FOUR.index(finger)])
            self._pinches[finger] = np.stack(
                [
                    touch_tips(self._model, finger, self._before_pinch(rng, finger))
                    for _ in range(_PINCH_VARIANTS)
                ]
            )
        return self._pinches[finger]

    def _before_pinch(self, rng: np.random.Generator, finger: str) -> np.ndarray:
        degrees = np.degrees(self._rest)
        for i, name in enumerate(FOUR):
            rows = [joint - 1 for joint in FINGER_JOINTS[name]]
            follow = 0.3 ** abs(i - FOUR.index(finger)) if rng.random() < 0.7 else rng.random()
            degrees[rows, 0] = follow * np.array([48.0, 50.0, 28.0]) * rng.uniform(0.6, 1.3, 3) + 3.0
        set_thumb(degrees, np.array([14.0, -22.0, 12.0, 22.0, 24.0]) + rng.normal(0.0, (8, 8, 8, 12, 14)))
        low, high = self._model.joint_limits[..., 0], self._model.joint_limits[..., 1]
        return np.clip(np.radians(degrees), low, high)


def _between_bounds(rng: np.random.Generator, count: int, low: float, high: float) -> np.ndarray:
    """Uniform, with its outermost tenths left to few."""
    return low + (high - low) * np.clip(rng.beta(1.4, 1.4, count), 0.0, 1.0)


def _masks() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Angles (15,3) that are free to bend, that only give a little, and hinges' fixed ones."""
    flexible = np.zeros((15, 3))
    hinges = np.zeros((15, 3))
    flexible[:, 0] = 1.0
    for finger in FINGERS:
        joints = [joint - 1 for joint in FINGER_JOINTS[finger]]
        flexible[joints[0], 1] = 0.6
        hinges[joints[1:], 1:] = 1.0
        if finger == "thumb":
            flexible[joints[0]] = 1.0
            flexible[joints[1], 1] = 0.6
            hinges[joints[1]] = 0.0
    return flexible, np.where(flexible > 0.0, 0.0, 1.0), hinges


_FLEXIBLE, _SIDEWAYS, _HINGES = _masks()
