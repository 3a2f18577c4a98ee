"""MiniLM-L6 on the CPU: a prompt becomes the token states that the transformer's cross-attention reads.

Owns the tokenizer, the encoder and the reading of its asset. Never trains, and never fetches anything: the
weights lie in `assets/models/minilm`, made by `python -m training.minilm`. Runs on the inference thread
(prompts change between chunks) and in the trainers; holds no state between calls.

The weights stay int8 in memory, one scale a row, and are widened as they are used: a prompt is encoded once
and then read for minutes, so less resident memory is worth a few milliseconds a prompt.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from tokenizers import Tokenizer
from torch import Tensor, nn

from inference.errors import UserError

log = logging.getLogger(__name__)

WEIGHTS_FILE = "model.safetensors"
TOKENIZER_FILE = "tokenizer.json"


@dataclass(frozen=True)
class TextConfig:
    """Shape of the encoder; the defaults are MiniLM-L6's."""

    width: int = 384
    layers: int = 6
    heads: int = 12
    feed_forward: int = 1536
    vocabulary: int = 30522
    positions: int = 128
    norm_eps: float = 1e-12


class RowInt8Linear(nn.Module):
    """A linear layer with int8 weights and one float scale for each output row."""

    weight: Tensor
    scale: Tensor
    bias: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.empty(outputs, inputs, dtype=torch.int8))
        self.register_buffer("scale", torch.empty(outputs))
        self.register_buffer("bias", torch.empty(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x.dtype)) * self.scale + self.bias


class RowInt8Embedding(nn.Module):
    """A table of int8 rows with one float scale each; only the rows looked up are widened."""

    weight: Tensor
    scale: Tensor

    def __init__(self, rows: int, width: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.empty(rows, width, dtype=torch.int8))
        self.register_buffer("scale", torch.empty(rows))

    def forward(self, ids: Tensor) -> Tensor:
        return self.weight[ids].float() * self.scale[ids, None]


class EncoderLayer(nn.Module):
    """BERT's post-norm layer: self-attention, then a feed-forward of exact GELU."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.query = RowInt8Linear(config.width, config.width)
        self.key = RowInt8Linear(config.width, config.width)
        self.value = RowInt8Linear(config.width, config.width)
        self.attention_out = RowInt8Linear(config.width, config.width)
        self.attention_norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.expand = RowInt8Linear(config.width, config.feed_forward)
        self.contract = RowInt8Linear(config.feed_forward, config.width)
        self.output_norm = nn.LayerNorm(config.width, eps=config.norm_eps)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        def split(y: Tensor) -> Tensor:
            return y.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, heads, L, width / heads]

        attended = F.scaled_dot_product_attention(
            split(self.query(x)), split(self.key(x)), split(self.value(x)), attn_mask=mask
        )
        x = self.attention_norm(x + self.attention_out(attended.transpose(1, 2).flatten(2)))
        return self.output_norm(x + self.contract(F.gelu(self.expand(x))))


class TokenEncoder(nn.Module):
    """The six-layer BERT encoder, without the pooler: token ids to token states."""

    positions: Tensor

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        self.words = RowInt8Embedding(config.vocabulary, config.width)
        self.register_buffer("positions", torch.empty(config.positions, config.width))
        self.embedding_norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.layers))

    def forward(self, ids: Tensor, present: Tensor) -> Tensor:
        """ids int64 [B, L], present bool [B, L] (False: padding) -> float32 [B, L, width]."""
        x = self.embedding_norm(self.words(ids) + self.positions[: ids.shape[1]])
        for layer in self.layers:
            x = layer(x, present[:, None, None, :])
        return x


class TextEncoder:
    """Prompts to token states, offline. Make one with `load`."""

    def __init__(self, tokenizer: Tokenizer, encoder: TokenEncoder) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._encoder = encoder.eval().requires_grad_(False)

    @property
    def width(self) -> int:
        """Channels of a token state."""
        return self._encoder.config.width

    @classmethod
    def load(cls, path: str | Path) -> TextEncoder:
        """Read the folder that `python -m training.minilm` wrote.

        Raises UserError when a file of it is missing, cut short, or is not this model.
        """
        folder = Path(path)
        try:
            tokenizer = Tokenizer.from_str((folder / TOKENIZER_FILE).read_text(encoding="utf-8"))
            with safe_open(folder / WEIGHTS_FILE, framework="pt") as weights:
                state = {name: weights.get_tensor(name) for name in weights.keys()}  # noqa: SIM118 - not a dict
            with torch.device("meta"):
                encoder = TokenEncoder(TextConfig())
            encoder.load_state_dict(state, assign=True)
        except FileNotFoundError as error:
            raise _unreadable(folder, "a file of it is missing") from error
        except Exception as error:  # tokenizers raises a bare one: no narrower family fits both readers
            raise _unreadable(folder, "a file of it is cut short, damaged or of another version") from error
        log.info("text encoder read from %s", folder)
        return cls(tokenizer, encoder)

    @torch.no_grad()
    def encode(self, prompts: Sequence[str], tokens: int = 32) -> Tensor:
        """Token states float32 [B, tokens, width] of the prompts, [CLS] and [SEP] included.

        Longer prompts are cut to `tokens`, [SEP] kept. Rows after a prompt's end are zero, and the
        transformer attends to them unmasked, as Wan does. An empty or blank prompt is all zeros, which is
        what training's text dropout feeds: no text.
        """
        if not 2 <= tokens <= self._encoder.config.positions:
            raise ValueError(f"tokens must be 2 to {self._encoder.config.positions}, not {tokens}")
        states = torch.zeros(len(prompts), tokens, self.width)  # [B, tokens, width]
        said = [i for i, prompt in enumerate(prompts) if prompt.strip()]
        if not said:
            return states
        rows = [self._token_ids(prompts[i], tokens) for i in said]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])  # [said, longest]
        present = torch.arange(longest) < torch.tensor([len(row) for row in rows])[:, None]
        states[said, :longest] = self._encoder(ids, present) * present[..., None]
        return states

    def offsets(self, prompt: str) -> list[tuple[int, int]]:
        """Which characters each token of a prompt is, from first to behind the last; (0, 0) for [CLS] and [SEP]."""
        return [(first, last) for first, last in self._tokenizer.encode(prompt).offsets]

    def _token_ids(self, prompt: str, tokens: int) -> list[int]:
        ids: list[int] = self._tokenizer.encode(prompt).ids
        return ids if len(ids) <= tokens else ids[: tokens - 1] + ids[-1:]


def _unreadable(folder: Path, reason: str) -> UserError:
    return UserError(
        f"The text model in {folder} cannot be read: {reason}.",
        "The picture and the motion made so far are untouched.",
        "Install the application again, or run `python -m training.minilm` in its source folder.",
    )
