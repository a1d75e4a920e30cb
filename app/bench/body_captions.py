"""What the tables of bench temporal --body say about themselves."""

from __future__ import annotations

from app.bench.tuning import PROMPT_MS

PROTOCOL = """\
The clips are CMU's subject 02, walking, running, jumping, punching, bending, fencing, washing: a person
no network was trained on and no filter tuned on. Their motion, on the body that ships, is placed before
cameras drawn by chance (the same in every run), and detections are made up from it: with the errors
measured of MediaPipe's pose landmarker on drawn bodies, its misses and swapped sides included; or with
the paper's noise. PoseBERT and the bi-GRU were trained with these same noises, other dice, which shows
them at their best; of what the real detector does, the bodies drawn for it tell, if there are any, and
the filmed clips. Errors in mm, relative to the hip; PA after similarity Procrustes of each frame; Accel in
mm/frame² at 30 frames/s (not divided by Δt²); of each sequence on its own, then the mean over all frames;
of lags the median. Every frame from the first detection on counts; who says nothing for a while is held
at its last word.

**Looks ahead** is what a row knows that a live system cannot: nothing (a dash), the detection after a
gap, 31 frames or the whole clip. PoseBERT is the product's: the newest slot of a window that ends now,
through the same stage as live.
"""

NO_NETWORK = """\
There is no network for bodies to measure: give `--network`.
"""

TARGETS = """\
PoseBERT, online, on the clips with the detector's noise. The last row but one compares it with the
nearest detection past the same gap, the last with the nearest detection of clips from which nothing was
taken.
"""

REFINEMENT = """\
*Of raw, nearest*: MPJPE, PA-MPJPE and Accel over those of that row. Raw, matched frames only, has the
detected frames alone, and Accel where three neighbours are detected. The best window of each figure is
chosen on these very clips, another one for each figure: no filter that exists is as good.

What is favourable to PoseBERT: the true body has the bone lengths that its output has, and it is given
where keypoints are in the picture, which filters of raw detections are not; the paper's random joints are
random in space only, so there the picture gives them away. What that is worth without a network the rows
*start of PoseBERT* tell: detections as the mean body, moved onto their rays, in the pose that each slot
starts from; nearest where there are none, or filtered as raw is. What PoseBERT is better by than those,
the network has learnt. The table of other bodies plays the same motion on the other bodies that ship,
from a child to a large man, detections scaled by nothing: MPJPE then holds the difference in size,
PA-MPJPE does not. So it is with the drawn bodies, which are of all shapes: the same person's motion as the
real detector sees it in drawn pictures, the only errors here that nobody made up and whose truth is known.
"""

GAPS = """\
{count} frames; each is masked together with m frames on either side of it (m = 0: it alone), as in table
2 of the paper; MPJPE / PA-MPJPE of that frame alone. *None*: the same frames with nothing masked. The
rows that look ahead know the detections after the gap; the others extrapolate m + 1 frames from the last
one before it, which is harder than what the paper does, whose window sees both sides.
"""

FUTURE = """\
What is said at a frame of the frame so many later, MPJPE / PA-MPJPE; the oracle, *once seen*, is the
online estimate of that frame when it has come, the best that looking ahead can be expected to reach.
Filters go on at their last velocity; one-euro of the product does so for 0.1 s, then stays, and looks no
further than 5 frames. A dash: the method does not look so far.
"""

FOOTAGE = """\
body_sit_walk.mp4: a person walks in, sits, stretches, walks out; 20 frames/s, through the real detector;
the truth is not known. Jitter is the mean second difference of the keypoints, motion included; bones
vary: the standard deviation of a bone's length over its mean, mean of 16; beyond limits: frames in which
an elbow or a knee is folded through itself, a knee bent forward, the trunk or the neck broken; swaps:
left and right of the legs or the arms change places within 0.2 s, there and back counted each.
"""

VIEWS = """\
pose2sim's single-person demo: {frames} frames of 60 a second, taken thirty a second. PA-MPJPE, mm, of
each view's estimate against what all four views' keypoints triangulate to (mean disagreement
{residual:.0f} px). Of a view that takes left for right while the others agree the sides are swapped back
for the triangulation, not for what is measured; frames so: {swapped}. The reference is from the same
detector's image keypoints: it is no marker-based truth.
"""

TUNING = f"""\
The least MPJPE + Accel on {{clips}} training clips with the detector's noise; online filters of those
that lag at most {PROMPT_MS:.0f} ms on the median clip, the centred one without that limit.
"""

RUNS = """\
Networks as training left them, in torch. A centred window holds 32 frames before and 31 after the one in
question; online is the newest slot of one that ends now.
"""
