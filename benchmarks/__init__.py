"""What is measured: each module a command that prints a table and ends in one JSON line."""

import inference  # noqa: F401 - before torch: sets how OpenMP waits
