"""Makes a model package of finished (or stopped) training runs.

Owns what goes into a package's folder, but for the model card, which people write. Never trains. One process.

    python -m training.export --recipe training/recipes/pocket/causal.toml --autoencoder runs/autoencoder \
        --affinity runs/affinity --run runs/causal --blend runs/blend --package assets/models/pocket

The mask of `training.blend` is trained last, on a package: without --blend a package has one that has learnt nothing.
"""

from __future__ import annotations

import argparse
import tomllib
from dataclasses import asdict
from pathlib import Path

import tomli_w
import torch

from inference.blend import BlendNet
from inference.config import ModelConfig, parse
from inference.generator import Generator
from inference.package import AFFINITY, AUTOENCODER, BLEND, DESCRIPTION, GENERATOR, save_weights
from training.affinity import load_affinity
from training.autoencoder import load_autoencoder
from training.blend import load_blend
from training.checkpoint import CHECKPOINT
from training.distributed import load_part


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--recipe", "--autoencoder", "--affinity", "--run", "--package"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--blend", type=Path, help="run folder of training.blend, or a package")
    arguments = parser.parse_args()
    autoencoder, affinity = load_autoencoder(arguments.autoencoder), load_affinity(arguments.affinity)
    recipe = tomllib.loads(arguments.recipe.read_text(encoding="utf-8"))
    parts = {"autoencoder": asdict(autoencoder.config), "affinity": asdict(affinity.config)}
    config = parse(ModelConfig, recipe["model"] | parts, "model")
    generator = Generator(config)
    if (arguments.run / CHECKPOINT).exists():
        generator.load_state_dict(torch.load(arguments.run / CHECKPOINT, weights_only=True)["ema"])
    else:  # of training.self_forcing
        load_part(arguments.run, "ema", generator)
    package: Path = arguments.package
    package.mkdir(parents=True, exist_ok=True)
    save_weights(autoencoder, package / AUTOENCODER)
    save_weights(affinity, package / AFFINITY)
    save_weights(generator, package / GENERATOR)
    blend = load_blend(arguments.blend) if arguments.blend else BlendNet(config.blend)
    save_weights(blend, package / BLEND)
    (package / DESCRIPTION).write_text(tomli_w.dumps(asdict(config)), encoding="utf-8")


if __name__ == "__main__":
    main()
