"""What a benchmark is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.errors import UsageError

Benchmark = Literal["temporal", "retarget", "robot", "latency", "all"]


@dataclass(frozen=True)
class BenchSettings:
    """Settings of one benchmark; every field is a flag of `bench`."""

    json: Path | None = None
    """Also write all numbers to this .json file."""
    quick: bool = False
    """Fewer clips and conditions: a minute or two instead of ten, more with --runs; a minute instead of
    three for retarget; under two minutes instead of half an hour for latency."""
    data: Path = Path("..") / "shared" / "data"
    """Directory of recordings with rendered/, video/ and motion/; what it lacks is left out."""
    runs: tuple[str, ...] = ()
    """temporal: training runs to measure too, each as NAME=DIR. Names that begin with "ablation:" go to a
    table of their own; "ablation: all" is what the others there are compared with."""
    network: Path | None = None
    """temporal: ONNX file of the product's temporal stage, instead of the one that ships."""
    body: bool = False
    """temporal: bodies instead of hands, on motion capture of a person nobody learned from and on footage."""
    bvh: Path | None = None
    """temporal --body: directory of CMU's .bvh files (default: body/cmu_bvh in --data)."""
    views: Path | None = None
    """temporal --body: pose2sim's folder Demo_SinglePerson (default: that of an installed pose2sim)."""
    drawn: Path | None = None
    """temporal --body: drawn bodies of the test person, of python -m app.body_pairs ... --split test."""
    backend: Literal["all"] | None = None
    """temporal: all compares and times the ways to compute the network (CPU, CUDA, TensorRT) instead."""
    source: str | None = None
    """latency: your own camera, webcam[:N], instead of rendered hands, or what else teleop --source takes."""
    output: Path | None = None
    """Where the results go (default: a new folder in runs/)."""


def refuse_others(benchmark: Benchmark, settings: BenchSettings) -> None:
    """Refuse the flags that are for another benchmark than this.

    Raises:
        UsageError: one of them is given.
    """
    if benchmark != "temporal" and (settings.runs or settings.network is not None):
        raise UsageError(f"--runs and --network are for bench temporal; bench {benchmark} takes neither")
    if benchmark != "temporal" and settings.body:
        raise UsageError(f"--body is for bench temporal; bench {benchmark} takes none")
    if not settings.body and {settings.bvh, settings.views, settings.drawn} != {None}:
        raise UsageError("--bvh, --views and --drawn are for bench temporal --body")
    if benchmark != "temporal" and settings.backend is not None:
        raise UsageError(f"--backend is for bench temporal; bench {benchmark} takes none")
    if benchmark != "latency" and settings.source is not None:
        raise UsageError(f"--source is for bench latency; bench {benchmark} takes none")


def parse_runs(runs: tuple[str, ...]) -> dict[str, Path]:
    """Directories of training runs by name.

    Raises:
        UsageError: one is not NAME=DIR, a name comes twice, or a directory holds no training run.
    """
    found: dict[str, Path] = {}
    for text in runs:
        name, sign, directory = text.partition("=")
        if not name or not sign or not directory:
            raise UsageError(f"--runs takes NAME=DIR, for example ours=runs/ours, not {text!r}")
        if name in found:
            raise UsageError(f"--runs names {name!r} twice; give every run a name of its own")
        path = Path(directory)
        if not (path / "checkpoint.pt").is_file():
            raise UsageError(
                f"--runs {text}: {path} holds no checkpoint.pt; give the --out directory of a training run"
            )
        found[name] = path
    return found
