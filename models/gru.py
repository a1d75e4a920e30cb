"""The baseline PoseBERT is compared with: a bidirectional GRU, VIBE's temporal encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.posebert import PoseBertConfig, Regressor, slot_times


class BiGru(nn.Module):
    """Two bidirectional GRU layers with a residual, then the regressor from the mean pose (VIBE, CVPR 2020).

    Called as `PoseBert` is. Unobserved and future slots are the learned mask token, as there.

    Args:
        config: of the PoseBERT it is compared with; the GRU's width is chosen to have as many parameters.
    """

    LAYERS = 2
    ITERATIONS = 4  # of the regressor, as many as PoseBERT has blocks
    mean_pose: Tensor

    def __init__(self, config: PoseBertConfig) -> None:
        super().__init__()
        self.config = config
        D, h = config.width, gru_width(config)
        self.embed = nn.Linear(config.in_dim, D)
        self.mask_token = nn.Parameter(config.position_std * torch.randn(1, 1, D))
        self.gru = nn.GRU(D, h, self.LAYERS, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * h, D)
        self.regressor = Regressor(config)
        self.register_buffer("mean_pose", torch.zeros(config.out_dim))

    def forward(
        self,
        features: Tensor,
        observed: Tensor,
        start: Tensor,
        asked: int | None = None,
        causal: Tensor | None = None,
    ) -> Tensor:
        """Poses (B,asked,out_dim); arguments as for `PoseBert.forward`, but it always looks both ways."""
        del causal
        T, slots = features.shape[1], start.shape[1]
        asked = slots if asked is None else asked
        times = slot_times(T, self.config.future, features.device)
        x = torch.where(observed[..., None], self.embed(features), self.mask_token)
        ahead = max(self.config.future, default=0)  # it takes every slot on the way there
        x = torch.cat([x, self.mask_token.expand(len(x), ahead, -1).to(x.dtype)], 1)
        x = (x + self.out(functional.relu(self.gru(x)[0])))[:, times][:, -asked:]
        y = start[:, -asked:]
        if self.config.start == "mean":
            y = self.mean_pose.expand_as(y)
        for _ in range(self.ITERATIONS):
            y = y + self.regressor(x, y)
        return y


def gru_width(config: PoseBertConfig) -> int:
    """The hidden width at which `BiGru` has about as many parameters as PoseBERT's blocks and positions."""
    D, inner, ff = config.width, config.heads * config.head_dim, config.feed_forward
    block = 4 * D + 4 * D * inner + D + 2 * D * ff + ff + D
    wanted = config.depth * block + config.positions * D

    def size(h: int) -> int:
        first = 2 * (3 * h * (D + h) + 6 * h)
        second = 2 * (3 * h * (2 * h + h) + 6 * h)
        return first + second + 2 * h * D + D

    return min(range(32, 2049, 8), key=lambda h: abs(size(h) - wanted))
