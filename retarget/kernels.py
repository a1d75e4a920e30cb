"""The compiled inner loops of the retargeter: kinematics, objective, solver.

They share one file on purpose: numba's on-disk cache checks only the file a function stands in, so a kernel
that calls another file's kernel would go on running its old version after an update.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit

_log = logging.getLogger(__name__)

_TINY = 1e-12
# Wrist → tip over the bones between. A fist is at 0.35–0.5, half-bent fingers at 0.75; of a hand its owner
# calls open, detectors show 0.86–0.98. The long way between keeps the gain, and so the noise, below 2.5.
_BENT_EXTENSION = 0.6
_STRAIGHT_EXTENSION = 0.92
# Of the nearest points of two segments; makes their distance up to B²/(4 r) = 0.2 mm longer.
_BLUR_M = 0.004
_LIGHT_DAMPING = 1e-2  # relative to the Hessian's diagonal
_PINCH_SURROUNDINGS_M = 0.03  # beyond escape_m, in which β grows to that of a straight finger


def compiled(function: Callable[..., Any]) -> Any:
    """Compile on first use and keep the machine code on disk; with no writable folder, for this run only."""
    try:
        return njit(cache=True)(function)
    except RuntimeError as error:  # numba found no place for its cache
        _log.info("%s is compiled anew in every run: %s", function.__name__, error)
        return njit(function)


class Chain(NamedTuple):
    """B moving bodies (one per moving joint, parents first) and F points fixed to them; FK of the points.

    A revolute body's rotation in its parent is rot_constant + sin θ · rot_sin + cos θ · rot_cos (Rodrigues'
    formula with the joint's origin multiplied in), a prismatic one's is rot_constant.
    """

    parent: np.ndarray  # (B,) int64, −1 = base
    source: np.ndarray  # (B,) int64, index into q
    multiplier: np.ndarray  # (B,)
    offset: np.ndarray  # (B,) rad or m
    prismatic: np.ndarray  # (B,) bool
    rot_constant: np.ndarray  # (B,3,3)
    rot_sin: np.ndarray  # (B,3,3)
    rot_cos: np.ndarray  # (B,3,3)
    translation: np.ndarray  # (B,3) m, joint origin in the parent body
    axis: np.ndarray  # (B,3) unit, in the body
    slide: np.ndarray  # (B,3) unit, axis of a prismatic joint in the parent body
    point_body: np.ndarray  # (F,) int64, −1 = base
    point_offset: np.ndarray  # (F,3) m, in that body; `project` moves the anchors among them


class Terms(NamedTuple):
    """What never changes between two solves of one robot."""

    points: int  # how many of the chain's points vectors may use; they stand first
    origin: np.ndarray  # (V,) int64, index of the point each vector starts at
    task: np.ndarray  # (V,) int64, index of the point it ends at
    huber_m: float  # vectors' errors beyond this count linearly; inf = plain squares
    per_axis: bool  # the linear part begins per coordinate instead of per vector
    lower: np.ndarray  # (n,) rad
    upper: np.ndarray  # (n,) rad
    open_rad: np.ndarray  # (n,) the open hand
    open_weight: np.ndarray  # (n,) pull toward it, per rad²
    previous_weight: np.ndarray  # (n,) pull toward the previous pose, per rad²
    coupled: np.ndarray  # (C,2) int64, pairs of joints (follower, leader) …
    coupling_ratio: np.ndarray  # (C,) … with q[follower] ≈ ratio · q[leader]
    coupling_weight: float  # per rad²


class Targets(NamedTuple):
    """What one set of keypoints asks for, per vector."""

    vector: np.ndarray  # (V,3) m
    weight: np.ndarray  # (V,)
    distance: np.ndarray  # (V,) m, wanted length of the vector whatever its direction
    distance_weight: np.ndarray  # (V,)


class Projection(NamedTuple):
    """The switches of the objective (arXiv 1910.03135), for the V vectors in their order S1, S2, wrist."""

    human_origin: np.ndarray  # (V,) int64 keypoint indices, −1 for the origin of the hand frame
    human_task: np.ndarray  # (V,) int64
    scale: np.ndarray  # (V,) robot length per human length
    straight_scale: np.ndarray  # (V,) the same for a straight finger; differs only for wrist → fingertip
    offset: np.ndarray  # (V,3) m, added to the scaled human vector
    base_weight: np.ndarray  # (V,)
    anchor: np.ndarray  # (V,) int64, point that carries the target of a vector in its finger's frame; or −1
    align: np.ndarray  # (V,3,3) that finger's frame in the body it is fixed to
    origin_offset: np.ndarray  # (V,3) m, the vector's origin in that body
    first: np.ndarray  # (V,) int64, S2: index of the S1 vector of the one finger; −1 otherwise
    second: np.ndarray  # (V,) int64, S2: and of the other finger
    num_primary: int  # S1 vectors
    num_pairs: int  # S1 + S2 vectors
    project_m: np.ndarray  # (V,) human distance at or under which a pair is projected (an S2 pair: may be)
    escape_m: np.ndarray  # (V,) S1: at or over which it is released; wrist → fingertip: that of its S1 vector
    band_m: float
    wanted_m: np.ndarray  # (V,) robot distance of a projected vector
    directed: bool  # a projected vector keeps the human's direction instead of any that suits
    primary_weight: float
    secondary_weight: float
    opposing_weight: float  # what a projected pair has to overcome; > 0


class Capsules(NamedTuple):
    """C segments with a radius, fixed to bodies, and the P pairs of them that should not overlap."""

    start: np.ndarray  # (C,) int64, index of the point each segment starts at
    end: np.ndarray  # (C,) int64, index of the point it ends at
    half_length: np.ndarray  # (C,) m
    first: np.ndarray  # (P,) int64, indices of capsules
    second: np.ndarray  # (P,) int64
    touch: np.ndarray  # (P,) m, distance of the segments under which a pair is pushed apart
    weight: float  # of the missing distance, per m²


class Limits(NamedTuple):
    """When the solver stops."""

    first_iterations: int  # over all starts of a call's first instant
    later_iterations: int  # over all later instants, for each of them
    max_iterations: int  # per start and instant
    step_tolerance_rad: float
    gradient_tolerance: float


SOUND, NOT_FINITE, TOO_LARGE, NO_PALM = 0, 1, 2, 3


@compiled
def _distance(keypoints: np.ndarray, a: int, b: int) -> float:
    squared = 0.0
    for i in range(3):
        squared += (keypoints[a, i] - keypoints[b, i]) ** 2
    return np.sqrt(squared)


@compiled
def hand_fault(keypoints: np.ndarray, max_reach_m: float, palm_min_m: float, palm_max_m: float) -> int:
    """Whether keypoints (21,3) are no hand: SOUND, NOT_FINITE, TOO_LARGE or NO_PALM."""
    for k in range(keypoints.shape[0]):
        for i in range(3):
            if not np.isfinite(keypoints[k, i]):
                return NOT_FINITE
    for k in range(keypoints.shape[0]):
        if not _distance(keypoints, 0, k) <= max_reach_m:
            return TOO_LARGE
    return SOUND if palm_min_m <= _distance(keypoints, 0, 9) <= palm_max_m else NO_PALM


@compiled
def forward(
    q: np.ndarray, chain: Chain, rotation: np.ndarray, position: np.ndarray, point: np.ndarray
) -> None:
    """FK: fill rotation (B,3,3), position (B,3), point (F,3) in the base frame from q (n,)."""
    local = np.empty((3, 3))
    shift = np.empty(3)
    for b in range(chain.parent.shape[0]):
        value = chain.multiplier[b] * q[chain.source[b]] + chain.offset[b]
        up = chain.parent[b]
        if chain.prismatic[b]:
            for i in range(3):
                shift[i] = chain.translation[b, i] + value * chain.slide[b, i]
                for j in range(3):
                    local[i, j] = chain.rot_constant[b, i, j]
        else:
            sine, cosine = np.sin(value), np.cos(value)
            for i in range(3):
                shift[i] = chain.translation[b, i]
                for j in range(3):
                    local[i, j] = (
                        chain.rot_constant[b, i, j]
                        + sine * chain.rot_sin[b, i, j]
                        + cosine * chain.rot_cos[b, i, j]
                    )
        if up < 0:
            for i in range(3):
                position[b, i] = shift[i]
                for j in range(3):
                    rotation[b, i, j] = local[i, j]
        else:
            for i in range(3):
                r0, r1, r2 = rotation[up, i, 0], rotation[up, i, 1], rotation[up, i, 2]
                position[b, i] = position[up, i] + r0 * shift[0] + r1 * shift[1] + r2 * shift[2]
                for j in range(3):
                    rotation[b, i, j] = r0 * local[0, j] + r1 * local[1, j] + r2 * local[2, j]
    for f in range(chain.point_body.shape[0]):
        b = chain.point_body[f]
        for i in range(3):
            if b < 0:
                point[f, i] = chain.point_offset[f, i]
            else:
                point[f, i] = (
                    position[b, i]
                    + rotation[b, i, 0] * chain.point_offset[f, 0]
                    + rotation[b, i, 1] * chain.point_offset[f, 1]
                    + rotation[b, i, 2] * chain.point_offset[f, 2]
                )


@compiled
def _axis_and_arm(
    b: int, chain: Chain, rotation: np.ndarray, position: np.ndarray, point: np.ndarray
) -> tuple[Any, Any]:
    """Joint b's axis in the base frame, and how fast the point moves with it (before any multiplier)."""
    a0 = a1 = a2 = 0.0
    for j in range(3):
        a0 += rotation[b, 0, j] * chain.axis[b, j]
        a1 += rotation[b, 1, j] * chain.axis[b, j]
        a2 += rotation[b, 2, j] * chain.axis[b, j]
    axis = (a0, a1, a2)
    if chain.prismatic[b]:
        return axis, axis
    d0, d1, d2 = point[0] - position[b, 0], point[1] - position[b, 1], point[2] - position[b, 2]
    return axis, (a1 * d2 - a2 * d1, a2 * d0 - a0 * d2, a0 * d1 - a1 * d0)


