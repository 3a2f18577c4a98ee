"""ATI's example lists: what its own program reads, and a sentence for everything else."""

from pathlib import Path

import pytest

from inference.ati_examples import MAX_EXAMPLES, Example, read_examples
from inference.errors import UserError

# as in ATI's examples/test.yaml: quoted and plain texts, a colon-free long line, paths from the repository's root
LIST = """- image: examples/images/fish.jpg
  text: "A tranquil koi pond, with orange\\u2011and\\u2011white koi."
  track: examples/tracks/fish.pth
- image: examples/images/sea.png
  text: Surreal scene of a colossal ocean wave, two tiny surfers riding its face.
  track: examples/tracks/sea.pth
"""


@pytest.fixture
def ati(tmp_path: Path) -> Path:
    """A checkout, and the list in its `examples`."""
    for name in ("images/fish.jpg", "images/sea.png", "tracks/fish.pth", "tracks/sea.pth"):
        file = tmp_path / "examples" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (tmp_path / "examples" / "test.yaml").write_text(LIST)
    return tmp_path / "examples" / "test.yaml"


def test_a_list_is_read_and_its_files_are_found_from_the_root(ati: Path) -> None:
    fish, sea = read_examples(ati)
    assert fish.text == "A tranquil koi pond, with orange\u2011and\u2011white koi."
    assert sea == Example(
        ati.parent / "images" / "sea.png",
        "Surreal scene of a colossal ocean wave, two tiny surfers riding its face.",
        ati.parent / "tracks" / "sea.pth",
    )


def test_the_list_of_its_motion_transfer_is_read(ati: Path) -> None:
    """`save_yaml` begins a document explicitly and sorts nothing; the caption is empty."""
    ati.write_text("---\n- track: tracks/sea.pth\n  text: ''\n  image: images/sea.png\n")
    (only,) = read_examples(ati)
    assert only.text == ""
    assert only.track.name == "sea.pth"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image: a.png", "not a list"),
        ("[]", "not a list"),
        ("- image: [", "not a list"),
        ("- !!python/object/apply:os.system ['true']", "not a list"),
        ("- image: examples/images/sea.png\n  text: 3\n  track: x", "lacks an image, a text or a track in example 1"),
        ("- just words", "lacks"),
        (
            "- image: examples/images/gone.png\n  text: a\n  track: examples/tracks/sea.pth",
            "which is not there",
        ),
        ("- {}\n" * (MAX_EXAMPLES + 1), "at most"),
        ("# " + "x" * 1_000_001, "larger"),
        ("- \udcff", "not a list"),
    ],
)
def test_what_is_wrong_is_a_sentence(ati: Path, text: str, words: str) -> None:
    ati.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=words) as fault:
        read_examples(ati)
    assert fault.value.kept
    assert fault.value.next


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_examples(tmp_path / "gone.yaml")
