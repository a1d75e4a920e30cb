"""The network: the paper's size, what it looks at, and what passes through ours."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from models.gru import BiGru
from models.posebert import (
    FUTURE_SLOTS,
    Heading,
    PoseBert,
    PoseBertConfig,
    SharedDropout,
    slot_times,
)
from models.posebert_input import IN_DIM, POSE_DIM

SMALL = {"width": 32, "heads": 2, "head_dim": 16, "feed_forward": 32, "positions": 96, "dropout": 0.0}
PAPER = PoseBertConfig(**SMALL)
OURS = PoseBertConfig(
    in_dim=IN_DIM["full"], start="observed", mix=True, relative_bias=True, position_std=0.02, **SMALL
)
T, FUTURE = 64, len(FUTURE_SLOTS)
LIVE = torch.tensor([True, False])


def window(config: PoseBertConfig, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    features = torch.randn(batch, T, config.in_dim, generator=rng)
    observed = torch.rand(batch, T, generator=rng) < 0.7
    observed[:, 0] = True
    return features, observed, torch.randn(batch, T + FUTURE, config.out_dim, generator=rng)


def scrambled(network: torch.nn.Module) -> torch.nn.Module:
    """As after some training: no weight is zero."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network.eval()


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_the_papers_network_has_the_papers_size():
    assert parameters(PoseBert(PoseBertConfig(in_dim=144, groups=(6,) * 24))) == 7_316_112


def test_gru_is_of_equal_size():
    config = PoseBertConfig()
    assert parameters(BiGru(config)) == pytest.approx(parameters(PoseBert(config)), rel=0.02)


@pytest.mark.parametrize(
    ("kind", "config"),
    [(PoseBert, PAPER), (PoseBert, OURS), (BiGru, PAPER)],
    ids=["paper", "ours", "gru"],
)
def test_unobserved_slots_are_not_looked_at(kind, config):
    network = scrambled(kind(config))
    features, observed, start = window(config)
    other = torch.where(observed[..., None], features, 100.0 * torch.randn_like(features))
    for causal in (None, LIVE):
        outcomes = (network(given, observed, start, causal=causal) for given in (features, other))
        torch.testing.assert_close(*outcomes)


@pytest.mark.parametrize("config", [PAPER, OURS], ids=["paper", "ours"])
def test_what_is_not_asked_for_changes_nothing(config):
    network = scrambled(PoseBert(config))
    features, observed, start = window(config)
    everything = network(features, observed, start, causal=LIVE)
    asked = network(features, observed, start, asked=1 + FUTURE, causal=LIVE)
    assert asked.shape == (2, 1 + FUTURE, POSE_DIM)
    torch.testing.assert_close(asked, everything[:, -1 - FUTURE :])


@pytest.mark.parametrize("config", [PAPER, OURS], ids=["paper", "ours"])
def test_a_window_without_any_detection_gives_finite_poses(config):
    features, observed, start = window(config)
    network = scrambled(PoseBert(config))
    for causal in (None, LIVE):
        assert torch.isfinite(network(features, observed & False, start, causal=causal)).all()


@pytest.mark.parametrize("config", [PAPER, OURS], ids=["paper", "ours"])
def test_what_comes_later_tells_of_the_past(config):
    network = scrambled(PoseBert(config))
    features, observed, start = window(config)
    observed[:, 60] = True
    later = features.clone()
    later[:, 60] += 1.0
    before, after = network(features, observed, start), network(later, observed, start)
    assert (after[:, :60] - before[:, :60]).abs().amax() > 1e-4


@pytest.mark.parametrize("config", [PAPER, OURS], ids=["paper", "ours"])
def test_slots_of_causal_windows_do_not_look_ahead(config):
    network = scrambled(PoseBert(config))
    features, observed, start = window(config)
    observed[:, 60] = True
    later = features.clone()
    later[:, 60] += 1.0
    before, after = (network(given, observed, start, causal=LIVE) for given in (features, later))
    torch.testing.assert_close(after[0, :60], before[0, :60])
    change = (after - before).abs().amax(-1)
    assert change[0, 60:].amin() > 1e-4  # later slots and the future see it
    assert change[1, :60].amax() > 1e-4  # and the window that is not causal


def test_what_comes_far_ahead_has_its_own_place_in_time():
    times = slot_times(4, (1, 2, 10), torch.device("cpu"))
    assert times.tolist() == [0, 1, 2, 3, 4, 5, 13]
    near, far = (scrambled(PoseBert(replace(OURS, future=(ahead,)))) for ahead in (1, 30))
    features, observed, start = window(OURS)
    poses = [network(features, observed, start[:, : T + 1])[:, -1] for network in (near, far)]
    assert (poses[0] - poses[1]).abs().amax() > 1e-3


def test_untrained_ours_gives_back_what_it_saw():
    network = PoseBert(OURS).eval()
    features, _, _ = window(OURS)
    observed = torch.ones(2, T, dtype=torch.bool)
    slot = torch.arange(T + FUTURE).clamp(max=T - 1)  # ahead it knows nothing better than to stand still
    start = (0.01 * slot[:, None] * torch.ones(POSE_DIM)).expand(2, -1, -1)  # moves evenly
    torch.testing.assert_close(network(features, observed, start), start, atol=1e-3, rtol=0.0)


