"""The DexPilot objective (arXiv 1910.03135) as arrays for the compiled solver.

Ten vectors for a thumb and three fingers: thumb–finger (S1), finger–finger (S2), wrist–tip. Three readings
are built, the paper's, dex-retargeting's and ours; docs/retargeting.md says what is different in ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retarget.config import HandConfig
from retarget.kernels import Projection

_SECONDARY_PROJECT_M = 0.03
_ETA1_M = 1e-4  # distance of a projected thumb–finger pair that is no surface (arXiv 1910.03135)


def vector_layout(num_tips: int) -> tuple[np.ndarray, np.ndarray]:
    """Origins and ends of the vectors S1, S2, wrist, as indices into (wrist, thumb tip, finger tips…).

    Args:
        num_tips: fingertips, thumb included.

    Returns:
        Two (V,) int64 arrays; V = 10 for four fingertips.
    """
    fingers = range(2, num_tips + 1)
    primary = [(finger, 1) for finger in fingers]
    secondary = [(other, finger) for finger in fingers for other in fingers if other > finger]
    wrist = [(0, tip) for tip in range(1, num_tips + 1)]
    layout = np.array(primary + secondary + wrist, np.int64)
    return layout[:, 0].copy(), layout[:, 1].copy()


def build_projection(
    config: HandConfig, keypoints: np.ndarray, tip_radii_m: Sequence[float], anchor: np.ndarray
) -> Projection:
    """The part of the objective that follows the human hand.

    Args:
        config: the hand.
        keypoints: (2,V) int, keypoints each vector starts and ends at; −1 for the origin of the hand frame.
        tip_radii_m: of the fingertips' surfaces, the thumb first; empty without fingertips.
        anchor: (V,) int64, the point that carries a vector's target in its finger's frame, −1 for none.
    """
    count = keypoints.shape[1]
    pilot = config.type == "dexpilot"
    num_tips = config.num_tips if pilot else 0
    num_primary = max(num_tips - 1, 0)
    num_pairs = count - num_tips if pilot else 0
    offset = np.zeros((count, 3))
    scale = np.full(count, config.scaling_factor if config.type != "position" else 1.0)
    straight_scale = scale.copy()
    first, second = np.full(count, -1, np.int64), np.full(count, -1, np.int64)
    wanted = np.zeros(count)
    project = np.full(count, config.project_dist)
    escape = np.full(count, config.escape_dist)
    if pilot:
        origin, task = vector_layout(num_tips)
        tip_offset = np.zeros((num_tips + 1, 3))
        if config.finger_tip_offsets_m:
            tip_offset[1:] = config.finger_tip_offsets_m
        offset = tip_offset[task] - tip_offset[origin]
        # The S1 vector of finger point f (2, 3, …) has index f − 2.
        secondary = slice(num_primary, num_pairs)
        first[secondary], second[secondary] = task[secondary] - 2, origin[secondary] - 2
        straight_scale[num_pairs + 1 :] = config.beta_straight  # wrist → fingers, not the thumb
        wanted[secondary] = config.separation_dist_m
        ranges = np.array(config.pinch_ranges_m)
        project[:num_primary], escape[:num_primary] = ranges[:, 0], ranges[:, 1]
        escape[num_pairs + 1 :] = ranges[:, 1]
        if config.variant == "dex-retargeting":  # a constant there, whatever its file says
            project[secondary] = _SECONDARY_PROJECT_M
        if config.variant == "contact":
            wanted[:num_primary] = tip_radii_m[0] + np.array(tip_radii_m[1:])
        else:
            wanted[:num_primary] = _ETA1_M
    # dex-retargeting's SmoothL1 is ours over δ, and its mean is over the vectors (or their coordinates).
    mean = 1.0
    if config.type != "dexpilot" or config.variant == "dex-retargeting":
        delta = config.huber_delta if np.isfinite(config.huber_delta) else 1.0
        mean = 1.0 / (delta * count * (3.0 if config.type == "position" else 1.0))
    weight = np.ones(count)
    weight[num_pairs:] = config.wrist_weight or (count if pilot else 1.0)
    return Projection(
        human_origin=np.ascontiguousarray(keypoints[0], np.int64),
        human_task=np.ascontiguousarray(keypoints[1], np.int64),
        scale=scale,
        straight_scale=straight_scale,
        offset=offset,
        base_weight=mean * weight,
        anchor=anchor,
        align=np.zeros((count, 3, 3)),
        origin_offset=np.zeros((count, 3)),
        first=first,
        second=second,
        num_primary=num_primary,
        num_pairs=num_pairs,
        project_m=project,
        escape_m=escape,
        band_m=config.projection_band_m,
        wanted_m=wanted,
        directed=config.variant != "contact",
        primary_weight=mean * config.primary_weight,
        secondary_weight=mean * config.secondary_weight,
        opposing_weight=max(weight[-1], 1.0),
    )
