from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redsc.errors import RedscError
from redsc.formats import read_tflite, write_tflite
from redsc.ir import OPS, DType, print_graph, verify_graph
from redsc.passes.spaces.groups import find_channel_groups
from tests.formats.tflite.branch_files import file_with_branches
from tests.formats.tflite.test_branches import nested, with_state
from tests.helpers import NetBuilder, residual_net
from tests.op_samples import sample_graph
from tests.signal_ops import SAMPLES as SIGNALS
from tests.signal_ops import signal_graph


def _seed() -> bytes:
    net = NetBuilder(DType.INT8)
    x = net.conv(net.input(1, 4, 4, 1), 2, 2)
    x = net.pad(net.pool(net.depthwise(x, 1)), (0, 0), (0, 1), (0, 0), (0, 0))
    return write_tflite(net.outputs(net.softmax(net.dense(net.mean(x, 1, 2), 2))))


SAMPLES = [write_tflite(sample_graph(name, op.signatures[-1])) for name, op in OPS.items()]
FRAMES = [write_tflite(signal_graph(sample)) for sample in SIGNALS.values()]
with pytest.MonkeyPatch.context() as patch:
    BRANCHES = [file_with_branches(make(), patch) for make in (nested, with_state)]
SEEDS = [_seed(), write_tflite(residual_net()), *SAMPLES, *FRAMES, *BRANCHES]
SEED = st.sampled_from(SEEDS)
PLACE = st.floats(0, 1, exclude_max=True)
INTERESTING = st.sampled_from([0, 1, 2, 3, 7, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32 - 4])


def _read(data: bytes) -> None:
    """Read a file; what is accepted is a sound graph that later stages can look at."""
    try:
        graph = read_tflite(data)
    except RedscError:
        return
    verify_graph(graph)
    print_graph(graph)
    find_channel_groups(graph)
    assert print_graph(read_tflite(write_tflite(graph)))


@settings(max_examples=400)
@given(SEED, st.lists(st.tuples(PLACE, st.integers(0, 255)), min_size=1, max_size=6))
def test_changed_bytes(seed: bytes, changes: list[tuple[float, int]]) -> None:
    data = bytearray(seed)
    for place, byte in changes:
        data[int(place * len(data))] = byte
    _read(bytes(data))


@settings(max_examples=400)
@given(SEED, PLACE, INTERESTING)
def test_a_changed_word(seed: bytes, place: float, word: int) -> None:
    data = bytearray(seed)
    struct.pack_into("<I", data, int(place * (len(data) - 4)) // 4 * 4, word)
    _read(bytes(data))


@settings(max_examples=200)
@given(SEED, PLACE, PLACE)
def test_a_cut_file(seed: bytes, start: float, end: float) -> None:
    first, last = sorted((int(start * len(seed)), int(end * len(seed))))
    _read(seed[:first] + seed[last:])


@settings(max_examples=200)
@given(SEED, PLACE, PLACE, st.integers(1, 64))
def test_a_copied_piece(seed: bytes, source: float, target: float, length: int) -> None:
    data = bytearray(seed)
    piece = data[int(source * len(data)) :][:length]
    at = int(target * len(data))
    data[at : at + len(piece)] = piece
    _read(bytes(data))


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes_behind_the_identifier(data: bytes) -> None:
    _read(b"\x08\0\0\0TFL3" + data)