@compiled
def differentiate(
    chain: Chain, rotation: np.ndarray, position: np.ndarray, point: np.ndarray, jacobian: np.ndarray
) -> None:
    """Fill jacobian (K,3,n) of the first K points from what `forward` left behind."""
    jacobian[:] = 0.0
    for f in range(jacobian.shape[0]):
        b = chain.point_body[f]
        while b >= 0:
            _, arm = _axis_and_arm(b, chain, rotation, position, point[f])
            for i in range(3):
                jacobian[f, i, chain.source[b]] += chain.multiplier[b] * arm[i]
            b = chain.parent[b]


@compiled
def _bend(
    body: int,
    point: np.ndarray,
    pull: np.ndarray,
    chain: Chain,
    rotation: np.ndarray,
    position: np.ndarray,
    hessian: np.ndarray,
) -> None:
    """Add pull · ∂²point/∂q² for a point fixed to `body`.

    Joint a above joint b turns b's arm, so their mixed term is axis_a × arm_b.
    """
    b = body
    while b >= 0:
        axis, arm = _axis_and_arm(b, chain, rotation, position, point)
        # pull · (axis_a × arm) = axis_a · (arm × pull)
        t0 = arm[1] * pull[2] - arm[2] * pull[1]
        t1 = arm[2] * pull[0] - arm[0] * pull[2]
        t2 = arm[0] * pull[1] - arm[1] * pull[0]
        a = b
        while a >= 0:
            if not chain.prismatic[a]:
                axis, _ = _axis_and_arm(a, chain, rotation, position, point)
                value = axis[0] * t0 + axis[1] * t1 + axis[2] * t2
                value *= chain.multiplier[a] * chain.multiplier[b]
                j, k = chain.source[a], chain.source[b]
                if a != b and j == k:
                    value *= 2.0  # one variable drives both: the mixed term counts from either side
                hessian[max(j, k), min(j, k)] += value
            a = chain.parent[a]
        b = chain.parent[b]


