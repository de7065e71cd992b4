"""Ops of tflite-micro's audio front end: passed through byte for byte, planned to the byte, run by the wheel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flatbuffers import flexbuffers

from redsc.choices import Kernels
from redsc.codegen.oracles import verify_import
from redsc.codegen.tflm_ops import FRONT_END_TFLM_OPS, resolver_methods
from redsc.cost.memory import arena_bytes, head_bytes
from redsc.cost.tflm.signal import SIGNAL_KERNELS
from redsc.cost.tflm.structs import X86_64_RECORDING
from redsc.cost.tflm.tail import tail_bytes
from redsc.engine.rows import refusals
from redsc.errors import ExecutorError, MalformedModel, UnsupportedError
from redsc.formats import load_model, read_tflite, write_tflite
from redsc.formats.tflite.custom import decode_options
from redsc.ir import FRONT_END_OPS, SIGNAL_NUMBERS, Graph, keeps_state, parse_graph, print_graph, verify_graph
from redsc.passes import SIMPLIFY
from redsc.passes.base import Log, load_pass, run_passes
from redsc.runtime import EXECUTORS, installed, interpreter_of
from redsc.runtime.compare import difference
from redsc.runtime.tflm import measure_arena, run_steps
from tests.conftest import Zoo
from tests.signal_ops import SAMPLES, SIGNAL_FRAMES, frames_of, signal_graph
from tests.zoo_models import FRONT_END

WARM_UP = 3  # frames of which a ring is not yet full

needs_tflm = pytest.mark.skipif(not installed("tflm"), reason="tflite_micro is not installed")
every_sample = pytest.mark.parametrize("name", SAMPLES)


def _options(op: str, **numbers: int) -> bytes:
    return bytes(flexbuffers.Dumps(numbers))


def test_every_op_has_a_sample_a_kernel_a_method_and_names_for_its_numbers() -> None:
    assert {sample.op for sample in SAMPLES.values()} == set(FRONT_END_OPS)
    assert set(SIGNAL_KERNELS) == set(FRONT_END_TFLM_OPS) == set(SIGNAL_NUMBERS) == set(FRONT_END_OPS)
    kinds = {(sample.op, sample.dtype) for sample in SAMPLES.values()}
    assert kinds == {(op.name, row.inputs[0]) for op in FRONT_END_OPS.values() for row in op.signatures}
    assert resolver_methods([signal_graph(SAMPLES["gain"])]) == ["AddPCAN"]


@every_sample
def test_text_and_file_keep_every_byte(name: str) -> None:
    graph = signal_graph(SAMPLES[name])
    verify_graph(graph)
    text = print_graph(graph)
    assert print_graph(parse_graph(text)) == text
    read = read_tflite(write_tflite(graph))
    assert print_graph(read, with_origins=False) == print_graph(graph, with_origins=False)
    assert read.nodes[0].attrs.options == graph.nodes[0].attrs.options


@every_sample
def test_passes_leave_every_op_alone(name: str) -> None:
    graph = signal_graph(SAMPLES[name])
    before = print_graph(graph)
    run_passes(graph, [load_pass(where) for where in SIMPLIFY.values()], Log())
    assert print_graph(graph) == before
    assert keeps_state(graph)


@needs_tflm
@every_sample
def test_tflite_micro_makes_of_frames_what_numpy_does(name: str) -> None:
    sample, graph = SAMPLES[name], signal_graph(SAMPLES[name])
    frames = frames_of(graph)
    found = EXECUTORS["tflm"].run_steps(write_tflite(graph), frames)
    assert [[array.shape for array in row] for row in found] == [
        [value.type.shape for value in graph.outputs]
    ] * SIGNAL_FRAMES
    if sample.reference is not None:
        wanted = sample.reference([row[0].astype(np.float64) if sample.tolerance else row[0] for row in frames])
        pairs = [*zip(found, wanted, strict=True)][WARM_UP:]
        assert max(np.abs(row[0].astype(np.float64) - frame).max() for row, frame in pairs) <= sample.tolerance
        assert all(row[1:] == [np.array(True)] * len(row[1:]) for row, _ in pairs)


@needs_tflm
@every_sample
def test_the_arena_is_exact(name: str) -> None:
    graph = signal_graph(SAMPLES[name])
    model = write_tflite(graph)
    measured = measure_arena(model)
    assert tail_bytes(graph, X86_64_RECORDING) == measured.tail_bytes
    assert head_bytes(graph, {}, X86_64_RECORDING) == measured.head_bytes
    needed, frames = arena_bytes(graph, {}, X86_64_RECORDING), frames_of(graph, 1)
    assert run_steps(model, frames, needed)
    with pytest.raises(ExecutorError):
        run_steps(model, frames, needed - 64)


@every_sample
def test_litert_is_not_asked_and_the_c_engine_says_no(name: str) -> None:
    graph = signal_graph(SAMPLES[name])
    assert interpreter_of(write_tflite(graph)).name == "tflm"
    error = refusals([graph], Kernels.ENGINE)
    assert isinstance(error, UnsupportedError)
    (line,) = error.diagnostic.evidence
    assert line.startswith(f"{SAMPLES[name].op} '{SAMPLES[name].op}': only tflite-micro has a kernel")


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("window", {"shift": 40}),
        ("rfft int16", {"fft_length": 15}),
        ("rfft int16", {"fft_length": 1 << 20}),
        ("rfft int16", {"T": 0}),
        ("irfft int16", {"fft_length": 32}),
        ("energy", {"end_index": 6}),
        ("energy", {"start_index": -1}),
        ("filter bank", {"num_channels": 3}),
        ("spectral subtraction", {"num_channels": 6}),
        ("spectral subtraction", {"smoothing_bits": 32}),
        ("gain", {"snr_shift": -1}),
        ("log", {"input_correction_bits": 99}),
        ("framer", {"frame_step": 0}),
        ("framer", {"frame_step": 3}),
        ("framer", {"frame_size": 2}),
        ("framer", {"frame_size": 12}),
        ("stacker", {"num_channels": 4}),
        ("stacker", {"stacker_left_context": 3}),
        ("stacker", {"stacker_step": 4}),
        ("delay", {"delay_length": 1 << 30}),
        ("delay", {"delay_length": (1 << 20) - 1}),
        ("overlap int16", {"frame_step": 7}),
    ],
)
def test_numbers_with_which_a_kernel_leaves_its_tensors_are_refused(name: str, numbers: dict[str, int]) -> None:
    sample, graph = SAMPLES[name], signal_graph(SAMPLES[name])
    (node,) = graph.nodes
    node.attrs = decode_options(sample.op, _options(sample.op, **{**sample.numbers, **numbers}))
    with pytest.raises((MalformedModel, UnsupportedError)):
        read_tflite(write_tflite(graph))


@pytest.mark.parametrize("place", [0, 1, 2, 3, 4])
def test_a_channel_that_reads_behind_its_tables_is_refused(place: int) -> None:
    sample = SAMPLES["filter bank"]
    tables = [table.copy() for table in sample.others if isinstance(table, np.ndarray)]
    tables[place] = tables[place][:-1] if place < 3 else tables[place] + 4
    with pytest.raises(Exception, match=r"reads|tables|not 1 to"):
        signal_graph(replace(sample, others=tuple(tables)))


@pytest.mark.parametrize(
    "options",
    [
        b"",
        b"\0\0\1",
        bytes(flexbuffers.Dumps([512, 7])),
        bytes(flexbuffers.Dumps({"fft_length": 512})),
        bytes(flexbuffers.Dumps({"T": 7, "fft_length": 512, "more": 1})),
        bytes(flexbuffers.Dumps({"T": 7, "fft_length": 1.5})),
        bytes(flexbuffers.Dumps({"T": 7, "fft_length": "long"})),
    ],
)
def test_options_that_say_something_else_are_refused(options: bytes) -> None:
    with pytest.raises(MalformedModel):
        decode_options("SignalRfft", options)


def _front_end(zoo: Zoo) -> Graph:
    return load_model(zoo(FRONT_END)).graph


@needs_tflm
def test_the_front_end_of_micro_speech(zoo: Zoo) -> None:
    """Bit for bit as its file, whose features are int8 numbers without a scale; the arena is that of the file."""
    model, graph = load_model(zoo(FRONT_END)), _front_end(zoo)
    written = write_tflite(graph)
    assert graph.outputs[0].type.quant is not None
    frames = frames_of(graph, 40)
    wanted = EXECUTORS["tflm"].run_steps(model.source, frames)
    assert difference(wanted, EXECUTORS["tflm"].run_steps(written, frames)) is None
    assert len({row[0].tobytes() for row in wanted}) == len(wanted)
    assert measure_arena(written) == measure_arena(model.source)
    assert tail_bytes(graph, X86_64_RECORDING) == measure_arena(written).tail_bytes == 7184
    assert [row.result for row in verify_import(model, graph, "100")][1] == "equal bit for bit"
