"""Everything that was calibrated for a run: camera, operator, delays."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from calibration.delays import Delays, load_delays
from calibration.errors import CalibrationError


@dataclass(frozen=True)
class RunCalibration:
    """What a run knows beforehand; what was not calibrated is assumed.

    Attributes:
        delays: of the camera and the robot.
    """

    delays: Delays = field(default_factory=Delays)

    @staticmethod
    def load(live: bool) -> RunCalibration:
        """What was calibrated on this machine.

        Args:
            live: whether the source is a camera: files carry the true times of their frames.

        Raises:
            CalibrationError: a file of it is damaged.
        """
        return RunCalibration(load_delays().for_source(live))

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)

    @staticmethod
    def of_plain(plain: dict[str, Any]) -> RunCalibration:
        """From `plain`.

        Raises:
            CalibrationError: it is something else.
        """
        try:
            return RunCalibration(Delays(**plain["delays"]))
        except (KeyError, TypeError) as error:
            raise CalibrationError(
                f"the recording's calibration is damaged ({error}); play its images with --detect"
            ) from error
