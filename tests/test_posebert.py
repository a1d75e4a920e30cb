"""The network: the paper's size, what it looks at, and what passes through ours."""

from __future__ import annotations

import pytest
import torch

from models.gru import BiGru
from models.posebert import PoseBert, PoseBertConfig
from models.posebert_input import IN_DIM, POSE_DIM

SMALL = {"width": 32, "heads": 2, "head_dim": 16, "feed_forward": 32, "positions": 96, "dropout": 0.0}
PAPER = PoseBertConfig(**SMALL)
OURS = PoseBertConfig(
    in_dim=IN_DIM["full"], start="observed", mix=True, relative_bias=True, position_std=0.02, **SMALL
)
CAUSAL = PoseBertConfig(**{**vars(OURS), "causal": True})
T, FUTURE = 64, 15


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
    assert parameters(PoseBert(PoseBertConfig(in_dim=144, out_dim=144))) == 7_316_112


def test_gru_is_of_equal_size():
    config = PoseBertConfig()
    assert parameters(BiGru(config)) == pytest.approx(parameters(PoseBert(config)), rel=0.02)


@pytest.mark.parametrize(
    ("kind", "config"),
    [(PoseBert, PAPER), (PoseBert, OURS), (PoseBert, CAUSAL), (BiGru, PAPER)],
    ids=["paper", "ours", "causal", "gru"],
)
def test_unobserved_slots_are_not_looked_at(kind, config):
    network = scrambled(kind(config))
    features, observed, start = window(config)
    other = torch.where(observed[..., None], features, 100.0 * torch.randn_like(features))
    torch.testing.assert_close(network(features, observed, start), network(other, observed, start))


@pytest.mark.parametrize("config", [PAPER, OURS, CAUSAL], ids=["paper", "ours", "causal"])
def test_what_is_not_asked_for_changes_nothing(config):
    network = scrambled(PoseBert(config))
    features, observed, start = window(config)
    everything = network(features, observed, start)
    asked = network(features, observed, start, asked=1 + FUTURE)
    assert asked.shape == (2, 1 + FUTURE, POSE_DIM)
    torch.testing.assert_close(asked, everything[:, -1 - FUTURE :])


@pytest.mark.parametrize("config", [PAPER, OURS, CAUSAL], ids=["paper", "ours", "causal"])
def test_a_window_without_any_detection_gives_finite_poses(config):
    features, observed, start = window(config)
    assert torch.isfinite(scrambled(PoseBert(config))(features, observed & False, start)).all()


@pytest.mark.parametrize("config", [PAPER, OURS], ids=["paper", "ours"])
def test_what_comes_later_tells_of_the_past(config):
    network = scrambled(PoseBert(config))
    features, observed, start = window(config)
    observed[:, 60] = True
    later = features.clone()
    later[:, 60] += 1.0
    before, after = network(features, observed, start), network(later, observed, start)
    assert (after[:, :60] - before[:, :60]).abs().amax() > 1e-4


def test_causal_slots_do_not_look_ahead():
    network = scrambled(PoseBert(CAUSAL))
    features, observed, start = window(CAUSAL)
    observed[:, 60] = True
    later = features.clone()
    later[:, 60] += 1.0
    before, after = network(features, observed, start), network(later, observed, start)
    torch.testing.assert_close(after[:, :60], before[:, :60])
    assert (after[:, 60:] - before[:, 60:]).abs().amax() > 1e-3


def test_untrained_ours_gives_back_what_it_saw():
    network = PoseBert(OURS).eval()
    features, _, _ = window(OURS)
    observed = torch.ones(2, T, dtype=torch.bool)
    slot = torch.arange(T + FUTURE).clamp(max=T - 1)
    start = (0.01 * slot[:, None] * torch.ones(POSE_DIM)).expand(2, -1, -1)  # moves evenly
    torch.testing.assert_close(network(features, observed, start), start, atol=1e-3, rtol=0.0)


def test_mixture_weights_sum_to_one():
    network = scrambled(PoseBert(OURS))
    _, observed, start = window(OURS)
    visible = network._visible(observed, T + FUTURE)
    tokens = torch.randn(2, T + FUTURE, SMALL["width"])
    poses = start[:, :T]
    mixed, shifted = (network.mixture(tokens, tokens[:, :T], p, visible) for p in (poses, poses + 1.0))
    torch.testing.assert_close(shifted, mixed + 1.0, atol=1e-4, rtol=0.0)


def test_a_mixture_without_observed_start_is_refused():
    with pytest.raises(ValueError, match="start='observed'"):
        PoseBertConfig(mix=True)
