"""The paper's tables, measured for this project's model: `python -m benchmarks.paper`."""
