"""What computes in the C engine: every row on the sample of its op, in TFLM and in the engine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from redsc.choices import Kernels
from redsc.codegen.engine_image import build_image
from redsc.engine.compute.rows import COMPUTE
from redsc.engine.program import lower_graph
from redsc.engine.shared import Shared
from redsc.engine.sources import needed_files
from redsc.formats.tables import CannotTranslate
from redsc.ir import OPS, DType
from redsc.ir.signatures import Signature
from tests.firmware.build import CORTEX_M4, FIRMWARE, HOST, HOST_CPP, RISC_V, WARNINGS, XTENSA, Toolchain
from tests.firmware.engine.compute_cases import check_equal_to_tflm
from tests.firmware.engine.harness import places_apart
from tests.op_samples import sample_graph, sample_inputs

STRICT = (*WARNINGS, "-Wconversion", "-Wno-sign-conversion", "-Wshadow", "-O2", "-c")


REFUSED = {("SELECT_V2", DType.BOOL)}  # its sample broadcasts
OTHER_TYPES = ("ARG_MAX", "ARG_MIN", "QUANTIZE", "DEQUANTIZE", "SOFTMAX")


def has_kernel(name: str, row: Signature) -> bool:
    """Whether the engine computes such a sample: int8, float32, comparisons of these, and some other types."""
    kinds = {row.inputs[(OPS[name].data or (0,))[0]], row.output}
    is_known = kinds <= {DType.FLOAT32, DType.INT8} or name in OTHER_TYPES
    compares = row.output is DType.BOOL and kinds & {DType.FLOAT32, DType.INT8}
    return bool(is_known or compares) and (name, row.inputs[0]) not in REFUSED


def signatures() -> list[tuple[str, Signature]]:
    return [(name, row) for name in COMPUTE for row in OPS[name].signatures]


@pytest.mark.parametrize(("name", "row"), signatures(), ids=str)
def test_the_sample_of_an_op_is_computed_or_refused(name: str, row: Signature) -> None:
    graph = sample_graph(name, row)
    if has_kernel(name, row):
        check_equal_to_tflm(graph, samples=sample_inputs(graph))
        return
    with pytest.raises(CannotTranslate, match="no kernel"):
        lower_graph(graph, places_apart(graph)[0], Shared({}), Kernels.ENGINE)


def sources() -> list[Path]:
    graphs = [sample_graph(name, row) for name, row in signatures() if has_kernel(name, row)]
    programs = [lower_graph(graph, places_apart(graph)[0], Shared({}), Kernels.ENGINE) for graph in graphs]
    found = {"redsc_select.c", *(name for program in programs for name in build_image("t", [program]).sources)}
    return sorted(FIRMWARE / name for name in needed_files(found) if name.endswith(".c"))


@pytest.mark.parametrize(
    ("toolchain", "flags"),
    [
        (HOST, ("-std=c99",)),
        (HOST_CPP, ("-std=c++11",)),
        (CORTEX_M4, ("-std=c99",)),
        (CORTEX_M4, ("-std=c99", "-Os")),
        (RISC_V, ("-std=c99",)),
        (RISC_V, ("-std=c99", "-Os")),
    ],
)
def test_the_sources_compile_without_a_warning(
    tmp_path: Path, toolchain: Toolchain, flags: tuple[str, ...]
) -> None:
    assert len(sources()) > 8
    for path in sources():
        compile_strictly(path, toolchain, flags, tmp_path)


@pytest.mark.parametrize("level", ["-O2", "-Os"])
def test_sources_that_need_no_libm_compile_for_xtensa(tmp_path: Path, level: str) -> None:
    for path in sources():
        if not needs_libm(path):
            compile_strictly(path, XTENSA, ("-std=c99", level), tmp_path)


def compile_strictly(path: Path, toolchain: Toolchain, flags: tuple[str, ...], folder: Path) -> None:
    command = [toolchain.find(), *toolchain.flags, *STRICT, *flags, str(path), "-o", str(folder / "a.o")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), f"{path.name}: {done.stderr}"


def needs_libm(path: Path) -> bool:
    return "<math.h>" in path.read_text("ascii")


def test_only_float_sources_need_libm() -> None:
    needing = {path.name for path in sources() if needs_libm(path)}
    assert needing == {"redsc_libm_f32.c", "redsc_lstm_f32.c", "redsc_softmax_f32.c"}
