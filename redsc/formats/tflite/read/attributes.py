"""The attributes of an operator: what a TFLite file says of it in its options."""

from __future__ import annotations

from typing import Any

import tflite

from redsc.formats.tflite.accessors import indices, options_of
from redsc.formats.tflite.custom import CUSTOM_FILE_OPS, decode_options
from redsc.formats.tflite.ops import TFLITE_OPS, Field, TFLiteOp
from redsc.ir import op_def

__all__ = ["read_attrs"]


def read_attrs(op: str, operator: Any, problems: list[str]) -> Any:
    """Return an operator's attributes, defaults where it has no options.

    What redsc does not know of them is added to `problems`.

    Raises:
        MalformedModel: the options of a custom op are damaged.
    """
    if op in CUSTOM_FILE_OPS:
        return decode_options(op, bytes(indices(operator.CustomOptionsAsNumpy())))
    row = TFLITE_OPS[op]
    assert isinstance(row, TFLiteOp)
    options = options_of(operator, getattr(tflite, row.options)) if row.options else None
    if options is None:
        return op_def(op).attrs()
    problems += [f"{schema} is not supported" for schema in row.zero if getattr(options, schema)()]
    return op_def(op).attrs(**{item.attr: _read_field(options, item, problems) for item in row.fields})


def _read_field(options: Any, item: Field, problems: list[str]) -> Any:
    if hasattr(options, f"{item.schema}AsNumpy"):
        return tuple(indices(getattr(options, f"{item.schema}AsNumpy")()))
    stored = getattr(options, item.schema)()
    try:
        return item.decode(stored)
    except KeyError:
        problems.append(f"{item.schema} number {stored} is not supported")
        return next(iter(item.codes or ()))
