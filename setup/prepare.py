"""Prepares a checkout for one role: system libraries, virtual environment, pinned packages.

Owns everything `make` needs before Python packages exist, so it uses the standard library alone and runs
under the machine's own `python3`. Never removes anything and never asks a question: what it may not do
itself, it prints as one line to run, and exits with 1. Single thread.

    python3 setup/prepare.py test --venv .venv
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"

# Roles build on each other: tests import the trainers, which import the application's packages.
ROLES = {
    "run": ("run",),
    "train": ("run", "train"),
    "test": ("run", "train", "test"),
    "measure": ("run", "train", "test", "measure"),
    "build": ("run", "build"),
}

# What Qt's xcb plugin, OpenGL and EGL load beyond the wheels (ldd over libqxcb.so, libQt6Gui.so; Debian 12).
SYSTEM_RUN = [
    "libegl1",
    "libgl1",
    "libgl1-mesa-dri",
    "libxkbcommon0",
    "libxkbcommon-x11-0",
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-image0",
    "libxcb-keysyms1",
    "libxcb-randr0",
    "libxcb-render-util0",
    "libxcb-shape0",
    "libxcb-sync1",
    "libxcb-xfixes0",
    "libxcb-xkb1",
    "libx11-xcb1",
    "libdbus-1-3",
    "libfontconfig1",
    "libglib2.0-0",
    "fonts-dejavu-core",
    "libportaudio2",  # sounddevice's wheel for Linux carries none
]
SYSTEM_EXTRA = {
    # PulseAudio: a null sink is the sound card of the tests.
    "test": ["xvfb", "xauth", "xdotool", "pulseaudio", "pulseaudio-utils", "libasound2-plugins"],
    "build": ["binutils"],
}

# Megabytes of wheels on Linux x86-64, as pip reported them in November 2026; only said, never relied upon.
DOWNLOAD_MB = {
    "run": 320,
    "train": 25,
    "test": 100,
    "measure": 20,
    "build": 10,
    "gpu": 200,
    "torch-cpu": 190,
    "torch-cuda": 3000,
}


def say(text: str) -> None:
    """Progress goes to stderr at once, before pip's own output."""
    sys.stderr.write(f"[setup] {text}\n")
    sys.stderr.flush()


# --- system packages


