"""Reads Biovision hierarchy files (.bvh): a skeleton, and for every frame the angles of its joints."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.errors import ModelError

_AXES = {"X": 0, "Y": 1, "Z": 2}
_CHANNELS = {f"{axis}{kind}" for axis in "XYZ" for kind in ("position", "rotation")}


@dataclass(frozen=True)
class Bvh:
    """One motion.

    Attributes:
        names: of the n joints, parents first; the end of a chain is called after its joint, "Head_end".
        parents: the joint each hangs on, -1 for the root.
        offsets: (n,3) each joint from its parent when all angles are zero, in the file's unit.
        channels: of each joint, in the file's order, such as ("Zrotation", "Yrotation", "Xrotation").
        frame_time_s: between frames.
        values: (N,channels) positions in the file's unit and angles in degrees.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: np.ndarray
    channels: tuple[tuple[str, ...], ...]
    frame_time_s: float
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def index(self, name: str) -> int:
        """The joint of that name.

        Raises:
            ModelError: there is none.
        """
        if name not in self.names:
            raise ModelError(f"The motion has no joint {name!r}; its joints are {', '.join(self.names)}.")
        return self.names.index(name)

    def forward(self) -> tuple[np.ndarray, np.ndarray]:
        """Forward kinematics of all frames.

        Returns:
            (N,n,3,3) each joint's rotation from the pose of zero angles, in the file's axes, and (N,n,3)
            where the joints are, in its unit.
        """
        frames = len(self.values)
        G = np.empty((frames, len(self.names), 3, 3))
        joints = np.empty((frames, len(self.names), 3))
        column = 0
        for j, (parent, channels) in enumerate(zip(self.parents, self.channels, strict=True)):
            R = np.broadcast_to(np.eye(3), (frames, 3, 3))
            offset = np.broadcast_to(self.offsets[j], (frames, 3)).copy()
            for channel in channels:
                axis, value = _AXES[channel[0]], self.values[:, column]
                if channel.endswith("position"):
                    offset[:, axis] = value  # a position channel replaces the offset
                else:
                    R = R @ _turn(axis, np.radians(value))
                column += 1
            if parent < 0:
                G[:, j], joints[:, j] = R, offset
            else:
                G[:, j] = G[:, parent] @ R
                joints[:, j] = joints[:, parent] + (G[:, parent] @ offset[:, :, None])[..., 0]
        return G, joints


def read_bvh(path: str | Path) -> Bvh:
    """Read a file.

    Raises:
        ModelError: it cannot be read or is no .bvh file.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ModelError(f"cannot read {path} ({error.strerror or error}); check the path") from error
    try:
        return parse_bvh(text)
    except ValueError as error:
        raise ModelError(f"{path} is no BVH motion: {error}; give a .bvh file") from error


def parse_bvh(text: str) -> Bvh:
    """The motion that a file's text describes.

    Raises:
        ValueError: what is wrong with it.
    """
    hierarchy, found, motion = text.partition("MOTION")
    if not found or not hierarchy.split()[:1] == ["HIERARCHY"]:
        raise ValueError("it has no HIERARCHY followed by a MOTION")
    names, parents, offsets, channels = _parse_hierarchy(hierarchy.split()[1:])
    frame_time_s, values = _parse_motion(motion, sum(len(c) for c in channels))
    return Bvh(
        tuple(names),
        tuple(parents),
        np.array(offsets, dtype=np.float64),
        tuple(channels),
        frame_time_s,
        values,
    )


def _parse_hierarchy(
    tokens: list[str],
) -> tuple[list[str], list[int], list[list[float]], list[tuple[str, ...]]]:
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[tuple[str, ...]] = []
    chain: list[int] = []  # the joints whose braces are open
    words = iter(tokens)
    try:
        for word in words:
            if word in ("ROOT", "JOINT", "End"):
                name = next(words)
                if word == "End":
                    if not chain:
                        raise ValueError("an End Site stands outside all joints")
                    name = f"{names[chain[-1]]}_end"
                if word == "ROOT" and names:
                    raise ValueError("it has more than one ROOT")
                if word == "JOINT" and not chain:
                    raise ValueError(f"joint {name} stands outside the ROOT")
                if next(words) != "{":
                    raise ValueError(f"{name} is not followed by an opening brace")
                names.append(name)
                parents.append(chain[-1] if chain else -1)
                offsets.append([0.0, 0.0, 0.0])
                channels.append(())
                chain.append(len(names) - 1)
            elif word == "OFFSET" and chain:
                offsets[chain[-1]] = [float(next(words)) for _ in range(3)]
            elif word == "CHANNELS" and chain:
                channels[chain[-1]] = tuple(next(words) for _ in range(int(next(words))))
                if unknown := set(channels[chain[-1]]) - _CHANNELS:
                    raise ValueError(f"{names[chain[-1]]} has channels unknown here: {', '.join(unknown)}")
            elif word == "}" and chain:
                chain.pop()
            else:
                raise ValueError(f"{word!r} is out of place in the hierarchy")
    except StopIteration as error:
        raise ValueError("its hierarchy ends in the middle") from error
    if chain or not names:
        raise ValueError("its hierarchy has no joints or an open brace")
    return names, parents, offsets, channels


def _parse_motion(text: str, width: int) -> tuple[float, np.ndarray]:
    head = re.match(r"\s*Frames:\s*(\d+)\s*Frame Time:\s*([0-9.eE+-]+)", text)
    if head is None:
        raise ValueError("its MOTION does not begin with Frames: and Frame Time:")
    frames, frame_time_s = int(head[1]), float(head[2])
    values = np.array(text[head.end() :].split(), dtype=np.float64)
    if not frames or values.size != frames * width:
        raise ValueError(f"it has {values.size} numbers where {frames} frames of {width} channels should be")
    if not frame_time_s > 0.0 or not np.isfinite(values).all():
        raise ValueError("a number in its MOTION is not finite, or its frame time is not above zero")
    return frame_time_s, values.reshape(frames, width)


def _turn(axis: int, angle_rad: np.ndarray) -> np.ndarray:
    """Rotations (N,3,3) about a coordinate axis."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    R = np.zeros((len(angle_rad), 3, 3))
    a, b = (axis + 1) % 3, (axis + 2) % 3
    R[:, axis, axis] = 1.0
    R[:, a, a] = R[:, b, b] = c
    R[:, a, b], R[:, b, a] = -s, s
    return R
