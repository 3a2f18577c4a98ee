"""Fused operations, one a file: each has a plain-torch twin and one public function that picks.

Owns the process-wide choice of back end; never imports torch, so that importing it costs nothing. The choice
is meant for tests and diagnosis and is not guarded by a lock: set it before a model runs.
"""

# "torch" is the plain twin. "sdpa" and "flash" concern attention alone: elsewhere they too mean the twin.
BACKENDS = ("torch", "sdpa", "triton", "flash")

_forced: str | None = None


def use(backend: str | None) -> None:
    """Force every operation onto one back end, or with None let each operation pick the fastest.

    Raises ValueError for a name that is not in `BACKENDS`.
    """
    global _forced
    if backend is not None and backend not in BACKENDS:
        raise ValueError(f"unknown kernel back end {backend!r}; known: {', '.join(BACKENDS)}")
    _forced = backend


def forced() -> str | None:
    """The back end set by `use`, or None when operations pick for themselves."""
    return _forced
