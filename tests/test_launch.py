"""The command line, as a user meets it: one clear sentence and the right exit status."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from app.display import choose_headless, has_display
from app.errors import AppError, UsageError
from app.settings import TeleopSettings, check_settings, parse_horizon_ms

DISPLAY_VARIABLES = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
ROOT = Path(__file__).resolve().parent.parent


def launch(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Run the command line without a display."""
    environ = {key: value for key, value in os.environ.items() if key not in DISPLAY_VARIABLES}
    return subprocess.run(
        [sys.executable, "launch.py", *arguments],
        cwd=ROOT,
        env=environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def last_line(done: subprocess.CompletedProcess) -> str:
    return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ""


@pytest.mark.parametrize("module", ["launch", "robot.server"])
def test_what_solves_and_draws_nothing_does_not_wait_for_a_compiler(module):
    program = f"import sys, {module}; assert 'numba' not in sys.modules, 'imported'"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=120)


def test_help_lists_the_commands():
    done = launch("--help")
    assert done.returncode == 0
    for command in ("demo", "teleop", "replay", "robot", "doctor", "bench", "train"):
        assert command in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("teleop", "--hand", "middle"), "'right', 'left', 'both'"),
        (("teleop", "--temporal", "kalman"), "one-euro"),
        (("teleop", "--no-such-flag"), "--no-such-flag"),
        (("teleop", "--max-frames", "many"), "many"),
        (("teleop", "--robot", "shadow"), "sim, none or tcp://HOST:PORT"),
        (("teleop", "--robot", "tcp://localhost:port"), "sim, none or tcp://HOST:PORT"),
        (("teleop", "--horizon-ms", "soon"), "auto or a number"),
        (("teleop", "--headless", "--window"), "give one of them"),
        (("teleop", "--temporal", "none", "--network", "x.onnx"), "--temporal posebert"),
        (("teleop", "--source", "webcam", "--no-realtime"), "clock of its own"),
        (("teleop", "--source", "webcam:abc", "--headless"), "webcam[:N]"),
        (("teleop", "--source", "webcam:99999999999999999999", "--headless"), "webcam[:N]"),
        (("teleop", "--source", "ftp://x/y", "--headless"), "rtsp"),
        (("teleop", "--source", "", "--headless"), "webcam[:N]"),
        (("teleop", "--scene", "table", "--robot", "none"), "--robot sim"),
        (("teleop", "--scene", "table", "--object", "anvil"), "'cube', 'ball', 'cup', 'pen'"),
        (("robot", "--object", "cup"), "--scene table"),
        (("replay", ".", "--source", "x.mp4"), "leave out --source"),
        (("robot", "--port", "70000"), "65533"),
        (("doctor", "--port", "70000"), "--port is from 1 to 65533"),
        (("doctor", "--port", "-1"), "--port is from 1 to 65533"),
        (("robot", "--channel", "can1", "--no-guardian"), "--channel, --no-guardian are for --robot allegro"),
        (("robot", "--robot", "allegro", "--object", "ball"), "--object is for --robot sim"),
        (("robot", "--robot", "allegro", "--guardian-timeout-ms", "0"), "must be > 0"),
        (("fly",), "there is no command fly: choose one of demo, teleop, replay, robot"),
        (("telepo", "--source", "x"), "there is no command telepo: choose one of demo, teleop"),
        (
            ("calibrate", "hnd"),
            "no command hnd: choose one of camera, hand, latency; see python",
        ),
        (("teleop", "--max-frame", "3"), "did you mean --max-frames?; see python launch.py teleop --help"),
        (
            ("calibrate", "camera", "--bord"),
            "did you mean --board?; see python launch.py calibrate camera",
        ),
        (("teleop", "--max-frames", "ten"), "--max-frames takes a whole number, not 'ten'; see"),
        (("robot", "--port", "x"), "--port takes a whole number, not 'x'; see python launch.py robot --help"),
        (("teleop", "--arm-scale", "x"), "--arm-scale takes a number, not 'x'"),
        (("bench", "retarget", "--backend", "cpu"), "Expected 'all'; see"),
        (("bench",), "Missing from launch.py bench: {temporal,retarget,robot,latency,all}; see"),
        (("replay",), "Missing from launch.py replay: PATH, a folder made with teleop --record; see"),
        (("export", "tensorrt", "--output", "x", "--compute-capability", "8.6"), "cannot be '8.6'; see"),
        (("bench", "speed"), "temporal"),
        (("train",), "--out"),
        (("train", "--out", "x", "--width", "100"), "multiple of 64"),
        (("train", "--out", "x", "--paces", "2", "1"), "the lesser first"),
        (("train", "--out", "x", "--future", "3", "2"), "ascending"),
    ],
)
def test_bad_arguments_get_one_sentence_and_exit_status_2(arguments, words, launched):
    assert_refused(launched(*arguments), words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("teleop", "--hand", "middle"), "'right', 'left', 'both'"),
        (("teleop", "--robot", "shadow"), "sim, none or tcp://HOST:PORT"),
        (("robot", "--object", "cup"), "--scene table"),
        (("replay", ".", "--source", "x.mp4"), "leave out --source"),
        (("train", "--out", "x", "--width", "100"), "multiple of 64"),
    ],
)
def test_what_a_shell_gets_of_bad_arguments_is_the_same(arguments, words):
    assert_refused(launch(*arguments), words)


