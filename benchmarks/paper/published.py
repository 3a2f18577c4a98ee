"""The paper's own figures (arXiv 2511.01266 v5), to stand beside ours.

Owns numbers that others measured: 1.3 billion parameters at 832x480 on one H100, on DAVIS and on videos of Sora's page,
LPIPS for the perceptual column. Ours are of 4 million parameters at 256x144 on a processor, on clips of a made world,
with a distance of another network: rows may be compared with each other, never across. Any thread.
"""

from __future__ import annotations

Row = dict[str, float | None]

# Table 1, the 20 Sora clips.
TABLE_1: dict[str, Row] = {
    "teacher 1.3B": {"fps": 0.79, "psnr": 17.82, "ssim": 0.586, "perceptual": 0.333, "epe_px": 2.71},
    "causal 1.3B": {"fps": 16.7, "psnr": 16.67, "ssim": 0.531, "perceptual": 0.360, "epe_px": 4.21},
    "ATI 14B": {"fps": 0.23, "psnr": 16.04, "ssim": 0.502, "perceptual": 0.366, "epe_px": 6.12},
}
# Table 3, DAVIS: how tracks are told to the model.
ENCODING: dict[str, Row] = {
    "RGB tracks through the VAE": {"ms": 1053.0, "psnr": 16.03, "epe_px": 8.57},
    "identity canvas and head": {"ms": 24.8, "psnr": 16.29, "epe_px": 6.54},
}
# Table 4, Sora clips of up to 241 frames.
LAYOUTS: dict[str, Row] = {
    "c3s1w1": {"perceptual": 0.464, "epe_px": 25.34, "chunk_ms": 700.0, "fps": 16.92},
    "c3s0w1": {"perceptual": 0.501, "epe_px": 26.64, "chunk_ms": 680.0, "fps": 17.43},
    "c1s1w1": {"perceptual": 0.597, "epe_px": 76.21, "chunk_ms": 300.0, "fps": 13.26},
    "c3s0w6 (absolute positions)": {"perceptual": 0.480, "epe_px": 28.09, "chunk_ms": 800.0, "fps": 14.96},
}
# Figure 4's axes alone can be read: LPIPS 0.34 to 0.36, EPE 2.6 to 3.0, over w_m 0 to 4 and w_t 0 to 5.
GUIDANCE: dict[str, Row] = {}
# Said in words: trained for 3 steps; more are marginal, 2 clearly worse.
STEPS: dict[str, Row] = {}
# Table A4, Fréchet video distance, which needs more clips than we have.
TRACKS: dict[str, Row] = {
    "teacher 1.3B, with": {"fvd": 578.2},
    "teacher 1.3B, without": {"fvd": 1550.4},
    "causal 1.3B, with": {"fvd": 745.8},
    "causal 1.3B, without": {"fvd": 1532.5},
}
