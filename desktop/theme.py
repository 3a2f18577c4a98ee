"""Colours and the style sheet: dark and calm, so that the picture is the brightest thing in the window.

Owns looks only. UI thread.
"""

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

BACKGROUND = "#101216"  # around the picture
SURFACE = "#171a20"  # bars
RAISED = "#22262e"  # fields, buttons, cards
LINE = "#2c313b"
TEXT = "#e3e7ee"
DIM = "#8d96a5"
ACCENT = "#7cc4ff"
PIN = "#ff5c63"
WARM = "#ffb454"

_STYLE = f"""
* {{ font-size: 13px; }}
QMainWindow, QDialog {{ background: {SURFACE}; }}
QWidget {{ color: {TEXT}; }}
QMenuBar {{ background: {SURFACE}; padding: 2px 6px; border: none; }}
QMenuBar::item {{ padding: 5px 10px; border-radius: 5px; color: {DIM}; background: transparent; }}
QMenuBar::item:selected {{ background: {RAISED}; color: {TEXT}; }}
QMenu {{ background: {RAISED}; border: 1px solid {LINE}; padding: 5px; }}
QMenu::item {{ padding: 6px 28px 6px 14px; border-radius: 5px; }}
QMenu::item:selected {{ background: #313845; }}
QMenu::item:disabled {{ color: #5b6371; }}
QMenu::separator {{ height: 1px; background: {LINE}; margin: 5px 8px; }}
QStatusBar {{ background: {SURFACE}; border-top: 1px solid {LINE}; }}
QStatusBar::item {{ border: none; }}
QStatusBar QLabel {{ color: {DIM}; padding: 3px 4px; }}
QToolTip {{ background: {RAISED}; color: {TEXT}; border: 1px solid {LINE}; padding: 5px 8px; }}
QLineEdit {{
    background: {RAISED}; border: 1px solid {LINE}; border-radius: 9px; padding: 8px 12px;
    selection-background-color: #35577a;
}}
QLineEdit:focus {{ border-color: {ACCENT}; }}
QLineEdit:disabled {{ color: #5b6371; }}
QToolButton {{ background: transparent; border: none; border-radius: 8px; padding: 7px; }}
QToolButton:hover {{ background: {RAISED}; }}
QToolButton:checked {{ background: #2b3d50; }}
QToolButton:pressed {{ background: #313845; }}
QPushButton {{
    background: {RAISED}; border: 1px solid {LINE}; border-radius: 8px; padding: 7px 14px;
}}
QPushButton:hover {{ border-color: #46505f; background: #292e38; }}
QPushButton:disabled {{ color: #5b6371; }}
QPushButton:checked {{ background: #2b3d50; border-color: {ACCENT}; }}
QPushButton#primary {{ background: {ACCENT}; color: #0b1118; border: none; font-weight: 600; }}
QPushButton#primary:hover {{ background: #9bd3ff; }}
QPushButton:disabled, QPushButton#primary:disabled {{ background: {SURFACE}; color: #5b6371; }}
QSlider::groove:horizontal {{ height: 4px; background: {LINE}; border-radius: 2px; }}
QSlider::sub-page:horizontal {{ background: {ACCENT}; border-radius: 2px; }}
QSlider::handle:horizontal {{ width: 16px; margin: -6px 0; border-radius: 8px; background: {TEXT}; }}
QCheckBox::indicator {{ width: 15px; height: 15px; border: 1px solid #46505f; border-radius: 4px; }}
QCheckBox::indicator:checked {{ background: {ACCENT}; border-color: {ACCENT}; }}
QPushButton:focus, QComboBox:focus, QListView:focus {{ border: 1px solid {ACCENT}; }}
QCheckBox:focus {{ color: {ACCENT}; }}
QSlider::handle:horizontal:focus {{ background: {ACCENT}; }}
QScrollArea, QScrollArea > QWidget > QWidget {{ background: transparent; border: none; }}
QScrollBar:vertical {{ background: transparent; width: 8px; }}
QScrollBar::handle:vertical {{ background: {LINE}; border-radius: 4px; min-height: 30px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; }}
#bar {{ background: {SURFACE}; }}
#strip {{ background: {SURFACE}; border-right: 1px solid {LINE}; }}
#banner {{ background: #33252a; border-bottom: 1px solid #5d3a40; }}
#banner[kind="note"] {{ background: #222a33; border-color: #3a4757; }}
#banner QLabel {{ background: transparent; }}
#crop {{ background: {BACKGROUND}; }}
#dim {{ color: {DIM}; }}
#key {{ background: {RAISED}; border: 1px solid {LINE}; border-radius: 5px; padding: 3px 8px; }}
#title {{ font-size: 19px; font-weight: 600; }}
QDockWidget {{ color: {DIM}; }}
QDockWidget::title {{ background: {SURFACE}; padding: 8px 14px; border-left: 1px solid {LINE}; }}
#heading {{ color: {ACCENT}; font-weight: 600; }}
"""


def apply_theme(app: QApplication) -> None:
    """The dark palette and style sheet, on top of Fusion, which looks the same on every platform."""
    app.setStyle("Fusion")
    palette = QPalette()
    roles = QPalette.ColorRole
    for role, colour in {
        roles.Window: SURFACE,
        roles.Base: RAISED,
        roles.AlternateBase: SURFACE,
        roles.Button: RAISED,
        roles.WindowText: TEXT,
        roles.Text: TEXT,
        roles.ButtonText: TEXT,
        roles.PlaceholderText: "#6d7685",
        roles.ToolTipBase: RAISED,
        roles.ToolTipText: TEXT,
        roles.Highlight: "#35577a",
        roles.HighlightedText: TEXT,
        roles.Link: ACCENT,
    }.items():
        palette.setColor(role, QColor(colour))
    app.setPalette(palette)
    app.setStyleSheet(_STYLE)