@compiled
def _ramp(distance: float, begin: float, end: float) -> float:
    """1 up to `begin`, 0 from `end`, a straight line between; a hard switch when they coincide."""
    if distance <= begin:
        return 1.0
    if distance >= end:
        return 0.0
    return (end - distance) / (end - begin)


@compiled
def finger_extension(keypoints: np.ndarray, tip: int) -> float:
    """Wrist → tip over the length of the bones between, 0–1, of the finger with fingertip keypoint `tip`."""
    bones = _distance(keypoints, 0, tip - 3)
    for keypoint in range(tip - 3, tip):
        bones += _distance(keypoints, keypoint, keypoint + 1)
    return _distance(keypoints, 0, tip) / max(bones, _TINY)


@compiled
def finger_frame(joint: np.ndarray, tip: np.ndarray, frame: np.ndarray) -> None:
    """Fill frame (3,3): columns x away from the nail, y across the palm, z from the last joint to the tip."""
    length = 0.0
    for i in range(3):
        length += (tip[i] - joint[i]) ** 2
    length = max(np.sqrt(length), _TINY)
    for i in range(3):
        frame[i, 2] = (tip[i] - joint[i]) / length
    width = 0.0
    for i in range(3):
        frame[i, 1] = (1.0 if i == 1 else 0.0) - frame[1, 2] * frame[i, 2]
        width += frame[i, 1] * frame[i, 1]
    width = max(np.sqrt(width), _TINY)
    for i in range(3):
        frame[i, 1] /= width
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        frame[i, 0] = frame[j, 1] * frame[k, 2] - frame[k, 1] * frame[j, 2]


@compiled
def _set_anchor(
    keypoints: np.ndarray, v: int, projection: Projection, targets: Targets, chain: Chain, frame: np.ndarray
) -> None:
    """Hang the target of vector v on its finger, so that it turns with the robot's fingertip."""
    tip = projection.human_origin[v]
    finger_frame(keypoints[tip - 1], keypoints[tip], frame)
    for i in range(3):
        offset = projection.origin_offset[v, i]
        for j in range(3):
            wanted = 0.0
            for k in range(3):
                wanted += frame[k, j] * targets.vector[v, k]
            offset += projection.align[v, i, j] * wanted
        chain.point_offset[projection.anchor[v], i] = offset
    targets.vector[v] = 0.0


