"""What belongs to a hardware version given on a command line: the protocol, and the hand itself."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import pi
from pathlib import Path
from typing import Literal

import numpy as np

from robot.allegro_model import Hand
from robot.allegro_v5 import Kind, v5_joints, v5_path
from robot.can.protocol import HandProtocol
from robot.can.protocol_v2 import ProtocolV2, load_zero_table
from robot.can.protocol_v4 import ProtocolV4
from robot.can.protocol_v5 import ProtocolV5
from robot.errors import RobotError
from robot.hands import HandSpec, hand_spec, mirror_q

HAND_VERSIONS = ("v2", "v3", "v4", "v5a", "v5b")
BUILDS = ("v4", "v5a", "v5b")  # v2 and v3 are built like v4
VERSION_HELP = "hardware version: v2, v3, v4, v5a or v5b"


def make_protocol(version: str, zeros: Path | None = None, serial: str = "", device: int = 0) -> HandProtocol:
    """The protocol of a hardware version.

    Args:
        version: one of `HAND_VERSIONS`.
        zeros: v2 and v3: YAML file with the zeros of each hand.
        serial: v2 and v3: which hand of that file.
        device: v4 and v5: device number, 0–3.

    Raises:
        RobotError: no such version, or the file has no such hand.
    """
    known: dict[str, Literal["v2", "v3"]] = {"v2": "v2", "v3": "v3"}
    if version in known:
        if zeros is None:
            raise RobotError(
                f"A hand {version} has zeros of its own; give the file that came with it with --zeros."
            )
        return ProtocolV2(load_zero_table(zeros, serial), known[version])
    if version == "v4":
        return ProtocolV4(device)
    if version == "v5a":
        return ProtocolV5(device, "A")
    if version == "v5b":
        return ProtocolV5(device, "B")
    raise _unknown(version)


@cache
def version_spec(version: str, hand: Hand) -> HandSpec:
    """The hand of a hardware version: v2 and v3 are built like v4, v5 is a hand of its own.

    No source gives a home pose for v5; it is v4's within v5's limits, and the left one's its mirror image.

    Raises:
        RobotError: no such version or side.
    """
    if version not in HAND_VERSIONS:
        raise _unknown(version)
    v4 = hand_spec(hand)
    if not version.startswith("v5"):
        return v4
    kind: Kind = "a" if version == "v5a" else "b"
    lower_rad, upper_rad = _limits(kind, hand)
    home_rad = np.clip(np.array(hand_spec("right").home_rad), *_limits(kind, "right"))
    if hand == "left":
        home_rad = mirror_q(home_rad)
        a, b, c, d = home_rad[12:]
        home_rad[12:] = (-a, pi - b, -c, -d)
    home_rad = np.clip(home_rad, lower_rad, upper_rad)
    for array in (lower_rad, upper_rad, home_rad):
        array.setflags(write=False)
    return replace(
        v4,
        name=f"allegro_{version}_{hand}",
        version=version,
        joint_names=tuple(joint.name for joint in v5_joints(kind, hand)),
        lower_rad=lower_rad,
        upper_rad=upper_rad,
        home_rad=home_rad,
        urdf_path=v5_path(kind, hand),
    )


def known_spec(robot: str, hand: Hand) -> HandSpec:
    """The hand that a robot server calls by this name.

    Raises:
        RobotError: it is none that is known here.
    """
    specs = [version_spec(version, hand) for version in BUILDS]
    for spec in specs:
        if spec.name == robot:
            return spec
    names = ", ".join(spec.name for spec in specs)
    raise RobotError(f"The robot is called {robot[:60]}; known {hand} hands are {names}.")


def _limits(kind: Kind, hand: Hand) -> tuple[np.ndarray, np.ndarray]:
    chain = v5_joints(kind, hand)
    return np.array([joint.lower_rad for joint in chain]), np.array([joint.upper_rad for joint in chain])


def _unknown(version: str) -> RobotError:
    return RobotError(f'There is no hand version "{version}"; choose {", ".join(HAND_VERSIONS)}.')
