"""The bytes of an ONNX file -> nodes with static shapes and folded constants."""
