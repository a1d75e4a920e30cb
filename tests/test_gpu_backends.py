"""Backends: the same poses wherever they are computed, and poses whatever becomes of the GPU."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import numpy as np
import pytest
from gpu_examples import Cudart, CudaRuntime, FakeTensorRt, shipped

from models.backends import Network, choose, open_backend
from models.backends.base import OUTPUT
from models.backends.cpu import CpuBackend
from models.backends.cuda import CudaBackend
from models.backends.driver import Device, missing_gpu
from models.backends.engine_cache import engine_path, kept
from models.backends.guarded import GuardedBackend
from models.backends.parity import angles_between, difference
from models.backends.tensorrt import TensorRtBackend
from models.backends.windows import check_windows
from models.errors import ModelError
from models.rotations import encode_6d, matrix_from_axis_angle
from models.temporal import NETWORK_FILE, load_temporal

GIVEN = (np.zeros((1, 64, 3), np.float32), np.ones((1, 64), bool), np.zeros((1, 82, 99), np.float32))


class Steady:
    """A backend that gives one number; how it fails is set from outside."""

    failed = 0
    why = "a test"

    def __init__(self, name: str = "cuda", value: float = 1.0) -> None:
        self.name, self.value = name, value
        self.error: Exception | None = None
        self.hanging: threading.Event | None = None
        self.runs = 0
        self.closed = False

    def run(self, features: np.ndarray, observed: np.ndarray, start: np.ndarray) -> np.ndarray:
        self.runs += 1
        if self.error is not None:
            raise self.error
        if self.hanging is not None:
            self.hanging.wait(10.0)
        return np.full((1, 19, 99), self.value, np.float32)

    def close(self) -> None:
        self.closed = True


@pytest.fixture(scope="module")
def network() -> Network:
    return shipped()


@pytest.fixture
def pair() -> tuple[Steady, Steady, GuardedBackend]:
    gpu, cpu = Steady(), Steady("cpu", 2.0)
    return gpu, cpu, GuardedBackend(lambda: gpu, cpu, limit_s=0.5)


def test_the_gpu_computes_while_it_works(pair):
    gpu, cpu, backend = pair
    assert backend.run(*GIVEN)[0, 0, 0] == 1.0
    assert (backend.name, backend.failed, cpu.runs) == ("cuda", 0, 0)
    backend.close()
    assert gpu.closed


def test_a_gpu_that_raises_costs_no_pose_and_is_not_asked_again(pair, caplog):
    gpu, _, backend = pair
    backend.run(*GIVEN)
    gpu.error = RuntimeError("CUDA error 700: an illegal\naddress")
    assert [backend.run(*GIVEN)[0, 0, 0] for _ in range(3)] == [2.0] * 3
    assert (backend.name, backend.failed, gpu.runs) == ("cpu", 1, 2)
    assert backend.why == "cuda failed (CUDA error 700: an illegal address)"
    assert sum("on the CPU" in record.message for record in caplog.records) == 1
    backend.close()
    assert gpu.closed  # its memory is not kept for the rest of the program
    assert "cuda failed" in backend.why


def test_a_gpu_that_hangs_is_left_behind(pair):
    gpu, _, backend = pair
    gpu.hanging = threading.Event()
    try:
        assert backend.run(*GIVEN)[0, 0, 0] == 2.0
        assert backend.run(*GIVEN)[0, 0, 0] == 2.0
        assert (backend.name, backend.failed, gpu.runs) == ("cpu", 1, 1)
        assert "no answer" in backend.why
        backend.close()
    finally:
        gpu.hanging.set()


def test_a_pose_that_is_no_number_is_computed_again_on_the_cpu(pair):
    gpu, _, backend = pair
    gpu.value = float("nan")
    assert backend.run(*GIVEN)[0, 0, 0] == 2.0
    assert (backend.name, backend.failed) == ("cpu", 1)


def test_no_number_in_is_not_the_gpus_fault(pair):
    gpu, cpu, backend = pair
    gpu.value = cpu.value = float("nan")
    assert np.isnan(backend.run(*GIVEN)).all()
    assert (backend.name, backend.failed) == ("cuda", 0)


def test_the_stream_goes_on_when_the_gpu_fails_in_the_middle(monkeypatch, network):
    """The whole stage, against the one on the CPU: not a digit differs."""
    from test_posebert_stage import seen

    from app.window import ObservationWindow
    from models.camera import Camera

    class Failing(CpuBackend):
        name = "cuda"
        left = 10

        def run(self, *given: np.ndarray) -> np.ndarray:
            self.left -= 1
            if self.left < 0:
                raise RuntimeError("the bus fell off")
            return super().run(*given)

    stage, expected = load_temporal("posebert"), load_temporal("posebert")
    stage.backend = GuardedBackend(lambda: Failing(network.session), CpuBackend(network.session), 5.0)
    window = ObservationWindow("right", Camera.assumed((640, 480)))
    for i in range(20):
        window.add(seen(i))
        ours, theirs = stage.update(window.snapshot()), expected.update(window.snapshot())
        np.testing.assert_array_equal(ours.rotations, theirs.rotations)
        assert ours.source_state == "tracking"
    assert stage.facts() == {"name": "cpu", "why": "cuda failed (the bus fell off)", "failed": 1}


def opened(choice: str, network: Network, backends: dict[str, object], missing: str | None = None):
    """open_backend with these GPU backends; an exception stands for one that cannot be opened."""

    def ways(_: Network, name: str):
        def opens():
            if isinstance(backends[name], Exception):
                raise backends[name]
            return backends[name]

        return [opens]

    return open_backend(choice, network, lambda: missing, ways)


class Slow(CpuBackend):
    """The right poses, late or early by the clock of the test."""

    def __init__(self, name: str, network: Network, off: float | np.ndarray = 0.0) -> None:
        super().__init__(network.session)
        self.name, self.off = name, off

    def run(self, *given: np.ndarray) -> np.ndarray:
        return super().run(*given) + np.float32(self.off)


def test_a_network_of_bodies_is_computed_on_a_gpu_if_it_gives_the_cpus_poses_there(timed):
    timed(tensorrt=2.0, cuda=1.0, cpu=3.0)
    network = shipped("body")
    last = np.zeros(network.out_dim)
    last[23 * 6 : 24 * 6] = 0.1  # only the last joint is turned
    right, wrong = Slow("tensorrt", network), Slow("cuda", network, last)
    chosen = opened("auto", network, {"tensorrt": right, "cuda": wrong})
    assert chosen.name == "tensorrt"
    assert "its poses differ from the CPU's" in chosen.why


@pytest.fixture
def timed(monkeypatch):
    """Times by name instead of measured ones."""

    def use(**times_ms: float) -> None:
        monkeypatch.setattr(choose, "_median_ms", lambda backend, _: times_ms[backend.name])

    return use


def test_auto_takes_the_fastest_and_says_why(network, timed):
    timed(tensorrt=0.3, cuda=0.6, cpu=5.0)
    backend = opened("auto", network, {name: Slow(name, network) for name in ("tensorrt", "cuda")})
    assert backend.name == "tensorrt"
    assert "tensorrt 0.30 ms, cuda 0.60 ms, cpu 5.00 ms" in backend.why


def test_auto_takes_the_cpu_where_the_gpu_is_slower(network, timed):
    timed(cuda=9.0, cpu=5.0)
    backend = opened(
        "auto", network, {"tensorrt": ModelError("not installed"), "cuda": Slow("cuda", network)}
    )
    assert backend.name == "cpu"
    assert "tensorrt: not installed" in backend.why


def test_auto_trusts_no_gpu_with_other_poses(network, timed):
    timed(tensorrt=0.1, cuda=0.6, cpu=5.0)
    wrong = Slow("tensorrt", network, off=0.05)
    backend = opened("auto", network, {"tensorrt": wrong, "cuda": Slow("cuda", network)})
    assert backend.name == "cuda"
    assert "tensorrt: its poses differ from the CPU's" in backend.why


def test_auto_without_a_gpu_is_the_cpu_and_says_so(network):
    backend = opened("auto", network, {}, missing="no NVIDIA driver is installed")
    assert (backend.name, backend.why) == ("cpu", "no NVIDIA driver is installed")


@pytest.mark.parametrize("choice", ["cuda", "tensorrt"])
def test_what_was_asked_for_and_cannot_be_is_one_sentence(network, choice):
    with pytest.raises(ModelError, match=f"--backend {choice} needs an NVIDIA GPU, and no driver; use"):
        opened(choice, network, {}, missing="no driver")
    with pytest.raises(ModelError, match=f"--backend {choice} cannot be used .no cuDNN.; use --backend cpu"):
        opened(choice, network, {choice: RuntimeError("no\n cuDNN")})
    with pytest.raises(ModelError, match="differ from the CPU's"):
        opened(choice, network, {choice: Slow(choice, network, off=0.05)})


def test_an_unknown_backend_is_refused(network):
    with pytest.raises(ModelError, match="choose one of auto, cpu, tensorrt, cuda"):
        open_backend("tpu", network)


def test_a_driver_that_is_not_there_is_told_without_noise(capfd):
    def missing(name: str):
        raise OSError(name)

    assert missing_gpu(missing) == "no NVIDIA driver is installed"
    assert capfd.readouterr().err == ""


def test_onnxruntime_on_cuda_gives_the_poses_it_is_bound_to(network):
    runtime = CudaRuntime()
    backend, cpu = CudaBackend(network, graph=True, library=runtime), CpuBackend(network.session)
    poses = []
    for given in check_windows(network)[:3]:
        inputs = (given.features, given.observed, given.start)
        poses.append(backend.run(*inputs))
        np.testing.assert_allclose(poses[-1], cpu.run(*inputs), atol=1e-6)
    assert abs(poses[0] - poses[1]).max() > 1e-3  # one update does not overwrite what another has given
    assert runtime.options == {"device_id": "0", "use_tf32": "0", "enable_cuda_graph": "1"}


@pytest.mark.parametrize(
    ("runtime", "words"), [(CudaRuntime(built=False), "built without CUDA"), (CudaRuntime(False), "no way")]
)
def test_an_onnxruntime_without_cuda_says_how_to_get_it(network, runtime, words):
    with pytest.raises(ModelError, match=rf"{words}.*requirements-gpu\.txt"):
        CudaBackend(network, graph=False, library=runtime)


@pytest.mark.skipif(missing_gpu() is None, reason="the GPU here may well work")
def test_an_onnxruntime_without_cudas_libraries_prints_nothing(network, capfd):
    with pytest.raises(ModelError, match=r"requirements-gpu\.txt"):
        CudaBackend(network, graph=False)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("captured", [True, False])
def test_tensorrt_copies_in_computes_and_copies_out(network, captured):
    cudart = Cudart()
    if not captured:
        cudart.fails.add("cudaStreamBeginCapture")
    backend = TensorRtBackend(FakeTensorRt(cudart, network), Device(cudart), b"", "in fp16")
    cpu = CpuBackend(network.session)
    poses, expected = [], []
    for given in check_windows(network)[:3]:
        inputs = (given.features, given.observed, given.start)
        cudart.calls.clear()
        poses.append(backend.run(*inputs))
        expected.append(cpu.run(*inputs))
        if captured:
            assert cudart.calls == ["cudaGraphLaunch", "cudaStreamSynchronize"]
    np.testing.assert_array_equal(poses, expected)
    assert ("CUDA graph" in backend.why) == captured
    backend.close()
    backend.close()
    assert (cudart.memory, cudart.graphs, cudart.streams) == ({}, [], 0)


def test_an_engine_for_another_gpu_is_refused_in_words(network):
    cudart = Cudart()
    with pytest.raises(ModelError, match="cannot load the engine on this GPU: not for this GPU"):
        TensorRtBackend(FakeTensorRt(cudart, network, loads=False), Device(cudart), b"", "")


def test_a_failing_driver_call_is_named(network):
    cudart = Cudart()
    backend = TensorRtBackend(FakeTensorRt(cudart, network), Device(cudart), b"", "")
    cudart.fails.add("cudaGraphLaunch")
    with pytest.raises(RuntimeError, match="cudaGraphLaunch failed"):
        backend.run(*(np.zeros(network.shapes()[name], bool) for name in ("features", "observed", "start")))


def test_windows_of_another_shape_are_refused(network):
    cudart = Cudart()
    backend = TensorRtBackend(FakeTensorRt(cudart, network), Device(cudart), b"", "")
    with pytest.raises(ValueError, match="the engine takes"):
        backend.run(*GIVEN)


def test_the_capability_is_read_from_the_gpu():
    assert Device(Cudart()).capability == 89


def test_the_driver_functions_used_are_nvidias():
    """The stand-in has no function that the real bindings lack."""
    runtime = pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings is not installed")
    for name in (name for name in vars(Cudart) if name.startswith("cuda")):
        real, ours = getattr(runtime, name), getattr(Cudart, name)
        for attribute in vars(ours) if hasattr(ours, "__dict__") and not callable(ours) else ():
            assert hasattr(real, attribute), f"{name}.{attribute}"


@dataclasses.dataclass
class Version:
    version: str


def test_an_engine_is_built_once_and_anew_when_anything_changes(tmp_path):
    first = engine_path("a", "fp16", 1, Version("1"), 89, tmp_path)
    others = [
        engine_path("b", "fp16", 1, Version("1"), 89, tmp_path),
        engine_path("a", "fp32", 1, Version("1"), 89, tmp_path),
        engine_path("a", "fp16", 2, Version("1"), 89, tmp_path),
        engine_path("a", "fp16", 1, Version("2"), 89, tmp_path),
        engine_path("a", "fp16", 1, Version("1"), 86, tmp_path),
    ]
    assert len({first, *others}) == 6
    assert kept(first, lambda: b"engine") == b"engine"
    assert kept(first, lambda: b"another") == b"engine"


def test_a_cache_that_cannot_be_written_costs_no_engine(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    assert kept(blocked / "x.engine", lambda: b"engine") == b"engine"


def test_the_difference_of_poses_is_the_angle_between_their_rotations():
    turns = np.array([[[0.0, 0.0, 0.3]], [[1e-7, 0.0, 0.0]]])
    R = matrix_from_axis_angle(turns)
    np.testing.assert_allclose(angles_between(R, np.eye(3)), [[0.3], [1e-7]], rtol=1e-6)
    pose = np.zeros((1, 99))
    pose[:, :96] = np.tile(encode_6d(np.eye(3)), 16)
    turned = pose.copy()
    turned[0, 6:12] = 2.0 * encode_6d(R[0, 0])  # twice as long is the same rotation
    turned[0, 98] = 0.02
    apart = difference(turned, pose)
    assert apart.rotation_rad == pytest.approx(0.3)
    assert apart.location == pytest.approx(0.02)
    assert difference(np.full((1, 99), np.nan), pose).rotation_rad == np.inf


@pytest.mark.parametrize("figure", ["hand", "body"])
def test_check_windows_are_as_the_network_takes_them(figure):
    network = shipped(figure)
    shapes = network.shapes()
    windows = check_windows(network)
    for given in windows:
        for name in ("features", "observed", "start"):
            value = getattr(given, name)
            assert value.shape == shapes[name]
            assert np.isfinite(value).all()
        assert given.observed[0, -1]
    assert {int(given.observed.sum()) for given in windows} >= {1, 64}
    again = check_windows(network)
    np.testing.assert_array_equal(again[0].features, windows[0].features)
    assert OUTPUT in shapes


def test_a_file_that_is_no_network_is_refused(tmp_path):
    file = Path(tmp_path / "x.onnx")
    file.write_bytes(b"nothing")
    with pytest.raises(ModelError, match="is no network of this program"):
        Network.load(file)
    assert Network.load(NETWORK_FILE).sha256 == shipped().sha256
