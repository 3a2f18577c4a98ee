"""A network that a person has as an ONNX file, run by OpenVINO.

Owns opening and asking it. Never changes it, fetches nothing. Any one thread, for as long as the network takes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inference.quiet_openvino import FrontEndManager, ov


class OnnxNetwork:
    """float32 arrays in and out, whatever its own format. Raises RuntimeError where the file is no such network.

    outputs: their names; ranks: how many axes each has; input_shapes: 0 where a side is open.
    """

    def __init__(self, file: Path, threads: int) -> None:
        front = FrontEndManager().load_by_framework("onnx")
        loaded = front.load(str(file))
        prepared = ov.preprocess.PrePostProcessor(front.convert(loaded))
        prepared.input(0).tensor().set_element_type(ov.Type.f32)
        prepared.output(0).tensor().set_element_type(ov.Type.f32)
        model = prepared.build()
        self.outputs = [name for output in model.outputs for name in output.get_names()]
        self.ranks = [len(output.get_partial_shape()) for output in model.outputs]
        shapes = (each.get_partial_shape() for each in model.inputs)
        self.input_shapes = [tuple(0 if side.is_dynamic else side.get_length() for side in shape) for shape in shapes]
        settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
        self._request = ov.Core().compile_model(model, "CPU", settings).create_infer_request()

    def __call__(self, given: np.ndarray) -> np.ndarray:
        """Its first answer."""
        return np.array(self._request.infer([given])[0], np.float32)
