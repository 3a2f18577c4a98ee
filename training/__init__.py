"""The road from pictures to weights. Imports no Qt; see ARCHITECTURE.md for the stages and `Makefile` for the
commands.
"""

import inference  # noqa: F401 - before torch: sets how OpenMP waits
