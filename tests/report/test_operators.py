from __future__ import annotations

import re

import pytest

from redsc.choices import Kernels
from redsc.engine.rows import refusals
from redsc.formats.onnx.ops.table import ONNX_OPS
from redsc.formats.tflite.ops import TFLITE_OPS
from redsc.ir import OPS, DType
from redsc.ir.registry import FAMILIES
from redsc.ir.signatures import Signature
from redsc.report.operators import operators_page, print_operators
from tests.conftest import ROOT
from tests.op_samples import sample_graph, signature_cases

PAGE = ROOT / "docs" / "ops.md"


def test_the_page_of_the_documentation_is_what_the_tables_say(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        PAGE.write_text(operators_page(), encoding="utf-8", newline="\n")
    assert PAGE.read_text(encoding="utf-8") == operators_page(), "run `redsc ops --markdown > docs/ops.md`"


def test_every_operator_of_every_table_is_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    print_operators()
    for text in (capsys.readouterr().out, operators_page()):
        words = re.findall(r"\w+", text)
        assert [op for op in (*ONNX_OPS, *TFLITE_OPS) if op not in words] == []


ENGINE_TYPES = {DType.INT8, DType.FLOAT32}


@pytest.mark.parametrize(("name", "row"), list(signature_cases()), ids=str)
def test_the_c_engine_has_what_the_page_says(name: str, row: Signature) -> None:
    graph = sample_graph(name, row)
    has_kernels = refusals([graph], Kernels.ENGINE) is None
    (said,) = (line.split(" | ")[1] for line in operators_page().splitlines() if line.startswith(f"| {name} |"))
    if said == "no":
        assert not has_kernels
    elif {value.type.dtype for value in (*graph.inputs, *graph.outputs)} <= ENGINE_TYPES:
        assert has_kernels


def test_every_op_has_one_family() -> None:
    assert [op.name for family in FAMILIES.values() for op in family] == list(OPS)
