"""Hostile ONNX files: any field of the protobuf, and what only ONNX has: other files, functions, nested graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import onnx
from onnx import helper

from tests.fuzz.hostile import hostile, hostile_integer

__all__ = ["mutate_onnx"]

_LOCATIONS = (
    "weights.bin",
    "../secret",
    "/etc/passwd",
    "link.bin",
    "folder/../weights.bin",
    "",
    ".",
    "a\0b",
    "/dev/zero",
)


def mutate_onnx(rng: Random, data: bytes, other: bytes) -> bytes:
    """Return a model with one to three hostile fields, or with one of `_RECIPES`."""
    model, donor = onnx.load_model_from_string(data), onnx.load_model_from_string(other)
    if rng.random() < 0.25:
        rng.choice(_RECIPES)(rng, model, donor)
    if rng.random() < 0.8:
        for _ in range(rng.randrange(1, 4)):
            _change_field(rng, model, donor)
    return bytes(model.SerializeToString())


def _messages(message: Any) -> Iterator[Any]:
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for child in value if field.is_repeated else [value]:
                yield from _messages(child)


def _change_field(rng: Random, model: Any, donor: Any) -> None:
    """Change a field of any message: also one that it does not have yet."""
    message = rng.choice(list(_messages(model)))
    present = [field for field, _ in message.ListFields()]
    fields = message.DESCRIPTOR.fields
    field = rng.choice(present if present and rng.random() < 0.8 else fields)
    try:
        if field.is_repeated:
            _change_repeated(rng, message, field, donor)
        elif field.message_type is not None:
            alike = [item for item in _messages(donor) if item.DESCRIPTOR is field.message_type]
            message.ClearField(field.name)
            if alike:
                getattr(message, field.name).CopyFrom(rng.choice(alike))
        else:
            setattr(message, field.name, hostile(rng, getattr(message, field.name)))
    except (TypeError, ValueError):  # protobuf takes no such value here
        message.ClearField(field.name)


def _change_repeated(rng: Random, message: Any, field: Any, donor: Any) -> None:
    items = getattr(message, field.name)
    if field.message_type is not None:
        alike = [
            item for root in (message, donor) for item in _messages(root) if item.DESCRIPTOR is field.message_type
        ]
        way = rng.randrange(3)
        if way and alike:
            items.add().CopyFrom(rng.choice(alike))
        if way != 1 and items:
            del items[rng.randrange(len(items))]
        return
    changed = list(items)
    if changed and rng.random() < 0.7:
        place = rng.randrange(len(changed))
        changed[place] = hostile(rng, changed[place])
    else:
        changed = hostile(rng, changed) or []
    message.ClearField(field.name)
    getattr(message, field.name).extend(changed)


def _external(rng: Random, model: Any, _donor: Any) -> None:
    for item in model.graph.initializer[:2]:
        item.data_location = onnx.TensorProto.EXTERNAL
        item.ClearField("raw_data")
        entries = {"location": rng.choice(_LOCATIONS), "offset": str(hostile_integer(rng)), "length": "16"}
        for key in rng.sample(sorted(entries), rng.randrange(1, 4)):
            item.external_data.add(key=key, value=entries[key])


def _opset(rng: Random, model: Any, _donor: Any) -> None:
    for item in model.opset_import:
        item.version = rng.choice((0, 1, 6, 7, 9, 11, 13, 18, 21, 24, 99, -1, 2**40))


def _function(rng: Random, model: Any, _donor: Any) -> None:
    """A function that calls itself, another that calls it, or one of many steps."""
    first, second = rng.choice((("f", "f"), ("f", "g")))
    for name, called in ((first, second), (second, first)):
        node = helper.make_node(called, ["a"], ["b"], domain="f")
        model.functions.append(helper.make_function("f", name, ["a"], ["b"], [node], [helper.make_opsetid("f", 1)]))
    model.opset_import.append(helper.make_opsetid("f", 1))
    model.graph.node.append(helper.make_node(first, list(model.graph.node[0].input[:1]), ["called"], domain="f"))
    model.graph.output.add().name = "called"


def _doubling(rng: Random, model: Any, _donor: Any) -> None:
    """Functions each of which calls the one before twice: 2^N nodes once they are written out."""
    steps = rng.choice((2, 5, 10, 12, 40))  # 32 nodes, or more than there are atoms in a drop
    for step in range(steps):
        called = ("f", f"f{step - 1}") if step else ("", "Relu")
        nodes = [helper.make_node(called[1], [a], [b], domain=called[0]) for a, b in (("a", "c"), ("c", "b"))]
        imports = [helper.make_opsetid("f", 1), helper.make_opsetid("", 18)]
        model.functions.append(helper.make_function("f", f"f{step}", ["a"], ["b"], nodes, imports))
    model.opset_import.append(helper.make_opsetid("f", 1))
    read = next(iter(model.graph.node[0].input), "")
    model.graph.node.append(helper.make_node(f"f{steps - 1}", [read], ["called"], domain="f"))
    model.graph.output.add().name = "called"


def _nested(rng: Random, model: Any, _donor: Any) -> None:
    """Graphs in graphs."""
    inner = helper.make_graph([helper.make_node("Identity", ["x"], ["i"])], "g", [], [])
    for _ in range(rng.choice((1, 20, 45, 99))):
        node = helper.make_node(
            "If", ["x"], ["i"], then_branch=inner, else_branch=inner if rng.random() < 0.05 else None
        )
        inner = helper.make_graph([node], "g", [], [])
    model.graph.node.extend(inner.node)


def _bomb(rng: Random, model: Any, _donor: Any) -> None:
    """A large constant of a few bytes, and what is computed of it."""
    sizes = rng.choice(([1 << 28], [1 << 24], [4096, 4096], [1 << 12, 1 << 14], [1 << 40], [-1], [1 << 20]))
    model.graph.initializer.append(helper.make_tensor("sizes", onnx.TensorProto.INT64, [len(sizes)], sizes))
    model.graph.node.append(helper.make_node("ConstantOfShape", ["sizes"], ["large"]))
    last = "large"
    for step in range(rng.choice((1, 3, 30))):
        op, reads = rng.choice(
            (("MatMul", 2), ("Add", 2), ("Cos", 1), ("CumSum", 2), ("Transpose", 1), ("Cast", 1))
        )
        extra: dict[str, Any] = {"to": onnx.TensorProto.DOUBLE} if op == "Cast" else {}
        names = ["large", last if op != "CumSum" else "sizes"][-reads:]
        model.graph.node.append(helper.make_node(op, names, [f"larger{step}"], **extra))
        last = f"larger{step}"
    model.graph.output.add().name = last


def _dims(rng: Random, model: Any, _donor: Any) -> None:
    """Other sizes of an input, with which the rest of the model may well agree."""
    for item in model.graph.input:
        for dim in item.type.tensor_type.shape.dim:
            if rng.random() < 0.5:
                dim.dim_value = rng.choice((1, 2, 7, 64, 1000, 4096, 100_000, 2**31, -1, 0))


_RECIPES: tuple[Callable[[Random, Any, Any], None], ...] = (
    _external,
    _opset,
    _function,
    _doubling,
    _nested,
    _bomb,
    _dims,
    _dims,
)
