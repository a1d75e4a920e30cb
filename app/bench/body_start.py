"""Detections brought to where PoseBERT begins: what its input is worth without any network."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from app.bench.body_methods import BodyEstimate, BodyMethod
from app.bench.body_sequence import BodySequence
from models.body_input import describe_bodies, mean_body_bone_lengths
from models.body_inverse_kinematics import fit_body_rotations
from models.body_model import BodyModel
from models.canonical import rays_of_pixels


@dataclass(frozen=True)
class OnMeanBody:
    """Another method, given `on_mean_body` in place of the detections.

    Attributes:
        name: in the tables.
        method: the other one.
    """

    name: str
    method: BodyMethod

    @property
    def looks_ahead(self) -> str:
        """As the other method's."""
        return self.method.looks_ahead

    def estimate(self, sequence: BodySequence, wanted: np.ndarray | None = None) -> BodyEstimate:
        return self.method.estimate(on_mean_body(sequence), wanted)


def on_mean_body(sequence: BodySequence) -> BodySequence:
    """The sequence with every detection as the mean body in the pose that PoseBERT starts its slot from."""
    body, seen, camera = BodyModel.load(), sequence.detected, sequence.camera
    rays = rays_of_pixels(sequence.raw_px[seen], camera.focal_px, np.asarray(camera.centre_px))
    _, _, guess_m = describe_bodies(
        sequence.raw_m[seen], rays, sequence.visibility[seen], mean_body_bone_lengths(body), "full"
    )
    keypoints_m = body.keypoints(fit_body_rotations(guess_m, body))
    raw_m = sequence.raw_m.copy()
    raw_m[seen] = keypoints_m - keypoints_m[:, :1]
    return replace(sequence, raw_m=raw_m)
