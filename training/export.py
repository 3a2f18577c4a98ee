"""Makes a model package of finished (or stopped) training runs.

Owns what goes into a package's folder, but for the model card, which people write. Never trains. One process.

    python -m training.export --recipe training/recipes/pocket/causal.toml --autoencoder runs/autoencoder \
        --affinity runs/affinity --run runs/causal --package assets/models/pocket

What a package may lack can be put into one that is there, each from its own run or from another package:

    python -m training.export --depth runs/depth --blend runs/blend --package assets/models/pocket

A new export keeps those that the package has. The mask of `training.blend` is trained on a package: a new generator
needs a new one. What `training.student` trained together replaces generator, decoder and mask of a package together:

    python -m training.export --student runs/student --package assets/models/pocket
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import tomli_w
import torch

from inference.config import ModelConfig, load_config, parse
from inference.errors import UserError
from inference.generator import Generator
from inference.package import (
    AFFINITY,
    AUTOENCODER,
    BACKDROP,
    BLEND,
    DEPTH,
    DESCRIPTION,
    GENERATOR,
    SEGMENTER,
    SHADE,
    WORDS,
    save_weights,
)
from training.affinity import load_affinity
from training.autoencoder import load_autoencoder
from training.backdrop import load_backdrop
from training.blend import load_blend
from training.checkpoint import CHECKPOINT
from training.depth import load_depth
from training.distributed import load_part
from training.segmenter import load_segmenter
from training.shade import load_shade
from training.student import load_student
from training.words import load_words

# What a package may lack: how to load it, and its file.
EXTRAS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "depth": (load_depth, DEPTH),
    "backdrop": (load_backdrop, BACKDROP),
    "blend": (load_blend, BLEND),
    "shade": (load_shade, SHADE),
    "segmenter": (load_segmenter, SEGMENTER),
    "words": (load_words, WORDS),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("recipe", "autoencoder", "affinity", "run", *EXTRAS):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--student", type=Path)
    parser.add_argument("--package", type=Path, required=True)
    arguments = parser.parse_args()
    package: Path = arguments.package
    given = {name: path for name in EXTRAS if (path := getattr(arguments, name))}
    before = load_config(package / DESCRIPTION) if (package / DESCRIPTION).exists() else None
    if arguments.run:
        if not (arguments.recipe and arguments.autoencoder and arguments.affinity):
            parser.error("--run needs --recipe, --autoencoder and --affinity beside it")
        config = write_networks(arguments.recipe, arguments.autoencoder, arguments.affinity, arguments.run, package)
        if before is not None:
            config = replace(config, **{name: getattr(before, name) for name in EXTRAS})
    elif before is not None and (given or arguments.student):
        config = before
    else:
        some = " or ".join((*EXTRAS, "student"))
        parser.error(f"give --run and what belongs to it for a new package, or {some} for one there is")
    if arguments.student:
        write_student(arguments.student, package)
    for name, path in given.items():
        load, file = EXTRAS[name]
        network = load(path)
        save_weights(network, package / file)
        config = replace(config, **{name: network.config})
    (package / DESCRIPTION).write_text(tomli_w.dumps(config.described()), encoding="utf-8")


def write_networks(recipe: Path, autoencoder_run: Path, affinity_run: Path, run: Path, package: Path) -> ModelConfig:
    """Writes all weights but those that a package may lack; returns what describes them."""
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


def write_student(run: Path, package: Path) -> None:
    """Generator, decoder and mask in place of a package's. Raises UserError where they are of another package."""
    student, autoencoder = load_student(run), load_autoencoder(package)
    if student.config.described() != load_config(package / DESCRIPTION).described():
        raise UserError(
            f"The student in {run} was trained for another package than {package}.", "Nothing was changed.",
            "Export it into the one that its run was started with.",
        )  # fmt: skip
    autoencoder.decoder = student.decoder
    save_weights(autoencoder, package / AUTOENCODER)
    save_weights(student.generator, package / GENERATOR)
    save_weights(student.blend, package / BLEND)


if __name__ == "__main__":
    main()
