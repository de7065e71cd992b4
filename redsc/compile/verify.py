"""Take a container apart: one level as a file of its own, every slot checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from redsc.choices import Kernels, Sharing
from redsc.codegen.container import is_container, slot_bytes, slot_count
from redsc.codegen.oracles import Verification, verify_levels, verify_slots
from redsc.compile.artefact import verify_whole
from redsc.compile.levels import plan_levels
from redsc.cost.memory import measure_memory
from redsc.errors import UsageError
from redsc.formats import load_model, planned_offsets, read_tflite, write_tflite
from redsc.ir import DType, Graph
from redsc.option_texts import level_name
from redsc.options import Options
from redsc.passes.slice.strided import as_stock, has_strided, slot_graphs
from redsc.progress import Progress, silent

__all__ = ["slice_level", "verify_container"]

_NO_OPTIONS = Options()


def slice_level(path: Path, level: str, plan: Path | None = None, options: Options = _NO_OPTIONS) -> bytes:
    """Return one level as an ordinary stand-alone TFLite file, with an arena plan for TFLM.

    Args:
        path: a container, or with `plan` the model file it was made of.
        level: the level's name.
        plan: the plan file.
        options: with a plan, how a float model becomes int8: the data and the rules of its compile.

    Raises:
        UsageError: there is no such level.
    """
    if plan is None:
        graphs = {graph.name: as_stock(graph) for graph in _slots(path)[1]}
    else:
        levels = plan_levels(path, replace(options, plan=plan)).levels
        graphs = dict(zip(levels.names, map(as_stock, levels.graphs), strict=True))
    level = level_name(level)
    if level not in graphs:
        raise UsageError(f"there is no level {level!r}", code="U210", hint=f"the levels are {', '.join(graphs)}")
    graph, kernels = graphs[level], options.budgets.kernels
    return write_tflite(graph, measure_memory(graph, Kernels.SAFE if kernels.are_ours else kernels).offsets)


def verify_container(
    path: Path,
    model_path: Path | None = None,
    plan: Path | None = None,
    progress: Progress = silent,
    options: Options = _NO_OPTIONS,
) -> list[Verification]:
    """Run every slot of a container against the same level as a stand-alone file.

    With the model file and the plan, every slot must also be the level that the plan makes of the model; where a
    float model became int8, `options` say with which data.

    Raises:
        VerificationError: something differs.
    """
    if (model_path is None) != (plan is None):
        raise UsageError("--model and --plan belong together", code="U213", hint="give both, or neither")
    progress("reading the container")
    data, slots = _slots(path)
    done: list[Verification] = []
    if model_path is not None and plan is not None:
        progress("rebuilding the levels")
        choice = plan_levels(model_path, replace(options, plan=plan))
        if choice.quantized is None and _became_int8(choice.model.graph, slots[0]):
            hint = "--data FILE.npz and the flags of its compile make the same integers again"
            raise UsageError(f"{path.name} is int8, {model_path.name} is float", code="U215", hint=hint)
        done += verify_whole(choice)
        stock = list(map(as_stock, choice.levels.graphs))
        sharing = Sharing.STRIDED if any(map(has_strided, slots)) else Sharing.COPIES
        done += verify_levels(choice.levels.names, slot_graphs(stock, sharing), slots)
    progress("asking the runtimes")
    offsets = [planned_offsets(slot_bytes(data, slot)) for slot in range(len(slots))]
    done += verify_slots([graph.name for graph in slots], slots, offsets, data)
    return done


def _became_int8(source: Graph, slot: Graph) -> bool:
    """Whether a slot takes int8 where the model file takes floats."""
    pairs = zip(source.inputs, slot.inputs, strict=False)
    return any(a.type.dtype is DType.FLOAT32 and b.type.dtype is DType.INT8 for a, b in pairs)


def _slots(path: Path) -> tuple[bytes, list[Graph]]:
    """Return a container and the graphs in it."""
    data = load_model(path).source
    if not is_container(data):
        raise UsageError(
            f"{path.name} was not written by redsc",
            code="U211",
            hint="give the NAME.tflite that redsc compile wrote, or the model file and --plan NAME.plan.json",
        )
    return data, [read_tflite(slot_bytes(data, slot)) for slot in range(slot_count(data))]
