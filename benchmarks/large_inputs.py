"""Ask every ONNX operator for 2^27 elements, and see what redsc takes for it.

    OMP_NUM_THREADS=1 PYTHONPATH=. python benchmarks/large_inputs.py

The models are onnx's own node tests, each with one axis of an input made large. What passes is as in fuzzing.py: an
error of ours or a sound result, within 2 s of the processor and 512 MB. tests/fuzz/test_large.py does the same with
TFLite's operators. Prints a row for every finding, then how many models became what.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from math import prod
from pathlib import Path

import onnx

from tests.fuzz.kinds import KINDS, prepare_folder
from tests.fuzz.seeds import onnx_operators
from tests.fuzz.worker import run_cases

_LARGE = 1 << 27
_KIND = "onnx-operators"


def main() -> None:
    """Run all models and print what became of them."""
    models = [case for data in onnx_operators() for case in enlarged(onnx.load_model_from_string(data))]
    results, slowest, largest = Counter[str](), 0.0, 0.0
    with tempfile.TemporaryDirectory(prefix="redsc-large-") as name:
        folder = prepare_folder(Path(name))
        KINDS[_KIND].warm_up(folder)
        for (op, _), outcome in zip(models, run_cases(_KIND, [data for _, data in models], folder), strict=True):
            results["finding" if outcome.is_finding else outcome.result] += 1
            slowest, largest = max(slowest, outcome.seconds), max(largest, outcome.megabytes)
            if outcome.is_finding:
                print(f"{op}: {outcome.result}")
    print(f"{len(models):,} models, at most {slowest:.2f} s and {largest:.0f} MB: {dict(results)}")


def enlarged(model: onnx.ModelProto) -> Iterator[tuple[str, bytes]]:
    """Yield a model with an axis of an input made large, also of the inputs of that shape, and its operator."""
    constants = {item.name for item in model.graph.initializer}
    shapes = [sizes(item) for item in model.graph.input if item.name not in constants]
    for shape in {shape for shape in shapes if shape and min(shape) > 0}:
        for axis, size in enumerate(shape):
            found = onnx.ModelProto()
            found.CopyFrom(model)
            for item in found.graph.input:
                if sizes(item) == shape and item.name not in constants:
                    item.type.tensor_type.shape.dim[axis].dim_value = size * (_LARGE // prod(shape))
            for item in found.graph.output:
                item.type.tensor_type.ClearField("shape")
            del found.graph.value_info[:]
            yield found.graph.node[0].op_type, found.SerializeToString()


def sizes(item: onnx.ValueInfoProto) -> tuple[int, ...]:
    """Return the sizes of a tensor, 0 for one that is not known."""
    return tuple(dim.dim_value for dim in item.type.tensor_type.shape.dim)


if __name__ == "__main__":
    main()
