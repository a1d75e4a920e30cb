"""Everything that was calibrated for a run: camera, operator, delays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from calibration.camera import CameraCalibration, load_camera
from calibration.delays import Delays, load_delays
from calibration.errors import CalibrationError
from calibration.operator import OperatorCalibration, load_operator
from models.observation import Hand


class DamagedCalibrationError(CalibrationError):
    """What a recording tells of its calibration cannot be read."""


@dataclass(frozen=True)
class RunCalibration:
    """What a run knows beforehand; what was not calibrated is assumed.

    Attributes:
        delays: of the camera and the robot.
        camera: of the source; None where it has none.
        operators: the operator's hands, by hand; empty for anybody.
    """

    delays: Delays = field(default_factory=Delays)
    camera: CameraCalibration | None = None
    operators: dict[Hand, OperatorCalibration] = field(default_factory=dict)

    @staticmethod
    def load(
        source: str, live: bool, robot: str, operator: str | None, hands: Sequence[Hand]
    ) -> RunCalibration:
        """What was calibrated on this machine.

        Args:
            source: as `--source` names it.
            live: whether it is a camera: files carry the true times of their frames.
            robot: as `--robot` names it.
            operator: whose hands drive; None is anybody.
            hands: which of them.

        Raises:
            CalibrationError: a file of it is damaged, or there is no such operator.
        """
        delays = load_delays(source, robot).for_source(live)
        return RunCalibration(delays, load_camera(source), load_operators(operator, hands))

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "delays": asdict(self.delays),
            "camera": None if self.camera is None else asdict(self.camera),
            "operators": {hand: operator.to_json() for hand, operator in self.operators.items()},
        }

    @staticmethod
    def of_plain(plain: dict[str, Any]) -> RunCalibration:
        """From `plain`.

        Raises:
            DamagedCalibrationError: it is something else.
        """
        try:
            camera = plain.get("camera")
            if camera is not None:
                size_px, distortion = tuple(camera["size_px"]), tuple(camera["distortion"])
                camera = CameraCalibration(**{**camera, "size_px": size_px, "distortion": distortion})
            operators = plain.get("operators", {})
            return RunCalibration(
                Delays(**plain["delays"]),
                camera,
                {hand: OperatorCalibration.from_json(content) for hand, content in operators.items()},
            )
        except (
            KeyError,
            TypeError,
            ValueError,
            OverflowError,
            AttributeError,
            CalibrationError,
        ) as error:
            raise DamagedCalibrationError(
                f"the recording's calibration is damaged ({error}); play its images without, with --detect"
            ) from error


def load_operators(name: str | None, hands: Sequence[Hand]) -> dict[Hand, OperatorCalibration]:
    """An operator's hands; none for None, which is anybody.

    Raises:
        CalibrationError: there is no such operator, or a file of theirs is damaged.
    """
    return {} if name is None else {hand: load_operator(name, hand) for hand in hands}
