"""Decides which joint trajectories may move the robot: for this hand, timely, in order, of one publisher."""

from __future__ import annotations

import numpy as np

from robot.hands import HandSpec
from robot.limits import JointLimits
from robot.messages import JointTrajectory
from robot.playback import Playback
from robot.supervisor_config import Counters, SupervisorConfig

PUBLISHER_KEY = "publisher"  # meta entry: who publishes; each `RobotLink` has a name of its own
MAX_SEQ_GAP = 100  # messages of one publisher that may be lost in a row; 3 s at 30 Hz

_NS_PER_MS = 1_000_000
_FAR_NS = 1_000_000_000  # a trajectory begins about when it is published


class TargetIntake:
    """Takes or refuses trajectories, and keeps the newest that may be followed.

    One publisher at a time is followed. Another one shows by its name, or by a sequence number that does not
    go on from the present one though its times do; it is refused until the present publisher has been silent
    for `hold_after_ms`, when the robot has stopped following and will engage softly.

    Attributes:
        playback: the newest trajectory that may be followed; None before the first.
        jumped: the newest one follows a jump that was refused at first; the robot should go there softly.
        mixed: a second publisher spoke while the present one was not silent.
        fresh_ns: when it was published, server clock, never in the future.
    """

    def __init__(
        self, spec: HandSpec, limits: JointLimits, config: SupervisorConfig, counters: Counters
    ) -> None:
        self.playback: Playback | None = None
        self.fresh_ns = 0
        self.jumped = False
        self.mixed = False
        self._aimed_ns = (
            0  # when the newest target of the present publisher came, followed or refused as a jump
        )
        self._jump: Playback | None = None  # the newest refused target, and how many in a row agree with it
        self._agreeing = 0
        self._spec = spec
        self._limits = limits
        self._config = config
        self._counters = counters
        self._last: JointTrajectory | None = None  # of the present publisher, whether to be followed or not
        self._heard_ns = 0  # its publication, server clock, never in the future
        self._columns: dict[tuple[str, ...], list[int]] = {}

    def is_fresh(self, t_ns: int) -> bool:
        """Whether there is a target young enough to be followed at `t_ns`, server clock."""
        return self.playback is not None and t_ns - self.fresh_ns <= self._config.hold_after_ms * _NS_PER_MS

    def forget(self) -> None:
        """Drop the target; only one that comes later will be followed."""
        self.playback = None

    def forget_publisher(self) -> None:
        """Drop the target and who sent it; whoever comes first from now on is followed."""
        self.playback = self._last = None

    def offer(self, trajectory: JointTrajectory, t_ns: int) -> str:
        """Take a trajectory if it may move this robot; see `Supervisor.offer`."""
        counters, config = self._counters, self._config
        self.jumped = self.mixed = False
        if trajectory.hand != self._spec.hand:
            counters.wrong_hand += 1
            return f"The target is for the {trajectory.hand} hand; this robot is the {self._spec.hand} one."
        columns = self._columns_of(trajectory.joint_names)
        if columns is None:
            counters.unknown_joints += 1
            return (
                f"The target names the joints {', '.join(trajectory.joint_names)[:200]}; "
                f"this robot has {', '.join(self._spec.joint_names)}, and needs all of them."
            )
        age_ms = (t_ns - trajectory.t_publish_ns) / _NS_PER_MS
        if age_ms < -config.max_ahead_ms:
            counters.from_future += 1
            return f"The target is from {-age_ms:.0f} ms ahead; measure the clock offset and send it in meta."
        if age_ms > config.hold_after_ms:
            counters.too_old += 1
            return f"The target is {age_ms:.0f} ms old; at most {config.hold_after_ms:.0f} ms are accepted."
        lead_ns = trajectory.t_ns[0] - trajectory.t_publish_ns
        if trajectory.t_capture_ns > trajectory.t_publish_ns or abs(lead_ns) > _FAR_NS:
            counters.from_future += 1
            captured_ms = (trajectory.t_capture_ns - trajectory.t_publish_ns) / _NS_PER_MS
            return (
                f"The target was captured {captured_ms:.0f} ms and begins {lead_ns / _NS_PER_MS:.0f} ms "
                "after it was published; its times contradict each other."
            )
        # A time ahead of this clock must not shorten the silence that a new publisher has to wait for.
        published_ns = min(trajectory.t_publish_ns, t_ns)
        if self._last is not None and published_ns - self._heard_ns <= config.hold_after_ms * _NS_PER_MS:
            refusal = self._continues(self._last, trajectory)
            if refusal:
                return refusal
        self._last, self._heard_ns = trajectory, published_ns
        if not trajectory.valid or trajectory.source_state == "lost":
            counters.not_fresh += 1
            return "The target says that there is nothing to follow."
        playback = Playback.of(trajectory, columns, self._limits, config.limit_margin_rad)
        refusal = self._follows_on(playback, t_ns, published_ns)
        self._aimed_ns = published_ns
        if refusal:
            counters.discontinuities += 1
            return refusal
        self.playback = playback
        self.fresh_ns = published_ns
        counters.accepted += 1
        counters.joint_limits += playback.clipped
        return ""

    def _follows_on(self, new: Playback, t_ns: int, published_ns: int) -> str:
        """Empty if `new` goes on from the last target that was followed, otherwise how far it jumps.

        Three bands: a small difference is blended in, a larger one too, but the joints cannot go there as
        fast as it comes and follow at their velocity limit, and one that no hand makes is refused, until
        several in a row say the same. A target that is refused is no silence: only a publisher that sent none
        for a while may begin anywhere.
        """
        config, before = self._config, self.playback
        self.jumped = False
        if new.largest_step_rad > config.reject_rad:
            step_rad = new.largest_step_rad
            return (
                f"The target jumps by {step_rad:.2f} rad within itself; {config.reject_rad} rad are too far."
            )
        if before is None or published_ns - self._aimed_ns > config.hold_after_ms * _NS_PER_MS:
            self._jump, self._agreeing = None, 0
            return ""
        lead_ns = int(config.actuation_lead_ms * _NS_PER_MS)
        planned_rad = new.planned(t_ns + lead_ns)
        until_ns = self.fresh_ns + int(config.play_for_ms * _NS_PER_MS)
        apart_rad = np.abs(planned_rad - before.planned(min(t_ns, until_ns) + lead_ns))
        jump_rad = float(apart_rad.max())
        if jump_rad <= config.reject_rad:
            self._jump, self._agreeing = None, 0
            self._counters.clamped += jump_rad > config.clamp_rad
            return ""
        agrees = self._jump is not None and (
            np.abs(planned_rad - self._jump.planned(t_ns + lead_ns)).max() <= config.clamp_rad
        )
        self._jump, self._agreeing = new, self._agreeing + 1 if agrees else 1
        if self._agreeing >= config.reaccept_after:
            self._jump, self._agreeing = None, 0
            self._counters.reaccepted += 1
            self.jumped = True
            return ""
        joint = self._spec.joint_names[int(apart_rad.argmax())]
        return f"The target jumps by {jump_rad:.2f} rad at {joint}; {config.reject_rad} rad are too far."

    def _columns_of(self, joint_names: tuple[str, ...]) -> list[int] | None:
        """Which column of a message belongs to each joint of the robot; None unless the names match."""
        if joint_names in self._columns:
            return self._columns[joint_names]
        if set(joint_names) != set(self._spec.joint_names):
            return None  # not remembered: a stranger could fill the memory with names
        self._columns = {joint_names: [joint_names.index(name) for name in self._spec.joint_names]}
        return self._columns[joint_names]

    def _continues(self, last: JointTrajectory, new: JointTrajectory) -> str:
        """Empty if `new` is the present publisher's next message, otherwise why it is not."""
        gap = new.seq - last.seq
        # Numbers that run back while time goes on are neither a duplicate nor out of order.
        other = new.meta.get(PUBLISHER_KEY) != last.meta.get(PUBLISHER_KEY)
        if other or gap > MAX_SEQ_GAP or (gap <= 0 and new.t_publish_ns > last.t_publish_ns):
            self._counters.takeovers += 1
            self.mixed = True
            return (
                f"The target number {new.seq} after {last.seq} is of a second publisher; "
                f"end the present one, then wait {self._config.hold_after_ms:.0f} ms."
            )
        if gap <= 0 or new.t_publish_ns <= last.t_publish_ns or new.t_capture_ns < last.t_capture_ns:
            self._counters.out_of_order += 1
            return f"The target number {new.seq} is a duplicate, or older than number {last.seq}."
        return ""
