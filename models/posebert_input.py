"""What PoseBERT is given: features of each slot and the pose each slot's refinement starts from.

The functions take numpy arrays or torch tensors, so training and the runtime share them; `WindowEncoder` is
the runtime's for hands, in numpy. `SlotEncoder` serves bodies, too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import numpy as np

from models.canonical import (
    Array,
    bone_lengths,
    canonical_frame,
    encode_6d,
    locate_wrist,
    location_of_wrist,
    namespace,
    rays_of_pixels,
    to_canonical,
    with_bone_lengths,
)
from models.fusion import fuse, image_hand
from models.hand_model import HandModel
from models.inverse_kinematics import fit_rotations
from models.rotations import mirror_points
from models.window import SLOT_PERIOD_NS, WINDOW_SLOTS, SlottedWindow, Window

Layout = Literal["paper", "full"]
IN_DIM: dict[Layout, int] = {"paper": 63 + 6 + 42, "full": 63 + 6 + 63 + 42 + 3 + 20 + 2}
POSE_DIM = 16 * 6 + 3  # 16 rotations in 6D, then the wrist's location

# The paper's 2D is −1…1 across the frame: so are rays, at the field of view assumed of uncalibrated cameras.
_RAYS_TO_FRAME = 1.0 / np.tan(np.radians(30.0))
_DECIMETRES = 10.0  # per metre; brings coordinates of a hand to about one
_TINY = 1e-6


def describe(
    keypoints_m: Array, image_m: Array, rays: Array, score: Array, lengths_m: Array, layout: Layout
) -> tuple[Array, Array]:
    """Features and wrist location of detected right hands.

    "paper": canonical keypoints of mean bone length (63, metres), 6D of the rotation removed (6), 2D (42).
    "full": the same in decimetres; the second opinion, turned alike, less the first (63); the 2D relative to
    the wrist and scaled to one (42), where in the image and how large it is (3); how much longer than the
    mean hand's each bone was, as a logarithm (20: a foreshortened bone tells that its depth is wrong); score
    and time offset (2; the offset is 0 until `set_offset`).

    Args:
        keypoints_m: (…,21,3) wrist-relative, camera axes.
        image_m: (…,21,3) the second opinion, see `models.fusion.image_hand`.
        rays: (…,21,2) see `models.canonical.rays_of_pixels`.
        score: (…,) detector confidence.
        lengths_m: (20,) bone lengths of the mean hand.
        layout: which of the two.

    Returns:
        (…,IN_DIM[layout]) features and (…,3) location as `models.canonical.location_of_wrist`.
    """
    xp = namespace(keypoints_m)
    lead = keypoints_m.shape[:-2]
    normal, normal_image = with_bone_lengths(xp.stack([keypoints_m, image_m]), lengths_m)
    M = canonical_frame(normal)
    canonical = to_canonical(normal, M).reshape(*lead, 63)
    centred = normal - normal[..., :1, :]
    location = location_of_wrist(locate_wrist(centred, rays))
    if layout == "paper":
        flat = (rays * float(_RAYS_TO_FRAME)).reshape(*lead, 42)
        return xp.concatenate([canonical, encode_6d(M), flat], -1), location
    wrist = rays[..., 0, :]
    flat = rays - wrist[..., None, :]
    size = xp.sqrt(xp.clip((flat * flat).sum(-1).mean(-1), _TINY, None))[..., None]
    stretch = xp.log(xp.clip(bone_lengths(keypoints_m), _TINY, None) / lengths_m)
    stretch = xp.clip(stretch, -1.0, 1.0)
    second = to_canonical(normal_image, M).reshape(*lead, 63)
    parts = [
        canonical * _DECIMETRES,
        encode_6d(M),
        (second - canonical) * _DECIMETRES,
        (flat / size[..., None]).reshape(*lead, 42),
        wrist,
        xp.log(size) + 2.0,  # about zero for a hand that fills a quarter of the image
        stretch,
        score[..., None],
        xp.zeros_like(score)[..., None],
    ]
    return xp.concatenate(parts, -1), location


def set_offset(features: Array, offset: Array, layout: Layout) -> Array:
    """Features (…,in_dim) with how long after its slot each detection was made, (…,) in slot periods."""
    if layout == "paper":
        return features
    return namespace(features).concatenate([features[..., :-1], offset[..., None]], -1)


def start_pose(rotations: Array, location: Array) -> Array:
    """Poses (…,6J+3) of rotations (…,J,3,3) and locations (…,3)."""
    sixd = encode_6d(rotations).reshape(*rotations.shape[:-3], -1)
    return namespace(rotations).concatenate([sixd, location], -1)


def nearest_observed(observed: np.ndarray, ahead: int) -> np.ndarray:
    """For each of T + `ahead` slots the index of the last observed slot up to it; the first before that.

    Args:
        observed: (T,) bool, at least one True.
        ahead: how many slots follow in the future.
    """
    (seen,) = np.nonzero(observed)
    last = np.maximum.accumulate(np.where(observed, np.arange(len(observed)), -1))
    return np.concatenate([np.where(last < 0, seen[0], last), np.full(ahead, seen[-1])])


@dataclass(frozen=True)
class NetworkInput:
    """One window as the network takes it.

    Attributes:
        features: (1,T,in_dim) float32, zero where not observed.
        observed: (1,T) bool.
        start: (1,T+F,P) float32.
    """

    features: np.ndarray
    observed: np.ndarray
    start: np.ndarray


WindowT = TypeVar("WindowT", bound=SlottedWindow)


class SlotEncoder(ABC, Generic[WindowT]):
    """Turns windows into network input; what was worked out for a detection is kept while it is in view."""

    def __init__(self, layout: Layout, in_dim: int, pose_dim: int, future: int) -> None:
        """
        Args:
            layout: of the features.
            in_dim: how many features a slot has.
            pose_dim: how many numbers a pose has.
            future: how many instants follow the window.
        """
        self._layout = layout
        self._in_dim = in_dim
        self._pose_dim = pose_dim
        self._future = future
        self._known: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # by capture time: features, pose

    @abstractmethod
    def _described(self, window: WindowT, slots: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Features (n,in_dim) and poses (n,pose_dim) to begin with, of n observed slots."""

    def encode(self, window: WindowT) -> NetworkInput:
        """Network input of a window with at least one observed slot."""
        T = WINDOW_SLOTS
        features = np.zeros((T, self._in_dim), dtype=np.float32)
        poses = np.zeros((T, self._pose_dim), dtype=np.float32)
        (seen,) = np.nonzero(window.observed)
        self._learn(window, [int(i) for i in seen if int(window.t_capture_ns[i]) not in self._known])
        current = [int(t_ns) for t_ns in window.t_capture_ns[seen]]
        # Not only those of this window: at 60 fps every other detection stands in every other window.
        first, last = int(window.t_ns[0]) - SLOT_PERIOD_NS, window.t_now_ns + SLOT_PERIOD_NS
        self._known = {t_ns: one for t_ns, one in self._known.items() if first <= t_ns <= last}
        features[seen] = [self._known[t_ns][0] for t_ns in current]
        poses[seen] = [self._known[t_ns][1] for t_ns in current]
        offset = np.where(window.observed, (window.t_capture_ns - window.t_ns) / SLOT_PERIOD_NS, 0.0)
        features = set_offset(features, offset.astype(np.float32), self._layout)
        start = poses[nearest_observed(window.observed, self._future)]
        return NetworkInput(features[None], window.observed[None], start[None])

    def reset(self) -> None:
        """Forget all detections."""
        self._known = {}

    def _learn(self, window: WindowT, new: list[int]) -> None:
        if not new:
            return
        for i, feature, pose in zip(new, *self._described(window, new), strict=True):
            self._known[int(window.t_capture_ns[i])] = feature.astype(np.float32), pose.astype(np.float32)


