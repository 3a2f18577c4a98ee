"""Makes an OpenGL context that needs no display (EGL) and says what kind of context one is.

Never touches Qt: the window brings its own context. Thread: a context belongs to the thread that makes it.
"""

import moderngl

_SOFTWARE_RENDERERS = ("llvmpipe", "softpipe", "swiftshader", "gdi generic")


class GLUnavailable(RuntimeError):
    """No OpenGL context could be had; the message says what happened and what to do next."""


def offscreen_context() -> moderngl.Context:
    """An OpenGL 3.3 core context without a window. Raises GLUnavailable where the system has none."""
    try:
        return moderngl.create_context(standalone=True, backend="egl", require=330)  # type: ignore[arg-type]  # the stub is wrong
    except Exception as error:  # glcontext and moderngl raise bare Exception for every failure
        raise GLUnavailable(
            f"OpenGL 3.3 could not be started without a display ({error}). Nothing was drawn. Install the "
            "EGL and Mesa libraries (Debian, Ubuntu: apt-get install libegl1 libgl1-mesa-dri); try again."
        ) from error


def is_software(ctx: moderngl.Context) -> bool:
    """True where the CPU does the drawing, so that each shaded pixel is taken from the model's own cores."""
    return any(name in ctx.info["GL_RENDERER"].lower() for name in _SOFTWARE_RENDERERS)
