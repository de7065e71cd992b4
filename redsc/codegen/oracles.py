"""Ask the real runtimes whether the artefact is what it claims to be.

Every claim becomes a row of the report: who was asked, and what came out. A runtime that is not installed gives a
row that says so; a disagreement ends the compile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

from redsc.codegen.container import is_same_model, slot_bytes
from redsc.cost.buffer import ALIGNMENT_BYTES
from redsc.cost.memory import arena_bytes, head_bytes
from redsc.cost.tflm.structs import X86_64_RECORDING
from redsc.cost.tflm.tail import tail_bytes
from redsc.errors import ExecutorError, VerificationError
from redsc.formats import ArenaOffsets, Model, read_tflite, write_tflite
from redsc.formats.feedback import Rows, with_states, without_states
from redsc.formats.model import Port
from redsc.ir import Array, DType, Graph, Value, keeps_state
from redsc.passes.slice.strided import as_stock, has_strided
from redsc.runtime import EXECUTORS, installed, run_isolated
from redsc.runtime.compare import FLOAT_TOLERANCE, difference, random_samples, signal_to_noise_db
from redsc.runtime.ports import from_integers, to_integers, to_real

__all__ = [
    "Verification",
    "computes_in_float",
    "require",
    "sample_inputs",
    "verify_import",
    "verify_levels",
    "verify_slots",
]

_SAMPLES = 4
_STEPS = 20  # of a network that keeps state: they follow one another
_SEED = 7
_SIGMOID_ERROR = 5e-7  # absolute: onnxruntime's sigmoid is a polynomial (mlas/lib/logistic.cpp)
_LEAST_SQNR_DB = 10.0  # int8 networks have 20 to 60 dB on random inputs; a wrong axis or order leaves about 0
_ALLOCATOR = "the allocator of tflm"
_INTERPRETERS = ("litert", "tflm")  # what runs .tflite files


@dataclass(frozen=True, slots=True)
class Verification:
    """One claim about a level, the oracle that was asked, and its answer."""

    level: str
    oracle: str
    result: str


def verify_import(model: Model, graph: Graph, level: str) -> Iterator[Verification]:
    """Compare a graph with the model file it was made from.

    Where the graph computes as the file does, int8 must agree bit for bit and floats within 1e-5. Other quantised
    files (QDQ, uint8, hybrid) round in their own way: the noise between both must be small, and is reported.
    The file is foreign: it runs in a process of its own. A network that keeps state takes consecutive steps.

    Raises:
        VerificationError: the answers differ, or no runtime can run the file.
    """
    samples = sample_inputs(graph, _SEED)
    given = with_states(_to_file(model.inputs, graph.inputs, samples), model.states)
    links = [(state.input, state.output) for state in model.states]
    silent: list[str] = []
    oracles = ("onnxruntime",) if model.format == "onnx" else _INTERPRETERS
    for name in oracles:
        oracle = f"{name}, against the model file"
        try:
            answers = run_isolated(name, model.runnable, given, in_steps=True, links=links)
        except ExecutorError as error:
            silent.append(f"not run: {error.diagnostic.message}")
            yield Verification(level, oracle, silent[-1])
            continue
        expected = without_states(answers, model.states)
        ours = EXECUTORS["litert" if name == "onnxruntime" else name].run_steps(write_tflite(graph), samples)
        found = _to_file(model.outputs, graph.outputs, ours)
        yield Verification(level, oracle, _agreement(model, graph, expected, found, (level, oracle)))
    if len(silent) == len(oracles):
        raise VerificationError("no runtime could run the model file", evidence=silent)


def _agreement(model: Model, graph: Graph, expected: Rows, found: Rows, place: tuple[str, str]) -> str:
    """Return in which sense answers agree, in words; they must."""
    if model.is_exact:
        tolerance = FLOAT_TOLERANCE if computes_in_float(graph) else 0.0
        floor = _SIGMOID_ERROR if any(node.op == "LOGISTIC" for node in graph.nodes) else 0.0
        require(difference(expected, found, tolerance, floor), *place)
        return f"equal within {tolerance:g} relative" if tolerance else "equal bit for bit"
    noise = signal_to_noise_db(_quantities(graph.outputs, expected), _quantities(graph.outputs, found))
    if not noise >= _LEAST_SQNR_DB:  # also true for NaN
        require(
            f"the noise between both is too loud: {noise:.1f} dB SQNR, at least {_LEAST_SQNR_DB:.0f} dB", *place
        )
    return "equal" if noise == inf else f"{noise:.1f} dB SQNR: the file rounds otherwise"


def verify_levels(names: Sequence[str], graphs: Sequence[Graph], slots: Sequence[Graph]) -> Iterator[Verification]:
    """Compare the graphs of a container's slots with the levels that a plan makes of the model.

    Raises:
        VerificationError: the numbers differ, or a slot is something else.
    """
    oracle = "redsc, against the plan applied to the model file"
    if len(slots) != len(graphs):
        raise VerificationError(f"the container has {len(slots)} slots, the plan {len(graphs)} levels")
    for name, graph, slot in zip(names, graphs, slots, strict=True):
        require(None if is_same_model(graph, slot) else "the graphs differ", name, oracle)
        yield Verification(name, oracle, "the same graph and numbers")


def verify_slots(
    names: Sequence[str], graphs: Sequence[Graph], offsets: Sequence[ArenaOffsets] | None, container: bytes
) -> Iterator[Verification]:
    """Run every slot of the container against the same level as a file without a plan, and measure its arena.

    A slot that needs redsc's own kernels is read back and run with the builtin ops that its layers stand for.

    Args:
        names: of the levels.
        graphs: of the levels.
        offsets: the arena plan of every level, empty where TFLM plans itself; None where no arena is of interest.
        container: with a slot per level.

    Raises:
        VerificationError: a slot answers differently, or TFLM allocates other sizes than were computed.
    """
    for slot, (name, graph) in enumerate(zip(names, graphs, strict=True)):
        data = slot_bytes(container, slot)
        yield from _verify_answers(name, data, graph, sample_inputs(graph, _SEED + slot))
        if offsets is None:
            continue
        if has_strided(graph):
            yield Verification(name, _ALLOCATOR, "not run: it has no kernels for shared weights")
        elif installed("tflm"):
            yield _verify_arena(name, data, graph, offsets[slot])
            yield _verify_arena_size(name, data, graph, offsets[slot])


def _verify_answers(name: str, data: bytes, graph: Graph, samples: Rows) -> Iterator[Verification]:
    """Run the model of a slot in every interpreter, against the level as a file of its own."""
    alone, form = write_tflite(as_stock(graph)), ""
    if has_strided(graph):
        data, form = write_tflite(as_stock(read_tflite(data))), " with its weights gathered"
    for executor in _INTERPRETERS:
        oracle = f"{executor}{form}, against the level as a file of its own"
        if not installed(executor):
            yield Verification(name, oracle, f"not run: {EXECUTORS[executor].package} is not installed")
            continue
        if reason := EXECUTORS[executor].refusal(alone):
            yield Verification(name, oracle, f"not run: {reason}")
            continue
        run = EXECUTORS[executor].run_steps
        require(difference(run(alone, samples), run(data, samples)), name, oracle)
        yield Verification(name, oracle, "equal bit for bit")


def _verify_arena(name: str, data: bytes, graph: Graph, offsets: ArenaOffsets) -> Verification:
    from redsc.runtime.tflm import measure_arena

    # The report speaks of 32-bit Arm; structures and scratch that hold pointers are larger here.
    head, tail = head_bytes(graph, offsets, X86_64_RECORDING), tail_bytes(graph, X86_64_RECORDING)
    used = measure_arena(data)
    if (used.head_bytes, used.tail_bytes) != (head, tail):
        problem = f"head {used.head_bytes} B and tail {used.tail_bytes} B, computed {head} B and {tail} B"
        require(problem, name, _ALLOCATOR)
    return Verification(name, _ALLOCATOR, "head and tail as computed, to the byte")


def _verify_arena_size(name: str, data: bytes, graph: Graph, offsets: ArenaOffsets) -> Verification:
    """Run the slot in an arena of the computed size; the wheel's arena may lose an alignment at either end."""
    from redsc.runtime.tflm import run

    oracle = "tflm, in an arena of the computed size"
    size = arena_bytes(graph, offsets, X86_64_RECORDING) + 2 * ALIGNMENT_BYTES
    samples = random_samples(graph, 1, _SEED)
    require(difference(run(data, samples), run(data, samples, size)), name, oracle)
    return Verification(name, oracle, "loads and runs")


