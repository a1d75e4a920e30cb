"""Hand kinematics, rotations and the temporal models."""

from models.errors import ModelError
from models.temporal import TemporalStage, load_temporal

__all__ = ["ModelError", "TemporalStage", "load_temporal"]