@compiled
def project(
    keypoints: np.ndarray, projection: Projection, strength: np.ndarray, targets: Targets, chain: Chain
) -> None:
    """Turn human keypoints (21,3) into targets, advancing the projection strengths (S1+S2,) in place.

    Each S1 strength is a play operator: it rises along one ramp as the fingers close (begun band_m before
    project_m, complete there) and falls along a later one as they open (complete at escape_m). That keeps the
    published hysteresis, but strength, and so the pose, follows the hand continuously: no snap, no chatter.
    """
    frame = np.empty((3, 3))
    for v in range(projection.human_task.shape[0]):
        length = 0.0
        scale = projection.scale[v]
        if projection.straight_scale[v] != scale:
            tip, thumb = projection.human_task[v], projection.human_task[0]
            straight = 1.0 - _ramp(finger_extension(keypoints, tip), _BENT_EXTENSION, _STRAIGHT_EXTENSION)
            # Near the thumb the pinch is what counts: reaching past it would only lengthen the way back.
            far = projection.escape_m[v] + _PINCH_SURROUNDINGS_M
            away = 1.0 - _ramp(_distance(keypoints, tip, thumb), projection.escape_m[v], far)
            scale += straight * away * (projection.straight_scale[v] - scale)
        for i in range(3):
            human = keypoints[projection.human_task[v], i]
            if projection.human_origin[v] >= 0:
                human -= keypoints[projection.human_origin[v], i]
            targets.vector[v, i] = scale * human + projection.offset[v, i]
            length += human * human
        length = np.sqrt(length)
        targets.weight[v] = projection.base_weight[v]
        targets.distance[v] = 0.0
        targets.distance_weight[v] = 0.0
        if v >= projection.num_pairs:
            continue
        begin = projection.project_m[v]
        closing = _ramp(length, begin, begin + projection.band_m)
        if v < projection.num_primary:
            escape = projection.escape_m[v]
            opening = _ramp(length, escape - projection.band_m, escape)
            strength[v] = min(max(strength[v], closing), opening)
            weight = projection.primary_weight
        else:
            both = min(strength[projection.first[v]], strength[projection.second[v]])
            strength[v] = min(both, closing)
            weight = projection.secondary_weight
        if projection.directed:
            # Published: the same term with another length and weight. With a ramp, both are blended.
            shrunk = projection.wanted_m[v] / max(length, _TINY) * strength[v]
            for i in range(3):
                human = keypoints[projection.human_task[v], i] - keypoints[projection.human_origin[v], i]
                targets.vector[v, i] = shrunk * human + (1.0 - strength[v]) * targets.vector[v, i]
            targets.weight[v] += strength[v] * (weight - targets.weight[v])
            if projection.anchor[v] >= 0:
                _set_anchor(keypoints, v, projection, targets, chain, frame)
            continue
        targets.weight[v] *= 1.0 - strength[v]
        targets.distance[v] = projection.wanted_m[v]
        if strength[v] > 0.0:
            # Against wrist vectors of weight w a pull of weight W acts like W / (W + w): nearly all of it
            # is there while the strength is still small. This blend closes the distance evenly.
            slack = (1.0 - strength[v]) * weight / projection.opposing_weight
            targets.distance_weight[v] = weight * strength[v] / (strength[v] + slack)


@compiled
def _closest(p: np.ndarray, q: np.ndarray, r: np.ndarray, s: np.ndarray) -> tuple[float, float, float]:
    """Where, as fractions u of pq and v of rs, two segments are nearest to each other, and how near, m.

    Minimises |p + u pq − r − v rs|² + B² ((u − ½)² + (v − ½)²) in the unit square. Without B, the nearest
    points of nearly parallel segments leap from one end to the other, and a finger that lies along another
    one would never come to rest. With it, they move smoothly, and so does the distance's derivative.
    """
    a = c = _BLUR_M * _BLUR_M
    b = 0.0
    d = e = 0.5 * _BLUR_M * _BLUR_M
    for i in range(3):
        along, other, apart = q[i] - p[i], s[i] - r[i], p[i] - r[i]
        a += along * along
        b += along * other
        c += other * other
        d -= along * apart
        e += other * apart
    # a u² − 2 b u v + c v² − 2 d u − 2 e v is strictly convex: the minimum is inside, or on an edge.
    determinant = a * c - b * b
    u = min(max((d * c + b * e) / determinant, 0.0), 1.0)
    v = (b * u + e) / c
    if v < 0.0 or v > 1.0:
        v = min(max(v, 0.0), 1.0)
        u = min(max((b * v + d) / a, 0.0), 1.0)
    squared = _BLUR_M * _BLUR_M * ((u - 0.5) ** 2 + (v - 0.5) ** 2)
    for i in range(3):
        squared += (p[i] + u * (q[i] - p[i]) - r[i] - v * (s[i] - r[i])) ** 2
    return u, v, np.sqrt(squared)


