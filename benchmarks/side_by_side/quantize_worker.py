"""Quantise a float model with ai-edge-quantizer; runs in the environment where that is installed.

    python quantize_worker.py MODEL.tflite CALIB.npz OUT.tflite

The model gets the signature that ai-edge-quantizer asks for; `x` of the archive are the samples.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def with_signature(source: bytes) -> bytes:
    """Return the model with a signature that names its only input and its outputs."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(source, 0)
    graph = model.subgraphs[0]

    def maps(tensors: Any, letter: str) -> list[Any]:
        made = []
        for number, index in enumerate(tensors):
            item = schema.TensorMapT()
            item.name, item.tensorIndex = f"{letter}{number}", int(index)
            made.append(item)
        return made

    signature = schema.SignatureDefT()
    signature.inputs, signature.outputs = maps(graph.inputs, "x"), maps(graph.outputs, "y")
    signature.signatureKey, signature.subgraphIndex = "serving_default", 0
    model.signatureDefs = [signature]
    builder = flatbuffers.Builder(len(source) + 4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def inlined(source: bytes) -> bytes:
    """Return the model with every buffer inside the flatbuffer: TFLM and old readers ignore the others."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(source, 0)
    for buffer in model.buffers:
        if buffer.offset and buffer.size:
            buffer.data = np.frombuffer(source, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    builder = flatbuffers.Builder(len(source) + 4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def main() -> None:
    """Quantise with the recipe for int8 weights and activations."""
    from ai_edge_quantizer import quantizer, recipe  # type: ignore[import-not-found]  # in its own environment

    path, data, out = sys.argv[1:]
    with open(path, "rb") as file:
        source = with_signature(file.read())
    worker = quantizer.Quantizer(bytearray(source), recipe.static_wi8_ai8())
    samples = [{"x0": sample} for sample in np.load(data)["x"]]
    calibrated = worker.calibrate({"serving_default": samples})
    made = worker.quantize(calibrated).quantized_model
    with open(out, "wb") as file:
        file.write(inlined(bytes(made)))


if __name__ == "__main__":
    main()
