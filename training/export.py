"""Makes a model package of finished (or stopped) training runs.

Owns what goes into a package's folder, but for the model card, which people write. Never trains. One process.

    python -m training.export --recipe training/recipes/pocket/causal.toml --autoencoder runs/autoencoder \
        --affinity runs/affinity --depth runs/depth --run runs/causal --package assets/models/pocket

Without `--depth` a package keeps the depth network that it has; one that has none takes the ground plane. It can
also be put into a package that is there:

    python -m training.export --depth runs/depth --package assets/models/pocket
"""

from __future__ import annotations

import argparse
import tomllib
from dataclasses import asdict, replace
from pathlib import Path

import tomli_w
import torch

from inference.config import ModelConfig, load_config, parse
from inference.generator import Generator
from inference.package import AFFINITY, AUTOENCODER, DEPTH, DESCRIPTION, GENERATOR, save_weights
from training.affinity import load_affinity
from training.autoencoder import load_autoencoder
from training.checkpoint import CHECKPOINT
from training.depth import load_depth
from training.distributed import load_part


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--recipe", "--autoencoder", "--affinity", "--run", "--depth"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--package", type=Path, required=True)
    arguments = parser.parse_args()
    package: Path = arguments.package
    before = load_config(package / DESCRIPTION) if (package / DESCRIPTION).exists() else None
    if arguments.run:
        if not (arguments.recipe and arguments.autoencoder and arguments.affinity):
            parser.error("--run needs --recipe, --autoencoder and --affinity beside it")
        config = write_networks(arguments.recipe, arguments.autoencoder, arguments.affinity, arguments.run, package)
    elif before is not None and arguments.depth:
        config = before
    else:
        parser.error("give --run and what belongs to it for a new package, or --depth for one that is there")
    if arguments.depth:
        depth = load_depth(arguments.depth)
        save_weights(depth, package / DEPTH)
        config = replace(config, depth=depth.config)
    elif before is not None:
        config = replace(config, depth=before.depth)  # its file is untouched
    (package / DESCRIPTION).write_text(tomli_w.dumps(config.described()), encoding="utf-8")


def write_networks(recipe: Path, autoencoder_run: Path, affinity_run: Path, run: Path, package: Path) -> ModelConfig:
    """Writes all weights but those of depth; returns what describes them."""
    autoencoder, affinity = load_autoencoder(autoencoder_run), load_affinity(affinity_run)
    model = tomllib.loads(recipe.read_text(encoding="utf-8"))["model"]
    parts = {"autoencoder": asdict(autoencoder.config), "affinity": asdict(affinity.config)}
    config = parse(ModelConfig, model | parts, "model")
    generator = Generator(config)
    if (run / CHECKPOINT).exists():
        generator.load_state_dict(torch.load(run / CHECKPOINT, weights_only=True)["ema"])
    else:  # of training.self_forcing
        load_part(run, "ema", generator)
    package.mkdir(parents=True, exist_ok=True)
    save_weights(autoencoder, package / AUTOENCODER)
    save_weights(affinity, package / AFFINITY)
    save_weights(generator, package / GENERATOR)
    return config


if __name__ == "__main__":
    main()