@compiled
def _middles(capsules: Capsules, point: np.ndarray) -> np.ndarray:
    """(C,3) middles of the capsules' segments, m."""
    middle = np.empty((capsules.start.shape[0], 3))
    for c in range(middle.shape[0]):
        for i in range(3):
            middle[c, i] = 0.5 * (point[capsules.start[c], i] + point[capsules.end[c], i])
    return middle


@compiled
def _far(pair: int, capsules: Capsules, middle: np.ndarray) -> bool:
    """Whether a pair's bounding spheres are too far apart for it to touch."""
    first, second = capsules.first[pair], capsules.second[pair]
    reach = capsules.touch[pair] + capsules.half_length[first] + capsules.half_length[second]
    squared = 0.0
    for i in range(3):
        squared += (middle[first, i] - middle[second, i]) ** 2
    return squared >= reach * reach


@compiled
def _missing_distance(pair: int, capsules: Capsules, point: np.ndarray) -> tuple[float, float, float, float]:
    """How much nearer than `touch` a pair is (0 when far), its segments' distance, and where (fractions)."""
    first, second = capsules.first[pair], capsules.second[pair]
    p, q = capsules.start[first], capsules.end[first]
    r, s = capsules.start[second], capsules.end[second]
    u, v, distance = _closest(point[p], point[q], point[r], point[s])
    return max(capsules.touch[pair] - distance, 0.0), distance, u, v


@compiled
def missing_distances(capsules: Capsules, point: np.ndarray, missing: np.ndarray) -> None:
    """Fill missing (P,): how much nearer than `touch` each pair is, m."""
    middle = _middles(capsules, point)
    for pair in range(capsules.first.shape[0]):
        missing[pair] = 0.0
        if not _far(pair, capsules, middle):
            missing[pair] = _missing_distance(pair, capsules, point)[0]


@compiled
def _repel(
    chain: Chain,
    capsules: Capsules,
    rotation: np.ndarray,
    position: np.ndarray,
    point: np.ndarray,
    gradient: np.ndarray,
    hessian: np.ndarray,
    curvature: np.ndarray,
) -> None:
    """Add gradient and Hessian (lower half) of the capsules' terms; what may be indefinite to `curvature`.

    Left out is how the nearest points slide along the segments, which only ever weakens the Hessian.
    """
    n = gradient.shape[0]
    middle = _middles(capsules, point)
    row, normal = np.empty(n), np.empty(3)
    contact, pull = np.empty(3), np.empty(3)
    for pair in range(capsules.first.shape[0]):
        if _far(pair, capsules, middle):
            continue
        missing, distance, u, v = _missing_distance(pair, capsules, point)
        if missing <= 0.0 or distance < 1e-9:  # through each other's axes: no way out is nearer than another
            continue
        first, second = capsules.first[pair], capsules.second[pair]
        p, q = capsules.start[first], capsules.end[first]
        r, s = capsules.start[second], capsules.end[second]
        for i in range(3):
            here = point[p, i] + u * (point[q, i] - point[p, i])
            there = point[r, i] + v * (point[s, i] - point[r, i])
            normal[i] = (here - there) / distance
        row[:] = 0.0
        for side in range(2):
            start, end, share, sign = (p, q, u, 1.0) if side == 0 else (r, s, v, -1.0)
            for i in range(3):
                contact[i] = point[start, i] + share * (point[end, i] - point[start, i])
                pull[i] = -sign * capsules.weight * missing * normal[i]
            b = chain.point_body[start]
            while b >= 0:
                _, arm = _axis_and_arm(b, chain, rotation, position, contact)
                moved = normal[0] * arm[0] + normal[1] * arm[1] + normal[2] * arm[2]
                row[chain.source[b]] += sign * chain.multiplier[b] * moved
                b = chain.parent[b]
            _bend(chain.point_body[start], contact, pull, chain, rotation, position, curvature)
        for j in range(n):
            if row[j] != 0.0:
                gradient[j] -= capsules.weight * missing * row[j]
                for k in range(j + 1):
                    hessian[j, k] += capsules.weight * row[j] * row[k]


