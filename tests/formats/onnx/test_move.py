"""Ops that take parts, join parts or fill up."""

from __future__ import annotations

import numpy as np
import pytest

from redsc.formats.onnx.reader import read_onnx
from tests.conftest import Golden
from tests.formats.onnx.models import (
    Case,
    assert_same_answers,
    check_case,
    check_refusal,
    floats,
    image_net,
    ints,
    make_node,
    on_image,
    one,
    onnx_model,
    ops,
    weights,
)

LAST = np.iinfo(np.int64).max
ROW = [2, 3, 10]
TEN = " ".join(["RELU"] * 12)

JOINED: dict[str, Case] = {
    "concat": (
        onnx_model(["y = Concat<axis=1>(x, u)"], {"x": [2, 3], "u": [2, 4]}, {}),
        "CONCATENATION",
    ),
    "concat-channels": (
        image_net(["r = Relu(c)", "y = Concat<axis=1>(c, r)"]),
        "CONV_2D RELU CONCATENATION",
    ),
    "concat-height": (
        image_net(["r = Relu(c)", "y = Concat<axis=-2>(c, r, c)"]),
        "CONV_2D RELU CONCATENATION",
    ),
    "concat-constant": (
        image_net(["y = Concat<axis=1>(k, c)"], {"k": weights(1, 2, 6, 5)}),
        "CONV_2D CONCATENATION",
    ),
    "concat-one": (image_net(["y = Concat<axis=1>(c)"]), "CONV_2D"),
    "concat-many": (
        onnx_model(
            [
                *(f"r{i} = Relu(x)" for i in range(12)),
                f"y = Concat<axis=1>({', '.join(f'r{i}' for i in range(12))})",
            ],
            {"x": [1, 2]},
            {},
        ),
        f"{TEN} CONCATENATION CONCATENATION",
    ),
    "tile": (one("Tile", [2, 3], ints(2, 3)), "CONCATENATION CONCATENATION"),
    "tile-image": (on_image("Tile", ints(1, 2, 1, 3)), "CONV_2D CONCATENATION CONCATENATION"),
    "tile-nothing": (on_image("Tile", ints(1, 1, 1, 1)), "CONV_2D"),
}


def split(outputs: int, *operands: str, source: str = "x", rows: int = 6, **attributes: object) -> bytes:
    """Return a model that splits, and joins the parts in reverse: it has one output."""
    names = [f"p{i}" for i in range(outputs)]
    axis = attributes.get("axis", 0)
    nodes = [
        make_node("Split", [source, *operands], names, name="node", **attributes),
        f"y = Concat<axis={axis}>({', '.join(names[::-1])})",
    ]
    constants = {"sizes": ints(1, 3, 2), "image": ints(3, 1)}
    used = {name: constants[name] for name in operands}
    opset = 11 if "split" in attributes else 18 if "num_outputs" in attributes else 13
    return image_net(nodes, used, opset) if source == "c" else onnx_model(nodes, {"x": [rows, 4]}, used, opset)


SPLIT: dict[str, Case] = {
    "even-13": (split(3), "SPLIT CONCATENATION"),
    "even-18": (split(2, axis=1, num_outputs=2), "SPLIT CONCATENATION"),
    "uneven-18": (split(3, rows=8, num_outputs=3), "SPLIT_V CONCATENATION"),
    "sizes-13": (split(3, "sizes"), "SPLIT_V CONCATENATION"),
    "sizes-11": (split(3, split=[1, 3, 2]), "SPLIT_V CONCATENATION"),
    "channels": (split(2, source="c", axis=1), "CONV_2D SPLIT CONCATENATION"),
    "channels-uneven": (split(2, "image", source="c", axis=1), "CONV_2D SPLIT_V CONCATENATION"),
    "negative-axis": (split(5, source="c", axis=-1), "CONV_2D SPLIT CONCATENATION"),
}


