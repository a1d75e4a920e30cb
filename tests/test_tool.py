"""What the tools that make training data do when they cannot go on."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from app import body_corpus
from app.errors import AppError, UsageError
from app.tool import run_tool
from models.body_clips import BodyClip
from models.errors import ModelError

FRAMES = 4


def test_a_tool_that_ends_well_has_status_0() -> None:
    assert run_tool(lambda: None) == 0


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (AppError("no corpus; make one"), "error: no corpus; make one"),
        (ModelError("no weights; give some"), "error: no weights; give some"),
        (
            PermissionError(13, "Permission denied", "clips/0.npz"),
            "error: clips/0.npz cannot be read or written (Permission denied); give another place",
        ),
        (
            OSError(28, "No space left on device"),
            "error: a file cannot be read or written (No space left on device); give another place",
        ),
        (KeyboardInterrupt(), "the same command goes on from here"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_tool_that_fails_says_one_sentence(
    failure: BaseException, sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    def run() -> None:
        raise failure

    with caplog.at_level(logging.INFO):
        assert run_tool(run, stopped="the same command goes on from here") == 1
    assert caplog.messages == [sentence]


def test_an_illegal_setting_has_status_2_as_with_launch(caplog: pytest.LogCaptureFixture) -> None:
    def run() -> None:
        raise UsageError("minutes are above 0")

    assert run_tool(run) == 2
    assert caplog.messages == ["error: minutes are above 0"]


def test_a_mistake_of_the_program_is_not_hidden() -> None:
    def run() -> None:
        raise TypeError("a mistake")

    with pytest.raises(TypeError, match="a mistake"):
        run_tool(run)


def test_a_corpus_that_cannot_be_written_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    still = BodyClip(
        "still", "train", np.tile(np.eye(3), (FRAMES, 24, 1, 1)),
        np.zeros((FRAMES, 33, 3)), np.zeros((FRAMES, 3)),
    )  # fmt: skip
    monkeypatch.setattr(body_corpus, "read_body_clips", lambda *arguments: [still])
    taken = tmp_path / "out"
    taken.write_text("a file that was here before")
    assert body_corpus.main([str(tmp_path), str(taken)]) == 1
    (said,) = caplog.messages
    assert said.startswith(f"error: {taken}")
    assert said.endswith("give another place")
    assert taken.read_text() == "a file that was here before"