@compiled
def evaluate(
    q: np.ndarray,
    previous: np.ndarray,
    hold: float,
    chain: Chain,
    terms: Terms,
    targets: Targets,
    capsules: Capsules,
    rotation: np.ndarray,
    position: np.ndarray,
    point: np.ndarray,
) -> float:
    """The objective at q with `hold` times the pull to `previous`; leaves FK in rotation, position, point."""
    forward(q, chain, rotation, position, point)
    total = 0.0
    for v in range(terms.task.shape[0]):
        error = 0.0
        length = 0.0
        for i in range(3):
            r = point[terms.task[v], i] - point[terms.origin[v], i]
            e = abs(r - targets.vector[v, i])
            if terms.per_axis and e > terms.huber_m:
                error += terms.huber_m * (2.0 * e - terms.huber_m)
            else:
                error += e * e
            length += r * r
        if not terms.per_axis and error > terms.huber_m * terms.huber_m:
            error = terms.huber_m * (2.0 * np.sqrt(error) - terms.huber_m)
        gap = np.sqrt(length + _TINY) - targets.distance[v]
        total += targets.weight[v] * error + targets.distance_weight[v] * gap * gap
    for j in range(q.shape[0]):
        away = q[j] - terms.open_rad[j]
        moved = q[j] - previous[j]
        total += terms.open_weight[j] * away * away + hold * terms.previous_weight[j] * moved * moved
    for c in range(terms.coupled.shape[0]):
        slack = q[terms.coupled[c, 0]] - terms.coupling_ratio[c] * q[terms.coupled[c, 1]]
        total += terms.coupling_weight * slack * slack
    if capsules.weight > 0.0:
        middle = _middles(capsules, point)
        for pair in range(capsules.first.shape[0]):
            if not _far(pair, capsules, middle):
                missing = _missing_distance(pair, capsules, point)[0]
                total += capsules.weight * missing * missing
    return 0.5 * total


@compiled
def linearise(
    q: np.ndarray,
    previous: np.ndarray,
    hold: float,
    chain: Chain,
    terms: Terms,
    targets: Targets,
    capsules: Capsules,
    rotation: np.ndarray,
    position: np.ndarray,
    point: np.ndarray,
    jacobian: np.ndarray,
    gradient: np.ndarray,
    hessian: np.ndarray,
    damper: np.ndarray,
) -> None:
    """Gradient (n,), Hessian (n,n; lower half) and damping scale (n,) of the objective after `evaluate`.

    The Hessian holds the second derivatives of the points too. Without them (plain Gauss–Newton) a finger
    that is asked to reach further than it can creeps toward straight for dozens of iterations.
    """
    n = q.shape[0]
    gradient[:] = 0.0
    hessian[:] = 0.0
    pull = np.zeros((jacobian.shape[0], 3))
    weighted, rows = np.empty((n, 3)), np.empty((n, 3))
    used = np.empty(n, np.int64)
    r, force = np.empty(3), np.empty(3)
    metric = np.empty((3, 3))
    for v in range(terms.task.shape[0]):
        a, b = terms.origin[v], terms.task[v]
        for i in range(3):
            r[i] = point[b, i] - point[a, i]
        _vector_model(r, v, terms, targets, force, metric)
        for i in range(3):
            pull[b, i] += force[i]
            pull[a, i] -= force[i]
        count = 0  # of the joints that move this vector: those of two fingers
        for j in range(n):
            r0 = jacobian[b, 0, j] - jacobian[a, 0, j]
            r1 = jacobian[b, 1, j] - jacobian[a, 1, j]
            r2 = jacobian[b, 2, j] - jacobian[a, 2, j]
            if r0 != 0.0 or r1 != 0.0 or r2 != 0.0:
                gradient[j] += r0 * force[0] + r1 * force[1] + r2 * force[2]
                rows[count, 0], rows[count, 1], rows[count, 2] = r0, r1, r2
                for i in range(3):
                    weighted[count, i] = metric[i, 0] * r0 + metric[i, 1] * r1 + metric[i, 2] * r2
                used[count] = j
                count += 1
        for m in range(count):
            for o in range(m + 1):
                hessian[used[m], used[o]] += (
                    rows[m, 0] * weighted[o, 0] + rows[m, 1] * weighted[o, 1] + rows[m, 2] * weighted[o, 2]
                )
    for j in range(n):
        held = hold * terms.previous_weight[j]
        gradient[j] += terms.open_weight[j] * (q[j] - terms.open_rad[j]) + held * (q[j] - previous[j])
        hessian[j, j] += terms.open_weight[j] + held
    for c in range(terms.coupled.shape[0]):
        j, k, ratio = terms.coupled[c, 0], terms.coupled[c, 1], terms.coupling_ratio[c]
        tension = terms.coupling_weight * (q[j] - ratio * q[k])
        gradient[j] += tension
        gradient[k] -= ratio * tension
        hessian[j, j] += terms.coupling_weight
        hessian[k, k] += terms.coupling_weight * ratio * ratio
        hessian[max(j, k), min(j, k)] -= terms.coupling_weight * ratio
    curvature = np.zeros((n, n))
    if capsules.weight > 0.0:
        _repel(chain, capsules, rotation, position, point, gradient, hessian, curvature)
    mean = 0.0
    for j in range(n):
        mean += hessian[j, j] / n
    for f in range(pull.shape[0]):
        _bend(chain.point_body[f], point[f], pull[f], chain, rotation, position, curvature)
    for j in range(n):
        damper[j] = hessian[j, j] + 0.1 * mean
        for k in range(j + 1):
            hessian[j, k] += curvature[j, k]


