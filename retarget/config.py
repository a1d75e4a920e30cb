"""How one robot hand is driven: names, sizes and weights, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from retarget.errors import RetargetError

TYPES = ("dexpilot", "vector", "position")
VARIANTS = ("contact", "dex-retargeting", "published")

# What differs from the defaults of HandConfig, which are those of the contact variant.
_LIBRARY: Mapping[str, Any] = MappingProxyType(
    {
        "scaling_factor": 1.0,
        "low_pass_alpha": 0.1,
        "projection_band_m": 0.0,
        "open_weight": 0.0,
        "coupling_weight": 0.0,
        "collision_weight": 0.0,
    }
)
_PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "contact": {},
        # dex-retargeting 0.5.0: Huber 0.03 m and a pull of 4e-3 whatever the file says; see config_file.
        "dex-retargeting": {**_LIBRARY, "separation_dist_m": 3e-2},
        # arXiv 1910.03135, section IV: β 1.6, γ 2.5e-3 on |q|², nothing that holds on to the previous pose.
        "published": {
            **_LIBRARY,
            "scaling_factor": 1.6,
            "normal_delta": 0.0,
            "huber_delta": math.inf,
            "wrist_weight": 1.0,
            "open_weight": 5e-3,
            "coupling_weight": 1e3,  # a constraint in the paper; this holds DIP = PIP to a thousandth
        },
        "vector": {**_LIBRARY, "huber_delta": 0.02, "wrist_weight": 1.0},
        "position": {**_LIBRARY, "huber_delta": 0.02, "wrist_weight": 1.0},
    }
)


@dataclass(frozen=True)
class Coupling:
    """A joint that should follow another: q[follower] ≈ ratio · q[leader]."""

    follower: str
    leader: str
    ratio: float = 1.0


@dataclass(frozen=True)
class Capsule:
    """A stretch of the robot that nothing else of it should enter: all points within radius_m of a segment.

    Attributes:
        link: the link it is fixed to.
        start, end: (3,) metres, in that link's frame.
        radius_m: of its surface.
    """

    link: str
    start: tuple[float, ...]
    end: tuple[float, ...]
    radius_m: float


@dataclass(frozen=True)
class HandConfig:
    """One robot hand. The first keys are dex-retargeting's and mean the same; the others are ours.

    Vectors and positions are compared along the axes of the hand frame: x out of the palm, z toward the
    fingers, y toward the thumb of a right hand. They are those of the URDF's root unless hand_frame_rpy
    turns them.

    Attributes:
        type: "dexpilot" (arXiv 1910.03135), "vector" (link to link) or "position" (links in the root).
        urdf_path: the robot description; where a relative path counts from: `config_file.find_urdf`.
        wrist_link_name: dexpilot: link that stands for the human wrist.
        finger_tip_link_names: dexpilot: 2–5 links, the thumb first.
        target_joint_names: the joints to solve for; their order is the order of q. Default: all.
        target_link_human_indices: keypoints. dexpilot: of the wrist and each fingertip (default 0, 4, 8, …),
            or two rows as for vector; vector: two rows, where each vector starts and ends; position: one per
            link.
        target_origin_link_names, target_task_link_names: vector: where each vector starts and ends.
        target_link_names: position: the links.
        scaling_factor: β, robot length per human length; a position keeps its length.
        normal_delta: pull toward the previous pose, N in N·|q − q_previous|².
        huber_delta: errors beyond it, m, count linearly; .inf for plain squares.
        project_dist: thumb–finger distance of the human, m, at or under which the pair is fully projected.
        escape_dist: distance, m, at or over which it is fully released.
        pinch_dists_m: (project_dist, escape_dist) of each finger instead of one for all, in the order of
            finger_tip_link_names after the thumb; what an operator's calibration sets.
        has_joint_limits: whether to keep to the URDF's limits.
        ignore_mimic_joint: whether joints that mimic another move by themselves.
        add_dummy_free_joint: whether six joints let the whole robot move, too.
        low_pass_alpha: of dex-retargeting's output filter. Not applied unless `load` is asked to: at 0.2 it
            costs 90 ms, and a temporal model in front of the retargeter leaves nothing to smooth.
        variant: dexpilot: "contact" (ours), "dex-retargeting" or "published"; see docs/retargeting.md.
        robot_description: "module" or "module:VARIABLE" of the robot_descriptions package, which gives the
            URDF where urdf_path cannot be found.
        hand_frame_rpy: (roll, pitch, yaw) rad of the hand frame in the URDF's root.
        straight_scaling_factor: β of wrist → fingertip for a straight finger, approached as it straightens
            (the thumb keeps scaling_factor); 0 for the same as scaling_factor.
        finger_tip_offsets_m: (x, y, z) per fingertip, hand frame, added to the scaled human one; default 0.
        tip_radii_m: of the sphere each fingertip is modelled as; default: the URDF's collision sphere of the
            tip link, or 0.
        tip_centers_m: (x, y, z) of its centre in the tip link's frame; default as tip_radii_m.
        projection_band_m: width of the smooth ramps just outside project_dist and just inside escape_dist;
            0 gives the published hard switch.
        separation_dist_m: distance of two fingertips that pinch against the thumb together (η2).
        wrist_weight: weight of the wrist → fingertip vectors (of all vectors and positions, without pairs);
            0 for as many as there are vectors, dex-retargeting's choice.
        primary_weight, secondary_weight: weights of projected thumb–finger and finger–finger pairs.
        open_weight: γ, pull toward the open hand (q = 0), ½ per rad².
        coupled_joints, coupling_weight: joints that bend together (DIP = PIP), and how strongly, ½ per rad².
        open_rad: the open hand that γ pulls toward, ordered as target_joint_names; default 0 everywhere.
        steady_joints, steady_delta: joints that hold on to their previous angle more strongly, with this N
            instead of normal_delta. Those that spread the fingers do nothing for a straight finger, and would
            leap from one end to the other as it bends a little this way or that.
        capsules: what must not overlap; default: from the URDF's boxes, cylinders and spheres.
        collision_weight: how strongly overlapping capsules push apart, ½ per m²; 0 for not at all.
        collision_margin_m: distance of two capsules from which on they do.
        home_rad: pose before the first hand is seen, ordered as target_joint_names; default the open hand.
        restart_after_s: a pause between two solves after which the search starts from several poses again.
        retry_cost: a pose that costs more than this may be a wrong local minimum (fingers bent backwards
            reach for a fist from behind); the search then starts from several poses, too. 0 for a root mean
            square of 10 cm.
        max_iterations: bound on the solver's steps per instant and start; a call spends at most
            four times this on its first instant and 25 on each later one, so that its time is bounded.
    """

    urdf_path: Path
    wrist_link_name: str = ""
    finger_tip_link_names: tuple[str, ...] = ()
    target_joint_names: tuple[str, ...] = ()
    type: str = "dexpilot"
    target_link_human_indices: tuple[tuple[int, ...], ...] = ()
    target_origin_link_names: tuple[str, ...] = ()
    target_task_link_names: tuple[str, ...] = ()
    target_link_names: tuple[str, ...] = ()
    scaling_factor: float = 1.3
    normal_delta: float = 4e-3
    huber_delta: float = 0.03
    project_dist: float = 0.03
    escape_dist: float = 0.05
    pinch_dists_m: tuple[tuple[float, ...], ...] = ()
    has_joint_limits: bool = True
    ignore_mimic_joint: bool = False
    add_dummy_free_joint: bool = False
    low_pass_alpha: float = 1.0
    variant: str = "contact"
    robot_description: str = ""
    hand_frame_rpy: tuple[float, ...] = (0.0, 0.0, 0.0)
    straight_scaling_factor: float = 0.0
    finger_tip_offsets_m: tuple[tuple[float, ...], ...] = ()
    tip_radii_m: tuple[float, ...] = ()
    tip_centers_m: tuple[tuple[float, ...], ...] = ()
    projection_band_m: float = 0.01
    separation_dist_m: float = 0.03
    wrist_weight: float = 0.0
    primary_weight: float = 200.0
    secondary_weight: float = 400.0
    open_weight: float = 2.5e-3
    coupled_joints: tuple[Coupling, ...] = ()
    coupling_weight: float = 1e-2
    open_rad: tuple[float, ...] = ()
    steady_joints: tuple[str, ...] = ()
    steady_delta: float = 0.02
    capsules: tuple[Capsule, ...] = ()
    collision_weight: float = 300.0
    collision_margin_m: float = 2e-3
    home_rad: tuple[float, ...] = ()
    restart_after_s: float = 0.5
    retry_cost: float = 0.0
    max_iterations: int = 100

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise RetargetError(f"type is {self.type!r}; use one of: {', '.join(TYPES)}.")
        if self.variant not in VARIANTS:
            raise RetargetError(f"variant is {self.variant!r}; use one of: {', '.join(VARIANTS)}.")
        getattr(self, f"_check_{self.type}")()
        rows = (*self.target_link_human_indices, ())
        if any(not 0 <= index <= 20 for row in rows for index in row):
            raise RetargetError(
                f"target_link_human_indices is {_plain(self.target_link_human_indices)}; "
                "keypoints go from 0 (wrist) to 20 (pinky tip)."
            )
        self._check_numbers()
        for name in ("home_rad", "open_rad"):
            given, wanted = len(getattr(self, name)), len(self.target_joint_names)
            if given and wanted and given != wanted:
                raise RetargetError(
                    f"{name} has {given} values; give one for each of the {wanted} target_joint_names."
                )
        if len(self.hand_frame_rpy) != 3:
            raise RetargetError(f"hand_frame_rpy is {list(self.hand_frame_rpy)}; give roll, pitch and yaw.")

    @property
    def num_tips(self) -> int:
        """Fingertips of a dexpilot hand, thumb included."""
        return len(self.finger_tip_link_names)

    @property
    def tip_keypoints(self) -> tuple[int, ...]:
        """Keypoint of each fingertip of a dexpilot hand."""
        if self.target_link_human_indices:
            return self.target_link_human_indices[-1][-self.num_tips :]
        return tuple(4 * (tip + 1) for tip in range(self.num_tips))

    @property
    def pinch_ranges_m(self) -> tuple[tuple[float, ...], ...]:
        """(project, escape) distance of each thumb–finger pair of a dexpilot hand, metres."""
        return self.pinch_dists_m or ((self.project_dist, self.escape_dist),) * (self.num_tips - 1)

    @property
    def beta_straight(self) -> float:
        """β of a straight finger."""
        return self.straight_scaling_factor or self.scaling_factor

    def _check_dexpilot(self) -> None:
        count = self.num_tips
        if not 2 <= count <= 5:
            raise RetargetError(
                f"finger_tip_link_names has {count} entries; give the thumb and 1 to 4 fingers."
            )
        if not self.wrist_link_name:
            raise RetargetError("the key 'wrist_link_name' is missing; dexpilot needs it.")
        indices = self.target_link_human_indices
        vectors = count * (count + 1) // 2
        if indices and [len(row) for row in indices] not in ([count + 1], [vectors, vectors]):
            raise RetargetError(
                f"target_link_human_indices is {_plain(indices)}; give the wrist's keypoint and one for each "
                f"of the {count} fingertips, or two rows of {vectors}, or leave it out."
            )
        if len(set(self.finger_tip_link_names)) != count:
            raise RetargetError(
                f"finger_tip_link_names is {list(self.finger_tip_link_names)}; name every fingertip once."
            )
        if 0 in self.tip_keypoints:
            raise RetargetError(
                f"target_link_human_indices is {_plain(indices)}; fingertips follow keypoints from 1 to 20."
            )
        if self.beta_straight != self.scaling_factor and any(k % 4 for k in self.tip_keypoints):
            raise RetargetError(
                f"straight_scaling_factor needs whole fingers, target_link_human_indices is "
                f"{_plain(indices)}; give fingertips (4, 8, 12, 16, 20), or leave it out."
            )
        for name, size in (("tip_radii_m", 1), ("finger_tip_offsets_m", 3), ("tip_centers_m", 3)):
            rows = getattr(self, name)
            sizes = {1 if isinstance(row, float) else len(row) for row in rows}
            if len(rows) not in (0, count) or not sizes <= {size}:
                what = "three numbers" if size == 3 else "one number"
                raise RetargetError(
                    f"{name} is {_plain(rows)}; give {what} for each of the {count} fingertips."
                )
        if self.pinch_dists_m and [len(row) for row in self.pinch_dists_m] != [2] * (count - 1):
            raise RetargetError(
                f"pinch_dists_m is {_plain(self.pinch_dists_m)}; give project_dist and escape_dist "
                f"for each of the {count - 1} fingers after the thumb."
            )
        for project_m, escape_m in self.pinch_dists_m:
            if not 0.0 < project_m <= escape_m - self.projection_band_m:
                raise RetargetError(
                    f"pinch_dists_m has the entry {[project_m, escape_m]}; give two distances greater "
                    f"than 0, the second larger by at least projection_band_m ({self.projection_band_m})."
                )
        if any(radius < 0.0 for radius in self.tip_radii_m):
            raise RetargetError(f"tip_radii_m is {_plain(self.tip_radii_m)}; a radius is 0 or greater.")

    def _check_vector(self) -> None:
        count = len(self.target_task_link_names)
        if count == 0 or len(self.target_origin_link_names) != count:
            raise RetargetError(
                f"target_origin_link_names has {len(self.target_origin_link_names)} entries and "
                f"target_task_link_names {count}; name where each vector starts and ends."
            )
        if [len(row) for row in self.target_link_human_indices] != [count, count]:
            raise RetargetError(
                f"target_link_human_indices is {_plain(self.target_link_human_indices)}; give two rows of "
                f"{count} keypoints, where each vector starts and where it ends."
            )

    def _check_position(self) -> None:
        count = len(self.target_link_names)
        if count == 0:
            raise RetargetError("the key 'target_link_names' is missing; position needs it.")
        if [len(row) for row in self.target_link_human_indices] != [count]:
            raise RetargetError(
                f"target_link_human_indices is {_plain(self.target_link_human_indices)}; "
                f"give one keypoint for each of the {count} target_link_names."
            )

    def _check_numbers(self) -> None:
        for name in ("scaling_factor", "huber_delta", "project_dist", "restart_after_s"):
            self._require(name, getattr(self, name) > 0.0, "be greater than 0")
        for name in (
            "straight_scaling_factor",
            "normal_delta",
            "separation_dist_m",
            "wrist_weight",
            "primary_weight",
            "secondary_weight",
            "open_weight",
            "coupling_weight",
            "steady_delta",
            "collision_weight",
            "collision_margin_m",
            "retry_cost",
        ):
            self._require(name, getattr(self, name) >= 0.0, "be 0 or greater")
        self._require("max_iterations", self.max_iterations >= 1, "be 1 or greater")
        self._require("escape_dist", self.escape_dist >= self.project_dist, "be at least project_dist")
        # Out of range switches the filter off in dex-retargeting's files; 0 would freeze the hand.
        self._require("low_pass_alpha", self.low_pass_alpha != 0.0, "not be 0, which would freeze the hand")
        self._require(
            "projection_band_m",
            0.0 <= self.projection_band_m <= self.escape_dist - self.project_dist,
            "lie between 0 and escape_dist − project_dist",
        )
        for capsule in self.capsules:
            if capsule.radius_m <= 0.0 or len(capsule.start) != 3 or len(capsule.end) != 3:
                raise RetargetError(
                    f"capsules has the entry {capsule}; give from and to as three numbers in metres "
                    "and a radius_m greater than 0."
                )

    def _require(self, name: str, legal: bool, rule: str) -> None:
        if not legal:
            raise RetargetError(f"{name} is {getattr(self, name)!r}; it must {rule}.")


def preset(type_name: str, variant: str) -> Mapping[str, Any]:
    """Defaults of a kind of objective, as HandConfig's fields; empty for an unknown kind."""
    return _PRESETS.get(variant if type_name == "dexpilot" else type_name, {})


def _plain(value: Any) -> Any:
    """Tuples as the lists a YAML file would hold."""
    return [_plain(entry) for entry in value] if isinstance(value, tuple) else value
