"""What the report of bench latency says between its tables."""

SETUP = """\
Rendered hands of known motion are played as videos, in real time, through the program itself (`launch.py
teleop`, a process of its own) into the simulated Allegro hand (another one). Capture times and the robot's
states are on one clock, so the motion of the hand and of the robot's joints can be laid over each other.
**{peer}** is the pipeline people assemble from public packages, on the same frames, into the same robot
server: MediaPipe's hand landmarker and dex-retargeting with the Allegro configuration and output filter
that it ships with. It, too, takes the newest frame only; a queue would make it later.
"""

BUSY = """\
**The machine was busy**: other programs had up to {share:.0%} of its processor time. All times are too long
and no target is judged; measure on an idle machine.
"""

MOTION = """\
Every robot is compared with the motion that its own retargeting makes of the true hand, frame by frame, at
once: what it would do if all before it were perfect and took no time. *Delay*: the peak of the
cross-correlation of all joint velocities, measured joints against that motion, the simulated servo
included. *Half*, *nine tenths*: how much later than the hand the robot is through so much of a sudden move
between two rests (median and worst of {moves}). *Jitter*: rms of what trembles faster than half a second at
the fingertips while the hand is at rest. *Tracking error*: distance of the four fingertips from where they
should be at that instant, mean and 95 %; *shifted*: with the measured delay taken out. *Overshoot*: how far
fingertips go past where they come to rest ({stops} fingertips in sudden stops).
"""

FRONT = """\
Lower left is better. A filter trades one for the other; prediction need not.
"""

EXAMPLE = """\
The bending of the index finger, each pipeline on the scale of what its own retargeting asks for.
"""

STAGES = """\
Milliseconds. *capture*: how old a frame is when it is taken up. *Age*: from capture until the joint targets
leave. *Late*: older than {late:g} ms then. A detector's time depends on whether it follows a hand or searches
for one.
"""

FRAMES = """\
*Lost*: frames of the clip that no pose was sent for, those of the first second apart, while networks wake
up; causes as the pipeline counts them. Processor time is in percent of one core, memory is the most the
process ever had.
"""

GAPS = """\
{frames} frames in a row are black, at moments of fast motion. *Extra*: the most any fingertip is further
off than in undisturbed runs, from the gap until {after:g} s after it; *repeated*: the same between two
undisturbed runs.
"""

SUSTAINED = """\
The clips in a loop for {minutes:g} minutes, {name}.
"""

CAMERA = """\
{name} on `{source}`, {frames} frames in {seconds:.0f} s. What the hand in front of the camera really did is
not known, so there are the times of the pipeline alone.
"""

NOT_CALIBRATED = """\
The delay from light to capture time is not in these figures: the screen-loop measurement of it needs
`python launch.py calibrate latency`.
"""

CALIBRATED = """\
Measured once for this machine and counted in by the horizon, but not part of the ages: {delays}.
"""
