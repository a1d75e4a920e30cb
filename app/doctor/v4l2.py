"""Asks Linux's video devices what they are and can, in Video4Linux's own words (linux/videodev2.h)."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

# Requests as on x86 and Arm: direction, size, 'V' and number in one word.
_QUERYCAP = 0x80685600
_ENUM_FMT = 0xC0405602
_G_FMT, _S_FMT = 0xC0D05604, 0xC0D05605
_ENUM_FRAMESIZES = 0xC02C564A
_ENUM_FRAMEINTERVALS = 0xC034564B
_CAPABILITY_BYTES, _FMTDESC_BYTES, _FORMAT_BYTES, _FRMSIZE_BYTES, _FRMIVAL_BYTES = 104, 64, 208, 44, 52
_CAPTURE = 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE, and V4L2_CAP_VIDEO_CAPTURE
_HAS_DEVICE_CAPS = 0x80000000
_DISCRETE = 1  # V4L2_FRMSIZE_TYPE_DISCRETE, V4L2_FRMIVAL_TYPE_DISCRETE
_MOST = 256  # of anything listed: a driver that never says "no more" would be asked for ever
# Sizes to ask the rate of where a device takes any size in a range.
_USUAL_SIZES_PX = ((640, 480), (1280, 720), (1920, 1080))

Ioctl = Callable[[int, int, bytearray], object]


@dataclass(frozen=True)
class Mode:
    """A way a camera can give images.

    Attributes:
        pixel_format: four characters, such as MJPG or YUYV.
        width_px: of the image.
        height_px: of the image.
        rate_hz: its highest rate; 0 where the driver does not tell.
    """

    pixel_format: str
    width_px: int
    height_px: int
    rate_hz: float


@dataclass(frozen=True)
class Device:
    """What a video device says of itself.

    Attributes:
        driver: the kernel's, such as uvcvideo.
        card: the camera's name.
        captures: whether it gives images; cameras have a second device for metadata.
        busy: whether another program takes images from it.
        modes: what it can; one per format and size.
    """

    driver: str
    card: str
    captures: bool
    busy: bool
    modes: tuple[Mode, ...]


def ask_device(path: Path, ioctl: Ioctl | None = None) -> Device:
    """What a video device says of itself; nothing of it is changed.

    Args:
        path: such as /dev/video0.
        ioctl: the system's call; fcntl.ioctl if None.

    Raises:
        OSError: it cannot be opened, or is no video device.
    """
    if ioctl is None:
        import fcntl  # exists where such devices do

        ioctl = fcntl.ioctl
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        about = bytearray(_CAPABILITY_BYTES)
        ioctl(descriptor, _QUERYCAP, about)
        capabilities, device_capabilities = struct.unpack_from("=II", about, 84)
        if capabilities & _HAS_DEVICE_CAPS:
            capabilities = device_capabilities
        captures = bool(capabilities & _CAPTURE)
        return Device(
            driver=_text(about[:16]),
            card=_text(about[16:48]),
            captures=captures,
            busy=captures and _is_busy(descriptor, ioctl),
            modes=tuple(_modes(descriptor, ioctl)) if captures else (),
        )
    finally:
        os.close(descriptor)


def _is_busy(descriptor: int, ioctl: Ioctl) -> bool:
    """Whether the format that is set cannot be set: drivers refuse that while somebody else takes images."""
    format_set = bytearray(_FORMAT_BYTES)
    struct.pack_into("=I", format_set, 0, _CAPTURE)
    try:
        ioctl(descriptor, _G_FMT, format_set)
        ioctl(descriptor, _S_FMT, format_set)
    except OSError as error:
        return error.errno == errno.EBUSY
    return False


def _modes(descriptor: int, ioctl: Ioctl) -> Iterator[Mode]:
    for index in range(_MOST):
        about = bytearray(_FMTDESC_BYTES)
        struct.pack_into("=II", about, 0, index, _CAPTURE)
        if not _answers(ioctl, descriptor, _ENUM_FMT, about):
            return
        code = bytes(about[44:48])
        for width, height in _sizes(descriptor, ioctl, code):
            yield Mode(_text(code).strip(), width, height, _rate_hz(descriptor, ioctl, code, width, height))


def _sizes(descriptor: int, ioctl: Ioctl, code: bytes) -> Iterator[tuple[int, int]]:
    for index in range(_MOST):
        about = bytearray(_FRMSIZE_BYTES)
        struct.pack_into("=I4s", about, 0, index, code)
        if not _answers(ioctl, descriptor, _ENUM_FRAMESIZES, about):
            return
        kind, *numbers = struct.unpack_from("=7I", about, 8)
        if kind == _DISCRETE:
            yield numbers[0], numbers[1]
            continue
        least_width, most_width, _, least_height, most_height, _ = numbers
        for width, height in _USUAL_SIZES_PX:
            if least_width <= width <= most_width and least_height <= height <= most_height:
                yield width, height
        return


def _rate_hz(descriptor: int, ioctl: Ioctl, code: bytes, width: int, height: int) -> float:
    """The highest rate of a format and size; 0 where the driver does not tell."""
    best_hz = 0.0
    for index in range(_MOST):
        about = bytearray(_FRMIVAL_BYTES)
        struct.pack_into("=I4sII", about, 0, index, code, width, height)
        if not _answers(ioctl, descriptor, _ENUM_FRAMEINTERVALS, about):
            break
        kind, numerator, denominator = struct.unpack_from("=3I", about, 16)  # of a range, the shortest first
        if numerator:
            best_hz = max(best_hz, denominator / numerator)
        if kind != _DISCRETE:
            break
    return best_hz


def _answers(ioctl: Ioctl, descriptor: int, request: int, about: bytearray) -> bool:
    """Fill `about`; False where the list ends."""
    try:
        ioctl(descriptor, request, about)
    except OSError:
        return False
    return True


def _text(data: bytes | bytearray) -> str:
    return bytes(data).partition(b"\0")[0].decode("utf-8", errors="replace").strip()
