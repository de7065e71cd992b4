from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from redsc.errors import InternalError
from redsc.ir import Graph
from redsc.passes import SELECTORS, SIMPLIFY
from redsc.passes.base import Exactness, Log, Pass, load_pass, run_passes
from tests.helpers import small_net


@dataclass(frozen=True, slots=True)
class Vandal(Pass):
    name: ClassVar[str] = "vandal"
    summary: ClassVar[str] = "break the schedule"
    preserves: ClassVar[Exactness] = Exactness.LOSSY

    def run(self, graph: Graph, log: Log) -> bool:
        graph.nodes.reverse()
        return True


def test_the_pipeline_names_the_pass_that_broke_the_graph() -> None:
    passes = [load_pass(SIMPLIFY["fuse-activation"]), Vandal()]
    with pytest.raises(InternalError) as caught:
        run_passes(small_net(), passes, Log())
    assert caught.value.diagnostic.code == "I702"
    assert caught.value.diagnostic.evidence[0] == "after fuse-activation, vandal"


@pytest.mark.parametrize("name", SIMPLIFY)
def test_every_row_of_the_table_is_a_lossless_pass_of_that_name(name: str) -> None:
    item = load_pass(SIMPLIFY[name])
    assert item.name == name
    assert item.preserves is not Exactness.LOSSY
    assert item.summary[0].islower()


def test_every_selector_can_be_loaded() -> None:
    import importlib

    for where in SELECTORS.values():
        module, _, function = where.partition(":")
        assert callable(getattr(importlib.import_module(module), function))
