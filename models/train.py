"""Train PoseBERT, from clips of motion to an ONNX file: one process, or several through torchrun.

    python launch.py train --motion DIR --pairs DIR --validate DIR --out DIR
    torchrun --nproc-per-node 2 launch.py train …

`--out` holds everything: checkpoint.pt (a later run with the same --out goes on from it), curves.csv,
curves.png, config.json, posebert.onnx.
"""

from __future__ import annotations

import ctypes
import json
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

# Read once, when torch is loaded. Threads that spin while they wait make a step ten times slower as soon as
# anything else, such as rendering, wants the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from models.body_input import BODY_IN_DIM
from models.body_noise import MixedBodyNoise, PaperBodyNoise
from models.body_teacher import BodyTeacher
from models.canonical import decode_6d
from models.checkpoint import CHECKPOINT_FILE, Checkpoint
from models.clips import Clips, load_clips, load_stills, require_held_out
from models.curves import Curves
from models.errors import ModelError
from models.files import write_whole
from models.fitted_noise import FittedObservations
from models.gru import BiGru
from models.losses import LossConfig, pose_losses, pose_losses_alone
from models.metrics import accel_error, mpjpe, pa_mpjpe
from models.motion.detector_noise import FittedNoise
from models.noise import DetectorNoise, GapConfig, GaussianNoise, ObservationNoise
from models.posebert import BODY_GROUPS, FUTURE_SLOTS, HAND_GROUPS, PoseBert, PoseBertConfig
from models.posebert_input import IN_DIM, Layout
from models.teacher import HandTeacher, Teacher, moved
from models.window import WINDOW_SLOTS

logger = logging.getLogger(__name__)

_BF16_CAPABILITIES = ("avx512_bf16", "amx_bf16", "bf16")  # as torch calls them: x86, x86, ARM
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of malloc.h