def sample_inputs(graph: Graph, seed: int) -> list[list[Array]]:
    """Return random samples, to be run in this order."""
    return random_samples(graph, _STEPS if keeps_state(graph) else _SAMPLES, seed)


def require(problem: str | None, level: str, oracle: str) -> None:
    """Go on where there is no problem.

    Raises:
        VerificationError: there is one: the oracle disagrees.
    """
    if problem:
        raise VerificationError(
            f"level {level}: {oracle} disagrees", evidence=[problem], hint="please report this with the model file"
        )


def computes_in_float(graph: Graph) -> bool:
    """Whether a result depends on the order of float sums; reading int8 out as floats does not."""
    made = (value for node in graph.nodes if node.op != "DEQUANTIZE" for value in node.outputs)
    return any(value.type.dtype is DType.FLOAT32 for value in made)


def _to_file(ports: Sequence[Port], values: Sequence[Value], rows: Rows) -> list[list[Array]]:
    """Return numbers of the graph's inputs or outputs as the model file has them."""
    return [
        [
            port.to_source(from_integers(array, value.type, port.dtype))
            for array, value, port in zip(row, values, ports, strict=True)
        ]
        for row in rows
    ]


def _quantities(values: Sequence[Value], rows: Rows) -> list[list[Array]]:
    """Return outputs in the model file's form as real numbers: a zero point is no signal.

    Class numbers are left out, as they have no noise, unless there is nothing else.
    """
    places = [i for i, value in enumerate(values) if value.type.dtype in (DType.FLOAT32, DType.INT8)]
    kinds = [value.type for value in values]
    return [
        [
            to_real(to_integers(row[i], kinds[i]), kinds[i]) if row[i].dtype.itemsize == 1 else row[i]
            for i in places or range(len(row))
        ]
        for row in rows
    ]
