"""Plays clips through all solvers and keeps every pose and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.bench.retargeting.clips import Clip
from app.bench.retargeting.contestants import Contestant, Ours

Costs = dict[str, np.ndarray]
"""(N,) by the name of the solver; NaN in the first frame, which has no pose before it."""


@dataclass(frozen=True)
class Played:
    """One clip, N frames. Costs are of the peers' objective, the pull toward the pose before included.

    Attributes:
        clip: what was played.
        q_rad: (N,n) by name: each solver's own motion.
        own_cost: along it.
        equal_cost: by the name of a leader: of all who minimise that objective, started in every frame from
            the pose that the leader's own motion had in the frame before.
    """

    clip: Clip
    q_rad: dict[str, np.ndarray]
    own_cost: Costs
    equal_cost: dict[str, Costs]


class Player:
    """All solvers, ready to play clips.

    Args:
        same: ours on the peers' objective; it also says what poses cost, as it knows which fingers pinch.
        peers: who else minimises it.
        others: who minimises another one.
        restarted: second solvers of that objective, told where to start in every frame.
        leaders: names of those who say where.
        joint_names: the order of poses.
    """

    def __init__(
        self,
        same: Ours,
        peers: Sequence[Contestant],
        others: Sequence[Contestant],
        restarted: Sequence[Contestant],
        leaders: Sequence[str],
        joint_names: tuple[str, ...],
    ) -> None:
        self._same, self._restarted, self._leaders = same, list(restarted), list(leaders)
        self._everyone: list[Contestant] = [*others, same, *peers]
        self._joint_names = joint_names
        self._to_same = [joint_names.index(name) for name in same.joint_names]

    def play(self, clip: Clip) -> Played:
        """Play one clip from its beginning."""
        for one in [*self._everyone, *self._restarted]:
            one.reset()
        frames = len(clip)
        q_rad = {one.name: np.empty((frames, len(self._joint_names))) for one in self._everyone}
        own = {one.name: np.full(frames, np.nan) for one in self._everyone}
        equal = {
            leader: {one.name: np.full(frames, np.nan) for one in self._restarted} for leader in self._leaders
        }
        for i, keypoints_m in enumerate(clip.keypoints_m):
            for one in self._everyone:
                q_rad[one.name][i] = self._solved(one, keypoints_m, i)
            if i == 0:
                for one in self._restarted:  # what they see here makes fingers count as pinching
                    self._solved(one, keypoints_m, i)
                continue
            for one in self._everyone:
                own[one.name][i] = self._cost(q_rad[one.name][i], keypoints_m, q_rad[one.name][i - 1])
            for leader in self._leaders:
                start_rad = q_rad[leader][i - 1]
                for one in self._restarted:
                    one.start_from(start_rad, self._joint_names, i)
                    pose = self._solved(one, keypoints_m, i)
                    equal[leader][one.name][i] = self._cost(pose, keypoints_m, start_rad)
        return Played(clip, q_rad, own, equal)

    def _solved(self, one: Contestant, keypoints_m: np.ndarray, frame: int) -> np.ndarray:
        return one.ordered(one.solve(one.prepare(keypoints_m, frame)), self._joint_names)

    def _cost(self, q_rad: np.ndarray, keypoints_m: np.ndarray, previous_rad: np.ndarray) -> float:
        return self._same.retargeter.cost(
            q_rad[self._to_same], keypoints_m, previous_rad=previous_rad[self._to_same]
        )
