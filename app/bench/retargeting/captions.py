"""What the report of bench retarget says between its tables."""

SOLVERS = """\
All solve the right Allegro hand, frame after frame, from the same keypoints. **ours** is the hand that ships:
our objective, whose pinches close on the fingertips' surfaces and whose links avoid each other. **ours,
dex-retargeting's objective** is the same solver minimising what the peers minimise, from dex-retargeting's
own configuration and robot description, both unchanged. **dex-retargeting** (NLopt, PyTorch, Pinocchio) and
**dexi-rs** (Rust) read that configuration, too. Their output filters are off (`low_pass_alpha` 1): with
theirs, the hand would trail the operator's by 90 ms.
"""

SPEED = """\
{frames} frames of {clip}, {rounds} times over from the same state. In every frame all solve one after the
other, in an order drawn anew each time, in one process. The clock runs around the solver's own call only;
what the peers want computed before it (the differences of keypoints) is not counted, and ours checks its
keypoints inside it. Of each frame the fastest round counts, which is the work itself; *as it came* is over
all calls, with whatever else the machine did meanwhile. *{instants} instants* is one call for a horizon.
"""

BUSY = """\
**The machine was busy**: for {taken:.0%} of the time other programs had the processor. Long solves are hit
harder than short ones, so the ratios are too high; measure on an idle machine.
"""

QUALITY = """\
{clips} clips, 30 frames a second, each solver on its own from beginning to end. All poses are judged on one
model of the hand, with fingertips as spheres at the centre of the rubber. *Tip error* is the distance of the
wrist → fingertip vectors from the human's, scaled by the one factor that suits the solver best (each scales
hands on purpose, and differently). Speed and jerk are of single joints. *Collide*: frames in which two links
are deeper than {depth:g} mm in each other, by the capsules our solver avoids, and, with no code of ours, by
PyBullet on the boxes and spheres of the URDF. Links that share a joint do not count there, nor those that
overlap at home (beside neighbours: {ignored}).
"""

PINCHES = """\
Frames in which the human's thumb tip and another fingertip are nearer than {pinch:g} mm. *Touching*: the
surfaces of the robot's fingertips are within ±{touch:g} mm of each other, in frames for all such fingers at
once, in pairs for each. Negative gaps are fingertips inside each other.
"""

COSTS = """\
The peers' objective, the pull toward the pose before included. *From an equal start*: in every frame all are
given the same previous pose, that of the solver in the first column in its own motion, the same history of
pinches, and the same box: the peers search 0.001 rad past the joints' limits, so here ours may, too. Ours is
not higher if it is at most theirs + {tolerance:g}. Along its own motion ours keeps to the limits.
"""

CLIPS = """\
Of ours: the deepest penetration, by our capsules and by the URDF's shapes (and which two, where that is more
than {depth:g} mm, in most frames), and pinches.
"""
