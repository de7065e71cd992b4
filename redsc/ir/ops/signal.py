"""The ops of tflite-micro's audio front end, which redsc passes through: their numbers stay the bytes of the file.

Nothing but tflite-micro runs them. What is known is what its kernels do not check themselves: the sizes that they
read and write (signal/micro/kernels, signal/src of tflite-micro). A front end works on frames that follow one
another, so all of its ops count as keeping state, also those that keep none: none is dropped, folded or calibrated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from redsc.ir.graph import Node
from redsc.ir.ops.definition import KernelLimit, OpDef, ShapeError, constant_ints, same_shape
from redsc.ir.rules import Barrier
from redsc.ir.signatures import BOOL, F32, I16, I32, U32, U64, Signature, same_type
from redsc.ir.types import Shape

__all__ = ["SIGNAL_NUMBERS", "SIGNAL_OPS", "Signal", "signal_number"]


# What the options hold, in the order in which kernels read them: that of the names. T is the element type.
SIGNAL_NUMBERS: dict[str, tuple[str, ...]] = {
    "SignalDelay": ("delay_length",),
    "SignalEnergy": ("end_index", "start_index"),
    "SignalFftAutoScale": (),
    "SignalFilterBank": ("num_channels",),
    "SignalFilterBankLog": ("input_correction_bits", "output_scale"),
    "SignalFilterBankSpectralSubtraction": (
        *("alternate_one_minus_smoothing", "alternate_smoothing", "clamping", "min_signal_remaining"),
        *("num_channels", "one_minus_smoothing", "smoothing", "smoothing_bits", "spectral_subtraction_bits"),
    ),
    "SignalFilterBankSquareRoot": (),
    "SignalFramer": ("frame_size", "frame_step", "prefill"),
    "SignalIrfft": ("T", "fft_length"),
    "SignalOverlapAdd": ("T", "frame_step"),
    "SignalPCAN": ("snr_shift",),
    "SignalRfft": ("T", "fft_length"),
    "SignalStacker": ("num_channels", "stacker_left_context", "stacker_right_context", "stacker_step"),
    "SignalWindow": ("shift",),
}
_TYPE_NUMBERS = {F32: 0, I32: 2, I16: 7}  # schema.fbs: TensorType
_GAIN_NUMBERS = 125  # pcan_argc_fixed.cc: WideDynamicFunction reads up to 4 * 32 - 6 + 2
_MOST_SHIFT = 31
_MOST_KEPT = 1 << 20  # numbers; kernels do not ask whether there was room


@dataclass(frozen=True, slots=True)
class Signal:
    """The options of the file byte for byte, and the numbers in them, in the order of `SIGNAL_NUMBERS`."""

    options: bytes = b""
    numbers: tuple[int, ...] = ()


def signal_number(node: Node, name: str) -> int:
    """Return a number of a node's options.

    Raises:
        ShapeError: the options do not say it.
    """
    found = dict(zip(SIGNAL_NUMBERS[node.op], node.attrs.numbers, strict=False))
    if name not in found:
        raise ShapeError(f"its options do not say {name}")
    return int(found[name])


def _within(node: Node, name: str, least: int, most: int) -> int:
    number = signal_number(node, name)
    if not least <= number <= most:
        raise KernelLimit(f"its {name} is {number}, not {least} to {most}")
    return number


def _limit_kept(node: Node, streams: tuple[int, ...], numbers: int) -> None:
    """Refuse to keep more numbers per stream than the arenas of our own runs have room for."""
    if prod(streams) * numbers > _MOST_KEPT:
        raise KernelLimit(f"it keeps {prod(streams) * numbers:,} numbers, {_MOST_KEPT:,} are the most")


def _frame(node: Node, index: int = 0) -> int:
    """Return the length of the last axis of an operand."""
    shape = node.operand(index).type.shape
    if not shape:
        raise ShapeError(f"operand {index} has no axes")
    return shape[-1]


def _vector(node: Node, index: int = 0) -> int:
    if len(shape := node.operand(index).type.shape) != 1:
        raise ShapeError(f"operand {index} has rank {len(shape)}, needs 1")
    return shape[0]


def _element_type(node: Node) -> None:
    kind = node.operand(0).type.dtype
    if _within(node, "T", 0, max(_TYPE_NUMBERS.values())) != _TYPE_NUMBERS.get(kind):
        raise ShapeError(f"its options are for another element type than {kind.value}")


def _fft_length(node: Node) -> int:
    _element_type(node)
    length = _within(node, "fft_length", 2, 1 << 16)
    if length % 2:
        raise KernelLimit(f"an FFT of {length} numbers, which is odd")
    return length


def _infer_window(node: Node) -> tuple[Shape, ...]:
    _within(node, "shift", 0, _MOST_SHIFT)
    source = node.operand(0).type
    if source.elements % _vector(node, 1) or not source.shape:
        raise ShapeError(f"{source.elements} numbers are no multiple of the window")
    return (source.shape,)


def _infer_auto_scale(node: Node) -> tuple[Shape, ...]:
    return (_vector(node),), ()


def _infer_rfft(node: Node) -> tuple[Shape, ...]:
    length = _fft_length(node)
    if _frame(node) > length:
        raise ShapeError(f"a frame of {_frame(node)} numbers is longer than the FFT")
    return ((*node.operand(0).type.shape[:-1], length + 2),)


def _infer_irfft(node: Node) -> tuple[Shape, ...]:
    length = _fft_length(node)
    if _frame(node) != length + 2:
        raise ShapeError(f"an inverse FFT of {length} numbers reads {length + 2}, not {_frame(node)}")
    return ((*node.operand(0).type.shape[:-1], length),)


def _infer_energy(node: Node) -> tuple[Shape, ...]:
    bins = _vector(node) // 2
    _within(node, "start_index", 0, _within(node, "end_index", 0, bins))
    return ((bins,),)


def _infer_filter_bank(node: Node) -> tuple[Shape, ...]:
    """Every channel reads a stretch of its input and one of the weights: both must be inside."""
    channels = _within(node, "num_channels", 1, _vector(node, 5) - 1)
    starts, weights, widths = (constant_ints(node, index, "table of channels") for index in (3, 4, 5))
    if not len(starts) == len(weights) == len(widths) == channels + 1:
        raise ShapeError(f"its tables are not for {channels} channels")
    room = (_vector(node), min(_vector(node, 1), _vector(node, 2)))
    for places in zip(starts, weights, widths, strict=True):
        ends = [place + places[2] for place in places[:2]]
        if min(places) < 0 or any(end > most for end, most in zip(ends, room, strict=True)):
            raise ShapeError(f"a channel reads {places[2]} numbers from {places[0]} and {places[1]} on")
    return ((channels,),)


def _infer_square_root(node: Node) -> tuple[Shape, ...]:
    if node.operand(1).type.shape:
        raise ShapeError("its shift is no scalar")
    return ((_vector(node),),)


def _infer_subtraction(node: Node) -> tuple[Shape, ...]:
    channels = _within(node, "num_channels", 1, _vector(node))
    for name in ("smoothing_bits", "spectral_subtraction_bits"):
        _within(node, name, 0, _MOST_SHIFT)
    if channels != _vector(node):
        raise ShapeError(f"{_vector(node)} numbers are not {channels} channels")
    return (channels,), (channels,)


def _infer_gain(node: Node) -> tuple[Shape, ...]:
    _within(node, "snr_shift", 0, _MOST_SHIFT)
    if _vector(node) != _vector(node, 1) or _vector(node, 2) < _GAIN_NUMBERS:
        raise ShapeError("its noise estimate or its table of gains is too short")
    return ((_vector(node),),)


def _infer_log(node: Node) -> tuple[Shape, ...]:
    _within(node, "input_correction_bits", 0, _MOST_SHIFT)
    return ((_vector(node),),)


def _infer_framer(node: Node) -> tuple[Shape, ...]:
    frame = _frame(node)
    step = _within(node, "frame_step", 1, frame)
    size = _within(node, "frame_size", step, _MOST_KEPT)
    _limit_kept(node, node.operand(0).type.shape[:-1], size + step)
    if frame % step:
        raise ShapeError(f"{frame} numbers are no multiple of the step {step}")
    return (*node.operand(0).type.shape[:-1], frame // step, size), ()


def _infer_stacker(node: Node) -> tuple[Shape, ...]:
    channels = _within(node, "num_channels", 1, _vector(node))
    frames = 1 + sum(_within(node, f"stacker_{side}_context", 0, _MOST_KEPT) for side in ("left", "right"))
    _within(node, "stacker_step", 1, frames)
    _limit_kept(node, (channels,), frames)
    if channels != _vector(node):
        raise ShapeError(f"{_vector(node)} numbers are not {channels} channels")
    return (channels * frames,), ()


def _infer_delay(node: Node) -> tuple[Shape, ...]:
    delay = _within(node, "delay_length", 0, _MOST_KEPT)
    _limit_kept(node, node.operand(0).type.shape[:-1], _frame(node) + delay)
    return same_shape(node)


def _infer_overlap_add(node: Node) -> tuple[Shape, ...]:
    _element_type(node)
    *outer, frames, size = (1, *node.operand(0).type.shape)
    step = _within(node, "frame_step", 1, size)
    if len(node.operand(0).type.shape) < 2:
        raise ShapeError("operand 0 has no axis of frames")
    _limit_kept(node, tuple(outer), size)
    return ((*outer[1:], frames * step),)


def _row(
    name: str, infer: Callable[[Node], tuple[Shape, ...]], *signatures: Signature, data: tuple[int, ...] = (0,)
) -> OpDef:
    return OpDef(
        name,
        Signal,
        infer,
        channels=Barrier("it works on whole frames"),
        signatures=signatures,
        min_inputs=len(signatures[0].inputs),
        data=data,
        is_stateful=True,
    )


SIGNAL_OPS = (
    _row("SignalWindow", _infer_window, Signature((I16, I16), I16)),
    _row("SignalFftAutoScale", _infer_auto_scale, Signature((I16,), I16, more=(I32,))),
    _row("SignalRfft", _infer_rfft, *same_type((I16, I32, F32))),
    _row("SignalIrfft", _infer_irfft, *same_type((I16, I32, F32))),
    _row("SignalEnergy", _infer_energy, Signature((I16,), U32)),
    _row("SignalFilterBank", _infer_filter_bank, Signature((U32, *(I16,) * 5), U64)),
    _row("SignalFilterBankSquareRoot", _infer_square_root, Signature((U64, I32), U32), data=(0, 1)),
    _row("SignalFilterBankSpectralSubtraction", _infer_subtraction, Signature((U32,), U32)),
    _row("SignalPCAN", _infer_gain, Signature((U32, U32, I16), U32), data=(0, 1)),
    _row("SignalFilterBankLog", _infer_log, Signature((U32,), I16)),
    _row("SignalFramer", _infer_framer, Signature((I16,), I16, more=(BOOL,))),
    _row("SignalStacker", _infer_stacker, Signature((I16,), I16, more=(BOOL,))),
    _row("SignalDelay", _infer_delay, *same_type((I16,))),
    _row("SignalOverlapAdd", _infer_overlap_add, *same_type((I16, F32))),
)
