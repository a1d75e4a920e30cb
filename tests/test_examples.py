"""The numbered examples run as they stand."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "examples").glob("[0-9][0-9]_*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_without_a_display(example, tmp_path, request):
    source = example.read_text(encoding="utf-8")
    if "app.detector" in source or "run_teleop" in source:
        request.getfixturevalue("hand_landmarker_asset")  # skips where the detector has no model
    environ = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(
        [sys.executable, str(example)],
        cwd=tmp_path,
        env={**environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_examples_are_numbered_without_gaps():
    assert [int(path.stem[:2]) for path in EXAMPLES] == list(range(1, len(EXAMPLES) + 1))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_says_what_it_shows(example):
    told = ast.get_docstring(ast.parse(example.read_text(encoding="utf-8")))
    assert told
    assert told.splitlines()[0].endswith(".")
