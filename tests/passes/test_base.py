from __future__ import annotations

import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

import redsc.passes
from redsc.choices import Kernels
from redsc.errors import InternalError
from redsc.formats.load import load_model
from redsc.ir import Graph
from redsc.passes import SELECTORS, SIMPLIFY, STAGED
from redsc.passes.base import Exactness, Log, Pass, load, load_pass, run_passes
from redsc.passes.quantize.fuse_lookups import FuseLookups
from redsc.passes.quantize.tabulate import Tabulate
from redsc.passes.schedule import Schedule
from redsc.passes.simplify.drop_border_conversions import DropBorderConversions
from tests.conftest import Zoo
from tests.helpers import small_net
from tests.zoo_models import IN_TABLE, ROUNDED_OTHERWISE


@dataclass(frozen=True, slots=True)
class Vandal(Pass):
    name: ClassVar[str] = "vandal"
    summary: ClassVar[str] = "break the schedule"
    preserves: ClassVar[Exactness] = Exactness.BIT_EXACT

    def run(self, graph: Graph, log: Log) -> bool:
        graph.nodes.reverse()
        return True


def test_the_pipeline_names_the_pass_that_broke_the_graph() -> None:
    passes = [load_pass(SIMPLIFY["fuse-activation"]), Vandal()]
    with pytest.raises(InternalError) as caught:
        run_passes(small_net(), passes, Log())
    assert caught.value.diagnostic.code == "I702"
    assert caught.value.diagnostic.evidence[0] == "after fuse-activation, vandal"


@pytest.mark.parametrize("path", [*IN_TABLE, *ROUNDED_OTHERWISE])
def test_a_pass_says_whether_it_changed_anything(path: str, zoo: Zoo) -> None:
    """A graph is verified where a pass says that it changed it."""
    graph = load_model(zoo(path)).graph
    simplify = [load_pass(where) for where in SIMPLIFY.values()]
    for item in (*simplify, DropBorderConversions(), Tabulate(), FuseLookups(Kernels.ENGINE), Schedule()):
        before = pickle.dumps(graph)
        assert item.run(graph, Log()) == (pickle.dumps(graph) != before), item.name


def test_every_pass_of_the_sources_is_in_a_table() -> None:
    sources = Path(redsc.passes.__file__).parent.rglob("*.py")
    classes = {
        name for path in sources for name in re.findall(r"^class (\w+)\(Pass\)", path.read_text("utf-8"), re.M)
    }
    assert {where.partition(":")[2] for where in (*SIMPLIFY.values(), *STAGED.values())} == classes


@pytest.mark.parametrize("name", [*SIMPLIFY, *STAGED])
def test_every_pass_states_numbered_rules_under_its_name(name: str) -> None:
    kind = load({**SIMPLIFY, **STAGED}[name])
    assert kind.name == name
    assert "\n    1. " in kind.__doc__


@pytest.mark.parametrize("name", SIMPLIFY)
def test_every_row_of_the_table_is_the_pass_of_that_name(name: str) -> None:
    item = load_pass(SIMPLIFY[name])
    assert item.name == name
    assert item.summary[0].islower()


def test_every_selector_can_be_loaded() -> None:
    assert all(callable(load(where)) for where in SELECTORS.values())
