"""Writes images of one size and a fixed rate as an MP4 that can be read at any point."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from app.errors import AppError
from app.export.optional import require

# The first that this PyAV has. Every second image stands on its own, as training reads single ones.
CODECS = ("libx264", "libopenh264", "mpeg4")
_GROUP = 2
_OPTIONS = {"libx264": {"crf": "18", "preset": "fast"}}
_BITS_PER_PIXEL = 0.6  # for encoders that take no quality: webcam images at every second one whole


class VideoEncoder:
    """One MP4 file; image k is shown at exactly k/fps.

    Attributes:
        size_px: (width, height) of the video: even numbers, as the codecs want; an odd image loses its last
            row or column.
        codec: name of the codec, as FFmpeg calls it.
        count: images so far.
    """

    def __init__(self, path: Path, fps: int, size_px: tuple[int, int], command: str) -> None:
        """
        Args:
            path: the file; its folder exists.
            fps: images per second.
            size_px: (width, height) of the images.
            command: what to name in the error where PyAV is missing.

        Raises:
            AppError: PyAV is missing or has none of the codecs, or the file cannot be written.
        """
        self._av = require("av", command)
        name = next((codec for codec in CODECS if codec in self._av.codecs_available), None)
        if name is None:
            raise AppError(f"{command} needs PyAV with one of {', '.join(CODECS)}: pip install -U av")
        width, height = (n - n % 2 for n in size_px)
        self.size_px = width, height
        self.count = 0
        try:
            self._container: Any = self._av.open(str(path), "w")
        except OSError as error:
            raise AppError(_cannot_write(path, error)) from error
        stream = self._container.add_stream(name, rate=fps, options=_OPTIONS.get(name, {}))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = self._period = Fraction(1, fps)
        stream.codec_context.gop_size = _GROUP
        stream.codec_context.max_b_frames = 0  # images come out in the order they went in
        if name not in _OPTIONS:
            stream.bit_rate = int(_BITS_PER_PIXEL * width * height * fps)
        self._stream = stream
        self._failed = False  # to write an image: nothing may follow it
        try:
            # Left to the first image it is tried again after a failure, by PyAV, which crashes the process.
            self._container.start_encoding()
        except OSError as error:
            self.close()
            raise AppError(_cannot_write(path, error)) from error
        self.codec = str(stream.codec_context.codec.canonical_name)

    def add(self, image: np.ndarray) -> None:
        """Append an image (height, width, 3), uint8, BGR.

        Raises:
            OSError: it cannot be written; the file is lost then.
        """
        width, height = self.size_px
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(image[:height, :width]), format="bgr24")
        frame.pts = self.count
        frame.time_base = self._period
        self.count += 1
        self._mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file, unless it could not be written; safe to call twice.

        Raises:
            OSError: its end cannot be written.
        """
        if self._container is None:
            return
        try:
            if self.count and not self._failed:
                self._mux(self._stream.encode(None))
        finally:
            self._container.close()
            self._container = None

    def _mux(self, packets: Any) -> None:
        for packet in packets:
            if packet.time_base is not None:  # or the last image has none, and the file's average rate is off
                packet.duration = round(self._period / packet.time_base)
            try:
                self._container.mux(packet)
            except OSError:
                self._failed = True
                raise


def _cannot_write(path: Path, error: OSError) -> str:
    return f"cannot write {path}: {error.strerror or error}; choose another place"