def test_mixture_weights_sum_to_one():
    network = scrambled(PoseBert(OURS))
    _, observed, start = window(OURS)
    times = slot_times(T, FUTURE_SLOTS, torch.device("cpu"))
    visible = torch.where(observed[:, None, None], 0.0, -1e9).expand(-1, -1, len(times), -1)
    tokens = torch.randn(2, T + FUTURE, SMALL["width"])
    poses = start[:, :T]
    mixed, shifted = (
        network.mixture(tokens, tokens[:, :T], p, times, visible)[0] for p in (poses, poses + 1.0)
    )
    torch.testing.assert_close(shifted, mixed + 1.0, atol=1e-4, rtol=0.0)


def test_a_mixture_without_observed_start_is_refused():
    with pytest.raises(ValueError, match="start='observed'"):
        PoseBertConfig(mix=True)


def test_shared_dropout_drops_alike_in_all_slots_and_nothing_live():
    torch.manual_seed(0)
    layer, x = SharedDropout(0.25), torch.ones(8, 5, 400)
    assert layer.eval()(x) is x
    dropped = layer.train()(x)
    torch.testing.assert_close(dropped, dropped[:, :1].expand_as(x))
    assert dropped.unique().tolist() == pytest.approx([0.0, 4.0 / 3.0])
    assert dropped.mean() == pytest.approx(1.0, abs=0.05)


def test_a_correction_of_one_observation_reaches_every_slot_that_copies_it():
    network = PoseBert(replace(OURS, lift=32)).eval()
    features, _, start = window(OURS)
    observed = torch.zeros(2, T, dtype=torch.bool)
    observed[:, 10] = True
    with torch.no_grad():
        network.lifter.correction.bias.fill_(0.5)
        before, after = network(features, observed, start), network.estimate(features, observed, start)
    torch.testing.assert_close(after[1], start[:, :T] + 0.5)
    torch.testing.assert_close(before, (start[:, 10:11] + 0.5).expand_as(before), atol=1e-4, rtol=0.0)


def test_the_future_goes_on_along_the_newest_motion():
    config = PoseBertConfig(in_dim=IN_DIM["full"], heading=True, **SMALL)
    heading = Heading(config).eval()
    n = Heading.STEPS + 1
    pose = torch.zeros(1, n + FUTURE, POSE_DIM)
    pose[0, :n, 10] = 0.1 * torch.arange(n)
    pose[0, n:, 10] = pose[0, n - 1, 10]  # the network by itself would hold
    begun = torch.ones(1, Heading.STEPS, dtype=torch.bool)
    moved = heading(torch.randn(1, n + FUTURE, 32), pose, begun).detach()
    torch.testing.assert_close(moved[:, :n], pose[:, :n])
    ahead = moved[0, n:, 10] - pose[0, n - 1, 10]
    assert float(ahead[0]) == pytest.approx(0.1 * Heading.TRUST, rel=1e-4)
    assert (ahead.diff() > 0).all()
    assert ahead[-1] < 0.1 * Heading.TRUST / (1.0 - Heading.FADING)
    assert (moved[0, :, 50] == 0).all()


def test_the_motion_is_known_whatever_is_asked_for():
    config = replace(OURS, heading=True)
    network = scrambled(PoseBert(config))
    everything = network(*window(config))
    for asked in (FUTURE, FUTURE + 1, FUTURE + 9):
        torch.testing.assert_close(network(*window(config), asked), everything[:, -asked:])


@pytest.mark.parametrize(
    "config",
    [PAPER, OURS, replace(OURS, lift=16, heading=True), replace(PAPER, future=())],
    ids=["paper", "ours", "all", "no future"],
)
@pytest.mark.parametrize("shown", [range(64), range(0, 64, 3), range(61, 64), [20, 63], [63], [62], []])
def test_in_two_steps_it_gives_the_same(config, shown):
    network = scrambled(PoseBert(config))
    features, observed, start = window(config)
    start = start[:, : T + len(config.future)]
    observed = torch.zeros_like(observed)
    observed[:, list(shown)] = True
    asked = 1 + len(config.future)
    whole = network(features, observed, start, asked, torch.ones(2, dtype=torch.bool))
    past = network.remember(features[:, :-1], observed[:, :-1], start[:, : T - 1])
    proceeded = network.proceed(past, features[:, -1:], observed, start[:, T - 1 :])
    if len(shown):  # of a window that shows nothing nobody asks anything
        torch.testing.assert_close(proceeded, whole, atol=1e-4, rtol=1e-4)
    assert proceeded.shape == whole.shape


def test_what_was_not_seen_yet_did_not_move():
    config = replace(OURS, heading=True)
    network = scrambled(PoseBert(config))
    features, _, start = window(config)
    observed = torch.zeros(2, T, dtype=torch.bool)
    observed[:, -2:] = True  # one step is known
    other = start.clone()
    other[:, : T - 2] += 1.0  # where slots before it begin
    live = torch.ones(2, dtype=torch.bool)
    poses = [network(features, observed, given, 1 + FUTURE, live) for given in (start, other)]
    torch.testing.assert_close(*poses)


def test_a_heading_needs_a_future():
    with pytest.raises(ValueError, match="heading needs a future"):
        PoseBertConfig(heading=True, future=())
