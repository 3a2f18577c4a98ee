"""Everything a person can do, as one list: menus, toolbar, shortcuts and the cheat sheet are all made from
it.

Owns the list and the QActions made from it; what an action does lives with the window. UI thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenuBar, QToolBar, QWidget

from desktop.icons import icon


@dataclass(frozen=True)
class Situation:
    """All that an action's availability depends on."""

    has_picture: bool  # a picture is on the screen
    streaming: bool  # the engine has a stream that runs or is paused
    paused: bool  # by the person
    cropping: bool
    composing: bool  # a picture out of toys
    croppable: bool  # there is a whole picture behind the crop
    has_points: bool
    has_selection: bool
    dragging: bool
    can_undo: bool
    can_redo: bool
    full_screen: bool
    has_paths: bool = False
    path_chosen: bool = False
    on_paths: bool = False  # the path tool is on, or paths play


def _always(_: Situation) -> bool:
    return True


@dataclass(frozen=True)
class ActionSpec:
    """One action. `id` is also the name under which the window finds its handler.

    shortcuts: the first is shown; all work. in_toolbar needs an icon. checkable: a switch, off until it is set.
    """

    id: str
    menu: str
    text: str
    shortcuts: tuple[str, ...] = ()
    icon: str = ""
    in_toolbar: bool = False
    checkable: bool = False
    tip: str = ""
    enabled_when: Callable[[Situation], bool] = _always

    def enabled(self, situation: Situation) -> bool:
        """Whether it can be done now."""
        return (self.id in WHILE_COMPOSING or not situation.composing) and self.enabled_when(situation)


