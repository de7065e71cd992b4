"""Model files in and out. Nothing else imports onnx, tflite or flatbuffers."""

from __future__ import annotations

from redsc.formats.load import load_model
from redsc.formats.model import Model
from redsc.formats.tables import Refusal
from redsc.formats.tflite.identifier import is_tflite
from redsc.formats.tflite.peek import (
    count_ports,
    described_as,
    has_front_end,
    has_short_memory,
    has_variables,
    planned_offsets,
)
from redsc.formats.tflite.read.reader import read_tflite
from redsc.formats.tflite.state import FileGraph, file_graphs, tensor_numbers
from redsc.formats.tflite.writer import (
    SIGNATURE,
    SLOT_BYTES,
    ArenaOffsets,
    shared_constants,
    write_models,
    write_tflite,
)

__all__ = [
    "SIGNATURE",
    "SLOT_BYTES",
    "ArenaOffsets",
    "FileGraph",
    "Model",
    "Refusal",
    "count_ports",
    "described_as",
    "file_graphs",
    "has_front_end",
    "has_short_memory",
    "has_variables",
    "is_tflite",
    "load_model",
    "planned_offsets",
    "read_tflite",
    "shared_constants",
    "tensor_numbers",
    "write_models",
    "write_tflite",
]
