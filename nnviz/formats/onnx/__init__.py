"""ONNX files, read as models (see `opening`), and models written as ONNX files (see `export`)."""