SPECS: tuple[ActionSpec, ...] = (
    ActionSpec("open", "File", "Open picture…", ("Ctrl+O",), icon="open", in_toolbar=True),
    ActionSpec("paste", "File", "Paste picture", ("Ctrl+V",)),
    ActionSpec(
        "crop",
        "File",
        "Adjust crop…",
        ("C",),
        icon="crop",
        in_toolbar=True,
        enabled_when=lambda s: s.croppable and not s.cropping and not s.dragging,
    ),
    ActionSpec("crop_use", "", "Use this crop", ("Return", "Enter"), enabled_when=lambda s: s.cropping),
    ActionSpec(
        "crop_cancel", "", "Keep the old crop", ("Esc",), enabled_when=lambda s: s.cropping and not s.full_screen
    ),
    ActionSpec(
        "save_picture",
        "File",
        "Save picture…",
        ("Ctrl+S",),
        icon="save",
        in_toolbar=True,
        tip="what is shown now, without the points",
        enabled_when=lambda s: s.has_picture and not s.cropping,
    ),
    ActionSpec(
        "save_clip",
        "File",
        "Save last 30 seconds…",
        ("Ctrl+Shift+S",),
        enabled_when=lambda s: s.streaming and not s.cropping,
    ),
    ActionSpec("quit", "File", "Quit", ("Ctrl+Q",)),
    ActionSpec(
        "undo",
        "Edit",
        "Undo",
        ("Ctrl+Z",),
        icon="undo",
        in_toolbar=True,
        enabled_when=lambda s: s.can_undo and not s.dragging and not s.cropping,
    ),
    ActionSpec(
        "redo",
        "Edit",
        "Redo",
        ("Ctrl+Shift+Z", "Ctrl+Y"),
        icon="redo",
        in_toolbar=True,
        enabled_when=lambda s: s.can_redo and not s.dragging and not s.cropping,
    ),
    ActionSpec(
        "delete",
        "Edit",
        "Remove point",
        ("Del", "Backspace"),
        enabled_when=lambda s: s.has_selection and not s.dragging and not s.cropping,
    ),
    ActionSpec(
        "let_go",
        "Edit",
        "Let go of point",
        ("Esc",),
        tip="the one in the hand, the selected, or the newest",
        enabled_when=lambda s: s.has_points and not s.cropping and not s.full_screen and not s.on_paths,
    ),
    ActionSpec(
        "let_go_all",
        "Edit",
        "Let go of everything",
        ("Shift+Esc",),
        enabled_when=lambda s: s.has_points and not s.dragging and not s.cropping,
    ),
    ActionSpec(
        "pause",
        "Play",
        "Pause",
        ("Space",),
        icon="pause",
        in_toolbar=True,
        enabled_when=lambda s: s.streaming and not s.cropping,
    ),
    ActionSpec(
        "restart",
        "Play",
        "Restart from the picture",
        ("R",),
        icon="restart",
        in_toolbar=True,
        enabled_when=lambda s: s.streaming and not s.cropping,
    ),
    ActionSpec(
        "prompt",
        "Play",
        "Write a prompt",
        ("P", "/"),
        enabled_when=lambda s: s.has_picture and not s.cropping,
    ),
    ActionSpec(
        "path_tool",
        "Direct",
        "Draw a path",
        ("Shift+P",),
        checkable=True,
        tip="drag on the picture; play it later",
        enabled_when=lambda s: s.has_picture and not s.cropping,
    ),
    ActionSpec(
        "paths_play",
        "Direct",
        "Play paths",
        ("Return", "Enter"),
        enabled_when=lambda s: s.has_paths and s.has_picture and not s.cropping,
    ),
    ActionSpec(
        "paths_stop",
        "Direct",
        "Stop paths",
        ("Esc",),
        tip="what they moved stays, as a pin; then puts the tool away",
        enabled_when=lambda s: s.on_paths and not s.cropping and not s.full_screen,
    ),
    ActionSpec(
        "path_remove",
        "Direct",
        "Remove knot or path",
        ("Del", "Backspace"),
        enabled_when=lambda s: s.path_chosen and not s.has_selection and not s.dragging and not s.cropping,
    ),
    ActionSpec("paths_open", "Direct", "Open paths…", enabled_when=lambda s: s.has_picture and not s.cropping),
    ActionSpec("paths_save", "Direct", "Save paths…", enabled_when=lambda s: s.has_paths and not s.cropping),
    ActionSpec(
        "depth",
        "Direct",
        "Paint depth",
        ("Shift+D",),
        checkable=True,
        tip="what is nearer and what is farther, for the camera",
        enabled_when=lambda s: s.streaming and not s.cropping and not s.dragging,
    ),
    ActionSpec("hand", "Direct", "Hand", ("V",), checkable=True, tip="take points and move them"),
    ActionSpec("lasso", "Direct", "Lasso", ("L",), checkable=True, tip="draw around points to select them"),
    ActionSpec("brush", "Direct", "Brush", ("B",), checkable=True, tip="paint points over a large thing"),
    ActionSpec("brush_larger", "Direct", "Larger brush", ("]",)),
    ActionSpec("brush_smaller", "Direct", "Smaller brush", ("[",)),
    ActionSpec("select_all", "Direct", "Select all points", ("Ctrl+A",), enabled_when=lambda s: s.has_points),
    ActionSpec("select_none", "Direct", "Select none", ("Ctrl+Shift+A",), enabled_when=lambda s: s.has_selection),
    ActionSpec("group", "Direct", "Group", ("Ctrl+G",), enabled_when=lambda s: s.has_selection and not s.dragging),
    ActionSpec(
        "ungroup", "Direct", "Ungroup", ("Ctrl+Shift+G",), enabled_when=lambda s: s.has_selection and not s.dragging
    ),
    ActionSpec(
        "still",
        "Direct",
        "Hold everything else still",
        ("X",),
        tip="red pins where nothing is grabbed; again: without them",
        enabled_when=lambda s: s.has_picture and not s.dragging and not s.cropping,
    ),
    ActionSpec(
        "lets_go",
        "Direct",
        "Let go on release",
        ("G",),
        icon="lets_go",
        in_toolbar=True,
        checkable=True,
        tip="the picture springs back, rather than stay as a pin; Alt does the other one, once",
    ),
    ActionSpec("points_page", "Direct", "Points…", ("Ctrl+1",)),
    ActionSpec("gamepad", "Direct", "Gamepad", tip="steer points and the camera with a game controller"),
    ActionSpec("sound", "Direct", "Sound", tip="a microphone or a sound file moves points"),
    ActionSpec("toys", "Direct", "Toy box", ("Ctrl+B",), tip="compose a picture of your own"),
    ActionSpec(
        "compose_live",
        "Direct",
        "Make it live",
        ("Ctrl+Return",),
        enabled_when=lambda s: s.composing and not s.cropping,
    ),
    ActionSpec(
        "compose_leave",
        "",
        "Leave the composition",
        ("Esc",),
        enabled_when=lambda s: s.composing and not s.cropping and not s.full_screen,
    ),
    ActionSpec("transfer", "Direct", "Motion of a video…", ("M",), tip="a video or a camera lends its motion"),
    ActionSpec(
        "transfer_lend",
        "Direct",
        "Lend the video's motion, or stop it",
        ("Shift+M",),
        enabled_when=lambda s: s.streaming and not s.cropping,
    ),
    ActionSpec("start", "View", "All pictures", ("Ctrl+N",), enabled_when=lambda s: not s.full_screen),
    ActionSpec("telemetry", "View", "Telemetry", ("T",), tip="what the engine does, in figures"),
    ActionSpec("full_screen", "View", "Full screen", ("F11",)),
    ActionSpec("leave_full_screen", "View", "Leave full screen", ("Esc",), enabled_when=lambda s: s.full_screen),
    ActionSpec(
        "detail",
        "View",
        "Detail",
        ("D",),
        checkable=True,
        tip="fine texture from the photograph itself",
    ),
    ActionSpec("camera", "Direct", "Camera…", tip="moves, keyframes and speed"),
    ActionSpec(
        "fly",
        "Direct",
        "Fly the camera",
        ("F",),
        checkable=True,
        tip="W A S D, Q and E move, the middle button looks round",
        enabled_when=lambda s: s.streaming and not s.cropping,
    ),
    ActionSpec(
        "camera_home",
        "Direct",
        "Camera back home",
        ("H",),
        enabled_when=lambda s: s.streaming and not s.cropping,
    ),
    ActionSpec("cheat_sheet", "Help", "Mouse and keys", ("F1", "?"), icon="help", in_toolbar=True),
    ActionSpec("doctor", "Help", "Check this machine…"),
    ActionSpec("sessions", "Help", "Show sessions folder"),
    ActionSpec("logs", "Help", "Show log folder"),
    ActionSpec("about", "Help", "About MotionStream"),
)

