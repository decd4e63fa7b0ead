"""How fast we are, beside the framework that people know: `python -m benchmarks`."""
