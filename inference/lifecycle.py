"""What state the engine can be in, which way leads where, and what it tells the UI.

Owns the one table of states, the one place that changes the state, the events and who hears them. Never decides where
to go: `Engine` does. The state may be read on any thread; only the engine's changes it.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)


class EngineState(enum.Enum):
    """idle: no picture. loading: opening one. warming: first, unseen chunks. failed: told why, waits for a
    retry."""

    IDLE = "idle"
    LOADING = "loading"
    WARMING = "warming"
    RUNNING = "running"
    PAUSED = "paused"
    FAILED = "failed"


TRANSITIONS: dict[EngineState, frozenset[EngineState]] = {
    EngineState.IDLE: frozenset({EngineState.LOADING}),
    EngineState.LOADING: frozenset(
        {EngineState.WARMING, EngineState.RUNNING, EngineState.PAUSED, EngineState.FAILED, EngineState.IDLE}
    ),
    EngineState.WARMING: frozenset({EngineState.RUNNING, EngineState.PAUSED, EngineState.FAILED, EngineState.IDLE}),
    EngineState.RUNNING: frozenset({EngineState.LOADING, EngineState.PAUSED, EngineState.FAILED, EngineState.IDLE}),
    EngineState.PAUSED: frozenset({EngineState.LOADING, EngineState.RUNNING, EngineState.IDLE}),
    EngineState.FAILED: frozenset({EngineState.LOADING, EngineState.IDLE}),
}


@dataclass(frozen=True)
class StateChanged:
    """The engine went from one state to another, or, with old == new, has something to say. message: "" or
    sentences for the person."""

    old: EngineState
    new: EngineState
    message: str = ""


@dataclass(frozen=True)
class FramesReady:
    """New frames are in the ring."""


EngineEvent = StateChanged | FramesReady


class Lifecycle:
    """The state an engine is in, and its listeners."""

    def __init__(self) -> None:
        self._state = EngineState.IDLE
        self._listeners: list[Callable[[EngineEvent], None]] = []

    @property
    def state(self) -> EngineState:
        return self._state

    def subscribe(self, listener: Callable[[EngineEvent], None]) -> None:
        """Before the engine's thread starts."""
        self._listeners.append(listener)

    def enter(self, new: EngineState, message: str = "") -> None:
        """Changes the state and tells it. message: as in `StateChanged`."""
        old = self._state
        if new not in TRANSITIONS[old]:
            raise RuntimeError(f"no way from {old.value} to {new.value}")
        self._state = new
        log.info("state %s -> %s %s", old.value, new.value, message)
        self.tell(StateChanged(old, new, message))

    def say(self, message: str) -> None:
        """Tells sentences for the person; the state stays."""
        log.warning("%s", message)
        self.tell(StateChanged(self._state, self._state, message))

    def tell(self, event: EngineEvent) -> None:
        """On the caller's thread. A listener that fails harms nobody."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                log.exception("a listener failed")
