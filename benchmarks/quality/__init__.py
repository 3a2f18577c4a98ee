"""How good the pictures are: `python -m benchmarks.quality`; what is measured and how stands in `__main__`."""
