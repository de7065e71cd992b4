"""All levels as C: one array of constants, the parameters of the calls, a function per level."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill

import numpy as np

from redsc.codegen.names import c_comment
from redsc.engine.call import Call, Constant, Field, Operand, Params, Part, State
from redsc.engine.constants import ConstantPool, pool_constants
from redsc.engine.numbers import C_TYPES, float_literal
from redsc.engine.program import Program, as_constant
from redsc.engine.state import Variables, is_even, lay_out_variables
from redsc.ir import Node, Value

__all__ = ["CStep", "Image", "build_image"]

_WORDS_PER_LINE = 8
_COLUMNS = 116


@dataclass(frozen=True, slots=True)
class CStep:
    """The statements of one node."""

    comment: str
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """What the template of the C file shows.

    headers: of the kernels that are called, by name; `sources` are their C files.
    params: type, name and initialiser of every struct.
    words: the array of constants, in lines of C literals; starts: where each begins in it, in bytes.
    state_bytes: of the array of variables.
    resets: the statements that give them their initial values; is_reset_at_zero: these are all zeros.
    levels: per level the steps of its function.
    """

    headers: tuple[str, ...]
    sources: tuple[str, ...]
    params: tuple[tuple[str, str, str], ...]
    words: tuple[str, ...]
    constant_bytes: int
    starts: Mapping[Constant, int]
    state_bytes: int
    resets: tuple[str, ...]
    is_reset_at_zero: bool
    levels: tuple[tuple[CStep, ...], ...]


def build_image(symbol: str, programs: Sequence[Program]) -> Image:
    """Return the C parts of programs that share constants and parameters."""
    variables = lay_out_variables(program.graph for program in programs)
    constants = [constant for program in programs for constant in program.constants()]
    pool = pool_constants([*constants, *variables.stored])
    calls = [call for program in programs for call in program.calls()]
    writer = _Writer(symbol, pool, _name_params(symbol, calls, pool), variables)
    sources = sorted({call.source for call in calls})
    return Image(
        headers=tuple(sorted({call.declared_in for call in calls})),
        sources=tuple(sources),
        params=tuple((kind, name, _wrapped(text)) for (kind, text), name in writer.names.items()),
        words=tuple(_lines(pool.data)),
        constant_bytes=len(pool.data),
        starts=pool.starts,
        state_bytes=variables.nbytes,
        resets=tuple(writer.resets()),
        is_reset_at_zero=not any(any(value.data) for value in variables.initial.values()),
        levels=tuple(tuple(writer.steps(program)) for program in programs),
    )


@dataclass(frozen=True, slots=True)
class _Writer:
    symbol: str
    pool: ConstantPool
    names: Mapping[tuple[str, str], str]
    variables: Variables

    def steps(self, program: Program) -> Iterator[CStep]:
        for step in program.steps:
            statements = tuple(self.statement(program, step.node, call) for call in step.calls)
            yield CStep(f"{c_comment(step.node.name)}: {step.node.op}", statements)

    def statement(self, program: Program, node: Node, call: Call) -> str:
        arguments = [self.argument(program, operand) for operand in call.operands]
        if call.params is not None:
            arguments.insert(0, f"&{self.names[call.params.type, _initializer(call.params, self.pool)]}")
        if call.takes_scratch:
            at = program.places.scratch.get(node)
            arguments.append("NULL" if at is None else f"arena + {at}")
        return f"{call.function}({', '.join(arguments)});"

    def argument(self, program: Program, operand: Operand) -> str:
        constant = as_constant(operand)
        if constant is not None:
            return _address(constant, self.pool)
        if isinstance(operand, State):
            return f"STATE({C_TYPES[operand.type.dtype]}, {self.variables.starts[operand.variable]})"
        value = operand.value if isinstance(operand, Part) else operand
        assert isinstance(value, Value)
        return f"TENSOR({C_TYPES[value.type.dtype]}, {program.places.of(operand)})"

    def resets(self) -> Iterator[str]:
        """Yield what gives the variables their initial values; most are zeros, or all bytes alike."""
        initial = self.variables.initial
        fills = {value.data[0] if is_even(value) else None for value in initial.values()}
        if len(fills) == 1 and (fill := fills.pop()) is not None:
            yield f"memset(STATE(uint8_t, 0), {fill}, {self.variables.nbytes});"
            return
        for name, value in initial.items():
            at, nbytes = f"STATE(uint8_t, {self.variables.starts[name]})", len(value.data)
            is_filled = is_even(value)
            source = str(value.data[0]) if is_filled else _address(value, self.pool)
            yield f"{'memset' if is_filled else 'memcpy'}({at}, {source}, {nbytes});"


def _name_params(symbol: str, calls: Sequence[Call], pool: ConstantPool) -> dict[tuple[str, str], str]:
    """Return a name for every different struct, by its type and initialiser."""
    wanted = dict.fromkeys((call.params.type, _initializer(call.params, pool)) for call in calls if call.params)
    return {key: f"{symbol}_{key[0].removeprefix('redsc_')}_{place}" for place, key in enumerate(wanted)}


def _initializer(params: Params, pool: ConstantPool) -> str:
    return "{" + ", ".join(f".{name} = {_literal(value, pool)}" for name, value in params.fields.items()) + "}"


def _wrapped(initializer: str) -> str:
    """Return an initialiser in lines that can be read."""
    return fill(
        initializer[1:-1], _COLUMNS, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False
    )


def _literal(value: Field, pool: ConstantPool) -> str:
    if isinstance(value, Constant):
        return _address(value, pool)
    if isinstance(value, tuple):
        return "{" + ", ".join(map(str, value)) + "}"
    return float_literal(value) if isinstance(value, float) else str(value)


def _address(constant: Constant, pool: ConstantPool) -> str:
    return f"CONSTANT({constant.c_type}, {pool.starts[constant]})"


def _lines(data: bytes) -> Iterator[str]:
    words = [f"0x{word:08x}u" for word in np.frombuffer(data, "<u4").tolist()]
    for start in range(0, len(words), _WORDS_PER_LINE):
        yield ", ".join(words[start : start + _WORDS_PER_LINE])
