"""ONNX files: read only."""
