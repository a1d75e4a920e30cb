"""The one place that imports OpenCV, with the settings its wheel needs beside Qt, cameras and streams.

Its wheel carries its own Qt 5 and points Qt's environment variables at it, which stops PySide6 in the same
process from finding its plugins; it also writes a line to stderr for every camera that is not there.
"""

from __future__ import annotations

import os
import threading

_QT_VARIABLES = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR")
_qt_before = {name: os.environ.get(name) for name in _QT_VARIABLES}

os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET: our own sentences say what failed
os.environ.setdefault(
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "3"
)  # s, not 10: an unplugged camera is noticed sooner
os.environ.setdefault(
    "OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0"
)  # these make Windows cameras start in 20 s

import cv2  # noqa: E402 — the settings above are read when it loads

if hasattr(cv2.utils, "logging"):  # not in every build
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # in case it was loaded before us

for _name, _value in _qt_before.items():
    if f"{os.sep}cv2{os.sep}" in os.environ.get(_name, ""):
        if _value is None or f"{os.sep}cv2{os.sep}" in _value:
            del os.environ[_name]
        else:
            os.environ[_name] = _value

# FFmpeg's own options for network streams: no input buffer and no reordering delay, TCP so that RTSP frames
# are not torn.
_STREAM_OPTIONS = "rtsp_transport;tcp|fflags;nobuffer|flags;low_delay"
_OPTIONS_VARIABLE = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_options_lock = threading.Lock()


def open_stream(url: str, open_timeout_s: float, read_timeout_s: float) -> cv2.VideoCapture:
    """Open a network stream with low delay; the capture is not open if that failed.

    OpenCV takes FFmpeg's options from the environment only, so they are set just for the opening: they would
    reorder the frames of files. A user's own OPENCV_FFMPEG_CAPTURE_OPTIONS wins.

    Args:
        url: http, https, rtsp or rtmp address.
        open_timeout_s: give up connecting after this long, s.
        read_timeout_s: a later `grab` fails after this long without data, s.
    """
    parameters = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        int(open_timeout_s * 1000),
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        int(read_timeout_s * 1000),
    ]
    with _options_lock:
        ours = _OPTIONS_VARIABLE not in os.environ
        if ours:
            os.environ[_OPTIONS_VARIABLE] = _STREAM_OPTIONS
        try:
            return cv2.VideoCapture(url, cv2.CAP_FFMPEG, parameters)
        finally:
            if ours:
                del os.environ[_OPTIONS_VARIABLE]


__all__ = ["cv2", "open_stream"]
