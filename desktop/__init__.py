"""The Qt application: window, viewport, handles, pictures. Imports nothing by itself, so that `render`
starts without Qt.
"""