def assert_refused(done: subprocess.CompletedProcess, words: str) -> None:
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert words in lines[0]
    assert not done.stdout


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (TeleopSettings(robot="tcp://127.0.0.1:1", scene="table"), "--scene is for --robot sim"),
        (TeleopSettings(object="pen"), "give --scene table"),
        (TeleopSettings(robot="shadow"), "sim, none or tcp://HOST:PORT"),
        (TeleopSettings(horizon_ms="-3"), "auto or a number of milliseconds from 0 to 500"),
        (TeleopSettings(horizon_ms="nan"), "auto or a number of milliseconds from 0 to 500"),
        (TeleopSettings(max_frames=0), "at least 1"),
        (TeleopSettings(headless=True, window=True), "give one of them"),
        (TeleopSettings(source="webcam:1", realtime=False), "clock of its own"),
        (TeleopSettings(source="a.mp4", robot="tcp://127.0.0.1:1", realtime=False), "use --robot sim"),
    ],
)
def test_illegal_settings_are_named_with_the_legal_values(settings, words):
    with pytest.raises(UsageError, match=words):
        check_settings(settings)


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ({"trace": "out", "report": "out"}, "--trace and --report are both .*out: give each a place"),
        ({"trace": "out", "report": "run/../out"}, "--trace and --report"),
        ({"trace": "out", "report": "link"}, "--trace and --report"),
        ({"report": "out", "record": "out"}, "--report and --record"),
        ({"report": "run/trace.npz", "run_dir": "run"}, "--report is where --run-dir has its trace.npz"),
        ({"trace": "run/overview.mp4", "run_dir": "run"}, "--trace is where --run-dir has its overview.mp4"),
    ],
)
def test_two_results_in_one_place_are_refused(tmp_path, places, words):
    (tmp_path / "link").symlink_to(tmp_path / "out")
    with pytest.raises(UsageError, match=words):
        check_settings(TeleopSettings(**{name: tmp_path / place for name, place in places.items()}))


def test_a_result_may_be_named_where_it_goes_anyway(tmp_path):
    check_settings(TeleopSettings(report=tmp_path / "report.json", run_dir=tmp_path))
    check_settings(TeleopSettings(trace=tmp_path / "out.npz", report=tmp_path / "out.json"))


def test_horizon_is_auto_or_a_number():
    assert parse_horizon_ms("auto") is None
    assert parse_horizon_ms("66.5") == 66.5
    assert parse_horizon_ms("0") == 0.0


@pytest.fixture
def text_video(tmp_path) -> Path:
    path = tmp_path / "notes.mp4"
    path.write_text("this is no video\n" * 100)
    return path


@pytest.mark.parametrize("flag", ["--trace", "--report"])
def test_an_unwritable_result_is_refused_before_the_run(tmp_path, text_video, flag):
    (tmp_path / "file").write_text("")
    target = tmp_path / "file" / "out"
    done = launch("teleop", "--source", str(text_video), "--headless", flag, str(target))
    assert done.returncode == 1
    assert last_line(done).startswith("error: cannot write")


