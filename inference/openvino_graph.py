"""A torch module compiled by OpenVINO for one set of shapes: fewer passes over memory than torch makes on a processor.

Owns the conversion and the call. Never changes a weight. Runs on threads of OpenVINO's while the caller waits.
"""

from __future__ import annotations

import copy
import math
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from inference.quiet_openvino import FrontEndManager, TorchScriptPythonDecoder, ov

VERSION: str = ov.__version__


class Graph:
    """A module whose arguments and answers are tensors. Raises RuntimeError where OpenVINO cannot express it."""

    def __init__(
        self, module: nn.Module, example: tuple[Tensor, ...], kept: Path, number_format: torch.dtype, threads: int
    ) -> None:
        """example: arguments of the shapes it is for; kept: an .xml file where the graph is, or will be: making it
        takes seconds. It computes in `number_format`, bfloat16 or float32, whatever the module's, on `threads`.
        """
        if not kept.exists():
            _convert(module, example, kept)
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
            "ENABLE_CPU_PINNING": False,  # the window's thread must go where there is room
            "INFERENCE_PRECISION_HINT": "bf16" if number_format == torch.bfloat16 else "f32",
            "CACHE_DIR": str(kept.parent / "compiled"),
        }
        self._request = ov.Core().compile_model(str(kept), "CPU", settings).create_infer_request()
        self._format = number_format
        self._shapes = [x.shape for x in example]

    def __call__(self, *arguments: Tensor) -> list[Tensor]:
        """The answers, in memory of their own: OpenVINO writes into the same again at the next call."""
        inputs = [_float32(x).contiguous().numpy() for x in arguments]
        answers = self._request.infer(inputs, share_inputs=True, share_outputs=True)
        tensors = (torch.from_numpy(answers[i].copy()) for i in range(len(answers)))
        return [x.to(self._format) if x.is_floating_point() else x for x in tensors]

    def fits(self, *arguments: Tensor) -> bool:
        """Whether it can answer these: of its shapes, and no gradient is wanted."""
        return not torch.is_grad_enabled() and [x.shape for x in arguments] == self._shapes


class _GeluBySigmoid(nn.Module):
    """The same function as GELU's approximation by tanh: OpenVINO takes a twentieth less for a whole transformer."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))


def _convert(module: nn.Module, example: tuple[Tensor, ...], kept: Path) -> None:
    """Its weights and arguments in float32: numpy, through which they go, knows no bfloat16."""
    whole = copy.deepcopy(module).float()
    for parent in list(whole.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.GELU) and child.approximate == "tanh":
                setattr(parent, name, _GeluBySigmoid())
    arguments = tuple(_float32(x) for x in example)
    front = FrontEndManager().load_by_framework("pytorch")
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing: shapes are fixed here, so what is read off them is constant
        traced = TorchScriptPythonDecoder(whole, example_input=arguments)  # OpenVINO does not keep it alive
        model = front.convert(front.load(traced))
    model.reshape({i: list(x.shape) for i, x in enumerate(arguments)})
    kept.parent.mkdir(parents=True, exist_ok=True)
    ov.save_model(model, str(kept), compress_to_fp16=False)


def _float32(x: Tensor) -> Tensor:
    return x.float() if x.is_floating_point() else x