@compiled
def _vector_model(
    r: np.ndarray, v: int, terms: Terms, targets: Targets, force: np.ndarray, metric: np.ndarray
) -> None:
    """Gradient (3,) and positive semidefinite Hessian (3,3) of vector v's terms with respect to r (3,)."""
    error = 0.0
    for i in range(3):
        force[i] = r[i] - targets.vector[v, i]
        error += force[i] * force[i]
    if terms.per_axis:
        metric[:] = 0.0
        for i in range(3):
            # Of the linear part, what bounds it from above: its own curvature, none, gives no step at all.
            metric[i, i] = targets.weight[v] * min(terms.huber_m / max(abs(force[i]), _TINY), 1.0)
            force[i] = targets.weight[v] * min(max(force[i], -terms.huber_m), terms.huber_m)
    else:
        error = np.sqrt(error)
        linear = error > terms.huber_m
        weight = targets.weight[v] * (terms.huber_m / error if linear else 1.0)
        for i in range(3):
            for j in range(3):
                metric[i, j] = weight if i == j else 0.0
                if linear:
                    metric[i, j] -= weight * force[i] * force[j] / (error * error)
        for i in range(3):
            force[i] *= weight
    stiffness = targets.distance_weight[v]
    if stiffness > 0.0:
        length = np.sqrt(r[0] * r[0] + r[1] * r[1] + r[2] * r[2] + _TINY)
        gap = length - targets.distance[v]
        across = max(gap / length, 0.0)
        for i in range(3):
            force[i] += stiffness * gap * r[i] / length
            metric[i, i] += stiffness * across
            for j in range(3):
                metric[i, j] += stiffness * (1.0 - across) * r[i] * r[j] / (length * length)


@compiled
def _solve_free(
    hessian: np.ndarray,
    gradient: np.ndarray,
    damping: float,
    damper: np.ndarray,
    held: np.ndarray,
    factor: np.ndarray,
    step: np.ndarray,
) -> bool:
    """Solve (H + damping·diag damper) step = −gradient over the free variables; held ones keep their `step`.

    Returns False when the damped matrix is not positive definite.
    """
    n = gradient.shape[0]
    for j in range(n):
        if held[j]:
            continue
        total = -gradient[j]
        for k in range(n):
            if held[k] and step[k] != 0.0:
                total -= hessian[max(j, k), min(j, k)] * step[k]
        for k in range(j + 1):
            if held[k]:
                continue
            entry = hessian[j, k]
            if k == j:
                entry += damping * damper[j] + _TINY
            for m in range(k):
                if not held[m]:
                    entry -= factor[j, m] * factor[k, m]
            if k < j:
                factor[j, k] = entry / factor[k, k]
            elif entry <= 0.0:
                return False
            else:
                factor[j, j] = np.sqrt(entry)
        for m in range(j):
            if not held[m]:
                total -= factor[j, m] * step[m]
        step[j] = total / factor[j, j]
    for j in range(n - 1, -1, -1):
        if held[j]:
            continue
        total = step[j]
        for m in range(j + 1, n):
            if not held[m]:
                total -= factor[m, j] * step[m]
        step[j] = total / factor[j, j]
    return True


@compiled
def _box_step(
    q: np.ndarray,
    gradient: np.ndarray,
    hessian: np.ndarray,
    damping: float,
    damper: np.ndarray,
    terms: Terms,
    held: np.ndarray,
    factor: np.ndarray,
    step: np.ndarray,
) -> bool:
    """A damped step inside the box: variables that would cross a bound stop there, the rest is re-solved."""
    n = q.shape[0]
    for j in range(n):
        step[j] = 0.0
        low, high = q[j] <= terms.lower[j], q[j] >= terms.upper[j]
        held[j] = (low and gradient[j] > 0.0) or (high and gradient[j] < 0.0)
    for _ in range(n):
        if not _solve_free(hessian, gradient, damping, damper, held, factor, step):
            return False
        crossed = False
        for j in range(n):
            if held[j]:
                continue
            if q[j] + step[j] < terms.lower[j]:
                step[j] = terms.lower[j] - q[j]
                held[j] = crossed = True
            elif q[j] + step[j] > terms.upper[j]:
                step[j] = terms.upper[j] - q[j]
                held[j] = crossed = True
        if not crossed:
            return True
    return True


