"""The doctor as a whole: it ends, it never raises, it says what is missing and exits accordingly."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.doctor import Finding, as_json, examine, missing_sentence, report, report_lines
from app.doctor.examine import Look, everything
from app.doctor.probe import ask_probe, run_command

ROOT = Path(__file__).resolve().parent.parent
CAMERA = Finding("webcam:0", "ok", "a camera", details=("MJPG: 640×480@30",), group="Seeing")
SCREEN = Finding("display", "MISS", "Qt cannot start", "sudo apt-get install -y libxcb-cursor0", (), "Seeing")
NETWORK = Finding("PoseBERT", "MISS", "is not there", "git lfs pull", (), "Models")
NOTE = Finding("CAN", "note", "no bus", group="Robot")


def doctor(*arguments, environ=None, python=("-m", "app.doctor")):
    return subprocess.run(
        [sys.executable, *python, *arguments],
        cwd=ROOT,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=170,
        check=False,
    )


@pytest.fixture(scope="module")
def done():
    environ = {"PYTHONIOENCODING": "utf-8", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    return doctor("--json", environ=environ)


def test_the_whole_machine_is_looked_at(done):
    findings = json.loads(done.stdout)["findings"]
    subjects = {finding["subject"] for finding in findings}
    expected = {"machine", "Python", "disk, recordings", "disk, models", "packages", "OpenCV"}
    expected |= {"hand detector model", "PoseBERT", "onnxruntime", "GPU", "TensorRT", "display"}
    expected |= {"robot server ports", "python-can", "real-time priority", "delays", "camera calibration"}
    assert expected <= subjects
    assert not [finding for finding in findings if "cannot be looked at" in finding["text"]]


def test_the_exit_status_and_stderr_say_what_is_missing(done):
    content = json.loads(done.stdout)
    missing = [finding["subject"] for finding in content["findings"] if finding["verdict"] == "MISS"]
    assert content["complete"] == (not missing)
    assert done.returncode == (1 if missing else 0)
    for subject in missing:
        assert subject in done.stderr
    assert len(done.stderr.strip().splitlines()) == len(missing[:1])


def test_the_packages_that_run_these_tests_are_found_good(done):
    verdicts = {finding["subject"]: finding["verdict"] for finding in json.loads(done.stdout)["findings"]}
    assert {verdicts[name] for name in ("machine", "Python", "packages", "PoseBERT", "python-can")} == {"ok"}


def test_the_doctor_needs_none_of_the_packages():
    code = "import sys, app.doctor; print(sorted({'numpy', 'cv2', 'zmq', 'platformdirs'} & set(sys.modules)))"
    alone = doctor(python=("-S", "-c", code))
    assert alone.returncode == 0, alone.stderr
    assert alone.stdout.strip() == "[]"


def test_a_look_that_raises_is_a_finding_of_its_own():
    def broken():
        raise RuntimeError("two\nlines")

    looks = (Look("A", "first", broken), Look("B", "second", lambda: [Finding("second", "ok", "fine")]))
    first, second = examine(5570, looks)
    assert (first.group, first.subject, first.verdict) == ("A", "first", "note")
    assert "two lines" in first.text
    assert second.verdict == "ok"


def test_a_look_that_hangs_is_left_behind():
    let_go = threading.Event()

    def hanging():
        let_go.wait(60)
        return []

    looks = (
        Look("A", "slow", hanging, limit_s=0.05),
        Look("A", "quick", lambda: [Finding("quick", "ok", "fine")]),
    )
    slow, quick = examine(5570, looks)
    let_go.set()
    assert (slow.subject, slow.verdict) == ("slow", "note")
    assert "no answer within" in slow.text
    assert quick.text == "fine"


def test_findings_keep_the_order_of_the_looks_and_every_group_stands_together():
    groups = [look.group for look in everything(5570)]
    assert groups == sorted(groups, key=groups.index)


def test_the_report_is_grouped_and_aligned():
    lines = report_lines([CAMERA, SCREEN, NOTE], columns=80)
    assert [line for line in lines if line and not line.startswith(" ")][:2] == ["Seeing", "Robot"]
    columns = {
        line.index(text) for line in lines for text in ("a camera", "Qt cannot", "no bus") if text in line
    }
    assert len(columns) == 1
    assert any(line.endswith("→ sudo apt-get install -y libxcb-cursor0") for line in lines)
    assert any("MJPG: 640×480@30" in line for line in lines)


def test_long_texts_are_wrapped_and_commands_are_not():
    command = "sudo " + "word " * 60
    lines = report_lines([Finding("thing", "note", "text " * 60, command, (), "Group")], columns=80)
    texts = [line for line in lines if "text" in line]
    assert len(texts) > 1
    assert max(map(len, texts)) <= 80
    assert any(command in line for line in lines)


def test_json_holds_every_field():
    content = json.loads(as_json([CAMERA, SCREEN]))
    assert content["complete"] is False
    assert content["findings"][0]["details"] == ["MJPG: 640×480@30"]
    assert content["findings"][1]["fix"] == "sudo apt-get install -y libxcb-cursor0"


def test_one_sentence_names_all_that_is_missing(capsys):
    assert report([CAMERA, SCREEN, NETWORK]) == 1
    told = capsys.readouterr()
    assert "display, PoseBERT" in told.err
    assert len(told.err.strip().splitlines()) == 1
    assert "libxcb-cursor0" in missing_sentence([SCREEN])


def test_notes_alone_are_no_failure(capsys):
    assert report([CAMERA, NOTE]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert "Nothing needed is missing; 1 to know." in told.out


def test_json_is_all_that_stands_on_stdout_if_it_is_wanted(capsys):
    assert report([NOTE], json_wanted=True) == 0
    assert json.loads(capsys.readouterr().out)["complete"] is True


def test_a_process_that_does_not_end_is_killed():
    answer = run_command([sys.executable, "-c", "import time; time.sleep(60)"], 0.5)
    assert answer.status is None
    assert "no answer within" in answer.why()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are of POSIX")
def test_a_process_that_crashes_is_an_answer():
    code = "import os; print('{\"a\": 1}', flush=True); os.abort()"
    answer = run_command([sys.executable, "-c", code], 30.0)
    assert answer.status is not None
    assert answer.status < 0
    assert "signal" in answer.why()
    assert answer.fact == {"a": 1}


def test_a_command_that_is_not_there_is_an_answer():
    answer = run_command(["no-such-command-of-anybody"], 5.0)
    assert answer.status is None
    assert answer.why()


def test_a_probe_tells_what_cannot_be_imported(tmp_path):
    (tmp_path / "broken_module.py").write_text("raise ImportError('libGL.so.1: cannot open shared object')")
    answer = ask_probe(
        "imports", 30.0, "json", "broken_module", "not_there_at_all", changes={"PYTHONPATH": str(tmp_path)}
    )
    errors = {fact["module"]: fact["error"] for fact in answer.facts if fact["done"]}
    assert errors["json"] == ""
    assert "libGL.so.1" in errors["broken_module"]
    assert errors["not_there_at_all"] == "absent"
