"""The whole pipe on networks that nobody thought of: it ends in a verified artefact or in a budget error."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

from redsc.compile import compile_model
from redsc.errors import BudgetError
from redsc.formats import write_tflite
from redsc.ir import Graph
from redsc.option_texts import parse_levels
from redsc.options import Options
from redsc.runtime import installed
from tests.strategies import graphs


@pytest.mark.skipif(not installed("tflm"), reason="tflite_micro is not installed")
@settings(max_examples=15)
@given(graphs())
def test_a_random_network_becomes_verified_levels(graph: Graph) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "net.tflite"
        path.write_bytes(write_tflite(graph))
        try:
            report = compile_model(path, Options(levels=parse_levels("30,60,100"))).report
        except BudgetError:
            pytest.fail("without budgets the whole network is always a level")
    assert report.levels[0].name == "100"
    assert report.levels[0].macs == report.model.macs
    assert not [row for row in report.verification if "not run" in row.result]
