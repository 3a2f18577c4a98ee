"""ATI's example lists: a `.yaml` that names, for each example, a picture, a prompt and a file of tracks.

Owns that form, as ATI's `generate.py` reads it: a list of `image`, `text` and `track`, whose paths count from the
folder in which ATI is started. Here they are looked for from the list's own folder upwards. The tracks themselves are
`inference.track_arrays`. Nothing but plain values is ever made of the YAML. Any thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from inference.errors import UserError

MAX_BYTES = 1_000_000
MAX_EXAMPLES = 200
_FIELDS = ("image", "text", "track")
_KEPT = "Nothing was changed."
_NEXT = "Choose another file, or open the picture and the .pth by themselves."


@dataclass(frozen=True)
class Example:
    """One entry, its files found."""

    image: Path
    text: str
    track: Path


def read_examples(file: Path) -> tuple[Example, ...]:
    """Every example of a list. UserError says in a sentence what is wrong, or which file is not there."""
    try:
        if file.stat().st_size > MAX_BYTES:
            raise _fault(file, "is larger than any list of examples")
        rows = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise _fault(file, f"cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # of YAML and of UTF-8
        raise _fault(file, "is not a list of ATI's examples") from error
    if not isinstance(rows, list) or not rows:
        raise _fault(file, "is not a list of ATI's examples")
    if len(rows) > MAX_EXAMPLES:
        raise _fault(file, f"names {len(rows)} examples; at most {MAX_EXAMPLES} are taken")
    return tuple(_example(file, number, row) for number, row in enumerate(rows, start=1))


def _example(file: Path, number: int, row: object) -> Example:
    if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in _FIELDS):
        raise _fault(file, f"lacks an image, a text or a track in example {number}")
    return Example(_found(file, row["image"]), row["text"].strip(), _found(file, row["track"]))


def _found(file: Path, name: str) -> Path:
    """A named file, from the list's folder or one above it."""
    for folder in file.resolve().parents:
        if (folder / name).is_file():
            return folder / name
    raise _fault(file, f"names {name}, which is not there")


def _fault(file: Path, what: str) -> UserError:
    return UserError(f"The file {file.name} {what}.", _KEPT, _NEXT)
