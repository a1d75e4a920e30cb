"""What the doctor says of the computer, packages, models, GPU and display, good and bad."""

import hashlib
import json
import os
import sys
from types import SimpleNamespace

import pytest

from app import assets
from app.doctor.calibrations import look_at_calibrations
from app.doctor.computer import look_at_python, look_at_space
from app.doctor.detectors import look_at_detectors
from app.doctor.gpu import look_at_gpu, look_at_tensorrt
from app.doctor.libraries import debian_package, install_command, missing_libraries
from app.doctor.networks import look_at_networks
from app.doctor.onnx import look_at_onnxruntime
from app.doctor.packages import look_at_extras, look_at_opencv, look_at_packages
from app.doctor.probe import Answer
from app.doctor.screen import look_at_screen

SMI = "NVIDIA H100 80GB HBM3, 550.54, 81559, 80000, 9.0\n"


BOTH = {"onnxruntime": "1.22", "onnxruntime_gpu": "1.22"}


def told(*facts, status=0, complaints=""):
    return lambda *_, **__: Answer(status, "\n".join(map(json.dumps, facts)), complaints)


def installed(**versions):
    return lambda package: versions.get(package.replace("-", "_"))


@pytest.mark.parametrize(
    ("version", "bits", "verdict"),
    [((3, 10, 0), 64, "ok"), ((3, 13, 1), 64, "ok"), ((3, 9, 18), 64, "MISS"), ((3, 12, 0), 32, "MISS")],
)
def test_python_must_be_new_enough_and_of_64_bit(version, bits, verdict):
    (finding,) = look_at_python(version, bits)
    assert finding.verdict == verdict
    assert bool(finding.fix) == (verdict == "MISS")


@pytest.mark.parametrize(("free_gib", "verdict"), [(50.0, "ok"), (1.0, "note"), (0.01, "MISS")])
def test_recordings_need_room(tmp_path, free_gib, verdict):
    recordings, models = look_at_space(tmp_path / "runs", tmp_path / "cache", lambda _: free_gib)
    assert recordings.verdict == verdict
    assert models.missing == (verdict == "MISS")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_missing(tmp_path):
    tmp_path.chmod(0o500)
    recordings, models = look_at_space(tmp_path / "runs", tmp_path / "cache")
    tmp_path.chmod(0o700)
    assert recordings.missing
    assert "POSEHAND_CACHE_DIR" in models.fix


def test_modules_that_are_there_are_good():
    (finding,) = look_at_packages(("json", "numpy"))
    assert finding.verdict == "ok"
    assert "numpy" in finding.text


def test_modules_that_are_not_there_are_missing():
    (finding,) = look_at_packages(("json", "no_such_module"))
    assert finding.missing
    assert "not installed: no_such_module" in finding.text
    assert finding.fix == "pip install -r requirements.txt"


def test_a_missing_system_library_gets_the_system_package():
    error = "ImportError: libGL.so.1: cannot open shared object file: No such file or directory"
    (finding,) = look_at_packages(("cv2",), told({"module": "cv2", "done": True, "error": error}))
    assert finding.missing
    assert "libgl1" in finding.fix


def test_a_module_that_crashes_python_is_named():
    facts = (
        {"module": "numpy", "done": False},
        {"module": "numpy", "done": True, "error": ""},
        {"module": "cv2", "done": False},
    )
    (finding,) = look_at_packages(("numpy", "cv2", "zmq"), told(*facts, status=-11))
    assert finding.missing
    assert "cv2 (the import crashes)" in finding.text


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libxcb-cursor.so.0", "libxcb-cursor0"),
        ("libxcb-icccm.so.4", "libxcb-icccm4"),
        ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
        ("libdbus-1.so.3", "libdbus-1-3"),
        ("libEGL.so.1", "libegl1"),
        ("libX11-xcb.so.1", "libx11-xcb1"),
        ("libGLESv2.so.2", "libgles2"),
        ("libglib-2.0.so.0", "libglib2.0-0"),
    ],
)
def test_libraries_are_in_the_package_that_debian_calls_so(library, package):
    assert debian_package(library) == package
    assert package in install_command([library])


def test_missing_libraries_are_read_from_loader_and_ldd():
    text = (
        "\tlibxcb-cursor.so.0 => not found\n\tlibc.so.6 => /lib/libc.so.6 (0x1)\n"
        "libEGL.so.1: cannot open shared object file: No such file\n\tlibxcb-cursor.so.0 => not found\n"
    )
    assert missing_libraries(text) == ["libxcb-cursor.so.0", "libEGL.so.1"]


def test_one_opencv_is_good():
    (finding,) = look_at_opencv(installed(opencv_contrib_python="5.0"))
    assert finding.verdict == "ok"


