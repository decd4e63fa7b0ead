"""ONNX files, read as models: see `opening`."""
