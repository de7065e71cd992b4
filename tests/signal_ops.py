"""A graph per op of tflite-micro's audio front end and element type, with what numpy makes of the same frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from flatbuffers import flexbuffers

from redsc.formats.tflite.custom import decode_options
from redsc.ir import FRONT_END_OPS, Array, DType, Graph, Node, Shape, TensorType, Value

__all__ = ["SAMPLES", "SIGNAL_FRAMES", "SignalSample", "frames_of", "signal_graph"]

F32, I16, I32, U32, U64 = DType.FLOAT32, DType.INT16, DType.INT32, DType.UINT32, DType.UINT64
SIGNAL_FRAMES = 20
_LOUD = 2000
_TYPE_NUMBERS = {F32: 0, I32: 2, I16: 7}

Frames = Sequence[Array]
Reference = Callable[[Frames], Frames]


@dataclass(frozen=True)
class SignalSample:
    """The first operand's type, constants after it, the options, and what each frame becomes, where numpy knows."""

    op: str
    dtype: DType
    shape: Shape
    numbers: dict[str, int] = field(default_factory=dict)
    others: tuple[Array | TensorType, ...] = ()
    reference: Reference | None = None
    tolerance: float = 0.0


def signal_graph(sample: SignalSample) -> Graph:
    """Return a graph of the one op, whose sizes its own rule gives."""
    graph = Graph("signal", [Value("x", TensorType(sample.shape, sample.dtype))])
    operands = list(graph.inputs)
    for index, other in enumerate(sample.others):
        if isinstance(other, TensorType):
            graph.inputs.append(Value(f"more{index}", other))
            operands.append(graph.inputs[-1])
        else:
            operands.append(Value.constant(f"table{index}", other))
    attrs = decode_options(sample.op, bytes(flexbuffers.Dumps(sample.numbers)))
    op = FRONT_END_OPS[sample.op]
    row = next(row for row in op.signatures if row.inputs[0] is sample.dtype)
    shapes = op.infer(Node(sample.op, tuple(operands), (), attrs))
    kinds = [*(row.output, *row.more), *[row.output] * len(shapes)]
    graph.outputs = [Value(f"y{i}", TensorType(shape, kinds[i])) for i, shape in enumerate(shapes)]
    graph.append(sample.op, operands, graph.outputs, attrs, (sample.op,))
    return graph


def frames_of(graph: Graph, count: int = SIGNAL_FRAMES) -> list[list[Array]]:
    """Return random frames: loud, but such that nothing saturates."""
    random = np.random.default_rng(3)

    def frame(value: Value) -> Array:
        if value.type.dtype is F32:
            return random.normal(size=value.type.shape).astype(np.float32)
        least = 0 if value.type.dtype in (U32, U64) else -_LOUD
        return random.integers(least, _LOUD, value.type.shape, endpoint=True).astype(value.type.dtype.numpy)

    return [[frame(value) for value in graph.inputs] for _ in range(count)]


def _window(frames: Frames) -> Frames:
    return [frame.astype(np.int32) * _HANN >> 12 for frame in frames]


def _delay(frames: Frames) -> Frames:
    stream = np.concatenate([np.zeros((2, 3)), *frames], axis=1)
    return [stream[:, 8 * index : 8 * index + 8] for index in range(len(frames))]


def _framer(frames: Frames) -> Frames:
    stream = np.concatenate([np.zeros((2, 6)), *frames], axis=1)
    starts = range(0, 4 * 2 * len(frames), 4)
    rows = np.stack([stream[:, start : start + 10] for start in starts], axis=1)
    return [rows[:, 2 * index : 2 * index + 2] for index in range(len(frames))]


def _overlap(frames: Frames) -> Frames:
    """Two frames of 6 numbers an inference, 4 numbers apart."""
    stream = np.zeros((2, 4 * 2 * len(frames) + 2))
    for index, frame in enumerate(frames):
        for place in range(2):
            start = 4 * (2 * index + place)
            stream[:, start : start + 6] += frame[:, place]
    return [stream[:, 8 * index : 8 * index + 8] for index in range(len(frames))]


def _energy(frames: Frames) -> Frames:
    return [frame[0::2].astype(np.int64) ** 2 + frame[1::2].astype(np.int64) ** 2 for frame in frames]


def _rfft(scale: float) -> Reference:
    def spectrum(frame: Array) -> Array:
        found = np.fft.rfft(frame, 16) / scale
        return np.stack([found.real, found.imag], axis=-1).reshape(*frame.shape[:-1], -1)

    return lambda frames: [spectrum(frame) for frame in frames]