def test_two_opencvs_overwrite_each_other():
    (finding,) = look_at_opencv(installed(opencv_contrib_python="5.0", opencv_python="4.9"))
    assert finding.verdict == "note"
    assert "pip uninstall -y opencv-contrib-python opencv-python &&" in finding.fix


def test_no_opencv_is_missing():
    (finding,) = look_at_opencv(installed())
    assert finding.missing


def test_export_packages_are_optional():
    lerobot, rerun = look_at_extras(installed(pyarrow="21.0"))
    assert lerobot.verdict == "ok"
    assert rerun.verdict == "note"
    assert "requirements-export.txt" in rerun.fix


@pytest.fixture
def asset(tmp_path, monkeypatch):
    """A cache of its own, and an asset whose file holds the word good."""
    monkeypatch.setenv("POSEHAND_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("POSEHAND_HAND_LANDMARKER", raising=False)
    digest = hashlib.sha256(b"good").hexdigest()
    asset = assets.TaskAsset(
        "hand.task",
        "POSEHAND_HAND_LANDMARKER",
        "https://host.invalid/hand.task",
        digest,
        4,
        "wheel==1",
        (),
        "",
    )
    monkeypatch.setattr(assets, "HAND_LANDMARKER", asset)
    monkeypatch.delattr(assets, "POSE_LANDMARKER", raising=False)
    return asset


def nobody(url):
    raise AssertionError(f"{url} was asked")


def test_an_intact_detector_model_is_good_and_nobody_is_asked(asset, tmp_path):
    (tmp_path / asset.file_name).write_bytes(b"good")
    (finding,) = look_at_detectors(nobody)
    assert finding.verdict == "ok"


@pytest.mark.parametrize("reachable", [True, False])
def test_a_detector_model_not_fetched_yet_is_missing_where_it_cannot_be(asset, reachable):
    (finding,) = look_at_detectors(lambda url: reachable)
    assert finding.missing == (not reachable)
    assert "launch.py teleop" in finding.fix
    assert (asset.url in finding.fix) == (not reachable)


def test_a_corrupt_detector_model_is_told(asset, tmp_path):
    (tmp_path / asset.file_name).write_bytes(b"bad")
    (finding,) = look_at_detectors(lambda url: True)
    assert "corrupt" in finding.text


def test_a_users_own_detector_model_must_be_there(asset, tmp_path, monkeypatch):
    monkeypatch.setenv("POSEHAND_HAND_LANDMARKER", str(tmp_path / "mine.task"))
    (finding,) = look_at_detectors(nobody)
    assert finding.missing
    (tmp_path / "mine.task").touch()
    (finding,) = look_at_detectors(nobody)
    assert finding.verdict == "ok"


def test_the_body_detector_is_looked_at_where_there_is_one_and_not_needed(asset, tmp_path, monkeypatch):
    (tmp_path / asset.file_name).write_bytes(b"good")
    body = SimpleNamespace(**{**vars(asset), "file_name": "pose.task", "path_variable": "POSEHAND_NOT_SET"})
    monkeypatch.setattr(assets, "POSE_LANDMARKER", body, raising=False)
    hand, pose = look_at_detectors(lambda url: False)
    assert hand.verdict == "ok"
    assert (pose.subject, pose.verdict) == ("body detector model", "note")


def test_the_network_that_ships_runs():
    (finding, *_) = look_at_networks()
    assert (finding.subject, finding.verdict) == ("PoseBERT", "ok")
    assert " ms on the CPU" in finding.text


def test_networks_are_checked_against_their_card(tmp_path):
    (tmp_path / "posebert.onnx").write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    runs = told({"finite": True, "duration_ms": 2.0})
    (tmp_path / "README.md").write_text(f"| posebert.onnx | {digest} |")
    (finding,) = look_at_networks(tmp_path, runs)
    assert finding.verdict == "ok"
    assert "as its card says" in finding.text
    (tmp_path / "README.md").write_text(f"| posebert.onnx | {'0' * 64} |")
    (finding,) = look_at_networks(tmp_path, runs)
    assert finding.missing
    assert "git checkout" in finding.fix


@pytest.mark.parametrize(
    ("content", "answer", "word"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", told(), "git lfs pull"),
        (b"weights", told(status=1, complaints="InvalidProtobuf: no"), "does not run: InvalidProtobuf"),
        (b"weights", told({"finite": False, "duration_ms": 1.0}), "no finite numbers"),
        (b"weights", told(status=1, complaints="No module named 'onnxruntime'"), "pip install"),
    ],
)
def test_networks_that_do_not_run_are_told_from_each_other(tmp_path, content, answer, word):
    (tmp_path / "posebert.onnx").write_bytes(content)
    (finding,) = look_at_networks(tmp_path, answer)
    assert finding.missing
    assert word in f"{finding.text} {finding.fix}"


def test_a_missing_network_is_missing_and_a_broken_spare_one_is_not(tmp_path):
    (tmp_path / "posebert_body.onnx").write_bytes(b"weights")
    hand, body = look_at_networks(tmp_path, told(status=1))
    assert (hand.subject, hand.verdict) == ("PoseBERT", "MISS")
    assert (body.subject, body.verdict) == ("PoseBERT body", "note")


def test_onnxruntime_on_a_machine_without_gpu_is_good():
    answer = told({"version": "1.22", "providers": ["CUDAExecutionProvider", "CPUExecutionProvider"]})
    (finding,) = look_at_onnxruntime(answer, installed(onnxruntime_gpu="1.22"), lambda: False)
    assert finding.verdict == "ok"
    assert "usable here: CPU" in finding.text


def test_missing_cuda_libraries_get_the_command():
    facts = (
        {"version": "1.22", "providers": ["CUDAExecutionProvider", "CPUExecutionProvider"]},
        {"provider": "CUDAExecutionProvider", "usable": False},
    )
    complaint = (
        "Failed to load library /x/libonnxruntime_providers_cuda.so with error: "
        "libcublasLt.so.12: cannot open shared object file: No such file or directory"
    )
    answer = told(*facts, complaints=complaint)
    runtime, cuda = look_at_onnxruntime(answer, installed(onnxruntime_gpu="1.22"), lambda: True)
    assert runtime.verdict == "ok"
    assert cuda.text == "not usable: libcublasLt.so.12 cannot be found"
    assert cuda.fix == "pip install -r requirements-gpu.txt"


def test_a_cuda_provider_that_works_is_good():
    facts = (
        {"version": "1.22", "providers": ["CUDAExecutionProvider", "CPUExecutionProvider"]},
        {"provider": "CUDAExecutionProvider", "usable": True},
    )
    runtime, cuda = look_at_onnxruntime(told(*facts), installed(onnxruntime_gpu="1.22"), lambda: True)
    assert "usable here: CUDA, CPU" in runtime.text
    assert cuda.verdict == "ok"


def test_a_gpu_without_a_provider_for_it_is_noted():
    answer = told({"version": "1.22", "providers": ["CPUExecutionProvider"]})
    _, cuda = look_at_onnxruntime(answer, installed(onnxruntime="1.22"), lambda: True)
    assert cuda.verdict == "note"
    assert "requirements-gpu.txt" in cuda.fix


@pytest.mark.parametrize(
    ("answer", "versions", "verdict"),
    [
        (told(), {}, "MISS"),
        (told(status=1, complaints="ImportError: DLL load failed"), {"onnxruntime": "1.22"}, "MISS"),
        (
            told({"version": "1.22", "providers": []}),
            BOTH,
            "MISS",
        ),
        (
            told({"version": "1.22", "providers": ["CPUExecutionProvider"]}),
            BOTH,
            "note",
        ),
    ],
)
def test_a_broken_onnxruntime_is_told(answer, versions, verdict):
    (finding,) = look_at_onnxruntime(answer, installed(**versions), lambda: False)
    assert finding.verdict == verdict
    assert "pip" in finding.fix


def test_onnxruntime_itself_is_asked():
    (finding, *_) = look_at_onnxruntime(has_gpu=lambda: False)
    assert finding.verdict == "ok"
    assert "CPU" in finding.text.rpartition("usable")[2]


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script of a POSIX shell")
@pytest.mark.parametrize(("status", "verdict"), [(0, "ok"), (9, "note")])
def test_nvidia_smi_is_asked(tmp_path, monkeypatch, status, verdict):
    stand_in = tmp_path / "nvidia-smi"
    stand_in.write_text(f"#!/bin/sh\necho '{SMI.strip()}'\nexit {status}\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    (finding,) = look_at_gpu(pci=tmp_path / "none")
    assert finding.verdict == verdict
    assert ("80GB HBM3, driver 550.54" in finding.text) == (status == 0)


def test_a_card_without_its_driver_gets_the_command(tmp_path):
    card = tmp_path / "0000:01:00.0"
    card.mkdir()
    (card / "vendor").write_text("0x10de\n")
    (card / "class").write_text("0x030000\n")
    failed = Answer(9, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.")
    (finding,) = look_at_gpu(lambda *_: failed, tmp_path)
    assert "couldn't communicate" in finding.text
    assert finding.fix


def test_no_gpu_is_a_note(tmp_path):
    (finding,) = look_at_gpu(lambda *_: Answer(None, "not there"), tmp_path)
    assert finding.verdict == "note"
    assert finding.fix == ""


def test_tensorrt_is_told_with_its_version():
    imported = told({"module": "tensorrt", "done": True, "error": ""})
    gpu = lambda *_: Answer(0, SMI)  # noqa: E731 — as short as what it stands for
    (good,) = look_at_tensorrt(gpu, imported, installed(tensorrt="10.9"))
    assert (good.verdict, good.text) == ("ok", "tensorrt 10.9")
    broken = told({"module": "tensorrt", "done": True, "error": "ImportError: libnvinfer.so.10"})
    (bad,) = look_at_tensorrt(gpu, broken, installed(tensorrt="10.9"))
    assert "libnvinfer.so.10" in bad.text
    (absent,) = look_at_tensorrt(gpu, imported, installed())
    assert absent.fix == "pip install tensorrt"


def test_a_display_that_qt_opens_is_good():
    opened = told({"plugins": "/x"}, {"platform": "xcb", "screens_px": [[1920, 1080]]})
    (finding,) = look_at_screen({"DISPLAY": ":0"}, "linux", opened)
    assert (finding.verdict, finding.text) == ("ok", "1920×1080 at :0, Qt opens it (xcb)")


def test_no_display_is_a_note_and_qt_is_tried_without_one():
    (finding,) = look_at_screen({}, "linux", told({"platform": "offscreen", "screens_px": []}))
    assert (finding.subject, finding.verdict) == ("display", "note")
    display, qt = look_at_screen(
        {},
        "linux",
        told({"plugins": "/x"}, status=1, complaints="libEGL.so.1: cannot open shared object file"),
    )
    assert display.verdict == qt.verdict == "note"
    assert "libegl1" in qt.fix


def test_what_qt_misses_is_named_with_the_command():
    aborted = told({"plugins": "/x"}, status=-6, complaints="could not load the Qt platform plugin")
    ldd = Answer(0, "\tlibxcb-cursor.so.0 => not found\n\tlibxcb-icccm.so.4 => not found\n")
    if not install_command(["libxcb-cursor.so.0"]).startswith("sudo"):
        pytest.skip("no apt-get here")
    (finding,) = look_at_screen({"DISPLAY": ":0"}, "linux", aborted, lambda *_: ldd)
    assert finding.missing
    assert finding.fix == "sudo apt-get install -y libxcb-cursor0 libxcb-icccm4"


def test_a_display_that_does_not_answer_is_told_from_a_missing_library():
    complaint = (
        "qt.qpa.xcb: could not connect to display :9\nqt.qpa.plugin: From 6.5.0, xcb-cursor0 is needed"
    )
    aborted = told({"plugins": "/x"}, status=-6, complaints=complaint)
    (finding,) = look_at_screen({"DISPLAY": ":9"}, "linux", aborted, lambda *_: Answer(0, "all found"))
    assert finding.missing
    assert "nothing answers there" in finding.text


def test_a_qt_that_hangs_is_told():
    (finding,) = look_at_screen(
        {"DISPLAY": ":0"}, "linux", lambda *_, **__: Answer(None, "no answer within 40 s")
    )
    assert finding.missing
    assert "no answer within 40 s" in finding.text


def test_without_calibrations_the_commands_are_named(tmp_path):
    findings = look_at_calibrations(tmp_path / "none")
    assert {finding.verdict for finding in findings} == {"note"}
    assert all("launch.py calibrate" in finding.fix for finding in findings)


def test_calibrations_are_listed(tmp_path):
    (tmp_path / "delays.json").write_text('{"camera_ms": 40.0, "actuator_ms": null}')
    for folder, name in (("cameras", "webcam_0"), ("operators", "ada")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.json").write_text("{}")
    findings = look_at_calibrations(tmp_path)
    assert {finding.verdict for finding in findings} == {"ok"}
    assert "ada.json" in findings[-1].text


@pytest.mark.parametrize("content", ["{", "[]", '{"camera_ms": -1}', '{"unknown": 3}'])
def test_a_calibration_that_would_end_every_run_is_missing(tmp_path, content):
    (tmp_path / "delays.json").write_text(content)
    finding = look_at_calibrations(tmp_path)[0]
    assert finding.missing
    assert finding.fix.startswith("rm ")


def test_an_operator_that_cannot_be_read_is_only_noted(tmp_path):
    (tmp_path / "operators").mkdir()
    (tmp_path / "operators" / "ada.json").write_text("{")
    finding = look_at_calibrations(tmp_path)[-1]
    assert finding.verdict == "note"
    assert "ada.json cannot be used" in finding.text