def missing_system_packages(wanted: list[str]) -> list[str]:
    """The Debian packages among `wanted` that are not installed; `Provides` counts (libglib2.0-0t64 does)."""
    listing = subprocess.run(
        ["dpkg-query", "-W", "-f=${db:Status-Status} ${Package} ${Provides}\n"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    present: set[str] = set()
    for line in listing.splitlines():
        status, _, names = line.partition(" ")
        if status == "installed":
            present.update(names.replace(",", " ").split())
    return [package for package in wanted if package not in present]


def root_prefix() -> list[str] | None:
    """The words that make a command run as root, or None where that would need a password."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n"]
    return None


def install_system_packages(wanted: list[str]) -> None:
    """Installs what is missing through apt where it may; exits with the line to run where it may not."""
    if not shutil.which("dpkg-query"):
        say(f"not a Debian or Ubuntu system; the application needs the equivalents of: {' '.join(wanted)}")
        return
    missing = missing_system_packages(wanted)
    if not missing:
        return
    prefix = root_prefix()
    by_hand = f"sudo apt-get update && sudo apt-get install -y --no-install-recommends {' '.join(missing)}"
    run_this = f"Run this line, then make again:\n  {by_hand}"
    if prefix is None or not shutil.which("apt-get"):
        sys.exit(f"System libraries are missing and installing them needs root. {run_this}")
    say(f"installing system packages: {' '.join(missing)}")
    environment = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive"]
    install = [*environment, "apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
    updated = subprocess.run([*environment, "apt-get", "update", "-q"], stdout=sys.stderr).returncode == 0
    if not updated or subprocess.run(install, stdout=sys.stderr).returncode != 0:
        sys.exit(f"apt could not install them (its own message is above). {run_this}")


# --- the virtual environment


def make_venv(venv: Path) -> Path:
    """Creates `venv` unless it has a working pip, and returns its interpreter."""
    python = venv / "bin" / "python"
    if python.exists() and subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0:
        return python
    if importlib.util.find_spec("ensurepip") is None:  # Debian keeps it in a package of its own
        install_system_packages([f"python3.{sys.version_info.minor}-venv"])
    say(f"creating {venv}")
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    return python


def reachable(url: str, timeout_s: float = 5) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:
            return answer.status == 200
    except OSError:
        return False


def torch_source(pip: list[str], requirement: str, gpu: bool) -> tuple[list[str], str]:
    """Where torch comes from: extra pip arguments, and the key of its size in DOWNLOAD_MB.

    PyPI's torch for Linux on x86-64 is the CUDA build, some 3 GB with its libraries. The CPU build lies on
    PyTorch's own index, or on this machine where pip has been told of a folder of wheels.
    """
    if platform.system() != "Linux":
        return [], "torch-cpu"
    if gpu:
        return [], "torch-cuda"
    if reachable(f"{TORCH_CPU_INDEX}/torch/"):
        return ["--index-url", TORCH_CPU_INDEX], "torch-cpu"
    plan = subprocess.run(
        [*pip, "install", "--quiet", "--dry-run", "--no-deps", "--report", "-", requirement],
        capture_output=True,
        text=True,
    )
    found = json.loads(plan.stdout)["install"] if plan.returncode == 0 else []
    is_cpu = any("+cpu" in package["metadata"]["version"] for package in found)
    return [], "torch-cpu" if is_cpu or platform.machine() != "x86_64" else "torch-cuda"


def has_torch(python: Path, requirement: str) -> bool:
    """Whether the pinned torch is there, whichever its build."""
    code = "import importlib.metadata as m; print(m.version('torch'))"
    found = subprocess.run([python, "-c", code], capture_output=True, text=True).stdout
    return found.partition("+")[0].strip() == requirement.partition("==")[2]


def install_packages(python: Path, role: str, gpu: bool) -> None:
    """Installs the role's requirement files under the lock file; torch first, from where it is smallest."""
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    # Modules are compiled when first imported: most of torch and transformers never is.
    install = [*pip, "install", "--no-compile"]
    lock = ["--constraint", str(REQUIREMENTS / "lock.txt")]
    lines = (REQUIREMENTS / "run.txt").read_text(encoding="utf-8").splitlines()
    requirement = next(line for line in lines if line.startswith("torch=="))
    if not has_torch(python, requirement):
        source, build = torch_source(pip, requirement, gpu)
        say(f"{requirement}, {build.removeprefix('torch-')} build: about {DOWNLOAD_MB[build]} MB to download")
        if build == "torch-cuda" and not gpu:
            say(f"WARNING: {TORCH_CPU_INDEX} is out of reach, so this is PyPI's CUDA build; Ctrl-C stops it")
        # Its dependencies come with the rest, from PyPI: PyTorch's index has its own versions of them.
        subprocess.run([*install, "--no-deps", *source, requirement], check=True)
    names = [*ROLES[role], *(["gpu"] if gpu else [])]
    say(f"{role}: at most {sum(DOWNLOAD_MB[name] for name in names)} MB more, less what is there already")
    files = [argument for name in names for argument in ("-r", str(REQUIREMENTS / f"{name}.txt"))]
    subprocess.run([*install, "--quiet", *lock, *files], check=True)
    alone = REQUIREMENTS / f"{role}-alone.txt"
    if alone.exists():
        subprocess.run([*install, "--quiet", "--no-deps", "-r", str(alone)], check=True)


def main() -> None:
    if sys.version_info < (3, 11):
        sys.exit(f"Python 3.11 or newer is needed, not {platform.python_version()}: make PYTHON=python3.12")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("role", choices=ROLES)
    parser.add_argument("--venv", type=Path, default=Path(".venv"))
    parser.add_argument("--gpu", action="store_true", help="take the CUDA build of torch, and triton")
    arguments = parser.parse_args()
    install_system_packages([*SYSTEM_RUN, *SYSTEM_EXTRA.get(arguments.role, [])])
    try:
        install_packages(make_venv(arguments.venv), arguments.role, arguments.gpu)
    except subprocess.CalledProcessError as error:
        command = " ".join(map(str, error.cmd[:5]))
        sys.exit(f"Setup stopped: `{command} ...` failed, see above. Nothing is lost: make again resumes.")
    except KeyboardInterrupt:
        sys.exit("Setup stopped. Nothing is lost: make again resumes.")


if __name__ == "__main__":
    main()
