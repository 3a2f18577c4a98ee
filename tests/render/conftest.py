"""A GL context without a display."""

from collections.abc import Iterator

import moderngl
import pytest

from render.context import offscreen_context


@pytest.fixture(scope="session")
def _context() -> Iterator[moderngl.Context]:
    context = offscreen_context()
    yield context
    context.release()


@pytest.fixture
def ctx(_context: moderngl.Context) -> Iterator[moderngl.Context]:
    """Current during the test, whatever tests of Qt's own contexts did before."""
    with _context:
        yield _context