class WindowEncoder(SlotEncoder[Window]):
    """Of hands; a left one is mirrored to a right one."""

    def __init__(self, model: HandModel, layout: Layout, future: int) -> None:
        """
        Args:
            model: the mean hand the network was trained with.
            layout: of the features.
            future: how many instants follow the window.
        """
        super().__init__(layout, IN_DIM[layout], POSE_DIM, future)
        self._model = model
        self._lengths_m = mean_bone_lengths(model)

    def _described(self, window: Window, slots: list[int]) -> tuple[np.ndarray, np.ndarray]:
        camera = window.camera
        keypoints_m = window.keypoints_m[slots]
        image_m = image_hand(keypoints_m, window.keypoints_px[slots], window.depth_px[slots])
        rays = rays_of_pixels(window.keypoints_px[slots], camera.focal_px, np.asarray(camera.centre_px))
        if window.hand == "left":
            keypoints_m, image_m = mirror_points(keypoints_m), mirror_points(image_m)
            rays = rays * np.array([-1.0, 1.0])
        features, location = describe(
            keypoints_m, image_m, rays, window.score[slots], self._lengths_m, self._layout
        )
        return features, start_pose(fit_rotations(fuse(keypoints_m, image_m), self._model), location)


def mean_bone_lengths(model: HandModel) -> np.ndarray:
    """Bone lengths (20,), metres, of a hand model."""
    return bone_lengths(model.keypoints(np.tile(np.eye(3), (16, 1, 1))))
