"""Recordings as a LeRobot dataset, version 3.0, without needing LeRobot.

A row stands for one moment of a regular grid, as the format demands; cameras keep none. It holds the image
captured nearest to that moment, and of each hand what was known, told by the robot and sent to it with the
record nearest to it: without gaps that is the record of that very image. `camera.capture_time_s` tells when
the image was really captured. Each recording is an episode; one of hours is cut, as its rows' times are
stored in single precision and LeRobot checks them to 0.1 ms.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from app.errors import AppError
from app.export.hand_columns import HandColumns, read_hands
from app.export.lerobot_files import COMMAND
from app.export.lerobot_writer import DatasetWriter
from app.export.optional import require
from app.export.resample import GridFrame, on_grid, usual_fps
from app.export.settings import FASTEST_FPS
from app.export.unmirrored import unmirrored_frames
from app.recording import RecordingReader

LONGEST_EPISODE_S = 1800
SHORTEST_EPISODE_ROWS = 2  # of a single image no rate can be read back


def export_lerobot(
    recordings: Sequence[Path],
    output: Path,
    task: str,
    fps: int | None = None,
    longest_episode_s: int = LONGEST_EPISODE_S,
) -> list[str]:
    """Write recordings as the episodes of one dataset; returns what there is to say about it.

    Args:
        recordings: folders made with --record, of the same hands, robot hands and image size.
        output: a folder that does not exist, or an empty one; it appears complete or not at all.
        task: what was done, in a sentence.
        fps: rows per second; None takes the rate at which the first recording's images were captured.
        longest_episode_s: longer recordings become several episodes.

    Raises:
        AppError: pyarrow or PyAV is missing, a recording is unusable, or the output cannot be written.
    """
    for module in ("pyarrow", "av"):
        require(module, COMMAND)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise AppError(f"{output} is there already: give a new folder for the dataset with --output")
    readers = [RecordingReader(directory) for directory in recordings]
    partial = output.with_name(f".{output.name}.part")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        lines = _write(readers, partial, task, fps, longest_episode_s)
        if output.exists():
            output.rmdir()
        partial.replace(output)
    except OSError as error:
        raise AppError(f"cannot write {output}: {error.strerror or error}; choose another place") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return [*lines, f"dataset: {output}"]


def _write(
    readers: list[RecordingReader], root: Path, task: str, fps: int | None, longest_episode_s: int
) -> list[str]:
    writer: DatasetWriter | None = None
    robot_type = ""
    lines: list[str] = []
    origins: list[dict[str, Any]] = []
    for reader in readers:
        name = str(reader.directory)
        hands = _hands_of(reader)
        if writer is None:
            fps = fps or _fps_of(hands[0], reader)
            writer = DatasetWriter(root, fps, task, reader.meta.size_px)
            robot_type = _robot_type(hands)
        elif reader.meta.size_px != writer.size_px:
            raise AppError(
                f"{name} has images of {_by(reader.meta.size_px)} pixels and the recordings before it of "
                f"{_by(writer.size_px)}, and all episodes of a dataset are alike: export it by itself"
            )
        first_episode = len(writer.episodes)
        rows = _add(writer, reader, hands, longest_episode_s)
        episodes = range(first_episode, len(writer.episodes))
        if not episodes:
            raise AppError(f"{name} holds fewer than two images: leave it out")
        lines.append(f"{name}: {rows} rows at {writer.fps} Hz in {len(episodes)} episode(s)")
        if reader.truncated:
            lines.append(f"{name} is cut off, as after a crash; what there is was exported")
        meta = reader.meta
        facts = {"source": meta.source, "source_fps": meta.fps, "dropped": meta.dropped, "run": meta.run}
        origins.append({"recording": reader.directory.resolve().name, "episodes": list(episodes), **facts})
    if writer is None:
        raise AppError(f"{COMMAND} needs a recording: give a folder made with teleop --record")
    writer.finish(robot_type, {"recordings": origins})
    return lines


def _hands_of(reader: RecordingReader) -> list[HandColumns]:
    records = reader.hands() if reader.has_hands else iter(())
    return list(read_hands(records, str(reader.directory)).values())


def _add(writer: DatasetWriter, reader: RecordingReader, hands: list[HandColumns], longest_s: int) -> int:
    """Append the episodes of a recording; returns how many rows they have."""
    until_ns = max(int(hand.t_capture_ns[-1]) for hand in hands)
    shown = tqdm(
        unmirrored_frames(reader), total=reader.meta.frame_count, desc=reader.directory.name, unit="frame"
    )
    grid = on_grid(shown, writer.fps, until_ns)
    start_ns: int | None = None
    rows = 0
    while len(beginning := list(islice(grid, SHORTEST_EPISODE_ROWS))) == SHORTEST_EPISODE_ROWS:
        start_ns = beginning[0].t_ns if start_ns is None else start_ns
        rest = islice(grid, longest_s * writer.fps - SHORTEST_EPISODE_ROWS)
        moments: Iterator[GridFrame] = chain(beginning, rest)
        rows += writer.add(moments, hands, start_ns, str(reader.directory))
    return rows


def _fps_of(hand: HandColumns, reader: RecordingReader) -> int:
    """The rate of the images; the source's own statement where there are too few."""
    measured = usual_fps(np.unique(hand.t_capture_ns[hand.framed]))
    return min(measured or round(reader.meta.fps) or 1, FASTEST_FPS)


def _robot_type(hands: list[HandColumns]) -> str:
    return "_".join(["allegro", *(hand.hand for hand in hands)])


def _by(size_px: tuple[int, int]) -> str:
    return f"{size_px[0]}×{size_px[1]}"
