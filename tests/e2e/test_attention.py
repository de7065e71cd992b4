"""A transformer block: products of two activations, normalisation, GELU, softmax and the transposes around them."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from redsc.compile import compile_model, read_model
from redsc.formats import write_tflite
from redsc.formats.onnx.reader import read_onnx
from redsc.ir import DType, Graph
from redsc.options import Options, Quantization
from redsc.passes.base import Log
from redsc.passes.quantize.ptq import quantize_network
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import random_samples, signal_to_noise_db
from redsc.runtime.ports import dequantize_rows, quantize_samples
from tests.formats.onnx.models import check_answers, ints, onnx_model, weights

TOKENS, WIDTH, HEADS, HIDDEN = 6, 8, 2, 16
LEAST_DB = 34.4  # 35.4 measured


def dense(name: str, source: str, result: str) -> list[str]:
    return [
        f"[{name}] {name}_p = MatMul({source}, {name}_w)",
        f"{result} = Add({name}_p, {name}_b)",
    ]


def heads(name: str, perm: list[int]) -> list[str]:
    """Return nodes that make [1, heads, tokens, width] of `name`, or another order of these axes."""
    return [
        f"{name}_s = Reshape({name}, split)",
        f"{name}_h = Transpose<perm={perm}>({name}_s)",
    ]


def block(softmax_axis: int) -> bytes:
    """Return a block; with axis -2 scores are transposed before and after the softmax."""
    turned = softmax_axis == -2
    left, right = ("k_h", "q_h") if turned else ("q_h", "k_h")
    nodes = [
        "[n1] n = LayerNormalization(x, n1_s, n1_b)",
        *(node for name in "qkv" for node in dense(f"to_{name}", "n", name)),
        *heads("q", [0, 2, 3, 1] if turned else [0, 2, 1, 3]),
        *heads("k", [0, 2, 1, 3] if turned else [0, 2, 3, 1]),
        *heads("v", [0, 2, 1, 3]),
        f"[scores] scores = MatMul({left}, {right})",
        "scaled = Mul(scores, scale)",
        f"[soft] soft = Softmax<axis={softmax_axis}>(scaled)",
        f"shares = Transpose<perm={[0, 1, 3, 2] if turned else [0, 1, 2, 3]}>(soft)",
        "[mixed] mixed = MatMul(shares, v_h)",
        "mixed_t = Transpose<perm=[0, 2, 1, 3]>(mixed)",
        "merged = Reshape(mixed_t, merge)",
        *dense("out", "merged", "o"),
        "r = Add(x, o)",
        "[n2] m = LayerNormalization(r, n2_s, n2_b)",
        *dense("up", "m", "u"),
        "[gelu] g = Gelu(u)",
        *dense("down", "g", "d"),
        "y = Add(r, d)",
    ]
    sizes = {f"to_{name}": (WIDTH, WIDTH) for name in "qkv"} | {"out": (WIDTH, WIDTH)}
    sizes |= {"up": (WIDTH, HIDDEN), "down": (HIDDEN, WIDTH)}
    constants = {f"{name}_w": weights(*size) / 3 for name, size in sizes.items()}
    constants |= {f"{name}_b": weights(size[1]) / 3 for name, size in sizes.items()}
    constants |= {f"n{index}_{what}": weights(WIDTH) for index in (1, 2) for what in "sb"}
    constants |= {"split": ints(1, TOKENS, HEADS, WIDTH // HEADS), "merge": ints(1, TOKENS, WIDTH)}
    constants |= {"scale": np.array(0.5, np.float32)}
    return onnx_model(nodes, {"x": [1, TOKENS, WIDTH]}, constants, opset=20)


@pytest.mark.parametrize("axis", [-1, -2])
def test_a_block_answers_as_in_onnxruntime(axis: int) -> None:
    data = block(axis)
    check_answers(data, read_onnx(data))


def graph_of(axis: int) -> Graph:
    return read_onnx(block(axis)).graph


@pytest.mark.parametrize("axis", [-1, -2])
def test_a_block_becomes_int8(axis: int) -> None:
    graph = graph_of(axis)
    made = quantize_network(graph, random_samples(graph, 32), Quantization(), Log()).graph
    assert DType.FLOAT32 not in {value.type.dtype for value in made.activations()}
    samples = random_samples(graph, 8)
    integers = quantize_samples(made, samples)
    wanted = EXECUTORS["litert"].run(write_tflite(graph), samples)
    for name in filter(installed, ("litert", "tflm")):
        found = dequantize_rows(made, EXECUTORS[name].run(write_tflite(made), integers))
        assert signal_to_noise_db(wanted, found) > LEAST_DB


@pytest.mark.parametrize("axis", [-1, -2])
def test_hidden_units_and_heads_are_free_and_the_stream_is_not(axis: int) -> None:
    spaces = {space.name: space for space in find_channel_groups(graph_of(axis)).spaces}
    assert (spaces["up"].size, spaces["up"].quantum, spaces["up"].frozen) == (HIDDEN, 1, None)
    (heads,) = [space for space in spaces.values() if space.name in ("to_q", "to_k", "to_v")]
    assert (heads.size, heads.quantum, heads.frozen) == (HEADS, WIDTH // HEADS, None)
    assert spaces["x"].frozen == "it is a graph input"


def test_a_stream_that_is_normalised_says_so() -> None:
    data = onnx_model(
        ["[in] s = MatMul(x, in_w)", "[norm] n = LayerNormalization(s, n_s, n_b)", "[out] y = MatMul(n, out_w)"],
        {"x": [1, TOKENS, 3]},
        {"in_w": weights(3, WIDTH), "n_s": weights(WIDTH), "n_b": weights(WIDTH), "out_w": weights(WIDTH, 2)},
        opset=20,
    )
    (stream,) = [space for space in find_channel_groups(read_onnx(data).graph).spaces if space.name == "in"]
    assert stream.frozen == "MEAN 'norm' reduces over them"


def check_levels(path: Path, options: Options, *names: str) -> None:
    """Compile: every level is proven there, in LiteRT and in tflite-micro; each has fewer heads or hidden units."""
    report = compile_model(path, options).report
    assert tuple(level.name for level in report.levels) == names
    assert all(level.macs_fraction * 100 <= float(level.name) + 1e-4 for level in report.levels)
    assert {"litert", "tflm"} <= {row.oracle.split()[0].rstrip(",") for row in report.verification}


@pytest.mark.parametrize("has_data", [False, True])
def test_a_block_has_levels_in_float_and_in_int8(has_data: bool, tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro", reason="needs the tflite-micro wheel: pip install redsc[tflm]")
    path, data = tmp_path / "block.onnx", tmp_path / "data.npz"
    path.write_bytes(block(-1))
    np.savez(data, x=np.random.default_rng(0).standard_normal((24, 1, TOKENS, WIDTH), np.float32))
    options = Options(levels=("100", "40"), data=data if has_data else None)
    check_levels(path, options, "100", "40")


@pytest.mark.parametrize("batch_first", [True, False])
def test_an_encoder_of_pytorch_has_levels(batch_first: bool, tmp_path: Path) -> None:
    """Queries, keys and values are one layer there."""
    pytest.importorskip("tflite_micro", reason="needs the tflite-micro wheel: pip install redsc[tflm]")
    torch = pytest.importorskip("torch", reason="needs PyTorch: pip install redsc[tune]")
    layer = torch.nn.TransformerEncoderLayer(16, 4, 24, batch_first=batch_first)
    encoder = torch.nn.TransformerEncoder(layer, 1, enable_nested_tensor=False).eval()
    path = tmp_path / "encoder.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(encoder, (torch.randn(1, 5, 16),), str(path), opset_version=17, dynamo=False)
    free = [(space.size, space.quantum) for space in find_channel_groups(read_model(path).graph).free]
    assert free == [(4, 4), (24, 1)]
    if batch_first:
        check_levels(path, Options(levels=("100", "50", "25")), "100", "50", "25")