@dataclass(frozen=True)
class TrainConfig:
    """Everything a run depends on; saved with its checkpoints."""

    out: Path
    """Directory of the run."""
    motion: tuple[Path, ...] = ()
    """Directories of clips to add made-up detections to."""
    pairs: tuple[Path, ...] = ()
    """Directories of rendered clips with what the detector said."""
    stills: tuple[Path, ...] = ()
    """Directories of rendered frames that do not follow each other, with what the detector said."""
    validate: tuple[Path, ...] = ()
    """Directories of rendered clips, none of them also under --motion, --pairs or --stills."""
    figure: Literal["hand", "body"] = "hand"
    """What is posed."""
    network: Literal["ours", "paper", "gru"] = "ours"
    """ours: starts from the observation. paper: the paper's network, input and loss (512 wide there), and
    none of what we do to windows beyond its masking and noise. gru: as large as the paper's network of the
    same width, with its input and loss, but with our data."""
    width: int = 256
    """Width of a token."""
    dropout: float = 0.1
    """Share of activations dropped in training."""
    start: Literal["observed", "mean"] = "observed"
    """Where our network's poses start: at a mixture of those observed, or at the mean as the paper's do."""
    begin: Path | None = None
    """Directory of a run whose weights a new run begins with; layers it lacks begin anew."""
    lift: bool = True
    """Whether our network first corrects every observed pose by itself."""
    lift_made_up: bool = False
    """Whether that is learnt from made-up detections, too, where there are filmed ones: what is wrong with
    the one is only nearly what is wrong with the other."""
    heading: bool = True
    """Whether our network's future goes on along the newest motion."""
    causal_share: float = 0.7
    """Share of windows whose slots look at no later one, so that each of them trains the live estimate."""
    future: tuple[int, ...] = FUTURE_SLOTS
    """Which slots past the newest frame to predict."""
    batch: int = 128
    """Windows a step, of all processes together."""
    stills_share: float = 0.2
    """Share of a batch that shows one detection of --stills all along."""
    stills_batch: int = 1024
    """Single detections of --stills in a step, of all processes together, for the correction of each pose."""
    pairs_share: float = 0.5
    """Share of a batch from --pairs, if there is --motion too."""
    steps: int = 20_000
    """Length of the run; the learning rate falls to a hundredth along a cosine until then."""
    minutes: float = 0.0
    """Length of the run in time of training, whatever number of steps that is; 0 goes by --steps."""
    learning_rate: float = 1e-3
    """Its highest value, for Adam."""
    warmup: int = 500
    """Steps in which it rises to that."""
    weight_decay: float = 1e-2
    """Of AdamW, on matrices only."""
    averaging: float = 0.999
    """How much the averaged weights, which are validated and exported, keep at each step."""
    noise: Literal["detector", "fitted", "gaussian"] = "detector"
    """What is made up for --motion. detector: MediaPipe's errors by rough numbers. fitted: those of
    --noise-file. gaussian: the paper's. For bodies, detector: MediaPipe's as measured, and the paper's in a
    quarter of the windows."""
    noise_file: Path | None = None
    """What python -m app.corpus_noise wrote."""
    least_noise: float = 0.2
    """Where detections are made up, windows keep a share of the noise, from this to 1: in clear views hands
    are seen better than on average, and only there can their motion be foreseen."""
    paces: tuple[float, float] = (0.5, 1.5)
    """Least and most frames of a clip that a slot takes, in every other window."""
    roll_rate: float = 0.5
    """Share of batches seen by cameras turned about their optical axis."""
    proportions_m: float = 0.003
    """How much hands differ in shape: largest standard deviation of keypoints' places on them, metres."""
    focal_spread: float = 0.15
    """Standard deviation of the logarithm of what the camera's focal length is mistaken by."""
    gaps: GapConfig = field(default_factory=GapConfig)
    """What is masked."""
    loss: LossConfig = field(default_factory=LossConfig)
    """Weights of the terms."""
    log_every: int = 50
    """Steps between rows of curves.csv and checkpoints."""
    validate_every: int = 1000
    """Steps between validations."""
    bf16: Literal["auto", "on", "off"] = "auto"
    """Compute in bfloat16 where that is safe. auto: if the processor has instructions for it, as without them
    a step takes longer than in 32 bits."""
    threads: int = 0
    """CPU threads a process; 0 leaves the choice to torch."""
    seed: int = 0
    """Of everything random."""


def check_config(config: TrainConfig) -> None:
    """Refuses what no run could do.

    Raises:
        ModelError: naming the flag and its legal values.
    """
    if config.width < 64 or config.width % 64:
        raise ModelError(f"--width is a multiple of 64, the width of a head, not {config.width}")
    for name in ("batch", "stills_batch", "steps", "warmup", "log_every", "validate_every"):
        if getattr(config, name) < 1:
            raise ModelError(f"--{name.replace('_', '-')} is at least 1, not {getattr(config, name)}")
    for name in (
        "causal_share",
        "pairs_share",
        "stills_share",
        "roll_rate",
        "averaging",
        "dropout",
        "least_noise",
    ):
        if not 0.0 <= getattr(config, name) <= 1.0:
            raise ModelError(f"--{name.replace('_', '-')} is from 0 to 1, not {getattr(config, name)}")
    for name in ("minutes", "learning_rate", "weight_decay", "focal_spread", "proportions_m"):
        if not 0.0 <= getattr(config, name) < math.inf:
            raise ModelError(f"--{name.replace('_', '-')} is 0 or more, not {getattr(config, name)}")
    if config.figure == "body" and config.noise == "fitted":
        raise ModelError("--noise fitted is for hands; give --noise detector or gaussian with --figure body")
    if config.stills and config.figure == "body":
        raise ModelError("--stills are of hands; leave them out with --figure body")
    corrects = config.network == "ours" and config.start == "observed" and config.lift
    if config.stills and not (corrects and config.loss.alone):
        raise ModelError(
            "--stills teach the correction of single poses: give --network ours, --start observed, --lift "
            "and a --loss.alone above 0 with them"
        )
    if not 0.0 < config.paces[0] <= config.paces[1] <= 4.0:
        raise ModelError(f"--paces are two numbers above 0 and up to 4, the lesser first, not {config.paces}")
    ahead = config.future
    if list(ahead) != sorted({slot for slot in ahead if 1 <= slot <= WINDOW_SLOTS}):
        raise ModelError(f"--future is slots from 1 to {WINDOW_SLOTS}, ascending, not {ahead}")


