"""redsc_tflm.h: in the interpreter of the wheel, and against the types of both namespaces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from redsc.cost.memory import head_bytes
from redsc.cost.tflm.structs import X86_64_RECORDING
from redsc.cost.tflm.tail import kernel_scratch_bytes
from redsc.errors import ExecutorError
from redsc.formats import write_tflite
from redsc.ir import DType
from redsc.runtime.tflm import measure_arena
from tests.firmware.build import HERE, HOST_CPP, WARNINGS, build
from tests.firmware.layers import Layer, conv_layer, dense_layer, expected_output, layers, strided_graph
from tests.firmware.strided_file import strided_file
from tests.firmware.wheel import ABI, measure_strided_arena, run_strided

ARENA_BYTES = 1 << 20


def file_of(layer: Layer) -> bytes:
    return strided_file(f"REDSC_{layer.op}", layer.options, layer.x, layer.inputs()[1:], layer.y_shape)


def test_the_wheel_computes_what_its_stock_kernels_do() -> None:
    for layer in layers():
        ((found,),) = run_strided(file_of(layer), [[layer.x]], ARENA_BYTES)
        wanted = expected_output(layer)
        if layer.dtype is DType.INT8:
            np.testing.assert_array_equal(found, wanted)
        else:
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


def test_every_sample_is_computed() -> None:
    layer = conv_layer(DType.INT8, 3)
    samples = [[layer.x], [layer.x[..., ::-1]], [layer.x]]
    first, other, again = run_strided(file_of(layer), samples, ARENA_BYTES)
    np.testing.assert_array_equal(first[0], again[0])
    assert (first[0] != other[0]).any()


def test_the_ops_take_nothing_from_the_tail() -> None:
    """A stock layer keeps two numbers per output channel there; ours does not grow with a layer."""
    made = [make(DType.INT8, seed) for make in (conv_layer, dense_layer) for seed in range(12)]
    alike: dict[tuple[int, bool], set[int]] = {}
    for layer in made:
        tail = measure_strided_arena(file_of(layer)).tail_bytes
        assert tail < measure_arena(write_tflite(layer.stock)).tail_bytes
        alike.setdefault((layer.x.ndim, bool(kernel_scratch_bytes(strided_graph(layer).nodes[0]))), set()).add(tail)
    assert {has_scratch for _, has_scratch in alike} == {False, True}
    assert [len(tails) for tails in alike.values()] == [1] * len(alike)


def test_the_scratch_is_as_computed() -> None:
    for layer in layers():
        head = head_bytes(strided_graph(layer), {}, X86_64_RECORDING)
        assert measure_strided_arena(file_of(layer)).head_bytes == head


@pytest.mark.parametrize("make", [conv_layer, dense_layer])
def test_a_bad_layer_is_refused_when_the_arena_is_planned(make: Callable[[DType, int], Layer]) -> None:
    layer = make(DType.INT8, 1)
    for fault in (
        replace(layer, options=layer.options[:-1]),
        replace(layer, options=b"\2" + layer.options[1:]),
        replace(layer, options=b""),
        replace(layer, weight=layer.weight[:-1]),
        replace(layer, weight=layer.weight.astype(np.float32)),
        replace(layer, parameters=layer.parameters[:1]),
        replace(layer, parameters=layer.parameters.astype(np.float32)),
        replace(layer, x=layer.x.astype(np.float32)),
    ):
        with pytest.raises(ExecutorError):
            run_strided(file_of(fault), [[fault.x]], ARENA_BYTES)


@pytest.mark.parametrize("namespace", [(), ("-DTFLM_GLOBAL_TYPES",)], ids=["tflite::micro", "global"])
@pytest.mark.parametrize("standard", ["c++11", "c++17"])
def test_the_glue_compiles_without_a_warning(namespace: tuple[str, ...], standard: str) -> None:
    flags = (f"-std={standard}", *WARNINGS, "-Wconversion", "-c", ABI, *namespace)
    assert build(HOST_CPP, (HERE / "wheel_ops.cc",), flags).exists()
