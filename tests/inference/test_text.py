"""The text encoder against the fp32 reference, and what it says when its files are not there.

`data/minilm_golden.npz` holds token states by `transformers` (`python -m training.minilm --golden`).
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from inference.errors import UserError
from inference.text import TOKENIZER_FILE, WEIGHTS_FILE, TextEncoder

ASSET = Path(__file__).resolve().parents[2] / "assets" / "models" / "minilm"
GOLDEN = Path(__file__).parent / "data" / "minilm_golden.npz"
PROMPT = "the rocket flies up left and spins"


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder.load(ASSET)


def golden() -> dict[str, torch.Tensor]:
    with np.load(GOLDEN, allow_pickle=False) as file:
        states = torch.from_numpy(file["states"]).float().split(file["lengths"].tolist())
        return dict(zip(file["prompts"].tolist(), states, strict=True))


def test_states_match_the_fp32_reference_and_end_in_zeros(encoder: TextEncoder) -> None:
    reference = golden()
    encoded = encoder.encode(list(reference))
    assert encoded.shape == (len(reference), 32, 384)
    assert encoded.dtype == torch.float32
    for states, expected in zip(encoded, reference.values(), strict=True):
        length = len(expected)
        assert F.cosine_similarity(states[:length], expected, dim=-1).min() > 0.998
        assert not states[length:].any()


def test_a_prompt_does_not_depend_on_its_neighbours_in_the_batch(encoder: TextEncoder) -> None:
    beside_a_longer_one = encoder.encode([PROMPT, PROMPT + " while the camera moves forward", ""])[0]
    torch.testing.assert_close(beside_a_longer_one, encoder.encode([PROMPT])[0], atol=1e-5, rtol=0)


def test_no_text_is_all_zeros(encoder: TextEncoder) -> None:
    assert not encoder.encode(["", " \n"]).any()
    assert encoder.encode([]).shape == (0, 32, 384)


def test_the_same_prompt_gives_the_same_bits(encoder: TextEncoder) -> None:
    assert torch.equal(encoder.encode([PROMPT]), TextEncoder.load(ASSET).encode([PROMPT]))


def test_a_long_prompt_is_cut_to_the_asked_number_of_tokens(encoder: TextEncoder) -> None:
    # "rocket" is one token: six of them with [CLS] and [SEP] are eight, and sixty are cut to the same eight.
    assert torch.equal(encoder.encode(["rocket " * 60], tokens=8), encoder.encode(["rocket " * 6], tokens=8))


@pytest.mark.parametrize("tokens", [1, 129])
def test_a_length_without_positions_is_refused(encoder: TextEncoder, tokens: int) -> None:
    with pytest.raises(ValueError, match="2 to 128"):
        encoder.encode([PROMPT], tokens=tokens)


def test_encoding_leaves_tensors_that_training_can_use(encoder: TextEncoder) -> None:
    weight = torch.ones(384, requires_grad=True)
    (encoder.encode([PROMPT]) * weight).sum().backward()
    assert weight.grad is not None
    assert weight.grad.any()


@pytest.mark.parametrize("name", [WEIGHTS_FILE, TOKENIZER_FILE])
def test_missing_and_truncated_files_get_a_sentence(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "minilm"
    shutil.copytree(ASSET, folder)
    with open(folder / name, "r+b") as file:
        file.truncate(100_000)
    with pytest.raises(UserError, match=r"cut short.*Install the application again"):
        TextEncoder.load(folder)
    (folder / name).unlink()
    with pytest.raises(UserError, match="is missing"):
        TextEncoder.load(folder)
