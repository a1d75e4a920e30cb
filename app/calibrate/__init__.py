"""`calibrate`: the guided, live parts; what is estimated from what they see lies in calibration/."""