@pytest.mark.parametrize("command", [("teleop", "--headless", "--trace"), ("replay",), ("check-hand",)])
def test_a_name_that_is_too_long_gets_one_sentence(command):
    done = launch(*command, "long" * 100)
    assert done.returncode == 1
    assert last_line(done).startswith("error: ")
    assert "long" in last_line(done)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("no_such_file.mp4", "no_such_file.mp4"),
        ("webcam:99", "camera"),
    ],
)
def test_unusable_sources_get_one_sentence(source, words):
    done = launch("teleop", "--source", source, "--headless", "--robot", "none")
    assert done.returncode == 1
    assert last_line(done).startswith("error: ")
    assert words in last_line(done)
    assert "Traceback" not in done.stderr


def test_a_text_file_named_mp4_gets_one_sentence(text_video):
    done = launch("teleop", "--source", str(text_video), "--headless", "--robot", "none")
    assert done.returncode == 1
    assert "notes.mp4" in last_line(done)
    assert "Traceback" not in done.stderr


def test_a_window_without_a_display_gets_one_sentence(text_video):
    done = launch("teleop", "--source", str(text_video), "--window", QT_QPA_PLATFORM="")
    assert done.returncode == 1
    assert "no display" in last_line(done)


@pytest.mark.usefixtures("hand_landmarker_asset")
def test_a_robot_server_that_is_not_there_gets_one_sentence(small_video):
    done = launch("teleop", "--source", str(small_video), "--headless", "--robot", "tcp://127.0.0.1:9")
    assert done.returncode == 1
    assert "no robot server answers at tcp://127.0.0.1:9" in last_line(done).lower()
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_no_recording_gets_one_sentence(tmp_path):
    done = launch("replay", str(tmp_path), "--headless")
    assert done.returncode == 1
    assert "is not a recording" in last_line(done)


def test_a_port_in_use_gets_one_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = launch("robot", "--port", str(min(port, 65533)))
    assert done.returncode == 1
    assert "in use" in last_line(done)
    assert "Traceback" not in done.stderr


def test_a_truncated_video_gets_one_sentence(tmp_path, shared_data):
    whole = (shared_data / "video" / "hand_counting.mp4").read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 3])
    done = launch("teleop", "--source", str(cut), "--headless", "--robot", "none")
    assert done.returncode == 1
    assert "cut.mp4" in last_line(done)
    assert "Traceback" not in done.stderr


