"""Streams over real HTTP on this machine: they play, stall, break off and come back."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from app.errors import AppError
from app.frame import Frame
from app.opencv import cv2
from app.sources.reader import RetryPolicy
from app.sources.stream import StreamSource, without_password
from app.sources.watch import SourceWatch

SOON_S = 20.0
QUICK = RetryPolicy(failures_to_lose=1, first_wait_s=0.01, longest_wait_s=0.05, stall_s=60.0)


class Camera:
    """What the server plays: image k is of the grey level 5·k."""

    def __init__(self) -> None:
        self.mode = "play"
        self.size_px = (160, 120)
        self.sent = 0
        self.url = ""

    def next_part(self) -> bytes:
        self.sent += 1
        image = np.full((*self.size_px[::-1], 3), 5 * self.sent % 256, np.uint8)
        jpeg = cv2.imencode(".jpg", image)[1].tobytes()
        return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(jpeg), jpeg)


@pytest.fixture
def served() -> Iterator[Camera]:
    camera = Camera()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if camera.mode == "gone":
                self.send_error(503)
                return
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            try:
                while camera.mode in ("play", "stall"):
                    if camera.mode == "play":
                        self.wfile.write(camera.next_part())
                    time.sleep(0.01)
            except OSError:
                pass  # the other side has gone

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    camera.url = f"http://127.0.0.1:{server.server_port}/video"
    yield camera
    camera.mode = "gone"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def source(served: Camera) -> Iterator[StreamSource]:
    opened = StreamSource(served.url, read_timeout_s=1.0, policy=QUICK)
    yield opened
    opened.close()


def read(source: StreamSource) -> Frame:
    frame = source.read(SOON_S)
    assert frame is not None
    return frame


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < deadline_s, "it never happened"
        time.sleep(0.005)


def test_a_stream_plays(source: StreamSource, served: Camera) -> None:
    frames = [read(source) for _ in range(5)]
    assert source.size_px == (160, 120)
    assert source.live
    assert source.status == ""
    indices = [f.index for f in frames]
    assert indices == sorted(set(indices))
    times_ns = [f.t_capture_ns for f in frames]
    assert times_ns == sorted(times_ns)
    assert source.name == served.url


def test_only_the_newest_frame_is_kept(source: StreamSource, served: Camera) -> None:
    first = read(source)
    sent = served.sent
    until(lambda: served.sent >= sent + 20)
    served.mode = "stall"
    until(lambda: source.status != "")  # by then all that was sent has been received
    newest = read(source)
    assert newest.index >= first.index + 20
    assert abs(int(newest.image[60, 80, 0]) - 5 * served.sent % 256) <= 2
    assert source.read(0.01) is None


def test_a_stalled_stream_is_reported_and_resumes(source: StreamSource, served: Camera) -> None:
    before = read(source)
    served.mode = "stall"
    until(lambda: source.status != "")
    assert source.status == f"stream {served.url} sends no images any more, retrying"
    served.mode = "play"
    until(lambda: source.status == "")
    assert read(source).index > before.index


def test_a_broken_connection_is_reported_and_resumes(source: StreamSource, served: Camera) -> None:
    before = read(source)
    served.mode = "gone"
    until(lambda: source.status != "")
    served.mode = "play"
    until(lambda: source.status == "")
    assert read(source).index > before.index


def test_closing_while_the_stream_is_away_is_prompt(source: StreamSource, served: Camera) -> None:
    served.mode = "gone"
    until(lambda: source.status != "")
    source.close()
    name = f"read stream {served.url}"
    until(lambda: not any(thread.name == name for thread in threading.enumerate()))


def test_a_stalled_stream_holds_up_neither_closing_nor_the_end_of_its_thread(
    served: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C is obeyed while the driver still waits; its thread ends when the driver gives up."""
    monkeypatch.setattr("app.sources.reader._JOIN_TIMEOUT_S", 0.0)
    stalled = StreamSource(served.url, read_timeout_s=1.0, policy=QUICK)
    read(stalled)
    served.mode = "stall"
    stalled.close()
    name = f"read stream {served.url}"
    until(lambda: not any(thread.name == name for thread in threading.enumerate()))
    assert stalled.status == ""  # it did not fail: it was closed


def test_a_stream_that_comes_back_in_another_size_goes_on(source: StreamSource, served: Camera) -> None:
    watch = SourceWatch(source.name, source.fps, source.live)
    assert watch.look(read(source), time.monotonic_ns()).frame.image.shape == (120, 160, 3)
    served.mode = "gone"
    until(lambda: source.status != "")
    served.size_px = (320, 240)
    served.mode = "play"
    until(lambda: source.status == "")
    frame = read(source)
    while frame.image.shape != (240, 320, 3):  # one from before may lie there still
        frame = read(source)
    look = watch.look(frame, time.monotonic_ns())
    assert look.frame.image.shape == (120, 160, 3)
    assert look.fresh


def test_an_address_without_a_stream_is_refused_in_one_sentence(served: Camera) -> None:
    served.mode = "gone"
    with pytest.raises(AppError) as caught:
        StreamSource(served.url)
    assert str(caught.value).startswith(f"cannot play the stream {served.url}: ")
    assert "\n" not in str(caught.value)


def test_passwords_are_not_shown() -> None:
    assert (
        without_password("rtsp://user:secret@camera.local:554/live?x=1") == "rtsp://camera.local:554/live?x=1"
    )
