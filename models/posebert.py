"""PoseBERT: a transformer that turns a window of noisy, gappy poses into clean ones, now and ahead.

Baradel et al., "PoseBERT: A Generic Transformer Module for Temporal 3D Human Modeling", PAMI 2022. The
default configuration is the paper's. `PoseBertConfig.ours()` starts from what was observed, not from the mean
pose: what was observed in a slot is first corrected by itself, each slot then begins as an attention-weighted
mixture of the corrected poses, and the last layers of all that is added start at zero, so a pose the network
has never met passes through until it has learnt a reason to change it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

# Half a second slot by slot, for the retargeter; then coarser, as far as hands can be foreseen at all.
FUTURE_SLOTS = (*range(1, 16), 20, 25, 30)
# How a pose is made up: rotations in 6D, part by part, then the location, see models.canonical.
HAND_GROUPS = (6, 18, 18, 18, 18, 18, 3)  # wrist; index, middle, pinky, ring, thumb; location
# Pelvis; hips and spine1; knees and spine2; ankles, spine3 and feet; neck, collars and head; left shoulder,
# right shoulder, left elbow, right elbow; wrists and hands; location. In SMPL's order left and right
# alternate, and a part for every joint would cost more than it gains.
BODY_GROUPS = (6, 18, 18, 30, 24, 6, 6, 6, 6, 24, 3)
# Added to the score of a slot that may not be looked at; finite, so that no visible slot at all gives no NaN.
MASKED = -1e9


@dataclass(frozen=True)
class PoseBertConfig:
    """Sizes and options of the network.

    Attributes:
        in_dim: features of a slot.
        groups: numbers of each part of a pose, see HAND_GROUPS.
        width: of a token.
        depth: number of blocks.
        heads: attention heads.
        head_dim: width of a head.
        feed_forward: hidden width of the feed-forward layers and of the regressor.
        dropout: share of activations dropped in training.
        shared_dropout: drop the same ones in all slots of a window, which takes a tenth of the dice.
        positions: rows of the learned positions, the longest window with its future.
        position_std: of the positions and the mask token at the start.
        start: "mean" refines from the mean pose, "observed" from the pose given for each slot.
        mix: start from a learned mixture of the observed slots; needs start="observed".
        lift: hidden width of the layers that correct every observed pose by itself; 0 for none; needs mix.
        relative_bias: learn how much each head looks at slots so and so far away.
        heading: let future poses go on along the motion of the newest estimates, as far as the network trusts
            it.
        future: the instants past the window to predict, in slots past its last.
    """

    in_dim: int = 111
    groups: tuple[int, ...] = HAND_GROUPS
    width: int = 512
    depth: int = 4
    heads: int = 8
    head_dim: int = 64
    feed_forward: int = 512
    dropout: float = 0.1
    shared_dropout: bool = False
    positions: int = 1024
    position_std: float = 1.0
    start: str = "mean"
    mix: bool = False
    lift: int = 0
    relative_bias: bool = False
    heading: bool = False
    future: tuple[int, ...] = FUTURE_SLOTS

    def __post_init__(self) -> None:
        if self.start not in ("mean", "observed"):
            raise ValueError(f"start is {self.start!r}; give 'mean' or 'observed'")
        if self.mix and self.start != "observed":
            raise ValueError(f"mix needs start='observed', got {self}")
        if self.lift and not self.mix:
            raise ValueError(f"lift needs mix, got {self}")
        if self.heading and not self.future:
            raise ValueError(f"heading needs a future, got {self}")

    @property
    def out_dim(self) -> int:
        """Numbers of a pose."""
        return sum(self.groups)

    @staticmethod
    def ours(
        in_dim: int,
        width: int = 256,
        future: tuple[int, ...] = FUTURE_SLOTS,
        groups: tuple[int, ...] = HAND_GROUPS,
    ) -> PoseBertConfig:
        """The configuration that starts from the observation."""
        return PoseBertConfig(
            in_dim=in_dim,
            groups=groups,
            width=width,
            heads=width // 64,
            feed_forward=width,
            shared_dropout=True,
            positions=128,
            position_std=0.02,
            start="observed",
            mix=True,
            lift=2 * width,
            relative_bias=True,
            heading=bool(future),
            future=future,
        )


@dataclass(frozen=True)
class Past:
    """What a live network knows of all slots but the newest, see `PoseBert.remember`; T' is their number.

    Attributes:
        attended: keys and values of each block (2,B,heads,T',head_dim).
        keys: of the mixture (B,T',·); none where nothing is mixed.
        corrected: (B,T',out_dim) poses of the observed slots, corrected by themselves.
        recent: (B,Heading.STEPS,out_dim) the newest of their estimates.
    """

    attended: tuple[Tensor, ...]
    keys: Tensor
    corrected: Tensor
    recent: Tensor

    def named(self) -> dict[str, Tensor]:
        """All there is."""
        values = {f"past_{i}": value for i, value in enumerate(self.attended)}
        values |= {"keys": self.keys, "corrected": self.corrected, "recent": self.recent}
        return {name: value for name, value in values.items() if value.numel()}


class PoseBert(nn.Module):
    """The network; call it with a window, see `forward`."""

    mean_pose: Tensor

    def __init__(self, config: PoseBertConfig) -> None:
        super().__init__()
        self.config = config
        D = config.width
        self.embed = nn.Linear(config.in_dim, D)
        self.mask_token = nn.Parameter(config.position_std * torch.randn(1, 1, D))
        self.position = nn.Parameter(config.position_std * torch.randn(1, config.positions, D))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.regressor = Regressor(config)
        self.mixture = Mixture(config) if config.mix else None
        self.lifter = Lifter(config) if config.lift else None
        self.heading = Heading(config) if config.heading else None
        self.register_buffer("mean_pose", torch.zeros(config.out_dim))

    def forward(
        self,
        features: Tensor,
        observed: Tensor,
        start: Tensor,
        asked: int | None = None,
        causal: Tensor | None = None,
    ) -> Tensor:
        """Poses of the window's slots and of the future slots after them; see `estimate`.

        Returns:
            (B,asked,out_dim).
        """
        return self.estimate(features, observed, start, asked, causal)[0]

    def estimate(
        self,
        features: Tensor,
        observed: Tensor,
        start: Tensor,
        asked: int | None = None,
        causal: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Poses of the window's slots and of the future slots after them.

        Args:
            features: (B,T,in_dim); whatever stands in unobserved slots is ignored.
            observed: (B,T) bool.
            start: (B,T+F,out_dim) where refinement starts: at observed slots their own pose, elsewhere the
                nearest observed one's. With start="mean" only its length is used.
            asked: estimate only the last so many slots, None for all; what the others' last block and
                regressors would cost is saved.
            causal: (B,) bool, windows whose slots look at no later ones, so that each of them is a live
                estimate; None lets all look everywhere.

        Returns:
            (B,asked,out_dim) poses, and (B,T,out_dim) those of the observed slots, corrected by themselves.
        """
        T, slots = features.shape[1], start.shape[1]
        wanted = slots if asked is None else asked
        asked = wanted
        if self.heading is not None:  # the motion of the newest slots is needed, whatever is asked for
            asked = min(slots, max(wanted, slots - T + Heading.STEPS + 1))
        times = slot_times(T, self.config.future, features.device)
        x, corrected = self._tokens(features, observed, start, times)
        visible = _visible(observed, times, causal).to(x.dtype)
        y = self._begin(start[:, -asked:])
        delta = torch.zeros_like(y)
        window = x
        for i, block in enumerate(self.blocks):
            window = x[:, :T]
            x, _ = block(x, times, T, asked if i + 1 == len(self.blocks) else slots, visible)
            delta = delta + self.regressor(x[:, -asked:], y + delta)
        if self.mixture is not None:
            y, _ = self.mixture(x, window, corrected, times, visible)
        pose = y + delta
        if self.heading is not None:
            pose = self.heading(x[:, -asked:], pose, _begun(observed, causal)[:, -Heading.STEPS - 1 : -1])
        return pose[:, -wanted:], corrected

    def remember(self, features: Tensor, observed: Tensor, start: Tensor) -> Past:
        """What a live estimate (`causal`) needs of all slots but the newest, which they do not look at.

        Args:
            features: (B,T-1,in_dim) of these slots.
            observed: (B,T-1) bool.
            start: (B,T-1,out_dim).
        """
        T = features.shape[1]
        asked = Heading.STEPS
        times = torch.arange(T, device=features.device)
        x, corrected = self._tokens(features, observed, start, times)
        live = torch.ones(len(x), dtype=torch.bool, device=x.device)
        visible = _visible(observed, times, live).to(x.dtype)
        y = self._begin(start[:, -asked:])
        delta = torch.zeros_like(y)
        attended = []
        window = x
        for i, block in enumerate(self.blocks):
            window = x
            x, shown = block(x, times, T, asked if i + 1 == len(self.blocks) else T, visible)
            attended.append(shown)
            delta = delta + self.regressor(x[:, -asked:], y + delta)
        keys = corrected[:, :0]
        if self.mixture is not None:
            y, keys = self.mixture(x, window, corrected, times, visible)
        return Past(tuple(attended), keys, corrected, y + delta)

    def proceed(self, past: Past, features: Tensor, observed: Tensor, start: Tensor) -> Tensor:
        """Live poses (B,1+F,out_dim) of the newest slot and of the future, as `forward` gives them.

        Args:
            past: of the slots before.
            features: (B,1,in_dim) of the newest slot.
            observed: (B,T) bool, of all slots.
            start: (B,1+F,out_dim) of the newest slot and of the future.
        """
        T, slots = observed.shape[1], start.shape[1]
        times = slot_times(T, self.config.future, features.device)
        x, corrected = self._tokens(features, observed[:, -1:], start, times[T - 1 :])
        live = torch.ones(len(x), dtype=torch.bool, device=x.device)
        visible = _visible(observed, times, live).to(x.dtype)
        y = self._begin(start)
        delta = torch.zeros_like(y)
        newest = x
        for block, before in zip(self.blocks, past.attended, strict=True):
            newest = x[:, :1]
            x, _ = block(x, times, 1, slots, visible, before)
            delta = delta + self.regressor(x, y + delta)
        if self.mixture is not None:
            poses = torch.cat([past.corrected, corrected], 1)
            y, _ = self.mixture(x, newest, poses, times, visible, past.keys)
        pose = y + delta
        if self.heading is None:
            return pose
        begun = _begun(observed, live)[:, -Heading.STEPS - 1 : -1]
        return self.heading(x, torch.cat([past.recent, pose], 1), begun)[:, -slots:]

    def _tokens(
        self, features: Tensor, observed: Tensor, start: Tensor, times: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(B,slots,D) of slots at `times`, and (B,T,out_dim) poses of those seen, corrected by themselves.

        The first T have features (B,T,in_dim) and were observed (B,T) or not; the others are ahead.
        """
        T = features.shape[1]
        token, corrected = self.embed(features), start[:, :T]
        if self.lifter is not None:
            told, correction = self.lifter(features)
            token, corrected = token + told, corrected + correction
        mask = self.mask_token.to(token.dtype)  # under autocast the tokens, too, stay in 16 bits
        token = torch.where(observed[..., None], token, mask)
        if len(times) > T:  # ONNX has no expanding to nothing
            token = torch.cat([token, mask.expand(len(token), len(times) - T, -1)], 1)
        return token + self.position[:, times].to(token.dtype), corrected

    def _begin(self, start: Tensor) -> Tensor:
        """Where the refinement of poses begins that are given as `start`."""
        return self.mean_pose.expand_as(start) if self.config.start == "mean" else start


def slot_times(T: int, future: tuple[int, ...], device: torch.device) -> Tensor:
    """(T+F,) when each slot is, in slots after the window's first."""
    ahead = torch.tensor(future, dtype=torch.long, device=device)
    return torch.cat([torch.arange(T, device=device), T - 1 + ahead])


def _visible(observed: Tensor, times: Tensor, causal: Tensor | None) -> Tensor:
    """(B,1,slots,T) to add to attention scores: 0 where a slot may look, MASKED where not."""
    T = observed.shape[1]
    see = observed[:, None, None, :].expand(-1, 1, len(times), T)
    if causal is not None:
        past = see & (distance(times, T) >= 0)
        # Slots before the first detection have no past; they may look ahead rather than at nothing.
        live = past | (see & ~past.any(-1, keepdim=True))
        of = causal[:, None, None, None]
        see = (live & of) | (see & ~of)  # ONNX Runtime chooses between numbers, not between truths
    return torch.where(see, 0.0, MASKED)


def _begun(observed: Tensor, causal: Tensor | None) -> Tensor:
    """(B,T) bool, whether a window (B,T) has shown anything up to a slot; always, where it looks ahead."""
    if causal is None:
        return torch.ones_like(observed)
    return (observed.long().cumsum(1) > 0) | ~causal[:, None]


class Block(nn.Module):
    """Pre-norm attention and feed-forward."""

    def __init__(self, config: PoseBertConfig) -> None:
        super().__init__()
        D, inner = config.width, config.heads * config.head_dim
        self.config = config
        self.norm1 = nn.LayerNorm(D)
        self.qkv = nn.Linear(D, 3 * inner, bias=False)
        self.out = nn.Linear(inner, D)
        self.norm2 = nn.LayerNorm(D)
        self.feed_forward = nn.Sequential(
            nn.Linear(D, config.feed_forward),
            nn.GELU(),
            dropout(config),
            nn.Linear(config.feed_forward, D),
            dropout(config),
        )
        self.dropout = dropout(config)
        # Row h: how much head h likes to look so many slots ahead … behind.
        table = torch.zeros(config.heads, 2 * config.positions - 1)
        self.bias = nn.Parameter(table) if config.relative_bias else None

    def forward(
        self, x: Tensor, times: Tensor, T: int, wanted: int, visible: Tensor, before: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The last `wanted` of tokens x, having looked at the window.

        Args:
            x: (B,slots,D), the first T of them of the window.
            times: (slots,) of these tokens or of more before them, see `slot_times`.
            T: how many.
            wanted: how many.
            visible: (B,1,slots,all) which may look at which of the window, to add to scores.
            before: keys and values of the window's slots before x.

        Returns:
            (B,wanted,D), and keys and values (2,B,heads,all,head_dim) of the window.
        """
        B = len(x)
        H, inner = self.config.heads, self.config.heads * self.config.head_dim
        normed = self.norm1(x)
        q = (
            functional.linear(normed[:, -wanted:], self.qkv.weight[:inner])
            .view(B, wanted, H, -1)
            .transpose(1, 2)
        )
        kv = functional.linear(normed[:, :T], self.qkv.weight[inner:]).view(B, T, 2, H, -1)
        shown = kv.permute(2, 0, 3, 1, 4)
        if before is not None:
            shown = torch.cat([before, shown], -2)
        k, v = shown
        mask = visible[:, :, -wanted:]
        if self.bias is not None:
            away = distance(times[-wanted:], k.shape[-2]) + self.config.positions - 1
            mask = mask + self.bias.to(x.dtype)[:, away]
        # Written out: torch's fused attention on the CPU is four times slower with a mask in bf16.
        scores = (q * self.config.head_dim**-0.5) @ k.transpose(-1, -2) + mask
        looked = (scores.softmax(-1) @ v).transpose(1, 2).reshape(B, wanted, inner)
        x = x[:, -wanted:] + self.dropout(self.out(looked))
        return x + self.feed_forward(self.norm2(x)), shown


class SharedDropout(nn.Module):
    """Drops activations (B,slots,D) of a window in all its slots or in none."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """As nn.Dropout."""
        if not self.training or not self.share:
            return x
        kept = torch.rand(len(x), 1, x.shape[-1], device=x.device) >= self.share
        return x * (kept / (1.0 - self.share)).to(x.dtype)


def dropout(config: PoseBertConfig) -> nn.Module:
    """The kind of dropout asked for."""
    return SharedDropout(config.dropout) if config.shared_dropout else nn.Dropout(config.dropout)


class Regressor(nn.Module):
    """Refines a pose given its token; shared by all blocks."""

    def __init__(self, config: PoseBertConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.hidden = nn.Linear(config.width + config.out_dim, config.feed_forward)
        self.dropout = dropout(config)
        self.out = nn.Linear(config.feed_forward, config.out_dim)
        if config.start == "mean":
            nn.init.xavier_uniform_(self.out.weight, gain=0.01)
        else:
            nn.init.zeros_(self.out.weight)
            nn.init.zeros_(self.out.bias)

    def forward(self, token: Tensor, pose: Tensor) -> Tensor:
        """What to add to the pose (B,n,out_dim)."""
        hidden = self.hidden(torch.cat([self.norm(token), pose.to(token.dtype)], -1))
        return self.out(self.dropout(functional.gelu(hidden))).to(pose.dtype)


class Lifter(nn.Module):
    """What one observation tells by itself: how its pose is wrong, and what the rest should know of it."""

    def __init__(self, config: PoseBertConfig) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(config.in_dim, config.lift),
            nn.GELU(),
            dropout(config),
            nn.Linear(config.lift, config.lift),
            nn.GELU(),
            dropout(config),
        )
        self.token = nn.Linear(config.lift, config.width)
        self.correction = nn.Linear(config.lift, config.out_dim)
        nn.init.zeros_(self.correction.weight)
        nn.init.zeros_(self.correction.bias)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(B,T,width) to add to tokens and (B,T,out_dim) float32 to poses, of features (B,T,in_dim)."""
        hidden = self.layers(features)
        return self.token(hidden), self.correction(hidden).float()


class Mixture(nn.Module):
    """Each slot's pose as a weighted sum of the observed poses, one set of weights per part.

    weights = near + gain · (ahead − behind), all three attention maps: `near`, one per part, averages noise
    away; the other two, shared by all parts, differ to extrapolate. The weights sum to one, so any pose that
    is shown can come out, met in training or not. At first `near` is the nearest observation, the gain zero.
    """

    SIZE = 16  # of queries and keys
    NEAREST = 3.0  # score lost per slot of distance at the start; e⁻³ leaves neighbours next to nothing
    SPEED = 20.0  # Adam moves every parameter alike; this one has a long way to go to smooth over many slots
    WIDER = 0.5  # the same for the maps that extrapolate

    def __init__(self, config: PoseBertConfig) -> None:
        super().__init__()
        self.groups = config.groups
        maps = len(self.groups) + 2
        self.norm = nn.LayerNorm(config.width)
        self.query = nn.Linear(config.width, maps * self.SIZE)
        self.key = nn.Linear(config.width, maps * self.SIZE)
        self.gain = nn.Linear(config.width, len(self.groups))
        falloff = torch.tensor([self.NEAREST] * len(self.groups) + [self.WIDER] * 2)
        self.falloff = nn.Parameter(falloff[:, None, None] / self.SPEED)
        for layer in (self.query, self.gain):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self,
        asking: Tensor,
        window: Tensor,
        poses: Tensor,
        times: Tensor,
        visible: Tensor,
        before: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Mixtures of the window's poses, for the last n slots.

        Args:
            asking: (B,n,D) tokens of those slots.
            window: (B,·,D) tokens of the window.
            poses: (B,T,out_dim) of the window.
            times: (slots,) see `slot_times`.
            visible: (B,1,slots,T) which may look at which, to add to scores.
            before: keys of the window's slots before `window`.

        Returns:
            (B,n,out_dim), and keys (B,T,maps · SIZE) of the window.
        """
        B, n, _ = asking.shape
        keys = self.key(self.norm(window))
        if before is not None:
            keys = torch.cat([before, keys], 1)
        T = keys.shape[1]
        asking = self.norm(asking)
        q = self.query(asking).view(B, n, -1, self.SIZE).transpose(1, 2)
        k = keys.view(B, T, -1, self.SIZE).permute(0, 2, 3, 1)
        away = distance(times[-n:], T).abs()
        lost = (self.SPEED * self.falloff * away).to(visible.dtype)
        scores = (q * self.SIZE**-0.5) @ k - lost + visible[:, :, -n:]
        gain = self.gain(asking).float().transpose(1, 2)[..., None]
        # Poses are copied here: in 16 bits they would come out rounded.
        with torch.autocast(asking.device.type, enabled=False):
            # Unbound, not indexed: the gradient of each index would be a whole tensor of zeros.
            *near, ahead, behind = scores.softmax(-1, dtype=torch.float32).unbind(1)
            trend = ahead - behind
            parts = zip(near, gain.unbind(1), poses.float().split(self.groups, -1), strict=True)
            mixed = torch.cat([(weights + share * trend) @ part for weights, share, part in parts], -1)
        return mixed, keys


class Heading(nn.Module):
    """Carries the motion of the newest estimates on into the future.

    Each part of the pose goes on by a weighted sum of its last steps. The weights, one set per instant, part
    and step, are what the network thinks of that motion; at first it trusts half of it, and less with time.
    """

    STEPS = 3  # from slot to slot, up to the newest
    NEWER = (0.6, 0.4, 0.0)  # their shares at the start
    TRUST = 0.5
    FADING = 0.8  # of the speed, a slot

    def __init__(self, config: PoseBertConfig) -> None:
        super().__init__()
        self.ahead = len(config.future)
        self.groups = config.groups
        self.norm = nn.LayerNorm(2 * config.width)
        self.hidden = nn.Linear(2 * config.width, config.width)
        self.out = nn.Linear(config.width, len(self.groups) * self.STEPS)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        slots = torch.tensor(config.future, dtype=torch.float32)
        gone = self.TRUST * (1.0 - self.FADING**slots) / (1.0 - self.FADING)
        start = gone[:, None, None] * torch.tensor(self.NEWER)
        self.weights = nn.Parameter(start.expand(-1, len(self.groups), -1).clone())

    def forward(self, token: Tensor, pose: Tensor, begun: Tensor) -> Tensor:
        """Poses with their future moved on.

        Args:
            token: (B,m,D) the newest slot's at least, and those of the F slots ahead.
            pose: (B,n,out_dim) of the STEPS slots before the newest, the newest, and those ahead.
            begun: (B,STEPS) bool, whether those slots may be counted: what was not seen yet did not move.

        Returns:
            (B,n,out_dim).
        """
        F, past = self.ahead, pose.shape[1] - self.ahead
        newest = token[:, -F - 1 : -F].expand(-1, F, -1)
        told = functional.gelu(self.hidden(self.norm(torch.cat([token[:, -F:], newest], -1))))
        weights = self.out(told).float().unflatten(-1, (len(self.groups), self.STEPS)) + self.weights
        with torch.autocast(token.device.type, enabled=False):  # small differences of large numbers
            recent = pose.float()[:, past - self.STEPS - 1 : past].flip(1)  # newest first
            steps = (recent[:, :-1] - recent[:, 1:]) * begun.flip(1)[..., None]
            parts = zip(weights.unbind(2), steps.split(self.groups, -1), strict=True)
            moved = torch.cat([share @ part for share, part in parts], -1)
        return torch.cat([pose[:, :past], pose[:, past:] + moved], 1)


def distance(times: Tensor, T: int) -> Tensor:
    """(slots,T) how many slots the window's slot j lies before slot i; negative where it lies after."""
    return times[:, None] - torch.arange(T, device=times.device)
