"""What training minimises: errors of rotations, location, keypoints and their motion."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from models.canonical import decode_6d
from models.figure import Figure
from models.noise import Truth


@dataclass(frozen=True)
class LossConfig:
    """Weights of the terms; zero leaves one out. `paper()` is the paper's loss.

    Attributes:
        rotation: squared difference of rotation matrices, summed; mean over all (eq. 8–10).
        location: squared difference of x/z, y/z and nearness, summed; of where a mean hand looks the same, as
            sizes of hands cannot be seen; what is said of hands and wrists goes for bodies and hips.
        place: distance of the wrist from where it is seen, across the line of sight and at the hand's depth,
            decimetres, plus that of nearness.
        keypoint: distance of keypoints in camera axes, mean over all, decimetres; of bodies, here and below,
            quarter metres.
        shape: distance of keypoints in each hand's own wrist frame: what is left of errors once the
            orientation is right, decimetres.
        velocity: distance of the keypoints' first differences, decimetres a slot; where slots follow each
            other.
        acceleration: of their second differences.
        ahead: distance of how far keypoints move from the newest slot on, in each hand's own wrist frame,
            over the next AHEAD_SLOTS. What is wrong with a pose stays wrong for a while, and is so much more
            than the hand moves that without this term standing still is foreseen.
        change: distance of the estimate from what its refinement started at; a little of it keeps the network
            from touching what it need not touch.
        alone: all this, without motion, of the observed slots' poses as corrected by themselves, and the same
            again of stills.
        newest: weight of the newest slot and of the future, against 1 for the past.
    """

    rotation: float = 1.0
    location: float = 1.0
    place: float = 1.0
    keypoint: float = 1.0
    shape: float = 2.0
    velocity: float = 1.0
    acceleration: float = 3.0
    ahead: float = 3.0
    change: float = 0.0
    alone: float = 0.5
    newest: float = 2.0

    @staticmethod
    def paper() -> LossConfig:
        """Rotations and location only, every slot alike."""
        return LossConfig(
            place=0.0,
            keypoint=0.0,
            shape=0.0,
            velocity=0.0,
            acceleration=0.0,
            ahead=0.0,
            alone=0.0,
            newest=1.0,
        )


AHEAD_SLOTS = 6


def pose_losses(
    pose: Tensor,
    start: Tensor,
    truth: Truth,
    valid: Tensor,
    T: int,
    figure: Figure,
    config: LossConfig,
    even: int | None = None,
    foreseen: Tensor | None = None,
) -> dict[str, Tensor]:
    """The unweighted terms, each a scalar, and their weighted sum under "total".

    Args:
        pose: (B,S,P) estimates.
        start: (B,S,P) what they started from.
        truth: of the same S slots.
        valid: (B,) bool, windows that count (those with a detection).
        T: slots of the window; the rest is future.
        figure: the mean hand or body; keypoints are compared on it, as sizes cannot be seen.
        config: the weights.
        even: so many slots, from the first, follow each other; None if all do.
        foreseen: (B,) bool, windows whose future counts; None if all do.
    """
    S = pose.shape[1]
    weight = valid.float()[:, None].repeat(1, S)
    weight[:, T - 1 :] *= config.newest
    if foreseen is not None:
        weight[:, T:] *= foreseen.float()[:, None]

    def mean(error: Tensor) -> Tensor:
        """Weighted mean of (B,n): all slots, or the last n of the even ones."""
        n = error.shape[1]
        w = weight if n == S else weight[:, :even][:, -n:]
        return (w * error).sum() / w.sum().clamp_min(1e-6)

    R = decode_6d(pose[..., :-3].unflatten(-1, (-1, 6)))
    alike = figure(truth.rotations)
    location = location_of_mean(figure, truth, alike)
    terms = {
        "rotation": mean((R - truth.rotations).square().sum((-1, -2)).mean(-1)),
        "location": mean((pose[..., -3:] - location).square().sum(-1)),
    }
    if config.place:
        terms["place"] = mean(_misplaced(figure, pose[..., -3:], location))
    if config.change:
        terms["change"] = mean((pose - start).abs().mean(-1))
    if config.keypoint or config.shape or config.velocity or config.acceleration or config.ahead:
        estimate = figure(R) * figure.units_per_m
        target = alike * figure.units_per_m
        error = estimate - target
        terms["keypoint"] = mean(_length(error).mean(-1))
        # Row vectors: x R is Rᵀ x, the keypoint in the wrist's own frame.
        own = estimate @ R[:, :, 0] - target @ truth.rotations[:, :, 0]
        terms["shape"] = mean(_length(own).mean(-1))
        terms["velocity"] = mean(_length(error[:, :even].diff(dim=1)).mean(-1))
        terms["acceleration"] = mean(_length(error[:, :even].diff(n=2, dim=1)).mean(-1))
        if config.ahead and even != T:
            moved = own[:, T : min(T + AHEAD_SLOTS, S if even is None else even)] - own[:, T - 1 : T]
            terms["ahead"] = mean(_length(moved).mean(-1))
    weights = {name: getattr(config, name) for name in terms}
    terms["total"] = sum((weights[name] * term for name, term in terms.items()), start=pose.new_zeros(()))
    return terms


def pose_losses_alone(
    pose: Tensor, observed: Tensor, truth: Truth, figure: Figure, config: LossConfig
) -> Tensor:
    """The weighted sum for observed slots each by itself.

    Args:
        pose: (B,T,P) estimates.
        observed: (B,T) bool, slots that count.
        truth: of the same slots, or more.
        figure: the mean hand or body.
        config: the weights.
    """
    T = observed.shape[1]
    truth = Truth(*(values[:, :T][observed] for values in vars(truth).values()))
    pose, target_R = pose[observed], truth.rotations
    R = decode_6d(pose[..., :-3].unflatten(-1, (-1, 6)))
    alike = figure(target_R)
    estimate, target = figure(R) * figure.units_per_m, alike * figure.units_per_m
    own = estimate @ R[:, 0] - target @ target_R[:, 0]
    location = location_of_mean(figure, truth, alike)
    return (
        config.rotation * (R - target_R).square().sum((-1, -2)).mean()
        + config.location * (pose[..., -3:] - location).square().sum(-1).mean()
        + config.place * _misplaced(figure, pose[..., -3:], location).mean()
        + config.keypoint * _length(estimate - target).mean()
        + config.shape * _length(own).mean()
    )


def location_of_mean(figure: Figure, truth: Truth, alike: Tensor) -> Tensor:
    """Locations (…,3) where the mean figure in the true pose, `alike` (…,n,3), looks as large as the true."""
    size = (truth.keypoints_m.square().sum((-1, -2)) / alike.square().sum((-1, -2)).clamp_min(1e-9)).sqrt()
    return figure.location(truth.wrist_m / size[..., None])


def _misplaced(figure: Figure, estimate: Tensor, location: Tensor) -> Tensor:
    """(…) how far locations (…,3) are apart, see LossConfig.place."""
    error = estimate - location
    depth = figure.units_per_m * (-location[..., 2:]).exp()
    return _length(depth * error[..., :2]) + error[..., 2].abs()


def _length(v: Tensor) -> Tensor:
    """Lengths (…,) of vectors (…,3), with a gradient at zero."""
    return (v.square().sum(-1) + 1e-8).sqrt()