class TrainingStoppedError(Exception):
    """A run was asked to stop and did; the message says where it goes on."""


def train(config: TrainConfig, stop: Callable[[], bool] = lambda: False) -> Path:
    """Trains as configured, or goes on where `config.out` left off, and exports.

    Args:
        config: what to train.
        stop: whether to stop after the step at hand; of several processes one that is asked is enough.

    Returns:
        The ONNX file.

    Raises:
        TrainingStoppedError: it was stopped before its end; the checkpoint is of the step it got to.
        ModelError: a setting is out of range, there is nothing to train on, or `config.out` cannot be made
            or holds a run of another network.
    """
    check_config(config)
    config = as_published(config)
    world = World.join(config.threads)
    try:
        return _train(config, world, stop)
    finally:
        world.leave()


def as_published(config: TrainConfig) -> TrainConfig:
    """The recipe that belongs to the network: the baselines' leave out what is ours."""
    if config.network == "ours":
        return config
    # Their input does not tell when in its slot a detection was made, so it has to be in the middle.
    config = replace(config, loss=LossConfig.paper(), causal_share=0.0, paces=(1.0, 1.0))
    if config.network == "gru":
        return config
    return replace(config, roll_rate=0.0, focal_spread=0.0, proportions_m=0.0, least_noise=1.0)


@dataclass(frozen=True)
class World:
    """The processes that train together.

    Attributes:
        rank: of this one; 0 writes the files.
        size: how many there are.
        device: this one's.
    """

    rank: int
    size: int
    device: torch.device

    @staticmethod
    def join(threads: int) -> World:
        """Takes the place torchrun gave this process, or none."""
        if threads:
            torch.set_num_threads(threads)
        keep_freed_memory()
        rank, size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        gpu = torch.cuda.is_available()
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if gpu else torch.device("cpu")
        if gpu:
            torch.cuda.set_device(device)
        if size > 1:
            dist.init_process_group("nccl" if gpu else "gloo")
        return World(rank, size, device)

    def agreed(self, done: float, stop: bool) -> tuple[float, bool]:
        """How much is done, and whether to stop before all is: all must end at one step.

        Clocks differ: the first process's counts. Not every process may have been told to stop.
        """
        if self.size > 1:
            word = torch.tensor([done if self.rank == 0 else 0.0, float(stop)], dtype=torch.float64)
            word = word.to(self.device)
            dist.all_reduce(word, dist.ReduceOp.MAX)
            done, stop = float(word[0]), bool(word[1])
        return done, stop and done < 1.0

    def told(self, checkpoint: Checkpoint | None) -> Checkpoint | None:
        """What the first process has, for all: only its disk may hold the checkpoint."""
        if self.size == 1:
            return checkpoint
        word = [checkpoint]
        dist.broadcast_object_list(word, 0)
        return word[0]

    def leave(self) -> None:
        """Ends the group."""
        if self.size > 1:
            dist.destroy_process_group()


def has_bf16(device: torch.device) -> bool:
    """Whether a device has instructions for bfloat16."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    has = torch.cpu.get_capabilities()
    return any(has.get(name, False) for name in _BF16_CAPABILITIES)


def keep_freed_memory() -> None:
    """Lets glibc keep what is freed: giving it back and faulting it in anew costs a fifth of a step."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, 2**30)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


