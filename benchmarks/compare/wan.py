"""The stream against diffusers' Wan transformer of the same shape, which makes a whole clip at once.

Owns that comparison. Wan's way: all latents of the clip in one sequence, every token seeing every other, 50 steps, each
one evaluation with the prompt and one without (classifier-free guidance), float32, eager, as diffusers builds it. Its
weights are random, which no product's time depends on. Ours is the whole first half of a chunk: the carry, the encoder
and the transformer. Neither decodes. One thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.compare.streams import Driven
from benchmarks.compare.turns import Taken, in_turns
from inference.autoencoder import CELL, FRAMES
from inference.config import ModelConfig
from inference.package import ModelPackage

BAR = 40.0
CLIP_FRAMES, STEPS, EVALUATIONS, GUIDANCE = 49, 50, 2, 5.0
CHUNKS_A_STEP = 8  # of ours beside one step of theirs: chunks are short, and medians need many


def wan_of(config: ModelConfig) -> Any:
    """diffusers' transformer with the package's own sizes, as it loads: float32, eager."""
    try:
        from diffusers import WanTransformer3DModel
    except ImportError:
        raise SystemExit("The part 'wan' needs diffusers: pip install -r requirements/test.txt.") from None
    sizes = config.transformer
    torch.manual_seed(0)
    return WanTransformer3DModel(
        patch_size=sizes.patch, num_attention_heads=sizes.heads, attention_head_dim=sizes.head_dim,
        in_channels=sizes.in_channels, out_channels=sizes.out_channels, text_dim=sizes.text_dim,
        freq_dim=sizes.freq_dim, ffn_dim=sizes.ffn_dim, num_layers=sizes.layers,
        cross_attn_norm=sizes.cross_attn_norm, eps=sizes.eps,
    ).eval()  # fmt: skip


def clip_step(config: ModelConfig, frames: int) -> Callable[[], None]:
    """One step of the sampler over a clip of so many frames: two evaluations, guided, and Euler's step."""
    model, sizes = wan_of(config), config.transformer
    width, height = config.buckets[0]
    latents = 1 + (frames - 1) // FRAMES
    control = torch.randn(1, sizes.in_channels - sizes.out_channels, latents, height // CELL, width // CELL)
    texts = torch.randn(2, 1, sizes.text_tokens, sizes.text_dim)
    x, t = torch.randn(1, sizes.out_channels, *control.shape[2:]), torch.tensor([500.0])

    @torch.inference_mode()
    def step() -> None:
        told, untold = (_evaluated(model, x, control, t, text) for text in texts)
        x.sub_((untold + GUIDANCE * (told - untold)) / STEPS)

    return step


def _evaluated(model: Any, x: Tensor, control: Tensor, t: Tensor, text: Tensor) -> Tensor:
    out: Tensor = model(torch.cat((x, control), dim=1), t, text, return_dict=False)[0]
    return out


def compare_wan(package: ModelPackage, steps: int, say: Callable[[str], None]) -> dict[str, float | int]:
    """ratio: Wan's time a frame over ours, by the wall's clock; ratio_cpu: of the threads' own time. steps: how many of
    the 50 are measured; their median counts 50 times.
    """
    ours, theirs = Driven(package), clip_step(package.config, CLIP_FRAMES)
    for _ in range(4):
        ours.make()
    theirs()

    def chunks() -> None:
        for _ in range(CHUNKS_A_STEP):
            ours.make()

    clip, streamed = Taken(), Taken()
    for done in range(1, steps + 1):
        taken = in_turns({"wan": theirs, "streamed": chunks}, 1)
        for kept, new in ((clip, taken["wan"]), (streamed, taken["streamed"])):
            kept.wall_ms += new.wall_ms
            kept.cpu_ms += new.cpu_ms
        say(
            f"  step {done} of {steps}: {clip.wall_ms[-1]:.0f} ms; {CHUNKS_A_STEP} chunks {streamed.wall_ms[-1]:.0f} ms"
        )
    steps_a_frame, chunks_a_frame = STEPS / CLIP_FRAMES, 1 / (CHUNKS_A_STEP * ours.stream.frames_per_chunk)
    wan_frame_ms, frame_ms = clip.median_ms * steps_a_frame, streamed.median_ms * chunks_a_frame
    return {
        "ratio": wan_frame_ms / frame_ms,
        "ratio_cpu": clip.median_cpu_ms * steps_a_frame / (streamed.median_cpu_ms * chunks_a_frame),
        "wan_frame_ms": wan_frame_ms,
        "streamed_frame_ms": frame_ms,
        "steps_measured": steps,
        "steps": STEPS,
        "evaluations_a_step": EVALUATIONS,
        "clip_frames": CLIP_FRAMES,
    }
