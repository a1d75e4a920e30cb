"""bench latency: in real time, from a hand whose motion is known to the simulated robot's joints."""
