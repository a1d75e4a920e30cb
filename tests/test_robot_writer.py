"""Lines written aside: in order, never waited for, and none lost where there is a reader."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator

import pytest
from pipe_examples import fill

from robot.writer import LineWriter, logging_aside

pytestmark = pytest.mark.skipif(os.name != "posix", reason="looks at pipes as POSIX has them")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Where to read and where to write."""
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):
            os.close(end)


def test_lines_come_out_as_they_went_in(pipe: tuple[int, int]) -> None:
    read, write = pipe
    writer = LineWriter(write)
    lines = [f"line {i} — ü" for i in range(300)]
    for line in lines:
        writer.write(line)
    writer.close()
    os.close(write)
    with open(read, encoding="utf-8", closefd=False) as file:
        assert file.read().splitlines() == lines
    assert writer.lost == 0


def test_what_the_encoding_has_no_sign_for_is_escaped(pipe: tuple[int, int]) -> None:
    writer = LineWriter(pipe[1], "ascii")
    writer.write("ü")
    writer.close()
    assert os.read(pipe[0], 100) == b"\\xfc\n"


def test_nobody_waits_for_a_pipe_that_nobody_reads(pipe: tuple[int, int]) -> None:
    read, write = pipe
    fill(write)
    writer = LineWriter(write)
    for i in range(3000):
        writer.write(f"line {i}")
    assert writer.lost > 1000
    writer.close(wait_s=0.05)  # returns, though nothing can be written
    while b"lines before this one were lost" not in os.read(read, 1 << 20):
        writer.write("once more")  # says so as soon as there is a reader


def test_a_reader_that_goes_away_is_no_error(pipe: tuple[int, int]) -> None:
    read, write = pipe
    writer = LineWriter(write)
    os.close(read)
    for _ in range(2000):
        writer.write("to nobody")
    writer.close()


def test_what_is_logged_goes_to_stderr_and_the_old_handlers_come_back(
    capfd: pytest.CaptureFixture[str],
) -> None:
    root, log = logging.getLogger(), logging.getLogger("robot.test")
    old = logging.StreamHandler()
    old.setFormatter(logging.Formatter("%(name)s says %(message)s"))
    root.addHandler(old)
    try:
        with logging_aside():
            assert old not in root.handlers
            log.warning("stay %d mm away", 5)
        assert old in root.handlers
    finally:
        root.removeHandler(old)
    assert capfd.readouterr().err == "robot.test says stay 5 mm away\n"
