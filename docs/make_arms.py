"""Makes the picture of docs/arms.md: what examples/07_drive_an_arm.py draws.

python docs/make_arms.py
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs"))

from measured import NotWrittenError, write_pictures

EXAMPLE = ROOT / "examples" / "07_drive_an_arm.py"


def draw(results: dict[str, Any], folder: Path) -> dict[str, Path]:
    """The example's picture of its demo."""
    path = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)], cwd=folder, env=path, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise NotWrittenError(f"{EXAMPLE} failed: {done.stderr[-500:]}")
    return {"kuka": folder / "arm.png"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    try:
        write_pictures(draw, {}, "arms", ROOT / "docs")
    except NotWrittenError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
