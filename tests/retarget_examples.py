"""Human hands built from bone lengths (hand frame), and an odd robot, for the retargeting tests."""

from __future__ import annotations

import numpy as np

KNUCKLES_M = np.array([[0, 0.022, 0.094], [0, 0, 0.097], [0, -0.02, 0.09], [0, -0.037, 0.08]])
BONES_M = np.array(
    [[0.034, 0.021, 0.022], [0.039, 0.026, 0.027], [0.035, 0.025, 0.025], [0.028, 0.018, 0.02]]
)
OPEN_THUMB_M = np.array(
    [[0.005, 0.025, 0.03], [0.007, 0.047, 0.055], [0.008, 0.064, 0.082], [0.008, 0.078, 0.107]]
)
FIST_THUMB_M = np.array(
    [[0.012, 0.025, 0.03], [0.03, 0.034, 0.055], [0.045, 0.022, 0.08], [0.05, -0.003, 0.086]]
)


def make_hand(flexion_rad: np.ndarray, thumb_m: np.ndarray) -> np.ndarray:
    """Keypoints (21,3), metres, of a right hand; flexion_rad (4,3): index to pinky × MCP, PIP, DIP."""
    keypoints = np.zeros((21, 3))
    keypoints[1:5] = thumb_m
    for finger in range(4):
        point, angle = KNUCKLES_M[finger], 0.0
        keypoints[5 + 4 * finger] = point
        for bone in range(3):
            angle += flexion_rad[finger, bone]
            point = point + BONES_M[finger, bone] * np.array([np.sin(angle), 0.0, np.cos(angle)])
            keypoints[6 + 4 * finger + bone] = point
    return keypoints


def flat_hand() -> np.ndarray:
    """All fingers straight and in the plane of the palm, the thumb beside it."""
    return make_hand(np.zeros((4, 3)), OPEN_THUMB_M)


def fist() -> np.ndarray:
    """All fingers rolled in, the thumb across them."""
    return make_hand(np.tile([1.4, 1.7, 1.0], (4, 1)), FIST_THUMB_M)


def pinch(finger: int, gap_m: float) -> np.ndarray:
    """Finger 0 (index), 1 (middle) or 2 (ring) meets the thumb's tip up to gap_m; the others are straight."""
    flexion = np.zeros((4, 3))
    flexion[finger] = [0.7, 0.9, 0.5]
    keypoints = make_hand(flexion, OPEN_THUMB_M)
    root = np.array([0.012, 0.025, 0.03])
    tip = keypoints[8 + 4 * finger] - np.array([0.0, 0.0, gap_m])
    keypoints[1:5] = root + np.array([0.0, 0.4, 0.72, 1.0])[:, None] * (tip - root)
    return keypoints


# A branching tree with every joint type, a mimic of a mimic, odd axes and a moving link below a fixed one.
ZOO = """
<robot name="zoo">
  <link name="base"/><link name="a"/><link name="b"/><link name="c"/><link name="d"/><link name="e"/>
  <link name="f"/><link name="g"/>
  <joint name="a_joint" type="revolute"><parent link="base"/><child link="a"/>
    <origin xyz="0.1 -0.2 0.3" rpy="0.3 -0.4 0.5"/><axis xyz="1 2 -1"/>
    <limit lower="-1.5" upper="1.2" effort="1" velocity="1"/></joint>
  <joint name="b_joint" type="prismatic"><parent link="a"/><child link="b"/>
    <origin xyz="0.05 0 0.02" rpy="1.1 0.2 0"/><axis xyz="0 -3 4"/>
    <limit lower="-0.1" upper="0.2" effort="1" velocity="1"/></joint>
  <joint name="c_joint" type="fixed"><parent link="b"/><child link="c"/>
    <origin xyz="0 0.07 0" rpy="0 0 2"/></joint>
  <joint name="d_joint" type="continuous"><parent link="c"/><child link="d"/>
    <origin xyz="0 0 0.1"/><axis xyz="0 0 1"/></joint>
  <joint name="e_joint" type="revolute"><parent link="d"/><child link="e"/>
    <origin xyz="0.03 0.04 0" rpy="0 0.6 0"/><axis xyz="0 1 0"/>
    <limit lower="-2" upper="2" effort="1" velocity="1"/>
    <mimic joint="a_joint" multiplier="-0.7" offset="0.2"/></joint>
  <joint name="f_joint" type="prismatic"><parent link="e"/><child link="f"/>
    <origin xyz="0 0.02 0.05" rpy="0.2 0 0"/><axis xyz="1 0 0"/>
    <limit lower="-2" upper="2" effort="1" velocity="1"/><mimic joint="e_joint" multiplier="0.1"/></joint>
  <joint name="g_joint" type="revolute"><parent link="base"/><child link="g"/>
    <origin xyz="-0.1 0 0"/><axis xyz="0 0 -1"/>
    <limit lower="0" upper="1" effort="1" velocity="1"/></joint>
</robot>
"""
