"""What levels take in flash in the C engine: constants and parameters exactly, code as it was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from redsc.choices import Kernels
from redsc.engine.call import Call, Constant, Params
from redsc.engine.constants import pool_constants
from redsc.engine.program import constants_of
from redsc.engine.rows import emit_levels
from redsc.engine.sources import needed_files
from redsc.ir import Graph

__all__ = ["CODE_BYTES", "STRUCT_BYTES", "EngineSize", "engine_size"]

# On a Cortex-M4, by arm-none-eabi-gcc 12.2 -Os; tests/firmware/engine/test_size.py holds them to that.
CODE_BYTES: Mapping[str, int] = {
    "redsc_batch_matmul.c": 620,
    "redsc_batch_matmul_f32.c": 340,
    "redsc_compare.c": 572,
    "redsc_compare_f32.c": 336,
    "redsc_conv.c": 1_070,
    "redsc_conv_bytes.c": 1_902,
    "redsc_conv_panel.c": 1_626,
    "redsc_conv_portable.c": 752,
    "redsc_conv_sums.c": 1_806,
    "redsc_depthwise_direct.c": 1_264,
    "redsc_depthwise_planar.c": 1_828,
    "redsc_depthwise_tiles.c": 2_080,
    "redsc_depthwise_window.c": 616,
    "redsc_divide.c": 384,
    "redsc_elementwise.c": 1_160,
    "redsc_elementwise_f32.c": 784,
    "redsc_libm_f32.c": 460,
    "redsc_linear_f32.c": 1_020,
    "redsc_lookup.c": 104,
    "redsc_lstm.c": 812,
    "redsc_lstm_f32.c": 490,
    "redsc_move.c": 338,
    "redsc_pad.c": 176,
    "redsc_pool.c": 808,
    "redsc_pool_f32.c": 332,
    "redsc_quantize.c": 228,
    "redsc_quantize_s16.c": 230,
    "redsc_reduce.c": 922,
    "redsc_reduce_f32.c": 432,
    "redsc_requantize.c": 400,
    "redsc_resize.c": 562,
    "redsc_rows.c": 148,
    "redsc_select.c": 94,
    "redsc_softmax.c": 1_494,
    "redsc_softmax_f32.c": 312,
    "redsc_svdf.c": 590,
    "redsc_svdf_f32.c": 256,
    "redsc_transpose_conv.c": 1_064,
    "redsc_unary_f32.c": 280,
    "redsc_window.c": 210,
}
"""Of the functions and tables of a file."""
STRUCT_BYTES: Mapping[str, int] = {
    "redsc_add_params_s8": 36,
    "redsc_arg_max_params_f32": 16,
    "redsc_arg_max_params_s8": 16,
    "redsc_batch_matmul_params_f32": 32,
    "redsc_batch_matmul_params_s8": 44,
    "redsc_binary_params_f32": 20,
    "redsc_compare_params_s8": 28,
    "redsc_conv": 68,
    "redsc_copy_params": 24,
    "redsc_depthwise": 56,
    "redsc_div_params_s8": 28,
    "redsc_linear_f32_params": 96,
    "redsc_log_softmax_params_s8": 28,
    "redsc_lookup_params": 8,
    "redsc_lstm_params_f32": 76,
    "redsc_lstm_params_s8": 148,
    "redsc_maximum_params_s8": 16,
    "redsc_mean_params_f32": 36,
    "redsc_mean_params_s8": 44,
    "redsc_mul_params_s8": 28,
    "redsc_pad_params": 24,
    "redsc_pick_params": 32,
    "redsc_pool_params_f32": 56,
    "redsc_pool_params_s8": 52,
    "redsc_prelu_params_s8": 28,
    "redsc_quantize_params": 12,
    "redsc_reduce_max_params_f32": 36,
    "redsc_reduce_max_params_s8": 36,
    "redsc_requantize_params": 20,
    "redsc_resize_f32_params": 32,
    "redsc_resize_s8_params": 32,
    "redsc_select_params": 8,
    "redsc_softmax_params_f32": 12,
    "redsc_softmax_params_s8": 20,
    "redsc_squared_difference_params_s8": 28,
    "redsc_svdf_params_f32": 28,
    "redsc_svdf_params_s8": 36,
    "redsc_transpose_conv_params": 100,
    "redsc_unary_params_f32": 16,
}
"""Of parameters in flash."""
_CALL_BYTES = 20  # of a statement in a level's function
_LEVEL_BYTES = 60  # of a level's function around its statements, and of its rows in the tables
_PROGRAM_BYTES = 400  # of the functions that choose levels and run them


@dataclass(frozen=True, slots=True)
class EngineSize:
    """In bytes: the array of constants, the structs of parameters, code."""

    constants: int
    params: int
    code: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.constants + self.params + self.code


def engine_size(graphs: Sequence[Graph], kernels: Kernels) -> EngineSize:
    """Return what levels take, the largest first; copies that an arena plan may make needless are counted.

    Raises:
        CannotTranslate: the engine has no kernel for a node.
    """
    calls = [call for level in emit_levels(graphs, kernels) for _, call in level]
    structs = {(call.params.type, _content(call.params)) for call in calls if call.params is not None}
    code = sum(CODE_BYTES[name] for name in needed_files({call.source for call in calls}) if name.endswith(".c"))
    statements = _CALL_BYTES * len(calls) + _LEVEL_BYTES * len(graphs) + _PROGRAM_BYTES
    return EngineSize(
        constants=len(pool_constants(_constants(calls)).data),
        params=sum(STRUCT_BYTES[kind] for kind, _ in structs),
        code=code + statements,
    )


def _constants(calls: Iterable[Call]) -> Iterable[Constant]:
    return (constant for call in calls for constant in constants_of(call))


def _content(params: Params) -> tuple[tuple[str, object], ...]:
    return tuple(params.fields.items())
