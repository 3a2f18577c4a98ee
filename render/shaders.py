"""Reads the shaders in assets/shaders and compiles them. Owns no GL state. Thread: the context's."""

from pathlib import Path

import moderngl

SHADERS = Path(__file__).resolve().parents[1] / "assets" / "shaders"


def load_program(ctx: moderngl.Context, vertex: str, fragment: str) -> moderngl.Program:
    """The program of two files' names without their endings, e.g. ("screen", "present")."""
    return ctx.program(
        vertex_shader=(SHADERS / f"{vertex}.vert").read_text(encoding="utf-8"),
        fragment_shader=(SHADERS / f"{fragment}.frag").read_text(encoding="utf-8"),
    )