class Taught(torch.nn.Module):
    """A network with everything it says that is compared with the truth."""

    def __init__(self, network: PoseBert | BiGru) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        features: Tensor,
        observed: Tensor,
        start: Tensor,
        causal: Tensor,
        single: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Everything the network says of a batch.

        Args:
            features, observed, start, causal: see `PoseBert.estimate`.
            single: features (n,1,in_dim) and poses (n,1,P) of detections by themselves, if there are any.

        Returns:
            Poses (B,S,P); those (B,T,P) of observed slots by themselves, None if the network has none; those
            (n,1,P) of the single detections, None without any.
        """
        network = self.network
        if not isinstance(network, PoseBert) or network.lifter is None:
            return network(features, observed, start, None, causal), None, None
        pose, corrected = network.estimate(features, observed, start, None, causal)
        alone = None if single is None else single[1] + network.lifter(single[0])[1]
        return pose, corrected, alone


def open_teacher(config: TrainConfig, device: torch.device, seed: tuple[int, ...]) -> Teacher:
    """The teacher of hands or of bodies, with the clips and the noise asked for."""
    kind = BodyTeacher if config.figure == "body" else HandTeacher
    motion = load_clips(config.motion, filmed=False, figure=config.figure)
    pairs = load_clips(config.pairs, filmed=True, figure=config.figure)
    stills = load_stills(config.stills)
    return kind(config, motion, pairs, stills, noise_of(config), device, seed, layout=layout_of(config))


def noise_of(config: TrainConfig) -> ObservationNoise:
    """The noise asked for."""
    if config.figure == "body":
        return PaperBodyNoise() if config.noise == "gaussian" else MixedBodyNoise()
    if config.noise == "gaussian":
        return GaussianNoise()
    if config.noise == "detector":
        return DetectorNoise()
    if config.noise_file is None:
        raise ModelError("--noise fitted needs --noise-file; write one with python -m app.corpus_noise")
    return FittedObservations(FittedNoise.load(config.noise_file))


def layout_of(config: TrainConfig) -> Layout:
    """The input layout of the network asked for."""
    return "full" if config.network == "ours" else "paper"


def looks_back(config: TrainConfig) -> bool:
    """Whether live slots of the network are to look at no later ones; the baselines always look both ways."""
    return config.network == "ours" and config.causal_share > 0.0


def build(config: TrainConfig) -> PoseBert | BiGru:
    """The network asked for."""
    in_dim = IN_DIM[layout_of(config)]
    groups: tuple[int, ...] = HAND_GROUPS
    if config.figure == "body":
        in_dim, groups = BODY_IN_DIM[layout_of(config)], BODY_GROUPS
    if config.network == "ours":
        ours = PoseBertConfig.ours(in_dim, config.width, config.future, groups)
        mix = config.start == "observed"
        lift = ours.lift if mix and config.lift else 0
        heading = ours.heading and config.heading
        return PoseBert(
            replace(ours, dropout=config.dropout, start=config.start, mix=mix, lift=lift, heading=heading)
        )
    sizes = PoseBertConfig(
        in_dim=in_dim,
        groups=groups,
        width=config.width,
        heads=config.width // 64,
        feed_forward=config.width,
        dropout=config.dropout,
        future=config.future,
    )
    return PoseBert(sizes) if config.network == "paper" else BiGru(sizes)


def _train(config: TrainConfig, world: World, stop: Callable[[], bool]) -> Path:
    out, main = Path(config.out), world.rank == 0
    try:
        out.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise ModelError(f"--out {out} is a file; give a folder") from error
    except OSError as error:
        raise ModelError(f"--out {out} cannot be made ({error.strerror}); give another folder") from error
    torch.manual_seed(config.seed)
    network = build(config).to(world.device)
    average = build(config).to(world.device).eval()
    optimizer = _optimizer(network, config)
    checkpoint = world.told(_checkpoint(out / CHECKPOINT_FILE, config) if main else None)
    step, seconds = _resume(checkpoint, network, average, optimizer)
    kept = step  # what the file holds
    require_held_out(config.validate, config.motion + config.pairs + config.stills)
    # Resuming draws on from other windows than the run began with.
    teacher = open_teacher(config, world.device, (config.seed, world.rank, step))
    if step == 0:
        network.mean_pose.copy_(teacher.mean_pose())
        if config.begin is not None:
            _begin_with(network, config.begin)
        average.load_state_dict(network.state_dict())
    validation = load_clips(config.validate, filmed=True, figure=config.figure) if main else None
    model: torch.nn.Module = Taught(network)
    if world.size > 1:
        model = DistributedDataParallel(model)
    curves = Curves(out, step) if main else None
    if main:
        with _room_for_files(kept):
            write_whole(out / "config.json", json.dumps(_plain(config), indent=1).encode())
    bf16 = config.bf16 == "on" or (config.bf16 == "auto" and has_bf16(world.device))
    even = WINDOW_SLOTS + sum(slot == i + 1 for i, slot in enumerate(config.future))
    sums: dict[str, float] = {}
    since = 0  # steps they are sums of
    began = time.perf_counter()
    length = None if config.minutes else config.steps
    progress = tqdm(total=length, initial=step, disable=not main, unit="step", dynamic_ncols=True)
    done, stopped = world.agreed(share_done(config, step, seconds), stop())
    while done < 1.0 and not stopped:
        rate = learning_rate(config, step, done)
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = teacher.batch(max(1, config.batch // world.size))
        truth = batch.truth
        causal = teacher.causal(len(batch.filmed))
        features, observed, start = teacher.encode(batch.seen, causal)
        single = None
        if teacher.stills is not None:
            still, still_seen = teacher.singles(max(1, config.stills_batch // world.size))
            single = teacher.described(still_seen)
        with torch.autocast(world.device.type, torch.bfloat16, enabled=bf16):
            pose, corrected, alone = model(features, observed, start, causal, single)
        loss = config.loss
        terms = pose_losses(
            pose.float(),
            start,
            truth,
            observed.any(1),
            WINDOW_SLOTS,
            teacher.figure,
            loss,
            even,
            batch.foreseen,
        )
        if loss.alone and corrected is not None:
            counted = observed & batch.filmed[:, None]
            if config.lift_made_up or not counted.any():
                counted = observed
            terms["alone"] = pose_losses_alone(corrected.float(), counted, truth, teacher.figure, loss)
            terms["total"] = terms["total"] + loss.alone * terms["alone"]
        if alone is not None:
            terms["single"] = pose_losses_alone(
                alone.float(), still_seen.observed, still, teacher.figure, loss
            )
            terms["total"] = terms["total"] + loss.alone * terms["single"]
        optimizer.zero_grad(set_to_none=True)
        terms["total"].backward()
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        if not torch.isfinite(norm):  # for all processes at once: they share the gradients
            raise ModelError(
                f"the loss is no longer a number at step {step + 1}; {_what_is_kept(kept)}; lower "
                "--learning-rate, or the weights of --loss if you changed them"
            )
        optimizer.step()
        _update_average(average, network, min(config.averaging, (1.0 + step) / (10.0 + step)))
        step += 1
        now = time.perf_counter()
        seconds, began = seconds + now - began, now
        done, stopped = world.agreed(share_done(config, step, seconds), stop())
        progress.update()
        since += 1
        for name, term in terms.items():
            sums[name] = sums.get(name, 0.0) + float(term.detach())
        check = (step % config.validate_every == 0 and not stopped) or done >= 1.0
        if curves is not None and (step % config.log_every == 0 or check or stopped):
            row = {"step": step, "seconds": round(seconds, 1), "learning_rate": rate}
            row |= {name: total / since for name, total in sums.items()}
            if validation is not None and check:
                row |= validate(average, config, teacher, validation)
            progress.set_postfix(loss=f"{row['total']:.3f}")
            checkpoint = Checkpoint(
                _plain(config),
                network.state_dict(),
                average.state_dict(),
                optimizer.state_dict(),
                step,
                seconds,
            )
            with _room_for_files(kept):
                curves.add(row)
                checkpoint.save(out / CHECKPOINT_FILE)
            kept = step
            sums, since = {}, 0
            began = time.perf_counter()  # validating is not training
    progress.close()
    if stopped:
        raise TrainingStoppedError(
            f"stopped at step {step}; the same command goes on from it"
            if step
            else "stopped before the first step"
        )
    if curves is not None:
        from models.export import export_onnx

        file, causal = out / "posebert.onnx", looks_back(config)
        with _room_for_files(kept):
            curves.draw()
            # In 16 bits: poses change by less than a tenth of a millimetre, and the file is half as large.
            export_onnx(average.cpu(), file, layout_of(config), half=True, causal=causal)
    return out / "posebert.onnx"


@torch.no_grad()
def validate(
    network: PoseBert | BiGru, config: TrainConfig, teacher: Teacher, clips: Clips
) -> dict[str, float]:
    """Online errors on filmed clips, mm: each frame estimated from the past alone, mean over clips of means.

    `raw_…` is the detector's own error on the frames it saw; `worst_pa` the largest ratio of ours to that.
    """
    future = list(config.future)
    per_clip: list[dict[str, float]] = []
    for index, length in enumerate(clips.lengths):
        estimates, truths, raws = [], [], []
        for frames in np.array_split(np.arange(length), math.ceil(length / 128)):
            truth, seen = clips.ending(index, frames, WINDOW_SLOTS, future)
            assert seen is not None
            live = torch.full((len(frames),), looks_back(config), device=teacher.device)
            features, observed, start = teacher.encode(moved(seen, teacher.device), live)
            pose = network(features, observed, start, len(future) + 1, live)
            keypoints = teacher.figure(decode_6d(pose[..., :-3].unflatten(-1, (-1, 6))))
            estimates.append(keypoints.cpu().numpy())
            truths.append(truth.keypoints_m[:, WINDOW_SLOTS - 1 :].numpy())
            raw = torch.where(seen.observed[:, -1, None, None], seen.keypoints_m[:, -1], torch.nan)
            raws.append(raw.numpy())
        estimate, true, raw = (np.concatenate(parts) for parts in (estimates, truths, raws))
        seen_now = np.isfinite(raw).all((1, 2))
        if not seen_now.any():
            continue
        # Before the first detection there is nothing to estimate from.
        started = np.maximum.accumulate(seen_now)
        errors = {
            "mpjpe": mpjpe(estimate[started, 0], true[started, 0]).mean(),
            "pa": pa_mpjpe(estimate[started, 0], true[started, 0]).mean(),
            "pa_seen": pa_mpjpe(estimate[seen_now, 0], true[seen_now, 0]).mean(),
            "accel": accel_error(estimate[started, 0], true[started, 0]).mean(),
            "raw_mpjpe": mpjpe(raw[seen_now], true[seen_now, 0]).mean(),
            "raw_pa": pa_mpjpe(raw[seen_now], true[seen_now, 0]).mean(),
        }
        for ahead in (5, 10, 15, 30):
            inside = started[:-ahead]
            if ahead in future and inside.any():
                k = 1 + future.index(ahead)
                target = true[:-ahead][inside, k]
                errors[f"pa_{ahead}"] = pa_mpjpe(estimate[:-ahead][inside, k], target).mean()
                errors[f"hold_pa_{ahead}"] = pa_mpjpe(estimate[:-ahead][inside, 0], target).mean()
        per_clip.append({name: 1e3 * float(value) for name, value in errors.items()})
    names = dict.fromkeys(name for clip in per_clip for name in clip)
    result = {
        name: float(np.nanmean([clip[name] for clip in per_clip if name in clip] or [np.nan]))
        for name in names
    }
    if per_clip:
        result["worst_pa"] = max(clip["pa_seen"] / clip["raw_pa"] for clip in per_clip)
    return result


def _plain(config: TrainConfig) -> dict[str, Any]:
    """As JSON has it."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(config), default=str))
    return plain


