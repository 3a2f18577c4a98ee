"""Directing by words: a sentence of the prompt box becomes motion where the hand is silent.

Owns what sentences have set in motion, and the button that stops it. Never reads a sentence (the engine answers what
one moves) nor knows how a thing goes (`inference.motion.said`). UI thread; the engine's answer is a queued signal.

A sentence begins where things now are. What the sentence before moved and this one does not mean stays where it has
come to; an empty one lets go of everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QToolButton

from desktop.directing.camera import CameraDesk
from desktop.directing.score import Score
from desktop.player import Player
from inference.motion.said import MOTION, Said, SaidMove, SaidSource, SaidThing, overlap

SAME = 0.5  # shared places from which on two sentences mean one thing
_NOTHING = "These words move nothing in this picture: what moves has to be named, and be told where to go."


class WordsDesk(QObject):
    """`button` belongs beside the prompt box. `noted` has a sentence for the person."""

    noted = Signal(str)

    _answered = Signal(int, str, object)  # of which sentence, the sentence, Said

    def __init__(
        self, score: Score, camera: CameraDesk, player: Player, numbers: Iterator[int], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._score, self._camera, self._player, self._numbers = score, camera, player, numbers
        self.sources: list[SaidSource] = []
        self._move: SaidMove | None = None
        self._number = 0
        self._stopped = False
        self.button = QToolButton()
        self.button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.button.setVisible(False)
        self.button.clicked.connect(self._on_button)
        self._answered.connect(self._on_answer, Qt.ConnectionType.QueuedConnection)
        score.changed.connect(self._on_score)

    def say(self, text: str) -> None:
        """Directs by a sentence, as soon as the engine has read it."""
        self._number += 1
        number = self._number

        def answered(future: Future[Any]) -> None:  # on the engine's thread; a fault is told by the player
            if not future.cancelled() and future.exception() is None:
                self._answered.emit(number, text, future.result())

        self._player.set_prompt(text).add_done_callback(answered)

    def on_picture(self) -> None:
        """Another picture, or another crop of one, whose prompt is kept: it is said again."""
        self._number += 1  # an answer about the picture before is none about this one
        if self._player.prompt:
            self.say(self._player.prompt)

    def stop(self) -> None:
        """Everything that words move stays where it has come to."""
        for source in self.sources:
            source.say(np.zeros(len(MOTION)))
        if self._move is not None and self._camera.move is self._move:
            self._camera.stop()
        self._stopped = True
        self._refresh()

    def let_go(self) -> None:
        """The picture is as it is without words."""
        keys = [source.key for source in self.sources]
        self.sources = []
        if self._move is not None:
            self._camera.go_home()
        self._move = None
        if keys:
            self._score.end(*keys)
        self._refresh()

    def _on_answer(self, number: int, text: str, said: Said) -> None:
        if number != self._number:
            return
        if not text:
            self.let_go()
            return
        left = list(self.sources)
        aspect = self._player.aspect
        for thing in said.things:
            source = max(left, key=lambda known: overlap(known.thing, thing), default=None)
            if source is not None and overlap(source.thing, thing) >= SAME:
                left.remove(source)
                source.say(thing.motion)
            elif (rest := self._unmoved(thing)) is not None:
                source = SaidSource(next(self._numbers), rest, aspect)
                self.sources.append(source)
                self._score.lend(source)
        for source in left:
            source.say(np.zeros(len(MOTION)))
        if said.camera is not None:
            self._move = SaidMove(next(self._numbers), tuple(said.camera.tolist()))
            self._camera.perform(self._move)
        elif self._move is not None and self._camera.move is self._move:
            self._camera.stop()
        self._stopped = False
        self._refresh()
        if not said.things and said.camera is None:
            self.noted.emit(_NOTHING)

    def _unmoved(self, thing: SaidThing) -> SaidThing | None:
        """What of a thing no other source moves; None where that is nothing."""
        taken = np.concatenate([source.thing.numbers for source in self.sources] or [np.zeros(0, np.int64)])
        free = ~np.isin(thing.numbers, taken)
        return SaidThing(thing.numbers[free], thing.places[free], thing.motion) if free.any() else None

    def _on_score(self) -> None:
        """Another picture ends everything."""
        self.sources = [source for source in self.sources if source.key in self._score.keys]
        self._refresh()

    def _on_button(self) -> None:
        if self._stopped:
            self.let_go()
        else:
            self.stop()

    def _refresh(self) -> None:
        count = len(self.sources)
        ours = self._move is not None and (self._stopped or self._camera.move is self._move)
        self.button.setVisible(bool(count) or ours)
        held = " and ".join([f"{count} thing{'s' * (count != 1)}"] * bool(count) + ["the camera"] * ours)
        self.button.setText("Let go" if self._stopped else "Stop")
        self.button.setToolTip(
            f"Words have moved {held}: let go, and the picture is as it was" if self._stopped
            else f"Words move {held}: stop, and all stays where it is"
        )  # fmt: skip
