"""One check of a robot hand, from the files to everything that is said about it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from app.check_hand.config_diagnosis import (
    diagnose_config,
    diagnose_surfaces,
    mimics_among_targets,
    tip_roles,
    wrist_of,
)
from app.check_hand.description import Description
from app.check_hand.diagnosis import diagnose_shape
from app.check_hand.findings import Finding, Level, hint
from app.check_hand.poses import canned_poses
from app.check_hand.proposal import propose, read_text, yaml_name
from app.check_hand.settings import CheckHandSettings
from app.check_hand.shape import HandShape, measure
from app.check_hand.trial import TrialResult, try_pose
from app.check_hand.units import diagnose_units
from app.check_hand.wrist_frame import WristFrame, wrist_frame
from app.errors import AppError, UsageError
from models.observation import Hand
from retarget import HandConfig, Retargeter, RetargetError, hand_names, read_config
from retarget.config_file import find_urdf


@dataclass(frozen=True)
class Check:
    """Everything found out about a hand.

    Attributes:
        description, shape, frame: the robot; frame is None where its shape does not tell it.
        hand: which hand it is taken for.
        findings: in the order to be read.
        trials: how it follows the canned poses; empty where it cannot.
        retargeter: what they were tried with; None where there is none.
        proposal: a ready config's YAML text; "" where the URDF's units are wrong.
        configured: whether a config was given, which the trials then used.
    """

    description: Description
    shape: HandShape
    frame: WristFrame | None
    hand: Hand
    findings: tuple[Finding, ...]
    trials: tuple[TrialResult, ...]
    retargeter: Retargeter | None
    proposal: str
    configured: bool

    @property
    def wrong(self) -> bool:
        """Whether something would make the hand move wrongly."""
        levels = [finding.level for finding in self.findings] + [trial.level for trial in self.trials]
        return Level.WRONG in levels


def check_hand(urdf: Path, settings: CheckHandSettings) -> Check:
    """Look at a robot hand; nothing is printed or written.

    Args:
        urdf: the URDF, or the name of a hand that ships.
        settings: the rest.

    Raises:
        RetargetError: a file is missing or unusable.
        UsageError: a config stands where the URDF should.
        AppError: there is no such URDF, or it is not a hand.
    """
    path, config_path = _find(urdf, settings)
    description = Description(path)
    config, folder = None, None
    if config_path is not None:
        config, folder = _read_config(config_path, path, settings.urdf_dir, settings.hand)
    own_shape = measure(description)
    shape = measure(description, wrist_of(config)) if config else own_shape
    units = diagnose_units(own_shape)
    if any(finding.level is Level.WRONG for finding in units):
        hand = settings.hand or "right"
        return Check(description, shape, None, hand, tuple(units), (), None, "", config is not None)
    frame = None if shape.axes is None else wrist_frame(shape.axes)
    hand = settings.hand or shape.hand or "right"
    findings = diagnose_shape(shape, frame, settings.hand, configured=config is not None) + units
    proposal = propose(own_shape, frame, hand)
    if config is None:
        used = read_text(proposal)
    else:
        used = dataclasses.replace(config, urdf_path=path)
        if folder is not None:
            text = f"the config does not find its URDF by itself; give --urdf-dir {folder}, or use this line"
            findings.append(hint("URDF", text, f"urdf_path: {yaml_name(config.urdf_path.as_posix())}"))
        if config.urdf_path.resolve() != path.resolve():
            text = f"the config names {config.urdf_path.name}; it is tried on {path.name}"
            findings.append(hint("URDF", text))
        unusable = mimics_among_targets(used, description.joints)
        if unusable:
            return Check(
                description, shape, frame, hand, (*findings, *unusable), (), None, proposal, configured=True
            )
    retargeter = Retargeter(used)
    if config is not None:
        findings += diagnose_config(used, shape, frame)
    findings += diagnose_surfaces(retargeter)
    roles = tip_roles(used)
    poses = canned_poses(hand, tuple(finger for finger in sorted(roles) if finger))
    trials = tuple(try_pose(retargeter, shape, pose, roles) for pose in poses)
    return Check(
        description, shape, frame, hand, tuple(findings), trials, retargeter, proposal, config is not None
    )


def _find(urdf: Path, settings: CheckHandSettings) -> tuple[Path, Path | None]:
    """The URDF and the config to read; a shipped hand's name stands for both."""
    if str(urdf) in hand_names():
        return read_config(str(urdf), settings.urdf_dir).urdf_path, settings.config or urdf
    if urdf.suffix in (".yaml", ".yml"):
        raise UsageError(f"{urdf} is a config: give the URDF first, then --config {urdf}")
    try:
        return find_urdf(urdf, Path.cwd(), settings.urdf_dir), settings.config
    except RetargetError as error:
        raise AppError(
            f"there is no URDF at {urdf}; correct the path, give its folder with --urdf-dir, "
            "or name a hand that ships, such as allegro_right"
        ) from error


def _read_config(
    path: Path, urdf: Path, urdf_dir: Path | None, side: str | None
) -> tuple[HandConfig, Path | None]:
    """The config, and the folder around the URDF that was given where only there its own one was found."""
    try:
        return read_config(path, urdf_dir, side), None
    except RetargetError as error:
        for folder in urdf.resolve().parents[:4]:
            try:
                return read_config(path, folder, side), folder
            except RetargetError:
                continue  # the first error says what is wrong
        raise error
