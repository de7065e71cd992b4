"""How each ONNX operator becomes TFLite's: handlers by family, gathered in `table.py`."""
