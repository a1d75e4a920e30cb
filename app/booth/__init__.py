"""The booth: lets one visitor at a time take the robot, and nobody who merely walks by."""
