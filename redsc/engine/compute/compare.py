"""Rows of the engine's table for comparisons of two operands that broadcast."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from redsc.engine.call import Call, Emit
from redsc.engine.compute.elementwise import binary_call, operands_of
from redsc.engine.quant import by_type, quant_of, zero_points
from redsc.formats.tables import CannotTranslate
from redsc.ir import DType, Node, Value
from redsc.ir.rescale import multiplier_of
from redsc.ir.scale_limits import why_scales_fail

__all__ = ["COMPARISONS"]


def _comparison(claim: str, *, is_swapped: bool = False) -> Emit:
    """Return the row of a comparison; a < b is b > a."""

    def ordered(node: Node) -> tuple[Value, Value]:
        a, b = operands_of(node)
        return (b, a) if is_swapped else (a, b)

    def floats(node: Node) -> Iterator[Call]:
        function, source = f"redsc_{claim}_f32", "redsc_compare_f32.c"
        return binary_call(function, "redsc_binary_params_f32", ordered(node), node.outputs[0], {}, source)

    def integers(node: Node) -> Iterator[Call]:
        """tensorflow/lite/micro/kernels/comparisons.cc."""
        if reason := why_scales_fail(node):
            raise CannotTranslate(f"no kernel: {reason}")
        a, b = ordered(node)
        multipliers, shifts = zip(*(multiplier_of(quant_of(value).scale) for value in (a, b)), strict=True)
        fields = {"multiplier": multipliers, "shift": shifts, **zero_points(a=a, b=b)}
        function, params = f"redsc_{claim}_s8", "redsc_compare_params_s8"
        return binary_call(function, params, (a, b), node.outputs[0], fields, "redsc_compare.c")

    return by_type({DType.FLOAT32: floats, DType.INT8: integers})


COMPARISONS: Mapping[str, Emit] = {
    **{name: _comparison(name.lower()) for name in ("GREATER", "GREATER_EQUAL", "EQUAL", "NOT_EQUAL")},
    "LESS": _comparison("greater", is_swapped=True),
    "LESS_EQUAL": _comparison("greater_equal", is_swapped=True),
}
"""By op."""
