"""The generator: model, cache, sampler, stream, motion sources and the engine thread. No Qt, no OpenGL.

Nothing heavy is imported here, so that importing one module loads no more than that module needs.
"""

import os

# OpenMP threads that wait must sleep, not spin: the window shares the cores, and two spinning threads beside it were
# measured at a tenth of their speed. Read once, when torch loads, so it stands before any of our modules imports it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
