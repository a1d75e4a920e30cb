"""Joint angles of the Allegro hand for one human hand: the retargeter alone, without camera or robot."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import retarget
from models.hand_model import HandModel

# 21 keypoints of an open right hand, metres, as a camera would see them. Yours come from any detector.
hand = HandModel.load()
keypoints_m = hand.keypoints(np.tile(np.eye(3), (16, 1, 1)))

retargeter = retarget.load("allegro_right")
q_rad = retargeter.solve(retarget.to_hand_frame(keypoints_m - keypoints_m[0], "right"), t_ns=0)

for name, angle in zip(retargeter.joint_names, np.degrees(q_rad), strict=True):
    print(f"{name:10s} {angle:7.1f} deg")