@contextmanager
def _room_for_files(kept: int) -> Iterator[None]:
    """Tells a full disk in a sentence, with the step of the checkpoint that is there."""
    try:
        yield
    except OSError as error:
        raise ModelError(
            f"cannot write {error.filename} ({error.strerror}); make room there: {_what_is_kept(kept)}, "
            f"and the same command {'goes on from it' if kept else 'starts again'}"
        ) from error


def _what_is_kept(step: int) -> str:
    return f"the checkpoint of step {step} is kept" if step else "there is no checkpoint yet"


def share_done(config: TrainConfig, step: int, seconds: float) -> float:
    """How much of the run is over, 0 to 1 and more."""
    return seconds / (60.0 * config.minutes) if config.minutes else step / config.steps


def learning_rate(config: TrainConfig, step: int, done: float) -> float:
    """Linear rise, then a cosine down to a hundredth."""
    cosine = 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))
    return config.learning_rate * cosine * min(1.0, (step + 1) / config.warmup)


def _optimizer(network: torch.nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    matrices = [p for p in network.parameters() if p.dim() == 2]
    others = [p for p in network.parameters() if p.dim() != 2]
    groups = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, weight_decay=config.weight_decay)


@torch.no_grad()
def _update_average(average: torch.nn.Module, network: torch.nn.Module, keep: float) -> None:
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1.0 - keep)


