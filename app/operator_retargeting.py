"""A retargeter that knows whose hand it follows."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from calibration.hand_shape import FINGERS
from calibration.operator import OperatorCalibration
from retarget import HandConfig, Retargeter, load, read_config

logger = logging.getLogger(__name__)


class OperatorRetargeter(Retargeter):
    """Takes the same keypoints as any other, and makes of them what the operator meant.

    Attributes:
        operator: whose hand.
    """

    def __init__(self, config: HandConfig, operator: OperatorCalibration) -> None:
        """
        Args:
            config: of the robot hand, as it ships.
            operator: how this operator's hand is seen.

        Raises:
            RetargetError: config and URDF do not fit together.
        """
        self.operator = operator
        super().__init__(operator_config(config, operator))

    def solve(self, keypoints: np.ndarray, t_ns: int) -> np.ndarray:
        return super().solve(self._meant(keypoints), t_ns)

    def solve_trajectory(self, keypoints: np.ndarray, t_ns: np.ndarray) -> np.ndarray:
        return super().solve_trajectory(self._meant(keypoints), t_ns)

    def cost(self, q_rad: np.ndarray, keypoints: np.ndarray, previous_rad: np.ndarray | None = None) -> float:
        return super().cost(q_rad, self._meant(keypoints), previous_rad)

    def cost_gradient(
        self, q_rad: np.ndarray, keypoints: np.ndarray, previous_rad: np.ndarray | None = None
    ) -> np.ndarray:
        return super().cost_gradient(q_rad, self._meant(keypoints), previous_rad)

    def _meant(self, keypoints: np.ndarray) -> np.ndarray:
        """Adjusted keypoints; what is no hand stays as it is, to be refused with the usual reason."""
        keypoints = np.asarray(keypoints)
        if keypoints.shape[-2:] != (21, 3) or not np.issubdtype(keypoints.dtype, np.number):
            return keypoints
        with np.errstate(invalid="ignore", over="ignore"):
            return self.operator.adjust(keypoints)


def operator_config(config: HandConfig, operator: OperatorCalibration) -> HandConfig:
    """`config` with this operator's scale and pinch distances; fingers without a pinch keep theirs."""
    changed = replace(
        config,
        scaling_factor=config.scaling_factor * operator.scale,
        straight_scaling_factor=config.straight_scaling_factor * operator.scale,
    )
    if config.type != "dexpilot":
        return changed
    ranges = []
    for keypoint, usual in zip(config.tip_keypoints[1:], config.pinch_ranges_m, strict=True):
        # Fingertips are keypoints 4 (thumb), 8, 12, 16, 20; the others are joints along a finger.
        finger = FINGERS[keypoint // 4 - 2] if keypoint % 4 == 0 and keypoint >= 8 else None
        pinch = None if finger is None else operator.pinches[finger]
        own = usual if pinch is None else (pinch.project_m, pinch.escape_m)
        ranges.append(_wide_enough(own, config.projection_band_m))
    return replace(changed, pinch_dists_m=tuple(ranges))


def load_retargeter(
    hand: str | Path, operator: OperatorCalibration | None = None, temporal: str | None = None
) -> Retargeter:
    """A retargeter that is ready for its first frame, for an operator if one is given.

    Args:
        hand: the name of a robot hand that ships, or the path of a YAML file.
        operator: whose hand is followed; None is anybody's.
        temporal: name of the stage the keypoints come from; another than the one that the operator's hand
            was calibrated with is worth a warning.

    Raises:
        RetargetError: no such hand, or its config or URDF is unusable.
    """
    if operator is None:
        return load(hand)
    if temporal is not None and temporal != operator.temporal:
        logger.warning(
            "the %s hand of %s was calibrated with --temporal %s; with %s pinches close less well: calibrate "
            "it again with that",
            operator.hand, operator.name, operator.temporal, temporal,
        )  # fmt: skip
    retargeter = OperatorRetargeter(read_config(hand), operator)
    retargeter.warm_up()
    return retargeter


def _wide_enough(distances_m: tuple[float, ...], band_m: float) -> tuple[float, float]:
    project_m, escape_m = distances_m
    return project_m, max(escape_m, project_m + band_m + 1e-6)