def sliced(shape: list[int], starts: list[int], ends: list[int], *more: list[int]) -> bytes:
    return one("Slice", shape, *(ints(*numbers) for numbers in (starts, ends, *more)))


CUT: dict[str, Case] = {
    "slice": (sliced(ROW, [1, 2], [2, 8], [1, 2]), "SLICE"),
    "slice-without-axes": (sliced(ROW, [1, 0], [2, 2]), "SLICE"),
    "slice-to-the-end": (sliced(ROW, [-4], [LAST], [-1]), "SLICE"),
    "slice-out-of-range": (sliced(ROW, [-99, 3], [99, 99], [0, 2]), "SLICE"),
    "slice-step": (sliced(ROW, [1], [9], [2], [3]), "STRIDED_SLICE"),
    "slice-back": (sliced(ROW, [-1], [-LAST], [2], [-1]), "REVERSE_V2 SLICE"),
    "slice-back-in-steps": (sliced(ROW, [8], [0], [2], [-3]), "REVERSE_V2 STRIDED_SLICE"),
    "slice-back-to-zero": (sliced(ROW, [9], [-11], [2], [-2]), "REVERSE_V2 STRIDED_SLICE"),
    "slice-mixed": (sliced(ROW, [2, 0], [-4, 9], [1, 2], [-2, 4]), "REVERSE_V2 STRIDED_SLICE"),
    "slice-9": (one("Slice", ROW, opset=9, starts=[1], ends=[3], axes=[2]), "SLICE"),
    "slice-channels": (on_image("Slice", ints(1), ints(3), ints(1)), "CONV_2D SLICE"),
    "slice-focus": (
        on_image("Slice", ints(0, 1), ints(LAST, LAST), ints(2, 3), ints(2, 2)),
        "CONV_2D STRIDED_SLICE",
    ),
    "gather-one": (one("Gather", ROW, np.array(2), axis=2), "SLICE RESHAPE"),
    "gather-last": (one("Gather", ROW, np.array(-1), axis=1), "SLICE RESHAPE"),
    "gather-default-axis": (one("Gather", ROW, ints(1)), "SLICE"),
    "gather-range": (one("Gather", ROW, ints(3, 4, 5), axis=2), "SLICE"),
    "gather-list": (one("Gather", ROW, ints(7, -1, 0, 7), axis=2), "GATHER"),
    "gather-channel": (on_image("Gather", np.array(2), axis=1), "CONV_2D SLICE RESHAPE"),
    "gather-channels": (on_image("Gather", ints(3, 0, 2), axis=1), "CONV_2D GATHER"),
    "gather-row": (on_image("Gather", np.array(2), axis=2), "CONV_2D SLICE RESHAPE TRANSPOSE RESHAPE"),
}


def padded(*pads: int, value: float | None = None, mode: str = "constant") -> bytes:
    extra = [] if value is None else [np.array(value, np.float32)]
    return one("Pad", [2, 5], ints(*pads), *extra, mode=mode)


