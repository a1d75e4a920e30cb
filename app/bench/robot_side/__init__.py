"""Whether the robot side keeps its promises: killed publishers, faulty networks, killed servers, its pace."""
