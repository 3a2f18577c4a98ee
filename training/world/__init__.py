"""A world with exact motion: clips made on the fly from a seed, with tracks, owners, depth, camera and a caption."""

from training.world.clip import Clip, make_clip
from training.world.library import Library, load_library

__all__ = ["Clip", "Library", "load_library", "make_clip"]
