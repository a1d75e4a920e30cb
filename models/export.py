"""A trained network as an ONNX file that computes only what is asked for live: now and the future."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path

import onnx
import onnx.numpy_helper
import torch
from torch import Tensor, nn

from models.backends.base import INPUTS, OUTPUT, PROCEEDED
from models.files import write_whole
from models.gru import BiGru
from models.posebert import Past, PoseBert
from models.posebert_input import Layout
from models.window import WINDOW_SLOTS

OPSET = 17
METADATA_KEY = "posehand"


class Online(nn.Module):
    """A network that estimates the last few slots of one window."""

    causal: Tensor

    def __init__(self, network: PoseBert | BiGru, asked: int, causal: bool) -> None:
        super().__init__()
        self.network = network
        self.asked = asked
        self.register_buffer("causal", torch.full((1,), causal))

    def forward(self, features: Tensor, observed: Tensor, start: Tensor) -> Tensor:
        """Poses (1,asked,99)."""
        return self.network(features, observed, start, self.asked, self.causal)


class InTwo(Online):
    """The same, and how to come by it in two steps, the first of which needs nothing of the newest slot."""

    network: PoseBert

    def forward(self, features: Tensor, observed: Tensor, start: Tensor) -> tuple[Tensor, ...]:
        """Poses (1,asked,99), those of the second step, and what the first step hands on."""
        pose = super().forward(features, observed, start)
        past = self.past(features, observed, start)
        newest = WINDOW_SLOTS - 1
        proceeded = self.network.proceed(past, features[:, newest:], observed, start[:, newest:])
        return pose, proceeded, *past.named().values()

    def past(self, features: Tensor, observed: Tensor, start: Tensor) -> Past:
        """What the first step hands on."""
        before = slice(0, WINDOW_SLOTS - 1)
        return self.network.remember(features[:, before], observed[:, before], start[:, before])


def export_onnx(
    network: PoseBert | BiGru,
    file: Path,
    layout: Layout,
    newest: int = 1,
    half: bool = False,
    causal: bool = True,
) -> None:
    """Writes the network as ONNX.

    Inputs features (1,64,in_dim), observed (1,64) bool, start (1,64+F,99); output pose (1,newest+F,99),
    oldest first, with the F future instants of the network's configuration. Where slots look at no later ones
    and only the newest is asked for, `proceeded` gives the same poses in two steps; `models.graph.cut` takes
    them apart at the other outputs, which depend on nothing of the newest slot.

    Args:
        network: on the CPU.
        file: to write.
        layout: of the features it was trained with.
        newest: slots of the window to estimate, counted from its end.
        causal: slots look at no later ones, as networks do that were trained so; else all look everywhere.
        half: store weights in 16 bits (they are widened again when the file is loaded).

    Raises:
        OSError: the file cannot be written; `filename` says which.
    """
    future = network.config.future
    asked = newest + len(future)
    example = (
        torch.zeros(1, WINDOW_SLOTS, network.config.in_dim),
        torch.ones(1, WINDOW_SLOTS, dtype=torch.bool),
        torch.zeros(1, WINDOW_SLOTS + len(future), network.config.out_dim),
    )
    module, outputs = Online(network, asked, causal), [OUTPUT]
    if isinstance(network, PoseBert) and causal and newest == 1:
        module = InTwo(network, asked, causal)
        outputs += [PROCEEDED, *module.past(*example).named()]
    module.eval()
    with warnings.catch_warnings():
        # The exporter torch now prefers needs packages that nothing else here does.
        warnings.simplefilter("ignore")
        written = io.BytesIO()
        torch.onnx.export(
            module,
            example,
            written,
            input_names=list(INPUTS),
            output_names=outputs,
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_model_from_string(written.getvalue())
    _share_constants(model)
    if half:
        _halve(model)
    about = {"layout": layout, "future": future, "newest": newest}
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(about)})
    write_whole(file, model.SerializeToString())


def _share_constants(model: onnx.ModelProto) -> None:
    """Keep one of constants that are the same: each block comes with its own table of distances."""
    kept: dict[bytes, str] = {}
    instead: dict[str, str] = {}
    for node in [node for node in model.graph.node if node.op_type == "Constant"]:
        value = node.attribute[0].SerializeToString()
        name = kept.setdefault(value, node.output[0])
        if name != node.output[0]:
            instead[node.output[0]] = name
            model.graph.node.remove(node)
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = instead.get(name, name)


def _halve(model: onnx.ModelProto) -> None:
    """Weights to float16 with a cast behind each; small ones stay."""
    casts = []
    for weight in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype != "float32" or values.size < 1024:
            continue
        name = weight.name
        weight.CopyFrom(onnx.numpy_helper.from_array(values.astype("float16"), name + "_half"))
        casts.append(onnx.helper.make_node("Cast", [name + "_half"], [name], to=onnx.TensorProto.FLOAT))
    for i, cast in enumerate(casts):
        model.graph.node.insert(i, cast)
