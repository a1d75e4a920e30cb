"""What `check-hand` is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.errors import UsageError
from models.observation import Hand


@dataclass(frozen=True)
class CheckHandSettings:
    """Settings of one check; every field is a flag of `check-hand`."""

    config: Path | None = None
    """A YAML file, or the name of a hand that ships; without one everything is guessed from the URDF."""
    urdf_dir: Path | None = None
    """Folder that relative paths of a URDF count from, too."""
    output: Path = Path("check_hand.png")
    """Where the picture goes."""
    hand: Hand | None = None
    """Which hand it should be (default: the one its shape says)."""
    write: Path | None = None
    """Also write the ready config to this .yaml file, which must not be there yet."""


def check_settings(settings: CheckHandSettings) -> None:
    """Raises UsageError where a flag cannot be followed."""
    if settings.output.suffix.lower() != ".png":
        raise UsageError(f"--output {settings.output} is no .png file; give one, such as hand.png")
    if settings.write is None:
        return
    if settings.write.suffix not in (".yaml", ".yml"):
        raise UsageError(f"--write {settings.write} is no .yaml file; give one, such as my_hand.yaml")
    if settings.write.exists():
        raise UsageError(f"--write {settings.write} is there already and stays as it is; give another name")
