"""Figures of a model package on held-out clips of the world: objects and places that training never shows.

Owns what is printed and the contact sheet. Never trains. One process.

    python -m training.evaluate --package assets/models/pocket --clips 8 --sheet docs/figures/pocket.png

Each clip has 17 frames at 256x144 and is streamed chunk by chunk, under dense control (300 to 400 points) and under a
hand's (a 5x5 grid on one or two things). PSNR in dB, of `model`; `carried`, the picture carried along the tracks,
through the autoencoder; `autoencoder`, the truth through the autoencoder, the ceiling; `frozen`, the first frame. Ends
in one JSON line.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from inference.package import ModelPackage
from training import autoencoder as reconstruction
from training.causal import evaluate, held_out_batches, streamed
from training.directed import Directed

SHEET_CLIPS, SHEET_FRAMES = 4, (8, 16)


def sheet(package: ModelPackage, batches: list[dict[str, torch.Tensor]]) -> np.ndarray:
    """uint8 [rows, columns, 3]: a row a clip; the picture, then truth, carried and model at two times."""
    rows = []
    for batch in batches[:SHEET_CLIPS]:
        data = Directed(package.autoencoder, package.affinity, package.config, batch, package.backdrop)
        pictures = {"truth": batch["video"][0]}
        for name, latents in streamed(package.generator, package.config, data).items():
            decoded = package.autoencoder.decoder(latents)[0][0].flatten(0, 1)  # [4 + 4F, 3, H, W]
            pictures[name] = decoded[3:]  # the picture stands four times
        shown = [pictures["truth"][0]] + [pictures[n][t] for t in SHEET_FRAMES for n in ("truth", "carried", "model")]
        rows.append(torch.cat(shown, dim=2))
    image = torch.cat(rows, dim=1).clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)
    return image.permute(1, 2, 0).numpy()


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, default=Path("assets/models/pocket"))
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--timesteps", type=float, nargs="+", help="in place of the package's")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    package = ModelPackage.load(arguments.package)
    if arguments.timesteps:
        sampler = dataclasses.replace(package.config.sampler, timesteps=tuple(arguments.timesteps))
        package = dataclasses.replace(package, config=dataclasses.replace(package.config, sampler=sampler))
    clips = reconstruction.held_out_clips(arguments.clips)
    found: dict[str, object] = {
        "timesteps": package.config.sampler.timesteps,
        "clips": arguments.clips,
        "autoencoder": reconstruction.evaluate(package.autoencoder, clips),
    }
    control = held_out_batches(package.config, arguments.clips)
    for kind, batches in control.items():
        found[kind] = evaluate(
            package.generator, package.autoencoder, package.affinity, package.config, batches, package.backdrop
        )
    for name, value in found.items():
        print(f"{name:12} {value}")
    if arguments.sheet:
        arguments.sheet.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(sheet(package, control["hand"])).save(arguments.sheet)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
