"""The engine: layers, the graph of them, and the walks forward and backward. NumPy alone."""
