"""The generator: model, cache, sampler, stream, motion sources and the engine thread. No Qt, no OpenGL.

Nothing is imported here, so that importing one module loads no more than that module needs.
"""
