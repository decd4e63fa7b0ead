"""ONNX: files that other frameworks read and write."""
