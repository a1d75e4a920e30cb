"""The torch network behind an exported file, from the file alone: what backends are compared with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import NodeProto

from models.backends.base import INPUTS, OUTPUT
from models.errors import ModelError
from models.export import METADATA_KEY
from models.graph.cut import cut
from models.graph.fold import separate
from models.posebert import BODY_GROUPS, HAND_GROUPS, Mixture, PoseBert, PoseBertConfig, slot_times
from models.window import WINDOW_SLOTS


def restore_torch(file: Path) -> PoseBert:
    """The network of `PoseBertConfig.ours` that `models.export` wrote to `file`, in torch, ready to run.

    Positions of slots that the file never uses stay zero.

    Raises:
        ModelError: the file holds another network, or none.
    """
    try:
        model = onnx.load_from_string(cut(Path(file).read_bytes(), INPUTS, [OUTPUT]))
        nodes, known = separate(model)
        facts = {entry.key: entry.value for entry in model.metadata_props}
        future = tuple(json.loads(facts[METADATA_KEY])["future"])
        return _network(nodes, list(model.graph.node), known, future)
    except (OSError, KeyError, ValueError, RuntimeError, StopIteration) as error:
        raise ModelError(
            f"cannot make the torch network of {file} ({error or type(error).__name__}); give a file that "
            f"launch.py train --network ours exported"
        ) from error


def _network(
    kept: list[NodeProto], nodes: list[NodeProto], known: dict[str, np.ndarray], future: tuple[int, ...]
) -> PoseBert:
    made_by = {name: node for node in kept for name in node.output}
    named = {node.name: node for node in nodes}
    found = {name.removeprefix("network."): value for name, value in known.items() if "network." in name[:8]}
    for node in kept:
        bias = next((name for name in node.input if name.startswith("network.") and name in known), "")
        if node.op_type != "Add" or not bias.endswith(".bias"):
            continue
        matmul = next(made_by[name] for name in node.input if name in made_by)
        if matmul.op_type == "MatMul" and matmul.input[1] in known:
            weight = bias.removeprefix("network.").removesuffix("bias") + "weight"
            found[weight] = known[matmul.input[1]].T
    width, in_dim = found["embed.weight"].shape
    numbers = len(found["regressor.out.bias"])
    groups = next(groups for groups in (HAND_GROUPS, BODY_GROUPS) if sum(groups) == numbers)
    config = PoseBertConfig.ours(in_dim, width, future, groups)
    network = PoseBert(config).eval()
    for i in range(config.depth):
        q, kv = (known[named[f"/network/blocks.{i}/{name}"].input[1]] for name in ("MatMul", "MatMul_1"))
        found[f"blocks.{i}.qkv.weight"] = np.concatenate([q, kv], 1).T
        found[f"blocks.{i}.bias"] = known[named[f"/network/blocks.{i}/Gather"].input[0]]
    masked = next(node for node in kept if node.op_type == "Where" and "observed" in _origin(node, made_by))
    found["mask_token"] = next(known[name] for name in masked.input if name in known)
    placed = next(node for node in kept if node.op_type == "Add" and _follows_concat(node, made_by))
    times = slot_times(WINDOW_SLOTS, future, torch.device("cpu")).numpy()
    position = np.zeros((1, config.positions, config.width), dtype=np.float32)
    position[:, times] = next(known[name] for name in placed.input if name in known)
    found["position"] = position
    found["mixture.falloff"] = known[named["/network/mixture/Mul"].input[0]] / Mixture.SPEED
    found["mean_pose"] = np.zeros(config.out_dim, dtype=np.float32)
    names = network.state_dict()
    network.load_state_dict({name: torch.tensor(found[name].astype(np.float32)) for name in names})
    return network


def _origin(node: NodeProto, made_by: dict[str, NodeProto]) -> set[str]:
    """Names of what a node is given, and of what its givers are given."""
    givers = [made_by[name] for name in node.input if name in made_by]
    return {*node.input, *(name for giver in givers for name in giver.input)}


def _follows_concat(node: NodeProto, made_by: dict[str, NodeProto]) -> bool:
    return any(name in made_by and made_by[name].op_type == "Concat" for name in node.input)
