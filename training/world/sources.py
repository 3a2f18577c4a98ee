"""What the world is made of: pinned packages, and the folders their pictures are kept in.

Owns names, versions, checksums, counts and the cache's place. Downloads nothing (that is `fetch`). Pure data.
"""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class NpmPackage:
    """One pinned npm package: `integrity` is the registry's sha512, `count` how many of `pattern` it holds."""

    name: str
    version: str
    integrity: str
    megabytes: float
    licence: str
    pattern: str
    count: int

    @property
    def folder(self) -> str:
        return f"{self.name.lstrip('@').replace('/', '-')}-{self.version}"


EMOJI = NpmPackage(
    "@lobehub/fluent-emoji-3d",
    "1.1.0",
    "sha512-Wlq2lVStTnr8BDpIJ0pEnTKO4LuDxxqTEhTvRtD1DLRF0me7ogeRQjKoehDHXuVJ2Qaecgl5wRBv60lUAG3h7g==",
    15.8,
    "MIT (art: Microsoft Fluent Emoji)",
    "assets/*.webp",
    3391,
)
PANORAMAS = NpmPackage(
    "@pmndrs/assets",
    "1.7.0",
    "sha512-zHmKNS+3Jvu9K3zJBQfYQKT9Pn9IQt8s0q/eJC3CXKpWpyg6IBa+ivN9NgDn+fDT2AVjUh2YRZ//GXUueuAdCg==",
    13.8,
    "CC0 (Poly Haven)",
    "hdri/*.exr.js",
    18,
)
PACKAGES = (EMOJI, PANORAMAS)


def cache_root(cache: Path | str | None = None) -> Path:
    """The folder that holds one folder a package: `cache`, else $MOTIONSTREAM_CACHE/world, else ~/.cache."""
    if cache is not None:
        return Path(cache)
    root = os.environ.get("MOTIONSTREAM_CACHE") or Path.home() / ".cache" / "motionstream"
    return Path(root) / "world"


def panorama_folder() -> Path:
    """A folder of further CC0 panoramas beside the repository; it may be absent."""
    return Path(__file__).resolve().parents[3] / "shared" / "data" / "panoramas"
