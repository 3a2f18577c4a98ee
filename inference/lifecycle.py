"""What state the engine can be in, which way leads where, and what it tells the UI.

Owns the one table of states and the events. Never changes a state itself: `Engine` does, in one place. Any
thread.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


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
