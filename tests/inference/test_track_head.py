"""The identity canvas against a plain loop, and its rule for crowded cells."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from inference.config import ControlConfig
from inference.track_head import TrackHead, identity_encoding, track_canvas

DIM, H, W = 8, 3, 4


def plain_canvas(xy, visible, ids):
    """The rule as a sentence: the visible track nearest the cell's centre, the first of equals."""
    frames, count = visible.shape
    canvas = np.zeros((frames, DIM + 2, H, W), np.float32)
    for t in range(frames):
        nearest = {}
        for n in range(count):
            x, y = xy[t, n] * np.array([W, H], np.float32)
            if not visible[t, n] or not (0 <= xy[t, n, 0] < 1 and 0 <= xy[t, n, 1] < 1):
                continue
            cell, offset = (int(y), int(x)), (np.float32(x - int(x) - 0.5), np.float32(y - int(y) - 0.5))
            distance = np.float32(offset[0] ** 2) + np.float32(offset[1] ** 2)
            if cell not in nearest or distance < nearest[cell][0]:
                nearest[cell] = (distance, n, offset)
        for cell, (_, n, offset) in nearest.items():
            code = identity_encoding(torch.tensor(int(ids[n])), DIM).numpy()
            canvas[(t, slice(None), *cell)] = [*code, *offset]
    return canvas


@given(st.integers(0, 2**31), st.integers(0, 12))
def test_canvas_equals_the_plain_rule(seed, count):
    rng = np.random.default_rng(seed)
    xy = np.round(rng.uniform(-0.2, 1.2, (2, count, 2)), 1).astype(np.float32)  # round: ties and borders come up
    visible, ids = rng.random((2, count)) < 0.8, rng.integers(0, 4096, count)
    made = track_canvas(*(torch.from_numpy(x)[None] for x in (xy, visible, ids)), H, W, DIM)
    np.testing.assert_allclose(made[0].numpy(), plain_canvas(xy, visible, ids), atol=1e-6)


def test_identities_differ():
    codes = identity_encoding(torch.arange(4096), 64)
    distance = torch.cdist(codes[::13], codes[::13]) + torch.eye(len(codes[::13])) * 9
    assert codes.shape == (4096, 64)
    assert distance.min() > 0.1


def test_head_packs_four_frames_into_a_latent():
    config = ControlConfig(id_dim=DIM, id_range=4096, head_channels=5, carry=True, reach=0.1, max_tracks=9)
    head = TrackHead(config)
    canvas = torch.randn(2, 12, DIM + 2, H, W)
    out = head(canvas)
    assert out.shape == (2, 3, 5, H, W)
    moved = canvas.clone()
    moved[:, 4:8] += 1.0
    changed = (head(moved) - out).abs().amax((0, 2, 3, 4)) > 1e-6
    assert changed.tolist() == [False, True, False]
