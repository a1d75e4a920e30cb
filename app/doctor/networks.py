"""The networks that ship: whole, as their card says, and running."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from app.doctor.finding import Finding, Verdict
from app.doctor.packages import INSTALL
from app.doctor.probe import AskProbe, ask_probe

WEIGHTS = Path(__file__).resolve().parents[2] / "models" / "weights"
NEEDED = "posebert.onnx"
_RUN_LIMIT_S = 40.0
_POINTER = b"version https://git-lfs"


def look_at_networks(folder: Path = WEIGHTS, ask: AskProbe = ask_probe) -> list[Finding]:
    """Every network in the folder; only the hand's is needed, and not even that with a filter.

    Args:
        folder: where the networks lie, with their card README.md.
        ask: runs a probe.
    """
    files = sorted(folder.glob("*.onnx"))
    names = [file.name for file in files]
    findings = [_network(file, folder, ask) for file in files]
    if NEEDED not in names:
        text = f"{folder / NEEDED} is missing; --temporal one-euro runs without"
        findings.insert(0, Finding("PoseBERT", "MISS", text, f"git checkout -- {_shown(folder / NEEDED)}"))
    return findings


def _network(file: Path, folder: Path, ask: AskProbe) -> Finding:
    subject = (
        "PoseBERT" if file.name == NEEDED else f"PoseBERT {file.stem.removeprefix('posebert').strip('_-')}"
    )
    bad: Verdict = "MISS" if file.name == NEEDED else "note"
    restore = f"git checkout -- {_shown(file)}"
    data = file.read_bytes()
    if data.startswith(_POINTER):
        return Finding(subject, bad, f"{file.name} is a pointer of Git LFS, not the file", "git lfs pull")
    digest = hashlib.sha256(data).hexdigest()
    promised = _promised(folder / "README.md", file.name)
    if promised and promised != digest:
        text = f"{file.name} has the checksum {digest[:12]}…, its card says {promised[:12]}…"
        return Finding(subject, bad, text, restore)
    answer = ask("network", _RUN_LIMIT_S, str(file))
    about = f"{file.name}, {len(data) / 1e6:.1f} MB, sha256 {digest[:12]}…"
    if promised:
        about += " as its card says"
    if "finite" not in answer.fact:
        text = f"{about}, does not run: {answer.why()}; --temporal one-euro runs without"
        fix = INSTALL if "No module named" in answer.why() else restore
        return Finding(subject, bad, text, fix)
    if not answer.fact["finite"]:
        return Finding(subject, bad, f"{about}, gives no finite numbers", restore)
    return Finding(subject, "ok", f"{about}, runs in {answer.fact['duration_ms']:.1f} ms on the CPU")


def _promised(card: Path, name: str) -> str:
    """The SHA-256 that the card gives beside a file's name, or alone; empty if it gives none."""
    try:
        lines = card.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    found = [(line, match[0]) for line in lines for match in re.finditer(r"\b[0-9a-f]{64}\b", line)]
    named = [digest for line, digest in found if name in line]
    alone = [digest for line, digest in found if ".onnx" not in line]
    return (named or (alone if len(alone) == 1 and name == NEEDED else []) or [""])[0]


def _shown(file: Path) -> Path:
    root = WEIGHTS.parents[1]
    return file.relative_to(root) if file.is_relative_to(root) else file
