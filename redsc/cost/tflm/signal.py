"""What the kernels of tflite-micro's audio front end allocate: the same in every library of kernels.

Source: signal/micro/kernels and signal/src of tflite-micro, kissfft 130 (kiss_fft.c, tools/kiss_fftr.c).
"""

from __future__ import annotations

from math import prod

from redsc.cost.tflm.kernels import Kernel, Sizes
from redsc.cost.tflm.structs import Abi
from redsc.ir import DType, Node, signal_number

__all__ = ["SIGNAL_KERNELS"]

_INT16_BYTES, _UINT32_BYTES, _UINT64_BYTES = 2, 4, 8


def _itemsize(node: Node) -> int:
    return node.operand(0).type.dtype.itemsize


def _fft_state(node: Node, abi: Abi) -> tuple[int, ...]:
    """What kiss_fftr_alloc asks for: twiddles of half the length, a buffer and more twiddles, all complex."""
    half, complex_bytes = signal_number(node, "fft_length") // 2, 2 * _itemsize(node)
    structs = abi.layout("kiss_fftr_state").size + abi.layout("kiss_fft_state").size
    return (structs + complex_bytes * (half + half * 3 // 2),)


def _inverse_fft_state(node: Node, abi: Abi) -> tuple[int, ...]:
    """In float the length stands before it (irfft_float.cc)."""
    is_float = node.operand(0).type.dtype is DType.FLOAT32
    return tuple(size + is_float * abi.layout("IrfftFloatState").size for size in _fft_state(node, abi))


def _fft_scratch(node: Node, _abi: Abi) -> tuple[int, ...]:
    """A frame, filled up with zeros."""
    return (signal_number(node, "fft_length") * _itemsize(node),)


def _channel_sums(node: Node, _abi: Abi) -> tuple[int, ...]:
    """One for what the first channel leaves, and one per channel."""
    return ((signal_number(node, "num_channels") + 1) * _UINT64_BYTES,)


def _noise(node: Node, _abi: Abi) -> tuple[int, ...]:
    return (signal_number(node, "num_channels") * _UINT32_BYTES,)


def _ring(capacity: int, abi: Abi) -> int:
    """Return the bytes of a circular buffer: twice what it holds (circular_buffer.cc)."""
    return abi.layout("CircularBuffer").size + 2 * capacity * _INT16_BYTES


def _stacked(node: Node, abi: Abi) -> tuple[int, ...]:
    return (_ring(node.outputs[0].type.elements, abi),)


def _outer(node: Node, inner: int) -> int:
    """Return how often a kernel keeps a state: per stream, that is per index of the axes before `inner` ones."""
    shape = node.operand(0).type.shape
    return prod(shape[: len(shape) - inner])


def _rings(node: Node, abi: Abi, capacity: int) -> tuple[int, ...]:
    """Two tables of pointers, and a circular buffer per stream."""
    streams = _outer(node, 1)
    return (*(streams * abi.layout("ptr").size,) * 2, *(_ring(capacity, abi),) * streams)


def _frames(node: Node, abi: Abi) -> tuple[int, ...]:
    step = signal_number(node, "frame_step")
    return _rings(node, abi, -(-signal_number(node, "frame_size") // step) * step)


def _delayed(node: Node, abi: Abi) -> tuple[int, ...]:
    return _rings(node, abi, node.operand(0).type.shape[-1] + signal_number(node, "delay_length"))


def _overlap(node: Node, abi: Abi) -> tuple[int, ...]:
    """A table of pointers, and a frame per stream."""
    streams, frame = _outer(node, 2), node.operand(0).type.shape[-1] * _itemsize(node)
    return (streams * abi.layout("ptr").size, *(frame,) * streams)


def _keeps(op_data: str, init: Sizes) -> Kernel:
    return Kernel(None, op_data, init=init)


SIGNAL_KERNELS: dict[str, Kernel] = {
    "SignalDelay": Kernel(None, "TFLMSignalFrontendDelayParams", tail=_delayed),
    "SignalEnergy": Kernel(None, "TFLMSignalEnergyParams"),
    "SignalFftAutoScale": Kernel(),
    "SignalFilterBank": _keeps("TFLMSignalFilterBankParams", _channel_sums),
    "SignalFilterBankLog": Kernel(None, "TFLMSignalLogParams"),
    "SignalFilterBankSpectralSubtraction": _keeps("TFLMSignalSpectralSubtractionParams", _noise),
    "SignalFilterBankSquareRoot": Kernel(),
    "SignalFramer": Kernel(None, "TFLMSignalFramerParams", tail=_frames),
    "SignalIrfft": _keeps("TfLiteAudioFrontendIrfftParams", _inverse_fft_state),
    "SignalOverlapAdd": Kernel(None, "TFLMSignalOverlapAddParams", tail=_overlap),
    "SignalPCAN": Kernel(None, "TfLitePcanParams"),
    "SignalRfft": Kernel(None, "TfLiteAudioFrontendRfftParams", init=_fft_state, scratch=_fft_scratch),
    "SignalStacker": _keeps("TFLMSignalStackerParams", _stacked),
    "SignalWindow": Kernel(None, "TFLMSignalWindowParams"),
}
