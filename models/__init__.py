"""Hand and body kinematics, rotations and the temporal models."""

from models.body_temporal import BodyTemporalStage, load_body_temporal
from models.errors import ModelError
from models.temporal import TemporalStage, load_temporal

__all__ = ["BodyTemporalStage", "ModelError", "TemporalStage", "load_body_temporal", "load_temporal"]