def _irfft(scale: float) -> Reference:
    """The inverse of a spectrum, whose ends are read as real numbers."""

    def signal(frame: Array) -> Array:
        pairs = frame.astype(np.float64).reshape(*frame.shape[:-1], -1, 2)
        return np.asarray(np.fft.irfft(pairs[..., 0] + 1j * pairs[..., 1], 16) * scale)

    return lambda frames: [signal(frame) for frame in frames]


def _square_root(frames: Frames) -> Frames:
    return [np.round(np.sqrt(frame)).astype(np.int64) >> 2 for frame in frames]


def _filter_bank(frames: Frames) -> Frames:
    """Each channel has its own stretch by weights, and that of the one before by the other weights."""
    weights, others, starts, places, widths = (table.astype(np.int64) for table in _BANK)

    def sums(frame: Array, table: Array) -> Array:
        rows = zip(starts, places, widths, strict=True)
        return np.array([int(frame[s : s + n].astype(np.int64) @ table[p : p + n]) for s, p, n in rows])

    return [(sums(frame, weights)[1:] + sums(frame, others)[:-1]) for frame in frames]


_HANN = np.array([0, 1000, 3000, 4096, 3000, 1000], np.int16)
_BANK = (
    np.array([5, 7, 2, 3, 4, 9], np.int16),
    np.array([4, 2, 7, 6, 5, 0], np.int16),
    np.array([0, 2, 3], np.int16),
    np.array([0, 2, 3], np.int16),
    np.array([2, 1, 3], np.int16),
)
_NOISE = {
    "alternate_one_minus_smoothing": 15401,
    "alternate_smoothing": 983,
    "clamping": 0,
    "min_signal_remaining": 819,
    "num_channels": 5,
    "one_minus_smoothing": 15975,
    "smoothing": 409,
    "smoothing_bits": 10,
    "spectral_subtraction_bits": 14,
}
_STACK = {"num_channels": 3, "stacker_left_context": 1, "stacker_right_context": 1, "stacker_step": 2}
_GAINS = np.arange(0, 2000, 16, dtype=np.int16)
_SPECTRUM = (2, 18)
_SHIFT = np.array(2, np.int32)


def _fft(name: str, kind: DType, shape: Shape, reference: Reference, tolerance: float) -> SignalSample:
    return SignalSample(name, kind, shape, {"T": _TYPE_NUMBERS[kind], "fft_length": 16}, (), reference, tolerance)


SAMPLES = {
    "window": SignalSample("SignalWindow", I16, (2, 6), {"shift": 12}, (_HANN,), _window),
    "auto scale": SignalSample("SignalFftAutoScale", I16, (12,)),
    "rfft int16": _fft("SignalRfft", I16, (2, 12), _rfft(16), 4),
    "rfft int32": _fft("SignalRfft", I32, (2, 16), _rfft(16), 4),
    "rfft float32": _fft("SignalRfft", F32, (3, 1, 14), _rfft(1), 1e-4),
    "irfft int16": _fft("SignalIrfft", I16, _SPECTRUM, _irfft(1), 4),
    "irfft int32": _fft("SignalIrfft", I32, _SPECTRUM, _irfft(1), 4),
    "irfft float32": _fft("SignalIrfft", F32, _SPECTRUM, _irfft(1), 1e-4),
    "energy": SignalSample("SignalEnergy", I16, (10,), {"end_index": 5, "start_index": 0}, (), _energy),
    "filter bank": SignalSample("SignalFilterBank", U32, (6,), {"num_channels": 2}, _BANK, _filter_bank),
    "square root": SignalSample("SignalFilterBankSquareRoot", U64, (5,), {}, (_SHIFT,), _square_root),
    "spectral subtraction": SignalSample("SignalFilterBankSpectralSubtraction", U32, (5,), _NOISE),
    "gain": SignalSample("SignalPCAN", U32, (5,), {"snr_shift": 6}, (TensorType((5,), U32), _GAINS)),
    "log": SignalSample("SignalFilterBankLog", U32, (5,), {"input_correction_bits": 3, "output_scale": 64}),
    "framer": SignalSample(
        "SignalFramer", I16, (2, 8), {"frame_size": 10, "frame_step": 4, "prefill": 1}, (), _framer
    ),
    "stacker": SignalSample("SignalStacker", I16, (3,), _STACK),
    "delay": SignalSample("SignalDelay", I16, (2, 8), {"delay_length": 3}, (), _delay),
    "overlap int16": SignalSample("SignalOverlapAdd", I16, (2, 2, 6), {"T": 7, "frame_step": 4}, (), _overlap),
    "overlap float32": SignalSample(
        "SignalOverlapAdd", F32, (2, 2, 6), {"T": 0, "frame_step": 4}, (), _overlap, 1e-5
    ),
}
