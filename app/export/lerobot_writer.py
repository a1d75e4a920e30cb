"""Writes a LeRobot dataset episode by episode."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from app.errors import AppError
from app.export import lerobot_files as files
from app.export.hand_columns import HandColumns
from app.export.lerobot_columns import CAMERA, STATE, Column, counted_columns, recorded_columns
from app.export.lerobot_stats import ImageSample, column_stats
from app.export.resample import GridFrame
from app.export.video import VideoEncoder


@dataclass
class DatasetWriter:
    """A dataset that grows in a folder.

    Attributes:
        root: the folder.
        fps: rows per second.
        task: what is done in all of it.
        size_px: (width, height) of the recorded images.
        episodes: rows of the table of episodes so far.
    """

    root: Path
    fps: int
    task: str
    size_px: tuple[int, int]
    episodes: list[dict[str, Any]] = field(default_factory=list)
    _features: dict[str, Any] = field(default_factory=dict)
    _values: dict[str, list[np.ndarray]] = field(default_factory=dict)
    _images: ImageSample = field(default_factory=ImageSample)

    def add(self, moments: Iterable[GridFrame], hands: list[HandColumns], start_ns: int, name: str) -> int:
        """Append an episode; returns how many rows it has.

        Args:
            moments: its moments with their images.
            hands: what is known of each hand over the whole recording.
            start_ns: when the recording began.
            name: of the recording, for errors.

        Raises:
            AppError: it has other columns than the episodes before it, or a file cannot be written.
        """
        number = len(self.episodes)
        images = ImageSample()
        video, t_ns, captured_ns = self._write_video(number, moments, images)
        recorded = recorded_columns([hand.at(t_ns) for hand in hands], (captured_ns - start_ns) * 1e-9)
        start = int(self.episodes[-1]["dataset_to_index"]) if self.episodes else 0
        columns = {**recorded, **counted_columns(number, start, len(t_ns), self.fps, task=0)}
        self._check_features(columns, video, name)
        files.write_rows(self.root / files.DATA_PATH.format(**files.place(number)), columns)
        stats = {CAMERA: images.stats()}
        for key, column in columns.items():
            if column.dtype != "string":
                values = column.values.reshape(len(t_ns), -1).astype(np.float64)
                stats[key] = column_stats(values)
                self._values.setdefault(key, []).append(values)
        self.episodes.append(
            {
                "episode_index": number,
                "tasks": [self.task],
                "length": len(t_ns),
                **{f"data/{key}": value for key, value in files.place(number).items()},
                "dataset_from_index": start,
                "dataset_to_index": start + len(t_ns),
                **{f"videos/{CAMERA}/{key}": value for key, value in files.place(number).items()},
                f"videos/{CAMERA}/from_timestamp": 0.0,
                f"videos/{CAMERA}/to_timestamp": len(t_ns) / self.fps,
                **{f"stats/{k}/{s}": v for k, one in files.plain(stats).items() for s, v in one.items()},
                "meta/episodes/chunk_index": 0,
                "meta/episodes/file_index": 0,
            }
        )
        return len(t_ns)

    def finish(self, robot_type: str, origin: dict[str, Any]) -> None:
        """Write what describes the whole.

        Args:
            robot_type: what was driven.
            origin: where the episodes come from, as plain data.
        """
        stats = {key: column_stats(np.concatenate(values)) for key, values in self._values.items()}
        stats[CAMERA] = self._images.stats()
        count = len(self.episodes)
        info = {
            "codebase_version": files.CODEBASE_VERSION,
            "robot_type": robot_type,
            "total_episodes": count,
            "total_frames": self.episodes[-1]["dataset_to_index"],
            "total_tasks": 1,
            "chunks_size": files.FILES_PER_CHUNK,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": self.fps,
            "splits": {"train": f"0:{count}"},
            "data_path": files.DATA_PATH,
            "video_path": files.VIDEO_PATH,
            "features": self._features,
        }
        files.write_episodes(self.root / files.EPISODES_PATH, self.episodes)
        files.write_tasks(self.root / files.TASKS_PATH, [self.task])
        files.write_json(self.root / files.STATS_PATH, files.plain(stats))
        files.write_json(self.root / files.INFO_PATH, info)
        files.write_json(self.root / "meta" / "posehand.json", origin)

    def _write_video(
        self, number: int, moments: Iterable[GridFrame], images: ImageSample
    ) -> tuple[VideoEncoder, np.ndarray, np.ndarray]:
        """Encode the images; returns the encoder, the moments and the times of capture, (K,) ns each."""
        path = self.root / files.VIDEO_PATH.format(video_key=CAMERA, **files.place(number))
        path.parent.mkdir(parents=True, exist_ok=True)
        video = VideoEncoder(path, self.fps, self.size_px, files.COMMAND)
        t_ns, captured_ns = [], []
        try:
            for moment in moments:
                video.add(moment.frame.image)
                for sample in (images, self._images):
                    sample.add(moment.frame.image)
                t_ns.append(moment.t_ns)
                captured_ns.append(moment.frame.t_capture_ns)
        finally:
            video.close()
        return video, np.array(t_ns, dtype=np.int64), np.array(captured_ns, dtype=np.int64)

    def _check_features(self, columns: dict[str, Column], video: VideoEncoder, name: str) -> None:
        features = {
            CAMERA: _video_feature(video, self.fps),
            **{key: column.feature for key, column in columns.items()},
        }
        if not self._features:
            self._features = features
        elif features != self._features:
            missing = STATE not in features or STATE not in self._features
            what = "of no robot that tells its joints" if missing else "of other hands, joints or images"
            raise AppError(
                f"{name} is {what} than the recordings before it, and all episodes of a dataset are alike: "
                "export it by itself"
            )


def _video_feature(video: VideoEncoder, fps: int) -> dict[str, Any]:
    width, height = video.size_px
    return {
        "dtype": "video",
        "shape": [height, width, 3],
        "names": ["height", "width", "channels"],
        "info": {
            "video.height": height,
            "video.width": width,
            "video.codec": video.codec,
            "video.pix_fmt": "yuv420p",
            "video.is_depth_map": False,
            "video.fps": fps,
            "video.channels": 3,
            "has_audio": False,
        },
    }
