"""The stream held against other ways to do the same work, and against itself when it is old: `benchmarks.compare`."""

import inference  # noqa: F401 - before torch: sets how OpenMP waits
