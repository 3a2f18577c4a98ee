"""Hypothesis without its time limit for one example: the machine's cores are shared, so times say nothing."""

from hypothesis import settings

settings.register_profile("shared cores", deadline=None)
settings.load_profile("shared cores")
