"""Opening an example of ATI: its picture, its prompt and its tracks, as if each had been opened by hand.

Owns the example that waits for its picture. Never reads a file (`inference.ati_examples`). UI thread.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QInputDialog, QWidget

from desktop.directing.paths import Paths
from desktop.picture_desk import PictureDesk
from desktop.pictures import Opened
from desktop.prompt import PromptBox
from inference.ati_examples import Example, read_examples
from inference.errors import UserError


class AtiDesk(QObject):
    """One a window, made after all that listen to a picture: the example comes on top of what they do."""

    failed = Signal(object)  # UserError

    def __init__(self, pictures: PictureDesk, prompt: PromptBox, paths: Paths, window: QWidget) -> None:
        super().__init__(window)
        self._pictures, self._prompt, self._paths, self._window = pictures, prompt, paths, window
        self._waiting: Example | None = None
        pictures.examples_asked.connect(self.open)
        pictures.accepted.connect(lambda opened, _: self._on_picture(opened))

    def open(self, file: Path) -> None:
        """A list of examples; where there are several, a person chooses."""
        try:
            examples = read_examples(file)
        except UserError as error:
            self.failed.emit(error)
            return
        names = [f"{number}. {each.image.name}" for number, each in enumerate(examples, start=1)]
        name, chosen = names[0], True
        if len(names) > 1:
            name, chosen = QInputDialog.getItem(self._window, "Open an example", file.name, names, 0, False)
        if chosen:
            self._waiting = examples[names.index(name)]
            self._pictures.open_path(self._waiting.image)

    def _on_picture(self, opened: Opened) -> None:
        """Also a crop later: the example belongs to the picture."""
        example, self._waiting = self._waiting, None
        if example is None or opened.path != example.image.resolve():
            return
        if example.text:
            self._prompt.put(example.text)
        self._paths.bring(example.track)
