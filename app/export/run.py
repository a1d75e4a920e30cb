"""`export lerobot` and `export rerun`: recordings as data that other programs read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.export.settings import ExportSettings, RecordingFormat, check_settings
from app.file_names import as_text


def run_export(what: RecordingFormat, recordings: Sequence[Path], settings: ExportSettings) -> list[str]:
    """Write recordings in another format; returns what there is to say about it.

    Args:
        what: the format.
        recordings: folders made with --record; rerun takes one.
        settings: where to, and how.

    Raises:
        UsageError: a flag has an illegal value.
        AppError: a package is missing, a recording is unusable, or the output cannot be written.
    """
    check_settings(what, tuple(recordings), settings)
    for path in (*recordings, *([] if settings.output is None else [settings.output])):
        as_text(path)  # neither library takes another name, nor says so
    first = Path(recordings[0]).resolve()
    if what == "rerun":
        from app.export.rerun import export_rerun

        return export_rerun(first, settings.output or first.with_name(f"{first.name}.rrd"))
    from app.export.lerobot import export_lerobot

    output = settings.output or first.with_name(f"{first.name}-lerobot")
    return export_lerobot(list(recordings), output, settings.task, settings.fps)
