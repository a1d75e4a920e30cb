"""The exported file computes what torch does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch

from models.backends import Network
from models.backends.halves import Halves
from models.export import export_onnx
from models.gru import BiGru
from models.posebert import FUTURE_SLOTS, PoseBert, PoseBertConfig
from models.posebert_input import IN_DIM, NetworkInput
from models.window import SLOT_PERIOD_NS

T, FUTURE = 64, len(FUTURE_SLOTS)


def trained_like(network: torch.nn.Module) -> torch.nn.Module:
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return network.eval()


def networks() -> dict[str, tuple[torch.nn.Module, str]]:
    small = PoseBertConfig(width=64, heads=2, head_dim=32, feed_forward=64, positions=96)
    return {
        "ours": (PoseBert(PoseBertConfig.ours(IN_DIM["full"], 64)), "full"),
        "paper": (PoseBert(small), "paper"),
        "gru": (BiGru(small), "paper"),
    }


@pytest.mark.parametrize("name", ["ours", "paper", "gru"])
def test_parity_with_torch(name, tmp_path):
    network, layout = networks()[name]
    trained_like(network)
    file = tmp_path / "network.onnx"
    export_onnx(network, file, layout, newest=3)
    session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
    rng = torch.Generator().manual_seed(1)
    for share in (0.0, 0.3, 0.97, 1.0):
        features = torch.randn(1, T, network.config.in_dim, generator=rng)
        observed = torch.rand(1, T, generator=rng) >= share
        start = torch.randn(1, T + FUTURE, 99, generator=rng)
        with torch.no_grad():
            live = torch.ones(1, dtype=torch.bool)
            expected = network(features, observed, start, causal=live)[:, -3 - FUTURE :]
        inputs = {"features": features.numpy(), "observed": observed.numpy(), "start": start.numpy()}
        (pose,) = session.run(None, inputs)
        np.testing.assert_allclose(pose, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["ours", "paper"])
def test_in_two_steps_a_file_gives_the_same(name, tmp_path):
    network, layout = networks()[name]
    trained_like(network)
    export_onnx(network, tmp_path / "network.onnx", layout, half=True)
    loaded = Network.load(tmp_path / "network.onnx")
    halves = Halves.of(loaded)
    rng = np.random.default_rng(0)
    for share in (0.0, 0.3, 0.97):
        observed = rng.random((1, T)) >= share
        observed[0, -1] = True
        given = NetworkInput(
            rng.standard_normal((1, T, network.config.in_dim), dtype=np.float32),
            observed,
            rng.standard_normal((1, T + FUTURE, 99), dtype=np.float32),
        )
        (whole,) = loaded.session.run(
            None, {"features": given.features, "observed": given.observed, "start": given.start}
        )
        remembered = halves.remember(without_newest(given))
        assert remembered.fits(given)
        np.testing.assert_allclose(halves.proceed(remembered, given), whole, atol=1e-5)
        spoilt = replace(given, features=given.features.copy())
        spoilt.features[0, : T - 1] = np.nan  # the second step takes the past from the first alone
        np.testing.assert_array_equal(halves.proceed(remembered, spoilt), halves.proceed(remembered, given))


def test_what_was_remembered_fits_only_the_same_past(tmp_path):
    network, layout = networks()["ours"]
    export_onnx(network, tmp_path / "network.onnx", layout)
    given = NetworkInput(
        np.ones((1, T, IN_DIM["full"]), np.float32),
        np.ones((1, T), bool),
        np.ones((1, T + FUTURE, 99), np.float32),
    )
    remembered = Halves.of(Network.load(tmp_path / "network.onnx")).remember(without_newest(given))
    for part in ("features", "observed", "start"):
        for slot in (0, T - 2):
            other = getattr(given, part).copy()
            other[0, slot] = 0
            assert not remembered.fits(replace(given, **{part: other}))
        newest = getattr(given, part).copy()
        newest[0, T - 1 :] = 0
        assert remembered.fits(replace(given, **{part: newest}))
    for off_ms, fits in ((0.9, True), (1.1, False)):
        other = given.features.copy()
        other[0, 5, -1] += off_ms * 1e6 / SLOT_PERIOD_NS
        assert remembered.fits(replace(given, features=other)) == fits


def test_networks_that_look_ahead_cannot_be_taken_apart(tmp_path):
    for name, options in (("ours", {"causal": False}), ("ours", {"newest": 3}), ("gru", {})):
        network, layout = networks()[name]
        export_onnx(network, tmp_path / "network.onnx", layout, **options)
        assert Halves.of(Network.load(tmp_path / "network.onnx")) is None


def without_newest(given: NetworkInput) -> NetworkInput:
    observed, features = given.observed.copy(), given.features.copy()
    observed[:, -1], features[:, -1] = False, 0.0
    return replace(given, observed=observed, features=features)


def test_half_precision_weights_halve_the_file(tmp_path):
    network = trained_like(PoseBert(PoseBertConfig.ours(IN_DIM["full"], 128)))
    sizes, poses = [], []
    for half in (False, True):
        file = tmp_path / f"{half}.onnx"
        export_onnx(network, file, "full", half=half)
        sizes.append(file.stat().st_size)
        session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
        inputs = {
            "features": np.ones((1, T, IN_DIM["full"]), np.float32),
            "observed": np.ones((1, T), bool),
            "start": np.ones((1, T + FUTURE, 99), np.float32),
        }
        poses.append(session.run(["pose"], inputs)[0])
    assert sizes[1] < 0.6 * sizes[0]
    np.testing.assert_allclose(poses[1], poses[0], atol=2e-2)
