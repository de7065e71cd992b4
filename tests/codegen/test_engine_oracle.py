"""What a compile says of the C engine: equal, different, or why it was not run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from redsc.budgets import Budgets
from redsc.codegen.engine_oracle import run_to_its_end, verify_engine
from redsc.codegen.oracles import Verification
from redsc.errors import VerificationError
from redsc.formats import write_tflite
from redsc.ir import DType
from redsc.options import Options
from tests.e2e.engine import Engine, write_engine
from tests.helpers import small_net, streaming_net

ORACLE = "the C engine on this machine, against tflm"


@pytest.fixture(params=[DType.INT8, DType.FLOAT32], ids=["int8", "float"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    pytest.importorskip("tflite_micro")
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("there is no C compiler")
    return write(tmp_path, request.param)


def write(folder: Path, dtype: DType = DType.INT8) -> Engine:
    (folder / "net.tflite").write_bytes(write_tflite(small_net(dtype)))
    return write_engine(folder / "net.tflite", Options(levels=("100", "50"), budgets=Budgets.parse(backend="c")))


def verify(engine: Engine, **changed: bytes) -> list[Verification]:
    files = {**engine.files, **{name.replace("__", "."): data for name, data in changed.items()}}
    return list(verify_engine("net", files, list(engine.levels), list(engine.levels.values())))


def test_every_level_is_equal(engine: Engine) -> None:
    rows = verify(engine)
    assert [(row.level, row.oracle) for row in rows] == [("100", ORACLE), ("50", ORACLE)]
    assert all(row.result.startswith("equal ") for row in rows)


def test_a_kernel_that_computes_otherwise_ends_the_compile(engine: Engine) -> None:
    kernel = engine.files["net.c"].replace(b"static void net_run_50(uint8_t *arena) {", b"BROKEN")
    kernel = kernel.replace(
        b"BROKEN", b"static void net_run_50(uint8_t *arena) {\n  net_run_100(arena);\n  return;"
    )
    with pytest.raises(VerificationError, match=r"level 50: .* disagrees"):
        verify(engine, net__c=kernel)


def test_files_that_do_not_compile_end_it(engine: Engine) -> None:
    with pytest.raises(VerificationError, match="do not compile") as caught:
        verify(engine, net__c=b"#error no\n")
    assert "no" in caught.value.diagnostic.evidence[0]


@pytest.mark.parametrize("compilers", [(), ("cc", "gcc")], ids=["none", "broken"])
def test_without_a_compiler_that_works_it_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compilers: tuple[str, ...]
) -> None:
    for name in compilers:
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    engine = write(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}")
    assert {row.result for row in verify(engine)} == {"not run: no C compiler makes programs for it"}


def test_a_network_with_state_takes_consecutive_steps(tmp_path: Path) -> None:
    """Without its state between inferences every step would be the first."""
    pytest.importorskip("tflite_micro")
    (tmp_path / "net.tflite").write_bytes(write_tflite(streaming_net()))
    engine = write_engine(
        tmp_path / "net.tflite", Options(levels=("100", "50"), budgets=Budgets.parse(backend="c"))
    )
    assert {row.result for row in verify(engine)} == {"equal bit for bit"}
    forgetful = engine.files["net.c"].replace(
        b"  net_chosen->run(arena);", b"  net_reset();\n  net_chosen->run(arena);"
    )
    with pytest.raises(VerificationError, match="disagrees"):
        verify(engine, net__c=forgetful)


def test_a_program_that_does_not_end_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="sleep takes more than 1 s"):
        run_to_its_end(["sleep", "30"], b"", tmp_path, 1)
