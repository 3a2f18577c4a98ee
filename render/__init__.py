"""The picture on the screen: OpenGL through moderngl. Imports neither Qt nor other folders of the project."""
