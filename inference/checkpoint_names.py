"""Names of the transformer's weights in `diffusers` and the original names they stand for.

Owns an exact-name table, so that a renamed or extra tensor is an error rather than a silent mismatch; never
opens a file. Pure functions, any thread.
"""

from collections.abc import Mapping

from torch import Tensor

_TOP = {
    "patch_embedding": "patch_embedding",
    "condition_embedder.text_embedder.linear_1": "text_embedding.0",
    "condition_embedder.text_embedder.linear_2": "text_embedding.2",
    "condition_embedder.time_embedder.linear_1": "time_embedding.0",
    "condition_embedder.time_embedder.linear_2": "time_embedding.2",
    "condition_embedder.time_proj": "time_projection.1",
    "proj_out": "head.head",
}
_BLOCK = {
    # diffusers numbers the norms in the order they run; Wan's third is the one before the cross-attention.
    "norm2": "norm3",
    "ffn.net.0.proj": "ffn.0",
    "ffn.net.2": "ffn.2",
}
_ATTENTION = {"to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "o", "norm_q": "norm_q", "norm_k": "norm_k"}


def from_diffusers(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A `diffusers.WanTransformer3DModel` state dict under this project's (and the original Wan's) names.

    Raises KeyError, naming the tensor, for one that has no counterpart, such as an image branch's.
    """
    return {_original_name(name): tensor for name, tensor in state_dict.items()}


def _original_name(name: str) -> str:
    module, _, leaf = name.rpartition(".")
    if leaf == "scale_shift_table":
        return f"{module or 'head'}.modulation"
    if not module.startswith("blocks."):
        return f"{_TOP[module]}.{leaf}"
    _, index, part = module.split(".", 2)
    for theirs, ours in (("attn1.", "self_attn."), ("attn2.", "cross_attn.")):
        if part.startswith(theirs):
            return f"blocks.{index}.{ours}{_ATTENTION[part.removeprefix(theirs)]}.{leaf}"
    return f"blocks.{index}.{_BLOCK[part]}.{leaf}"
