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
_OPENVINO = {
    torch.float32: ov.Type.f32,
    torch.bfloat16: ov.Type.bf16,
    torch.uint8: ov.Type.u8,
    torch.int64: ov.Type.i64,
    torch.bool: ov.Type.boolean,
}
_TORCH = {kind.to_string(): dtype for dtype, kind in _OPENVINO.items()}


class Graph:
    """A module whose arguments and answers are tensors. Raises RuntimeError where OpenVINO cannot express it."""

    def __init__(
        self, module: nn.Module, example: tuple[Tensor, ...], kept: Path, number_format: torch.dtype, threads: int
    ) -> None:
        """example: arguments of the shapes it is for; kept: an .xml file where the graph is, or will be: making it
        takes seconds. It computes in `number_format`, bfloat16 or float32, whatever the module's, on `threads`.
        """
        if not kept.exists():
            _convert(module, example, kept, number_format)
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
            "ENABLE_CPU_PINNING": False,  # the window's thread must go where there is room
            "INFERENCE_PRECISION_HINT": "bf16" if number_format == torch.bfloat16 else "f32",
            "CACHE_DIR": str(kept.parent / "compiled"),
        }
        compiled = ov.Core().compile_model(str(kept), "CPU", settings)
        self._request = compiled.create_infer_request()
        self._types = [_TORCH[each.element_type.to_string()] for each in compiled.inputs]
        self._answers = [(tuple(each.shape), _TORCH[each.element_type.to_string()]) for each in compiled.outputs]
        self._shapes = [x.shape for x in example]

    def __call__(self, *arguments: Tensor) -> list[Tensor]:
        """The answers, in memory of their own."""
        asked = [x.to(kind).contiguous() for x, kind in zip(arguments, self._types, strict=True)]
        answers = [torch.empty(shape, dtype=kind) for shape, kind in self._answers]
        for i, x in enumerate(asked):
            self._request.set_input_tensor(i, _shared(x))
        for i, x in enumerate(answers):
            self._request.set_output_tensor(i, _shared(x))
        # `infer` would make arrays of the answers, and numpy knows no bfloat16.
        self._request.start_async()
        self._request.wait()
        return answers

    def fits(self, *arguments: Tensor) -> bool:
        """Whether it can answer these: of its shapes, and no gradient is wanted."""
        return not torch.is_grad_enabled() and [x.shape for x in arguments] == self._shapes


class _GeluBySigmoid(nn.Module):
    """The same function as GELU's approximation by tanh: OpenVINO takes a twentieth less for a whole transformer."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))


def _convert(module: nn.Module, example: tuple[Tensor, ...], kept: Path, number_format: torch.dtype) -> None:
    """Weights in float32; arguments come in the formats of the examples, answers that are not whole in
    `number_format`: to turn a cache into float32 and back costs more than OpenVINO gains, and beside products in
    bfloat16 OpenVINO 2026.4.1 misreads an attention mask that is given in float32.
    """
    whole = copy.deepcopy(module).float()
    for parent in list(whole.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.GELU) and child.approximate == "tanh":
                setattr(parent, name, _GeluBySigmoid())
    arguments = tuple(x.float() if x.is_floating_point() else x for x in example)
    front = FrontEndManager().load_by_framework("pytorch")
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing: shapes are fixed here, so what is read off them is constant
        traced = TorchScriptPythonDecoder(whole, example_input=arguments)  # OpenVINO does not keep it alive
        model = front.convert(front.load(traced))
    model.reshape({i: list(x.shape) for i, x in enumerate(arguments)})
    borders = ov.preprocess.PrePostProcessor(model)
    for i, x in enumerate(example):
        borders.input(i).tensor().set_element_type(_OPENVINO[x.dtype])
    for i, answer in enumerate(model.outputs):
        if answer.element_type.is_real():
            borders.output(i).tensor().set_element_type(_OPENVINO[number_format])
    kept.parent.mkdir(parents=True, exist_ok=True)
    ov.save_model(borders.build(), str(kept), compress_to_fp16=False)


def _shared(x: Tensor) -> ov.Tensor:
    """OpenVINO's view of a contiguous tensor's memory."""
    numbers = x.view(torch.int16) if x.dtype == torch.bfloat16 else x
    return ov.Tensor(numbers.numpy(), list(x.shape), _OPENVINO[x.dtype])