@compiled
def minimise(
    q: np.ndarray,
    previous: np.ndarray,
    hold: float,
    chain: Chain,
    terms: Terms,
    targets: Targets,
    capsules: Capsules,
    limits: Limits,
    max_iterations: int,
) -> tuple[float, int, bool]:
    """Levenberg–Marquardt in the box from q (n,), in place; only steps that lower the objective are taken.

    Returns (cost, iterations, converged).
    """
    n, bodies, points = q.shape[0], chain.parent.shape[0], chain.point_body.shape[0]
    rotation, position, point = np.empty((bodies, 3, 3)), np.empty((bodies, 3)), np.empty((points, 3))
    jacobian, gradient, hessian = np.empty((terms.points, 3, n)), np.empty(n), np.empty((n, n))
    factor, step, candidate = np.empty((n, n)), np.empty(n), np.empty(n)
    damper, held = np.empty(n), np.empty(n, np.bool_)
    for j in range(n):
        q[j] = min(max(q[j], terms.lower[j]), terms.upper[j])
    cost = evaluate(q, previous, hold, chain, terms, targets, capsules, rotation, position, point)
    damping, fresh = 1e-4, True
    for iteration in range(1, max_iterations + 1):
        if fresh:
            differentiate(chain, rotation, position, point, jacobian)
            linearise(
                q,
                previous,
                hold,
                chain,
                terms,
                targets,
                capsules,
                rotation,
                position,
                point,
                jacobian,
                gradient,
                hessian,
                damper,
            )
            steepest = 0.0
            for j in range(n):
                blocked = (q[j] <= terms.lower[j] and gradient[j] > 0.0) or (
                    q[j] >= terms.upper[j] and gradient[j] < 0.0
                )
                if not blocked:
                    steepest = max(steepest, abs(gradient[j]))
            if steepest <= limits.gradient_tolerance:
                return cost, iteration - 1, np.isfinite(cost)
        longest = 0.0
        solved = _box_step(q, gradient, hessian, damping, damper, terms, held, factor, step)
        trial = np.inf
        if solved:
            for j in range(n):
                candidate[j] = min(max(q[j] + step[j], terms.lower[j]), terms.upper[j])
                longest = max(longest, abs(candidate[j] - q[j]))
            trial = evaluate(
                candidate, previous, hold, chain, terms, targets, capsules, rotation, position, point
            )
        # A short step says little when it is the damping that made it short.
        settled = solved and longest <= limits.step_tolerance_rad and damping < _LIGHT_DAMPING
        fresh = trial < cost
        if fresh:
            q[:] = candidate
            cost = trial
            damping = max(0.2 * damping, 1e-9)
        else:
            damping = max(8.0 * damping, 1e-6)
        if settled:
            return cost, iteration, np.isfinite(cost)
    return cost, max_iterations, False


@compiled
def solve_horizon(
    keypoints: np.ndarray,
    seeds: np.ndarray,
    previous: np.ndarray,
    hold: float,
    retry_cost: float,
    strength: np.ndarray,
    chain: Chain,
    terms: Terms,
    projection: Projection,
    capsules: Capsules,
    limits: Limits,
    result: np.ndarray,
    report: np.ndarray,
) -> None:
    """Solve k instants (k,21,3) one after another, each warm-started from the one before.

    Args:
        seeds: (s,n) rad, poses the first instant may start from; the best end wins.
        retry_cost: the first seed is enough if it ends at this cost or below.
        previous: (n,) rad, pose the first instant is pulled toward.
        hold: how much of that pull there is: 1, or 0 for a first frame.
        strength: (S1+S2,) projection strengths; advanced by the first instant only.
        result: (k,n) filled with poses, rad.
        report: (k,3) filled with cost, iterations (over all seeds), converged (0 or 1).
    """
    vectors = terms.task.shape[0]
    targets = Targets(np.empty((vectors, 3)), np.empty(vectors), np.empty(vectors), np.empty(vectors))
    ahead = strength.copy()
    q = np.empty(previous.shape[0])
    left = limits.first_iterations
    for instant in range(keypoints.shape[0]):
        project(keypoints[instant], projection, ahead, targets, chain)
        allowed = min(limits.max_iterations, left)
        if instant > 0:
            last = result[instant - 1]
            q[:] = last
            cost, spent, converged = minimise(q, last, 1.0, chain, terms, targets, capsules, limits, allowed)
            result[instant] = q
            report[instant, 0], report[instant, 1], report[instant, 2] = cost, spent, converged
            left -= spent
            continue
        strength[:] = ahead
        report[0, 1] = 0.0
        for s in range(seeds.shape[0]):
            q[:] = seeds[s]
            allowed = min(limits.max_iterations, left)
            cost, spent, converged = minimise(
                q, previous, hold, chain, terms, targets, capsules, limits, allowed
            )
            report[0, 1] += spent
            left -= spent
            if s == 0 or cost < report[0, 0]:
                result[0] = q
                report[0, 0], report[0, 2] = cost, converged
            if report[0, 0] <= retry_cost or left <= 0:
                break
        left = limits.later_iterations * (keypoints.shape[0] - 1)
