"""What the tables of bench temporal say about themselves."""

from __future__ import annotations

from app.bench.tuning import PROMPT_MS

PROTOCOL = """\
Every method sees the same detections of the same frames, 30 a second. The filters smooth the detector's
metric keypoints; the networks and the product's one-euro know its image keypoints and the camera, too, and
all but the paper's networks the detector's second opinion on depth. **Online**: the estimate of a frame
knows that frame and earlier ones. Errors in mm, relative to the wrist; PA after similarity Procrustes of
each frame; Accel in mm/frame² (not divided by Δt²); lag in ms, from the peak of the cross-correlation of
joint velocities; rest is the jitter, in mm/frame², while the true hand is at rest. Figures are computed
for each sequence on its own and averaged over sequences; of lags the median is given. *All* frames are
those from the first detection on, each method bridging gaps its own way (one that falls silent is held at
its last word); *seen* frames are those with a detection, the only ones `raw` can be measured on.
"""

NO_SUBJECT = """\
There is neither a network of the product nor a training run of its kind to measure: give `--network` or
`--runs`.
"""

RUNS = """\
Networks as training left them, in torch; the product's stage adds what bridges gaps: it predicts for half a
second, then falls silent, and fades from what it predicted to what it sees.
"""

OFFLINE = """\
Networks see 32 frames before and 31 after the one in question, filters run centred or both ways over the
whole sequence. All frames. The product's own file answers for the newest frame only; its training run stands
for it here.
"""

ABLATIONS = (
    "Online, all frames; in brackets the difference to the first row, which leaves nothing out. What each\n"
    "was trained with is under *The training runs*.\n"
)

FUTURE = """\
What is said at a frame of the frame so many later, PA / MPJPE; the oracle, *once seen*, is the online
estimate of that frame when it has come, the best that looking ahead can be expected to reach. Filters go
on at their last velocity, or stay; one that falls silent is held at its last word. A dash: the method does
not look so far.
"""

DROPS = """\
Share of the detections taken away, the same ones for every method; PA / MPJPE over every fifth frame from
the first detection on.
"""

GAPS = """\
Ten detected frames are taken away every sixty. Errors inside the gaps; *jump*, the largest step of the hand
from one frame to the next as the gap ends, mm/frame, mean and largest of all, and how many are visible:
more than {limit:.0f} mm/frame above what the true hand moves; and *way*, how far the hand travels inside the
gap, mm.
"""

SEQUENCES = """\
Fast is a hand whose keypoints move more than {limit:.0f} mm/s about the wrist in the median frame. Own
test clips are rendered with hand shapes, seeds and recorded motion that training holds out, and run
through the real detector; rendered manipulation is motion of ARCTIC, through the real detector; leap
motion is held out of training, fitted to hand models that training never sees, and given noise, as
resting hands are ({noise}); of the filmed hand two cameras triangulate a reference of unknown scale, from
the same detector's image keypoints: it favours what stays near those. Left out, for fewer than {least}
detected frames: {left_out}.
"""

TUNING = f"""\
The least MPJPE + Accel on {{clips}} training clips, online, all frames, of those filters whose lag is at
most {PROMPT_MS:.0f} ms on the median clip; *at any lag* without that limit: where detections jitter and
err much, that favours filters that hardly move, so those are in the first tables only.
"""