FILLED: dict[str, Case] = {
    "pad": (padded(0, 1, 2, 3), "PAD"),
    "pad-value": (padded(1, 1, 0, 0, value=-2.5), "PADV2"),
    "pad-zero": (padded(1, 1, 0, 0, value=0), "PAD"),
    "pad-nothing": (on_image("Pad", ints(0, 0, 0, 0, 0, 0, 0, 0)), "CONV_2D"),
    "pad-negative": (padded(0, -1, 0, -2), "SLICE"),
    "pad-both": (padded(1, -1, 0, 2), "SLICE PAD"),
    "pad-reflect": (padded(0, 2, 1, 3, mode="reflect"), "MIRROR_PAD"),
    "pad-axes": (one("Pad", [2, 5], ints(1, 2), None, ints(-1)), "PAD"),
    "pad-image": (on_image("Pad", ints(0, 1, 2, 0, 0, 0, 1, 3)), "CONV_2D PAD"),
    "pad-image-reflect": (on_image("Pad", ints(0, 0, 2, 1, 0, 0, 1, 3), mode="reflect"), "CONV_2D MIRROR_PAD"),
    "pad-10": (one("Pad", [2, 5], opset=10, pads=[0, 1, 1, 0], value=1.5), "PADV2"),
    "depth-dcr": (one("DepthToSpace", [1, 8, 3, 2], blocksize=2), "DEPTH_TO_SPACE"),
    "depth-crd": (one("DepthToSpace", [1, 12, 3, 2], blocksize=2, mode="CRD"), "GATHER DEPTH_TO_SPACE"),
    "space": (one("SpaceToDepth", [1, 3, 4, 6], blocksize=2), "SPACE_TO_DEPTH"),
    "cumsum": (one("CumSum", ROW, np.array(2)), "CUMSUM"),
    "cumsum-back": (one("CumSum", ROW, np.array(-2), exclusive=1, reverse=1), "CUMSUM"),
    "cumsum-image": (on_image("CumSum", np.array(1)), "CONV_2D CUMSUM"),
}
REFUSED = {
    "gather-table": one("Gather", ROW, np.array([[1, 2]]), axis=2),
    "gather-far": one("Gather", ROW, ints(10), axis=2),
    "gather-computed": onnx_model(
        ["i = ArgMax<axis=1, keepdims=0>(x)", "[node] y = Gather<axis=1>(x, i)"],
        {"x": [2, 3]},
        {},
    ),
    "pad-edge": padded(0, 1, 2, 3, mode="edge"),
    "pad-wrap": one("Pad", [2, 5], ints(0, 1, 2, 3), opset=19, mode="wrap"),
    "pad-far-reflect": padded(0, 5, 0, 0, mode="reflect"),
    "tile-often": one("Tile", [2, 3], ints(1, 11)),
    "slice-computed": onnx_model(
        ["i = ArgMax<axis=0, keepdims=1>(x)", "[node] y = Slice(x, i, e)"],
        {"x": [3]},
        {"e": ints(2)},
    ),
    "rank-6": one("Slice", [1, 1, 1, 1, 2, 3], ints(1), ints(2), ints(5)),
}
ALL = {**JOINED, **SPLIT, **CUT, **FILLED}


@pytest.mark.parametrize("case", ALL)
def test_an_op_that_moves_elements(case: str) -> None:
    check_case(ALL[case])


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_says_why(case: str, golden: Golden) -> None:
    check_refusal(REFUSED[case], golden)


def test_a_part_that_nobody_reads() -> None:
    nodes = ["a, b = Split<axis=1, num_outputs=2>(x)", "y = Relu(b)"]
    check_case((onnx_model(nodes, {"x": [2, 6]}, {}), "SPLIT RELU"))


def test_constants_of_shapes_are_folded() -> None:
    """What the legacy exporter writes for `x.view(x.shape[0], -1)`, and for a tensor like another."""
    nodes = [
        "shape = Shape(x)",
        "batch = Gather(shape, zero)",
        "first = Unsqueeze(batch, axes)",
        "target = Concat<axis=0>(first, rest)",
        "flat = Reshape(x, target)",
        "size = Shape(flat)",
        "zeros = ConstantOfShape(size)",
        "count = Size(x)",
        "real = Cast<to=1>(count)",
        "ramp = Range(zerof, real, one)",
        "a = Add(flat, zeros)",
        "y = Add(a, ramp)",
    ]
    constants = {
        "zero": np.array(0),
        "axes": ints(0),
        "rest": ints(-1),
        "zerof": np.array(0, np.float32),
        "one": np.array(1, np.float32),
    }
    data = onnx_model(nodes, {"x": ["N", 2, 3]}, constants)
    found = read_onnx(data)
    assert ops(found.graph) == "RESHAPE ADD ADD"
    assert_same_answers(data, found)
    assert floats(0, 1, 2, 3, 4, 5).tolist() in [
        v.data.tolist() for v in found.graph.constants() if v.data is not None
    ]