# What can be done while a picture is composed of toys: the stream rests, and the points and paths are out of sight.
WHILE_COMPOSING = frozenset({
    "open", "paste", "crop_use", "crop_cancel", "save_picture", "quit", "undo", "redo", "delete", "toys",
    "compose_live", "compose_leave", "points_page", "gamepad", "sound", "transfer", "camera", "start", "telemetry",
    "full_screen", "leave_full_screen", "detail", "cheat_sheet", "doctor", "sessions", "logs", "about",
})  # fmt: skip

# What the mouse does, for the cheat sheet; the keys come from SPECS.
MOUSE: tuple[tuple[str, str], ...] = (
    ("Left drag", "Take hold of the picture and move it; the point stays where it is let go"),
    ("Left drag a point", "Take it up again"),
    ("Right click", "Pin that place (red); on a pin: free it, and pin it again"),
    ("Path tool: drag", "Draw a path; on a knot or a line, move it"),
    ("Path tool: double click", "One more knot on the line"),
    ("Left, right drag, painting depth", "Nearer, farther; the wheel sets the size"),
    ("Wheel on a point", "How much of the picture it holds; with Ctrl: turn it"),
    ("Shift click, Shift drag", "Select several points: by one, or by drawing around them"),
    ("Frame around several", "Drag inside to move, a corner to scale, the knob to turn (Shift: by 15°)"),
    ("Brush", "Paint a patch to grab, Shift adds to it; right button: pins. Wheel: size, Shift wheel: spacing"),
    ("Alt at release", "Let go instead of staying as a pin, or the other way round"),
    ("Drag a toy, a corner, the knob", "While composing: move, scale, turn it; the wheel scales, with Shift it turns"),
    ("Middle drag", "Look round; the wheel beside a point sets the speed while flying"),
)


class Actions:
    """The QActions of one window, by id."""

    def __init__(self, window: QWidget, handlers: dict[str, Callable[[], None]]) -> None:
        """Raises ValueError when actions and handlers do not match one to one."""
        ids = {spec.id for spec in SPECS}
        if ids != handlers.keys():
            raise ValueError(f"actions and handlers differ: {sorted(ids ^ handlers.keys())}")
        self._actions: dict[str, QAction] = {}
        for spec in SPECS:
            action = QAction(spec.text, window)
            action.setObjectName(spec.id)
            action.setShortcuts([QKeySequence(keys) for keys in spec.shortcuts])
            if spec.icon:
                action.setIcon(icon(spec.icon))
            action.setToolTip(_tool_tip(spec))
            action.setAutoRepeat(False)
            action.setCheckable(spec.checkable)
            action.triggered.connect(handlers[spec.id])
            window.addAction(action)  # keeps the shortcut alive for actions in no menu
            self._actions[spec.id] = action

    def __getitem__(self, action_id: str) -> QAction:
        return self._actions[action_id]

    def fill_menus(self, bar: QMenuBar) -> None:
        for menu_name in dict.fromkeys(spec.menu for spec in SPECS if spec.menu):
            menu = bar.addMenu(menu_name)
            menu.setObjectName(menu_name)
            for spec in SPECS:
                if spec.menu == menu_name:
                    menu.addAction(self._actions[spec.id])

    def fill_toolbar(self, bar: QToolBar, ids: Iterable[str]) -> None:
        for action_id in ids:
            bar.addAction(self._actions[action_id])

    def refresh(self, situation: Situation) -> None:
        """Enables what makes sense now; the pause action says what it would do."""
        for spec in SPECS:
            self._actions[spec.id].setEnabled(spec.enabled(situation))
        pause = self._actions["pause"]
        text = "Go on" if situation.paused else "Pause"
        if pause.text() != text:
            pause.setText(text)
            pause.setToolTip(f"{text}  (Space)")
            pause.setIcon(icon("play" if situation.paused else "pause"))


def _tool_tip(spec: ActionSpec) -> str:
    text = f"{spec.text}: {spec.tip}" if spec.tip else spec.text
    return f"{text}  ({spec.shortcuts[0]})" if spec.shortcuts else text
