"""The numbered examples run as they stand."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "examples").glob("[0-9][0-9]_*.py"))


def run(example, folder, *arguments):
    """The example as it ended, run in a folder."""
    environ = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return subprocess.run(
        [sys.executable, str(example), *arguments],
        cwd=folder,
        env={**environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=180,
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_without_a_display(example, tmp_path, request):
    source = example.read_text(encoding="utf-8")
    if "app.detector" in source or "run_teleop" in source:
        request.getfixturevalue("hand_landmarker_asset")  # skips where the detector has no model
    done = run(example, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    folders = [path.name for path in tmp_path.iterdir() if path.is_dir()]
    assert [name for name in folders if name not in ast.get_docstring(ast.parse(source))] == []


@pytest.mark.parametrize(
    ("stem", "arguments", "sentence"),
    [
        ("05_use_the_hand_trajectory", ["missing.mp4"], "there is no video file missing.mp4"),
        ("06_read_a_recording", ["missing"], "missing is not a recording"),
        ("06_read_a_recording", [], "recording is not a recording"),
    ],
)
def test_example_tells_what_it_cannot_read_in_one_sentence(stem, arguments, sentence, tmp_path):
    (tmp_path / "recording").mkdir()
    done = run(next(path for path in EXAMPLES if path.stem == stem), tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {sentence}")
    assert len(done.stderr.splitlines()) == 1


def test_examples_are_numbered_without_gaps():
    assert [int(path.stem[:2]) for path in EXAMPLES] == list(range(1, len(EXAMPLES) + 1))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_says_what_it_shows(example):
    told = ast.get_docstring(ast.parse(example.read_text(encoding="utf-8")))
    assert told
    assert told.splitlines()[0].endswith(".")
