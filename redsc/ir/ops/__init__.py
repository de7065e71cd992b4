"""The op vocabulary: TFLite's builtin operators with TFLite semantics, NHWC; a file per family of ops.

Execution belongs to the real runtimes; no family knows of ONNX, TFLite files or C. To add an op: one `OpDef` entry
in its family, then one row in each table that `tests/test_ops.py` names. `redsc.ir.registry` has all of them.
"""

from redsc.ir.ops.definition import OpDef, axis_of, constant_ints, different_axes, keeps_nothing

__all__ = ["OpDef", "axis_of", "constant_ints", "different_axes", "keeps_nothing"]