def test_without_model_and_network_the_sentence_says_what_to_fetch(tmp_path, small_video):
    done = launch(
        *("teleop", "--source", str(small_video), "--headless", "--robot", "none"),
        POSEHAND_CACHE_DIR=str(tmp_path / "cache"),
        POSEHAND_HAND_LANDMARKER="",
        HTTPS_PROXY="http://127.0.0.1:9",
        https_proxy="http://127.0.0.1:9",
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS="",
    )
    assert done.returncode == 1
    assert "hand_landmarker.task" in last_line(done)
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="the shell there has no such pipe")
def test_the_reader_of_the_output_may_leave():
    done = subprocess.run(
        f'"{sys.executable}" launch.py doctor | true',
        shell=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in done.stderr


def launch_in_shell(command: str, redirection: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        f'"{sys.executable}" launch.py {command} {redirection}',
        shell=True,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
    )


def test_a_python_without_the_packages_gets_one_sentence():
    done = subprocess.run(
        [sys.executable, "-S", "launch.py", "doctor"],  # no site-packages
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: the package tyro is missing: pip install -r requirements.txt")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="the shell there closes no output")
def test_a_closed_output_changes_nothing_but_what_is_shown(tmp_path):
    done = launch_in_shell(f'keys --directory "{tmp_path / "keys"}"', ">&-")
    assert (done.returncode, done.stderr) == (0, "")
    done = launch_in_shell("teleop --hand middle", ">&-")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("command", ["doctor", "doctor --json", "--help", "keys --directory {}"])
def test_an_output_that_is_full_gets_one_sentence(tmp_path, command):
    done = launch_in_shell(command.format(tmp_path / "keys"), ">/dev/full")
    assert done.returncode == 1
    assert last_line(done).startswith("error: the output cannot be written (No space left on device)")
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_sentence_that_nobody_hears_keeps_its_exit_status():
    done = launch_in_shell("teleop --hand middle", "2>/dev/full")
    assert done.returncode == 2


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no such signal there")
@pytest.mark.parametrize(("before", "status"), [("SIG_DFL", 130), ("SIG_IGN", 0)])
def test_a_lost_terminal_ends_in_order_unless_it_is_to_be_ignored(before, status):
    program = f"""
import os, signal, sys, launch
signal.signal(signal.SIGHUP, signal.{before})
launch.Doctor.run = lambda command: os.kill(os.getpid(), signal.SIGHUP) or 0
sys.exit(launch.main(["doctor"]))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=120)
    assert done.returncode == status


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot press Ctrl-C there for itself alone")
@pytest.mark.parametrize(
    ("module", "said"),
    [("tyro", ""), ("app.doctor", "error: interrupted before there was anything to keep\n")],
)
def test_ctrl_c_ends_in_order_while_packages_are_imported(module, said):
    program = f"""
import importlib.abc, os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background inherits none
class CtrlC(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "{module}":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, CtrlC())
sys.argv = ["launch.py", "doctor"]
runpy.run_path("launch.py", run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", said)


def test_what_was_to_follow_a_calibration_does_not_follow_one_that_was_cancelled():
    program = """
import sys, launch
def give_up(command):
    raise launch.CancelledError("cancelled; what was calibrated before stays as it is")
launch.Calibrate.run = give_up
sys.exit(launch.main(["calibrate", "hand", "--operator", "Anna"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    said = "cancelled; what was calibrated before stays as it is\n"
    assert (done.returncode, done.stdout, done.stderr) == (130, said, "")


def test_importing_the_command_line_changes_no_signal():
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import launch; "
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=120)


@pytest.mark.parametrize("place", [".", ""])
def test_a_result_that_is_a_folder_is_refused(place):
    done = launch("teleop", "--source", "x.mp4", "--headless", "--trace", place)
    assert done.returncode == 1
    assert "it is a folder" in last_line(done)


@pytest.mark.parametrize(
    "command",
    [
        ("teleop", "--headless", "--source", "synthetic", "--run-dir"),
        ("export", "onnx", "--output"),
        ("train", "--out"),
    ],
    ids=lambda command: command[0],
)
def test_a_file_where_a_folder_is_to_be_is_told(tmp_path, command):
    place = tmp_path / "taken"
    place.write_text("")
    done = launch(*command, str(place))
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "a file" in done.stderr
    assert "File exists" not in done.stderr


def test_a_missing_model_file_gets_one_sentence(tmp_path, small_video):
    done = launch(
        "teleop", "--source", str(small_video), "--headless", "--hand-model", str(tmp_path / "none.task")
    )
    assert done.returncode == 1
    assert "none.task" in last_line(done)


def test_display_is_told_from_the_environment():
    assert not has_display({}, "linux")
    assert has_display({"DISPLAY": ":0"}, "linux")
    assert has_display({"WAYLAND_DISPLAY": "wayland-0"}, "linux")
    assert not has_display({"DISPLAY": ":0", "QT_QPA_PLATFORM": "offscreen"}, "linux")
    assert has_display({}, "win32")
    assert has_display({}, "darwin")


def test_headless_is_implied_without_a_display(monkeypatch):
    monkeypatch.setattr("app.display.has_display", lambda: False)
    assert choose_headless(headless=False, window=False)
    with pytest.raises(AppError, match="no display"):
        choose_headless(headless=False, window=True)
    monkeypatch.setattr("app.display.has_display", lambda: True)
    assert not choose_headless(headless=False, window=False)
    assert choose_headless(headless=True, window=False)


def test_doctor_looks_at_everything_and_says_what_is_missing():
    done = launch("doctor")
    for subject in (
        "machine",
        "packages",
        "onnxruntime",
        "hand detector model",
        "PoseBERT",
        "cameras",
        "display",
        "ports",
    ):
        assert subject in done.stdout
    assert "[note] display" in done.stdout
    assert done.returncode in (0, 1)
    assert (done.returncode == 0) == ("[MISS]" not in done.stdout)


def test_reports_are_json(tmp_path, small_video):
    report = tmp_path / "report.json"
    done = launch(
        *("teleop", "--source", str(small_video), "--headless", "--no-realtime", "--robot", "none"),
        *("--report", str(report), "--run-dir", str(tmp_path / "run")),
    )
    assert done.returncode == 0, done.stderr
    data = json.loads(report.read_text())
    assert data["frames"] == 20
    for key in (
        "detection_rate",
        "stage_ms",
        "age_ms",
        "dropped_frames",
        "limits_hit",
        "versions",
        "machine",
    ):
        assert key in data
