"""The DexPilot objective (arXiv 1910.03135) as arrays for the compiled solver.

Ten vectors for a thumb and three fingers: thumb–finger (S1), finger–finger (S2), wrist–tip. Where several
readings are published, this is what is built and why:

* Vectors are compared in the wrist's axes, as in dex-retargeting. In the fingertips' own frames, as in the
  paper, the target turns with the robot's own tips, and the human's tip frames are not among the keypoints.
* A constant offset may be added per fingertip. Robot knuckles stand wider apart than human ones, and a
  straight Allegro finger cannot move sideways: its abduction axis runs along it. Without the offset it bends
  and twists to bring its tip a centimetre inward, to the one side or the other, and jumps between the two.
* Wrist vectors weigh 10 and errors over 3 cm count linearly (Huber), as in dex-retargeting: β reaches past
  the end of a straight finger on purpose, and the surplus must not outvote the other vectors.
* β of the wrist vectors may grow as a finger straightens. Detectors show straight fingers slightly bent and
  short, which asks for a β that reaches far; with the same β a fist stays half open.
* A projected pair is asked for a *distance*, not a vector. For the published 1e-4 m the two are the same. For
  the distance at which fingertip surfaces touch they are not: two human tips 1 cm apart say nothing reliable
  about direction, and the wrist vectors already say where the pinch is.
* The published switch is kept at its two ends, with smooth ramps between them (see `kernels.project`).
"""

from __future__ import annotations

import numpy as np

from retarget.config import HandConfig
from retarget.errors import RetargetError
from retarget.kernels import Projection, Terms
from retarget.kinematics import Kinematics

# The solver stays this far inside the limits, so that rounding on the way to the robot cannot leave them.
_LIMIT_MARGIN_RAD = 1e-4


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


def build_kinematics(config: HandConfig) -> Kinematics:
    """FK of (wrist, thumb tip, finger tips…) in the wrist's frame, over the config's joints."""
    return Kinematics(
        config.urdf_path,
        points=[config.wrist_link_name, *config.finger_tip_link_names],
        joint_names=config.target_joint_names,
        base_link=config.wrist_link_name,
    )


def build_terms(config: HandConfig, kinematics: Kinematics) -> Terms:
    """The constant part of the objective, and the box; an unknown coupled joint raises RetargetError."""
    names = kinematics.joint_names
    for coupling in config.coupled_joints:
        for joint in (coupling.follower, coupling.leader):
            if joint not in names:
                raise RetargetError(f"coupled_joints names {joint!r}; use target joints: {', '.join(names)}.")
    origin, task = vector_layout(len(config.finger_tip_link_names))
    margin = np.minimum(_LIMIT_MARGIN_RAD, 0.01 * (kinematics.upper_rad - kinematics.lower_rad))
    lower, upper = kinematics.lower_rad + margin, kinematics.upper_rad - margin
    coupled = [(names.index(c.follower), names.index(c.leader)) for c in config.coupled_joints]
    return Terms(
        origin=origin,
        task=task,
        huber_m=config.huber_delta,
        lower=lower,
        upper=upper,
        open_rad=np.clip(np.zeros(len(names)), lower, upper),
        open_weight=np.full(len(names), config.open_weight),
        previous_weight=config.previous_weight,
        coupled=np.array(coupled, np.int64).reshape(-1, 2),
        coupling_ratio=np.array([c.ratio for c in config.coupled_joints], np.float64),
        coupling_weight=config.coupling_weight,
    )


def build_projection(config: HandConfig) -> Projection:
    """The part of the objective that follows the human hand."""
    num_tips = len(config.finger_tip_link_names)
    origin, task = vector_layout(num_tips)
    num_primary = num_tips - 1
    num_pairs = len(origin) - num_tips
    keypoint = np.array([0, *config.finger_tip_human_indices], np.int64)
    offset = np.zeros((num_tips + 1, 3))
    if config.finger_tip_offsets_m:
        offset[1:] = config.finger_tip_offsets_m
    weight = np.ones(len(origin))
    weight[num_pairs:] = config.wrist_weight
    # The S1 vector of finger point f (2, 3, …) has index f − 2.
    first, second = np.full(len(origin), -1, np.int64), np.full(len(origin), -1, np.int64)
    secondary = slice(num_primary, num_pairs)
    first[secondary], second[secondary] = task[secondary] - 2, origin[secondary] - 2
    scale = np.full(len(origin), config.scaling_factor)
    straight_scale = scale.copy()
    straight_scale[num_pairs + 1 :] = config.straight_scaling_factor  # wrist → fingers, not the thumb
    return Projection(
        human_origin=keypoint[origin],
        human_task=keypoint[task],
        scale=scale,
        straight_scale=straight_scale,
        offset=offset[task] - offset[origin],
        base_weight=weight,
        first=first,
        second=second,
        num_primary=num_primary,
        num_pairs=num_pairs,
        project_m=config.project_dist,
        escape_m=config.escape_dist,
        band_m=config.projection_band_m,
        contact_m=config.contact_dist_m,
        apart_m=config.separation_dist_m,
        primary_weight=config.primary_weight,
        secondary_weight=config.secondary_weight,
        opposing_weight=max(config.wrist_weight, 1.0),
    )
