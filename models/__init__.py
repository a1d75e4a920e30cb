"""Hand kinematics, rotations and the temporal models."""
