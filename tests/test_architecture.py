"""The table of ARCHITECTURE.md, "may import", held against every import statement of the tree."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "kernels": set(),
    "inference": {"kernels"},
    "render": set(),
    "desktop": {"inference", "render"},
    "training": {"inference", "kernels"},
    "benchmarks": {"kernels", "inference", "render", "desktop", "training"},
    "setup/screenshots": {"inference", "render", "desktop"},
}
# Third parties that only some rooms may know. Engine and trainers run where there is no Qt and no OpenGL.
MAY_IMPORT_OUTSIDE = {
    "PySide6": {"desktop", "benchmarks", "setup/screenshots"},
    "shiboken6": {"desktop", "benchmarks"},
    "moderngl": {"render", "desktop", "benchmarks"},
    "glcontext": {"render"},
    "torch": {"kernels", "inference", "training", "benchmarks"},
    "triton": {"kernels"},
    "cv2": {"inference", "render", "training", "benchmarks", "setup/screenshots"},
    "transformers": {"training"},
    "diffusers": {"benchmarks"},  # what the stream is compared with
}
# Torch must be loaded before PySide6 (on Windows, Qt first makes c10.dll fail: pytorch #166628).
EXCEPTIONS = {("desktop/__main__.py", "torch")}


def sources(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Every top-level package that a file imports, also inside functions, with the line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0], node.lineno


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_arrows_run_along_the_table(room: str) -> None:
    assert sources(room), f"{room}/ has no Python file"
    wrong = []
    for path in sources(room):
        name = path.relative_to(ROOT).as_posix()
        for package, line in imported(path):
            is_our_own = package in MAY_IMPORT and package != room
            if is_our_own and package not in MAY_IMPORT[room]:
                wrong.append(f"{name}:{line} imports {package}")
            if room not in MAY_IMPORT_OUTSIDE.get(package, {room}) and (name, package) not in EXCEPTIONS:
                wrong.append(f"{name}:{line} imports {package}")
    assert not wrong, "\n".join(wrong)


def test_what_prepares_a_machine_needs_nothing() -> None:
    """The other files of `setup/` run before anything is installed."""
    names = {name for path in (ROOT / "setup").glob("*.py") for name, _ in imported(path)}
    assert names
    assert names <= sys.stdlib_module_names


def test_nothing_imports_the_tests() -> None:
    wrong = [path for room in MAY_IMPORT for path in sources(room) if "tests" in dict(imported(path))]
    assert not wrong


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_packages_are_light_to_import(room: str) -> None:
    """Other distributions own packages of these names: ours load nothing and claim no version."""
    tree = ast.parse((ROOT / room / "__init__.py").read_text(encoding="utf-8"))
    heavy = [name for name, _ in imported(ROOT / room / "__init__.py") if name in MAY_IMPORT_OUTSIDE]
    assigned = {name.id for name in ast.walk(tree) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)}
    assert not heavy
    assert "__version__" not in assigned


def test_model_code_is_imported_before_qt_and_opengl() -> None:
    """By the process itself: torch is there before PySide6 and before moderngl."""
    program = (
        "import sys\nfrom desktop.__main__ import main\n"
        "class Stop(Exception): pass\n"
        "class Watch:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name in ('PySide6', 'moderngl'):\n"
        "            assert 'inference.package' in sys.modules, name\n"
        "            raise Stop\n"
        "sys.meta_path.insert(0, Watch())\n"
        "try:\n    main([])\nexcept Stop:\n    print('met')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stdout == "met\n", done.stderr