def _checkpoint(file: Path, config: TrainConfig) -> Checkpoint | None:
    """What was saved by a run of the same network, if there is anything."""
    if not file.exists():
        return None
    checkpoint = Checkpoint.load(file, "move it away or give another --out")
    for name in ("figure", "network", "width", "start", "lift", "heading", "future"):
        wanted = json.loads(json.dumps(getattr(config, name)))
        saved = checkpoint.config.get(name, "hand" if name == "figure" else None)
        if saved != wanted:
            raise ModelError(f"{file} is of a run with {name} {saved}, not {wanted}; give another --out")
    logger.info("going on from step %d of %s", checkpoint.step, file)
    return checkpoint


def _resume(
    checkpoint: Checkpoint | None,
    network: torch.nn.Module,
    average: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
) -> tuple[int, float]:
    """Goes on from a checkpoint, if any; the step and the seconds it was saved at.

    Raises:
        ModelError: its layers are others.
    """
    if checkpoint is None:
        return 0, 0.0
    try:
        network.load_state_dict(checkpoint.network)
        average.load_state_dict(checkpoint.average)
        decays = [group["weight_decay"] for group in optimizer.param_groups]
        optimizer.load_state_dict(checkpoint.optimizer)
        for group, decay in zip(optimizer.param_groups, decays, strict=True):
            group["weight_decay"] = decay  # as asked for now; the rate is set at every step
    except (LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ModelError(
            f"the {CHECKPOINT_FILE} in --out is of another version of this program; give another --out"
        ) from error
    return checkpoint.step, checkpoint.seconds


def _begin_with(network: torch.nn.Module, run: Path) -> None:
    """Take over the averaged weights of another run, as far as it has the same layers.

    Raises:
        ModelError: there is no such run, or its layers are of other sizes.
    """
    file = run / CHECKPOINT_FILE
    instead = "give the --out directory of a training run"
    if not file.is_file():
        raise ModelError(f"--begin {run} holds no {CHECKPOINT_FILE}; {instead}")
    state = Checkpoint.load(file, f"{instead} to --begin").average
    try:
        missing, unknown = network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise ModelError(
            f"--begin {run} is of a network of another size; give a run like this one"
        ) from error
    logger.info("begins with %s; anew: %s; left out: %s", file, ", ".join(missing), ", ".join(unknown))


if __name__ == "__main__":
    import tyro

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    train(tyro.cli(TrainConfig, description=__doc__))
