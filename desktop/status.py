"""The status line: what the engine does, how fast, and how long a hand waits.

Owns three labels and their wording. Asks for nothing by itself; the window refreshes it. UI thread.
"""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QSizePolicy, QStatusBar, QWidget

from desktop import theme
from inference.lifecycle import EngineState
from inference.pacing import EngineStats

_WORDS = {
    EngineState.IDLE: ("No picture", theme.DIM),
    EngineState.LOADING: ("Opening the picture…", theme.WARM),
    EngineState.WARMING: ("Warming up…", theme.WARM),
    EngineState.RUNNING: ("Running", "#5fd38d"),
    EngineState.PAUSED: ("Paused", theme.DIM),
    EngineState.FAILED: ("Stopped", theme.PIN),
}


class StatusLine(QStatusBar):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self.state = QLabel()
        self.picture = QLabel()
        self.speed = QLabel()
        # A long credit is cut, and must never widen the window: the picture would move under the hand.
        self.picture.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.addWidget(self.state)
        self.addWidget(self.picture, 1)
        self.addPermanentWidget(self.speed)

    def show_state(self, state: EngineState) -> None:
        word, colour = _WORDS[state]
        self.state.setText(f"<span style='color:{colour}'>●</span>&nbsp; {word}")
        if state is not EngineState.RUNNING:
            self.speed.clear()

    def show_picture(self, title: str, credit: str) -> None:
        self.picture.setText(f"{title}  ·  {credit}" if credit else title)
        self.picture.setToolTip(credit)

    def show_speed(self, fps: float, latency_ms: float | None, stats: EngineStats) -> None:
        parts = [f"{fps:.1f} frames/s"] if fps else []
        if stats.slowed:
            parts.append(f"slowed evenly from {stats.target_fps:.0f}")
        if latency_ms is not None:
            parts.append(f"answers in {latency_ms:.0f} ms")
        self.speed.setText("   ·   ".join(parts))
