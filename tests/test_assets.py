"""Every way to the detector's model file, without a network except for one real rebuild."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import urllib.error
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from app import assets
from app.assets import AssetUnavailableError, TaskAsset, WheelMember
from app.errors import AppError

OFFICIAL = b"the official file"
NETWORK = b"a network" * 100


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def asset() -> TaskAsset:
    return TaskAsset(
        file_name="toy.task",
        path_variable="POSEHAND_TOY",
        url="https://example.invalid/toy.task",
        sha256=sha256(OFFICIAL),
        size_bytes=len(OFFICIAL),
        wheel="toy==1.0",
        members=(WheelMember("toy/net.tflite", "net.tflite", sha256(NETWORK)),),
        rebuilt_sha256=sha256(assets.build_task([("net.tflite", NETWORK)])),
    )


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(assets.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.delenv("POSEHAND_HAND_LANDMARKER", raising=False)
    return tmp_path / "cache"


def offline(_asset: TaskAsset) -> bytes:
    raise AssetUnavailableError("no network")


def no_index(requirement: str, _directory: Path) -> Path:
    raise AssetUnavailableError(f"no index has {requirement}")


def wheel_with(content: bytes) -> object:
    def fetch(_requirement: str, directory: Path) -> Path:
        path = directory / "toy-1.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("toy/net.tflite", content)
        return path

    return fetch


def never(*_arguments: object) -> bytes:
    raise AssertionError("must not be fetched")


def test_download_comes_first_and_is_cached(asset: TaskAsset, cache: Path) -> None:
    path = assets.resolve(asset, download=lambda _: OFFICIAL, fetch_wheel=never)
    assert path == cache / "toy.task"
    assert path.read_bytes() == OFFICIAL
    assert assets.resolve(asset, download=never, fetch_wheel=never) == path


def test_wheel_is_used_when_the_download_fails(asset: TaskAsset) -> None:
    path = assets.resolve(asset, download=offline, fetch_wheel=wheel_with(NETWORK))
    with zipfile.ZipFile(path) as archive:
        assert archive.read("net.tflite") == NETWORK
    assert assets.resolve(asset, download=never, fetch_wheel=never) == path


def test_wheel_is_used_when_the_download_is_not_the_file(asset: TaskAsset) -> None:
    path = assets.resolve(asset, download=lambda _: b"<html>a proxy</html>", fetch_wheel=wheel_with(NETWORK))
    assert sha256(path.read_bytes()) == asset.rebuilt_sha256


def test_a_wheel_with_other_networks_is_refused(asset: TaskAsset, cache: Path) -> None:
    with pytest.raises(AppError, match="wrong SHA-256"):
        assets.resolve(asset, download=offline, fetch_wheel=wheel_with(b"something else"))
    assert not (cache / "toy.task").exists()


def test_a_corrupt_cached_file_is_replaced(asset: TaskAsset, cache: Path) -> None:
    cache.mkdir()
    (cache / "toy.task").write_bytes(OFFICIAL[:-1])
    path = assets.resolve(asset, download=lambda _: OFFICIAL, fetch_wheel=never)
    assert path.read_bytes() == OFFICIAL
    assert [p.name for p in cache.iterdir()] == ["toy.task"]


def test_with_nothing_the_error_says_what_to_download_and_where_to_put_it(
    asset: TaskAsset, cache: Path
) -> None:
    with pytest.raises(AppError) as caught:
        assets.resolve(asset, download=offline, fetch_wheel=no_index)
    message = str(caught.value)
    assert "\n" not in message
    for part in (asset.url, str(cache / "toy.task"), "POSEHAND_TOY", "no network", "no index has toy==1.0"):
        assert part in message


def test_the_users_own_file_wins_and_is_trusted(
    asset: TaskAsset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = tmp_path / "øwn.task", tmp_path / "other.task"
    own.write_bytes(b"mine")
    other.write_bytes(b"mine too")
    monkeypatch.setenv("POSEHAND_TOY", str(other))
    assert assets.resolve(asset, own, download=never, fetch_wheel=never) == own
    assert assets.resolve(asset, download=never, fetch_wheel=never) == other


def test_the_users_own_file_must_exist(asset: TaskAsset, tmp_path: Path) -> None:
    with pytest.raises(AppError, match=r"no file .*absent\.task"):
        assets.resolve(asset, tmp_path / "absent.task", download=lambda _: OFFICIAL, fetch_wheel=never)


def test_an_unwritable_cache_is_named(asset: TaskAsset, cache: Path) -> None:
    cache.write_text("a file where the directory should be")
    with pytest.raises(AppError, match=assets.CACHE_VARIABLE):
        assets.resolve(asset, download=lambda _: OFFICIAL, fetch_wheel=never)


def test_an_unreachable_server_is_one_failed_way(asset: TaskAsset, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    with pytest.raises(AssetUnavailableError, match="no route to host"):
        assets.download_official(asset)


def test_a_download_is_read_to_its_end(asset: TaskAsset, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytes(range(256)) * 1000
    monkeypatch.setattr("urllib.request.urlopen", lambda *_a, **_o: io.BytesIO(content))
    assert assets.download_official(asset) == content


def test_a_failing_pip_is_one_failed_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "WARNING: slow\nERROR: No matching distribution found\n")
    monkeypatch.setattr("subprocess.run", lambda *_a, **_o: failed)
    with pytest.raises(AssetUnavailableError, match="No matching distribution"):
        assets.pip_download("toy==1.0", tmp_path)


def test_task_files_are_uncompressed_aligned_and_always_the_same() -> None:
    contents = [("a.tflite", b"1234567" * 9), ("longer_name.tflite", b"89" * 33)]
    task = assets.build_task(contents)
    assert task == assets.build_task(contents)
    with zipfile.ZipFile(io.BytesIO(task)) as archive:
        assert archive.testzip() is None
        for (name, content), info in zip(contents, archive.infolist(), strict=True):
            assert (info.filename, info.compress_type) == (name, zipfile.ZIP_STORED)
            assert task.index(content) % 16 == 0


def test_the_real_hand_landmarker_is_rebuilt_from_the_package_index(cache: Path) -> None:
    pip = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    if pip.returncode != 0:
        pytest.skip("this Python has no pip")
    try:
        path = assets.resolve(assets.HAND_LANDMARKER, download=offline)
    except AppError as error:
        pytest.skip(f"no package index here: {error}")
    assert sha256(path.read_bytes()) == assets.HAND_LANDMARKER.rebuilt_sha256
    with zipfile.ZipFile(path) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
    assert sizes == {"hand_detector.tflite": 2_339_846, "hand_landmarks_detector.tflite": 5_478_917}


def test_the_official_hand_landmarker_is_accepted_from_the_cache(cache: Path) -> None:
    accepted = replace(assets.HAND_LANDMARKER, sha256=sha256(OFFICIAL))
    cache.mkdir()
    (cache / "hand_landmarker.task").write_bytes(OFFICIAL)
    assert assets.resolve(accepted, download=never, fetch_wheel=never) == cache / "hand_landmarker.task"
