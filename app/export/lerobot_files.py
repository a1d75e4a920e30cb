"""The files of a LeRobot dataset, version 3.0: Parquet tables and JSON, as its reader expects them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from app.export.lerobot_columns import Column
from app.export.lerobot_stats import Stats
from app.export.optional import require

COMMAND = "export lerobot"
CODEBASE_VERSION = "v3.0"
FILES_PER_CHUNK = 1000
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES_PATH = "meta/episodes/chunk-000/file-000.parquet"
TASKS_PATH = "meta/tasks.parquet"
INFO_PATH = "meta/info.json"
STATS_PATH = "meta/stats.json"


def write_rows(path: Path, columns: Mapping[str, Column]) -> None:
    """Write an episode's rows."""
    pa = require("pyarrow", COMMAND)
    _write_table(path, pa.table({name: _array(column) for name, column in columns.items()}))


def write_episodes(path: Path, episodes: list[dict[str, Any]]) -> None:
    """Write one row per episode; all have the same keys."""
    pa = require("pyarrow", COMMAND)
    _write_table(path, pa.table({key: [episode[key] for episode in episodes] for key in episodes[0]}))


def write_tasks(path: Path, tasks: list[str]) -> None:
    """Write the number of each task; readers with pandas get the texts as the index of the table."""
    pa = require("pyarrow", COMMAND)
    described = [
        {"name": "task_index", "field_name": "task_index", "pandas_type": "int64", "numpy_type": "int64"},
        {"name": "task", "field_name": "task", "pandas_type": "unicode", "numpy_type": "object"},
    ]
    pandas = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [{**column, "metadata": None} for column in described],
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": None,
    }
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), "task": pa.array(tasks)})
    _write_table(path, table.replace_schema_metadata({"pandas": json.dumps(pandas)}))


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a dictionary, readable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=4, ensure_ascii=False) + "\n", encoding="utf-8")


def plain(stats: Mapping[str, Stats]) -> dict[str, dict[str, Any]]:
    """Statistics as nested lists."""
    return {name: {key: value.tolist() for key, value in one.items()} for name, one in stats.items()}


def place(number: int) -> dict[str, int]:
    """Chunk and file of the episode of that number; each episode has files of its own."""
    return {"chunk_index": number // FILES_PER_CHUNK, "file_index": number % FILES_PER_CHUNK}


def _array(column: Column) -> Any:
    """A column as Arrow holds it; rows of n numbers as lists of fixed length."""
    pa = require("pyarrow", COMMAND)
    kind = {"bool": pa.bool_(), "string": pa.string()}.get(column.dtype)
    if kind is not None:
        return pa.array(column.values.tolist(), kind)
    values = np.ascontiguousarray(column.values, dtype=column.dtype)
    flat = pa.array(values.reshape(-1))
    return flat if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def _write_table(path: Path, table: Any) -> None:
    parquet = require("pyarrow.parquet", COMMAND)
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path, compression="snappy")
