"""Makes the console's snapshots on the pipeline's side, after the robot has got its targets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from app.body_run import BodyRun
from app.body_snapshot import BodySnapshot
from app.booth.status import BoothStatus
from app.console.rates import Rates
from app.console.source_phase import PhaseOfSource
from app.hand_run import HandRun
from app.opencv import cv2
from app.snapshot import VIEW_HEIGHT_PX, CalibrationView, HandSnapshot, Snapshot, shrink
from models.observation import Hand

_DARKENED = 0.35


class SnapshotMaker:
    """Knows of a run what one frame does not tell: rates, and since when a hand is gone."""

    def __init__(self, hands: Mapping[Hand, HandRun], body: BodyRun | None = None) -> None:
        self._hands = hands
        self._body = body
        self._phases = {hand: PhaseOfSource() for hand in hands}
        self._body_phase = PhaseOfSource()
        self._rates = Rates()
        self._last: tuple[np.ndarray, float] = np.zeros((VIEW_HEIGHT_PX, VIEW_HEIGHT_PX, 3), np.uint8), 1.0

    def count(self, t_now_ns: int) -> None:
        """Count the frame that was just driven, whether or not it will be shown."""
        seen = [run.result.observation.detected for run in self._hands.values() if run.result is not None]
        if not self._hands and self._body is not None and self._body.result is not None:
            seen = [self._body.result.observation.detected]
        self._rates.add(t_now_ns, sum(seen) / max(1, len(self._hands)))

    def make(
        self,
        image: np.ndarray | None,
        t_now_ns: int,
        stage_ms: dict[str, float] | None = None,
        age_ms: float = float("nan"),
        *,
        notice: str = "",
        recording: bool = False,
        recording_note: str = "",
        booth: BoothStatus | None = None,
        calibration: CalibrationView | None = None,
        arm_led: bool | None = None,
    ) -> Snapshot:
        """The snapshot of now.

        Args:
            image: (h,w,3) uint8 BGR of the source, any size; None when no frame came: the last one is shown,
                darkened.
            t_now_ns: on the run's clock.
            stage_ms, age_ms: of the frame; left out when no frame came.
            notice, recording, recording_note, booth, calibration, arm_led: see `Snapshot`.
        """
        if image is None:
            small, scale = self._last
            small = cv2.convertScaleAbs(small, alpha=_DARKENED)
        else:
            small, scale = self._last = shrink(image)
        shown, horizon_ms, automatic = [], float("nan"), True
        for hand, run in self._hands.items():
            if run.result is None:
                continue
            phase = self._phases[hand].update(run.result.trajectory.source_state, t_now_ns)
            shown.append(HandSnapshot.of(run.result, run.state, run.lane.camera, phase, run.robot.version))
            horizon_ms, automatic = run.result.ahead_ms, run.lane.horizon.automatic
        body = None
        if self._body is not None and self._body.result is not None:
            followed = self._body.result
            phase = self._body_phase.update(followed.trajectory.source_state, t_now_ns)
            body = BodySnapshot.of(followed, phase)
        return Snapshot(
            image=small,
            scale=scale,
            hands=tuple(shown),
            stage_ms=stage_ms or {},
            age_ms=age_ms,
            horizon_ms=horizon_ms,
            horizon_automatic=automatic,
            detection_rate=self._rates.detection_rate(),
            fps=self._rates.fps(t_now_ns),
            notice=notice,
            recording=recording,
            recording_note=recording_note,
            booth=booth,
            calibration=calibration,
            body=body,
            arm_led=arm_led,
        )
