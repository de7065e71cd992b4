"""Sound files of every kind, small ones: of the tests, and of the model zoo where it is there."""

from __future__ import annotations

import io
import json
import os
import tempfile
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from redsc.codegen.container import build_container
from redsc.compile import plan_levels
from redsc.formats import write_tflite
from redsc.ir import OPS, DType, Graph
from redsc.options import Options
from redsc.passes.levels import Levels
from tests.cost.test_bench_log import BEGIN, LARGE, SMALL, SOFTMAX
from tests.fuzz.test_fuzz_onnx import SEEDS as ONNX_OF_TESTS
from tests.fuzz.test_fuzz_tflite import SEEDS as TFLITE_OF_TESTS
from tests.helpers import residual_net, small_net
from tests.op_samples import sample_graph
from tests.passes.selecting import small_problem
from tests.targets.test_read import INLINE, TABLE, TARGET

ROOT = Path(__file__).resolve().parents[2]
ZOO = Path(os.environ.get("REDSC_ZOO", ROOT.parent / "shared" / "zoo"))
_MOST_BYTES = 12_000  # larger ones take their time, and find nothing else
_SLOW = ("lstm.",)  # sound ones that take seconds: any damaged form of them would count as too slow


@cache
def tflite() -> Sequence[bytes]:
    """Return files of every operator in its first and last type, of small networks, of other people."""
    first_types = [write_tflite(sample_graph(name, op.signatures[0])) for name, op in OPS.items()]
    return [*TFLITE_OF_TESTS, *first_types, *_of_zoo("*.tflite")]


@cache
def onnx() -> Sequence[bytes]:
    """Return small networks, and exports of other people's."""
    return [*ONNX_OF_TESTS.values(), *_of_zoo("*.onnx")]


@cache
def onnx_operators() -> Sequence[bytes]:
    """Return the models of onnx's own node tests: mostly one operator, with all operands as inputs."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [case.model for case in load_model_tests(kind="node") if case.model is not None]
    return [data for data in (model.SerializeToString() for model in found) if len(data) <= _MOST_BYTES]


@cache
def containers() -> Sequence[bytes]:
    """Return containers of two levels, in int8 and in float."""
    found = [_levels(graph) for graph in (residual_net(), small_net(), small_net(DType.FLOAT32))]
    return [build_container(item.slots, [network.memory for network in item.networks]).data for item in found]


@cache
def plans() -> Sequence[bytes]:
    """Return the plan of the network that lies beside the cases."""
    return [_levels(small_net(DType.FLOAT32)).plan.to_json().encode()]


@cache
def samples() -> Sequence[bytes]:
    """Return archives of samples for the same network, with labels."""
    file = io.BytesIO()
    np.savez(file, x=np.random.default_rng(0).random((9, 8, 8, 3), np.float32), y=np.arange(9) % 2)
    return [file.getvalue()]


@cache
def options() -> Sequence[bytes]:
    """Return options in a file: the example of the documentation, and tables of verbs."""
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    example = page.partition("```toml\n")[2].partition("```")[0]
    return [
        example.encode(),
        b'ram = "200KB"\nlevels = [100, 50]\n[levels]\nselect = "joint"\n[verify]\nquiet = true\n',
    ]


@cache
def targets() -> Sequence[bytes]:
    """Return descriptions of boards."""
    return [text.encode() for text in (TARGET, TARGET + INLINE)]


@cache
def tables() -> Sequence[bytes]:
    """Return cost tables: of rates, and of measured layers."""
    layers = {"layers": {"CONV_2D:i8.1x8x8x*": [[4, 8, 100], [8, 8, 200.5]]}}
    return [json.dumps(table).encode() for table in (TABLE, {**TABLE, **layers})]


@cache
def ratios() -> Sequence[bytes]:
    """Return ratios for a chain of three layers."""
    return ["\n".join(f'"{name}" = 0.5' for name in ("*", *small_problem("chain").full)).encode()]


@cache
def logs() -> Sequence[bytes]:
    """Return what a bench prints."""
    return ["\r\n".join(("boot", BEGIN, SMALL, LARGE, SOFTMAX, "")).encode()]


def _of_zoo(pattern: str) -> list[bytes]:
    found = (path for path in sorted(ZOO.rglob(pattern)) if not path.name.startswith(_SLOW))
    return [path.read_bytes() for path in found if path.stat().st_size <= _MOST_BYTES]


def _levels(graph: Graph) -> Levels:
    with tempfile.NamedTemporaryFile(suffix=".tflite") as file:
        file.write(write_tflite(graph))
        file.flush()
        return plan_levels(file.name, Options(levels=("100", "50"))).levels
