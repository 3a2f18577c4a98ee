"""OpenVINO, kept from reporting its use: everything of it is imported from here.

Owns that order of imports. Raises ImportError where OpenVINO is missing. Any thread.
"""

import sys

# Where this package is to be had, the mere import of OpenVINO tells its makers.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino as ov  # noqa: E402
from openvino.frontend import FrontEndManager  # noqa: E402
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder  # noqa: E402

__all__ = ["FrontEndManager", "TorchScriptPythonDecoder", "ov"]
