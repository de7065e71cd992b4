"""Two self-tests that run in every compile: they catch a wrong channel rule before a user does.

They ask a real runtime, on random inputs, whether what the channel spaces claim is true of this very graph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from redsc.errors import InternalError
from redsc.formats import write_tflite
from redsc.ir import DType, Graph
from redsc.passes.slice.mask import mask_channels
from redsc.passes.slice.permute import permute_channels
from redsc.passes.slice.resize_inputs import resize_inputs
from redsc.passes.slice.skip import skip_blocks
from redsc.passes.spaces.blocks import SkipBlock
from redsc.passes.spaces.space import ChannelGroups
from redsc.runtime import EXECUTORS, Executor, installed, interpreter_of
from redsc.runtime.compare import FLOAT_TOLERANCE, difference, random_samples
from redsc.runtime.data.view import Size

__all__ = ["check_permutation", "check_slice"]

_SAMPLES = 2
_SEED = 20_260_101
_NOT_IN_REFERENCE = frozenset({"ELU"})  # int8 ops for which LiteRT falls back on kernels that are not exact


def check_permutation(graph: Graph, groups: ChannelGroups) -> None:
    """Check that a random permutation of every free space leaves the outputs equal (int8: bit for bit).

    The samples are steps that follow one another, from the initial state of the variables.

    Raises:
        InternalError: a channel rule ties the wrong axes.
    """
    generator = np.random.default_rng(_SEED)
    order = {space.name: generator.permutation(space.size).tolist() for space in groups.free}
    _check_equal(graph, permute_channels(graph, groups, order), "a permutation of channels changes the outputs")


def check_slice(
    graph: Graph,
    groups: ChannelGroups,
    widths: Mapping[str, int],
    sliced: Graph,
    skipped: Sequence[SkipBlock] = (),
    size: Size | None = None,
) -> None:
    """Check that cutting channels gives what silencing them gives, in the network without the skipped blocks.

    `size` is that of the images of the level, None for those of the network.

    Raises:
        InternalError: the slice is not the level it claims to be.
    """
    masked = resize_inputs(mask_channels(skip_blocks(graph, skipped), groups, widths), size)
    _check_equal(masked, sliced, "a sliced level differs from the masked network")


def _check_equal(expected: Graph, found: Graph, message: str) -> None:
    runtime = _exact_runtime(expected)
    if runtime is None:
        return
    samples = random_samples(expected, _SAMPLES, _SEED)
    run = runtime.run_steps
    problem = difference(run(write_tflite(expected), samples), run(write_tflite(found), samples), FLOAT_TOLERANCE)
    if problem:
        raise InternalError(message, code="I703", evidence=[problem])


def _exact_runtime(graph: Graph) -> Executor | None:
    """Return the runtime in which no channel's result depends on how many lie beside it, None if it is missing.

    LiteRT's optimised int8 MEAN rounds the channels that fill a vector register otherwise than the rest.
    """
    made = (value for node in graph.nodes if node.op in _NOT_IN_REFERENCE for value in node.outputs)
    needs_tflm = any(value.type.dtype is DType.INT8 for value in made)
    found = EXECUTORS["tflm"] if needs_tflm else interpreter_of(write_tflite(graph))
    return found if installed(found.name) else None
