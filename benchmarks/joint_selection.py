"""How fast nested levels are chosen, with what proof, and what choosing them one by one loses.

    PYTHONPATH=. python benchmarks/joint_selection.py [--tight] [--ilp] [NAME ...]

Levels 25, 50, 75 and 100 in RAM half way between what the levels of `uniform` need and what would be chosen without
a bound; `--tight`: no more than `uniform` needs, nearly the least there is. Losses are those of the
weights (`weights`: shares of their energy, nearly linear) or convex in the width (`convex`: random, with a seed).
Seconds are those that a core works for the whole selection. The objective is the loss of all levels in sum; of the
others it is shown how much more they lose. Where a space has more than 16 legal widths the proof (*) is about 16 of
them, and the rest is refinement.

`--ilp`: the 25 % level of REDS' Fashion-MNIST DS-CNN-S, any widths, by REDS' own integer program with one boolean
per kernel, solvers that are free and 60 s each, against tables of pairs of widths. Scores are L1 norms of the
weights. That program may count kernels that no prefix has: `kept` is what the prefixes of its widths are worth.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from models import NETWORKS, TINY

from redsc.budgets import Budgets
from redsc.compile import read_model
from redsc.ir import Array, DType, Graph, Padding, Value, op_def, real_values
from redsc.ir.rules import Produces
from redsc.options import Options
from redsc.passes.base import Log
from redsc.passes.losses.loss import Losses
from redsc.passes.quantize.int8 import without_annotations
from redsc.passes.schedule import Schedule
from redsc.passes.select.exact.cp_level import LevelDomain, LevelModel
from redsc.passes.select.make_problem import make_problem
from redsc.passes.select.problem import Problem
from redsc.passes.select.selectors.joint import select_joint
from redsc.passes.select.selectors.reds import select_bottom_up, select_top_down
from redsc.passes.select.selectors.uniform import select_uniform
from redsc.passes.select.sums.costs import Costs
from redsc.passes.select.sums.terms import Term, evaluate
from tests.helpers import NetBuilder

NAMES = ("100", "75", "50", "25")
FASHION = NETWORKS / "FraCorti+REDS-vision" / "reds_fashion_mnist_dscnn_s_b1.onnx"
FILES = {
    "DS-CNN-S": TINY / "kws_ref_model.tflite",
    "ResNet-8": TINY / "pretrainedResnet_quant.tflite",
    "vww (constant channels dropped)": TINY / "vww_96_int8.tflite",
    "MobileNetV2-0.5, 128x128": NETWORKS
    / "STMicroelectronics+stm32ai-modelzoo-services"
    / "mobilenet_v2_128_0.5.onnx",
}
ILP_SECONDS = 60


def ds_cnn_large() -> Graph:
    """Return a DS-CNN-L: a convolution and five separable ones of 276 channels."""
    net = NetBuilder(DType.INT8)
    x = net.conv(net.input(1, 49, 10, 1), 276, 4, stride_h=2, padding=Padding.SAME)
    for block in range(5):
        step = 2 if block == 0 else 1
        x = net.conv(net.depthwise(x, 3, stride_h=step, stride_w=step, padding=Padding.SAME), 276, 1)
    return net.outputs(net.dense(net.mean(x, 1, 2), 12))


def mobilenet_v1() -> Graph:
    """Return a MobileNetV1-0.25 for 96x96."""
    net = NetBuilder(DType.INT8)
    x = net.conv(net.input(1, 96, 96, 3), 8, 3, stride_h=2, stride_w=2, padding=Padding.SAME)
    for channels, step in zip(
        (16, 32, 32, 64, 64, *[128] * 6, 256, 256), (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1), strict=True
    ):
        x = net.conv(net.depthwise(x, 3, stride_h=step, stride_w=step, padding=Padding.SAME), channels, 1)
    return net.outputs(net.dense(net.mean(x, 1, 2), 2))


def mobilenet_v2() -> Graph:
    """Return a MobileNetV2-0.35 for 96x96, with its 10 residuals."""
    net = NetBuilder(DType.INT8)
    x = net.conv(net.input(1, 96, 96, 3), 16, 3, stride_h=2, stride_w=2, padding=Padding.SAME)
    x = net.conv(net.depthwise(x, 3, padding=Padding.SAME), 8, 1)
    for channels, count, step in ((8, 2, 2), (16, 3, 2), (24, 4, 2), (32, 3, 1), (56, 3, 2), (112, 1, 1)):
        for place in range(count):
            x = _bottleneck(net, x, channels, step if place == 0 else 1)
    return net.outputs(net.dense(net.mean(net.conv(x, 1280, 1), 1, 2), 2))


def _bottleneck(net: NetBuilder, x: Value, channels: int, step: int) -> Value:
    wide = net.conv(x, 6 * x.type.shape[-1], 1)
    body = net.conv(net.depthwise(wide, 3, stride_h=step, stride_w=step, padding=Padding.SAME), channels, 1)
    return net.add(x, body) if step == 1 and x.type.shape == body.type.shape else body


BUILT: dict[str, Callable[[], Graph]] = {
    "DS-CNN-L, 276 channels": ds_cnn_large,
    "MobileNetV1-0.25, 96x96": mobilenet_v1,
    "MobileNetV2-0.35, 96x96": mobilenet_v2,
}


def main() -> None:
    """Print the figures of every network that is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ilp", action="store_true", help="REDS' own integer program")
    parser.add_argument("--tight", action="store_true", help="no more RAM than the levels of `uniform` need")
    parser.add_argument("names", nargs="*", metavar="NAME", help="networks; all where none is named")
    given = parser.parse_args()
    if given.ilp:
        compare_ilp()
        return
    print(
        f"{'network':<32} {'spaces':>6} {'blocks':>6} {'losses':>8} {'seconds':>7} {'status':>8} {'objective':>9} "
        f"{'gap':>6} {'bottom-up':>9} {'seconds':>7} {'top-down':>9} {'seconds':>7} {'uniform':>8}"
    )
    for name in (*FILES, *BUILT):
        if not given.names or name in given.names:
            graph = network(name)
            for kind in ("weights", "convex") if graph else ():
                print(row(name, graph, kind, given.tight), flush=True)


def network(name: str) -> Graph | None:
    """Return a network of the zoo or one with random weights."""
    if name in BUILT:
        return BUILT[name]()
    if not FILES[name].is_file():
        print(f"{name:<32} not there: set REDSC_ZOO")
        return None
    graph = read_model(FILES[name]).graph
    Schedule().run(graph, Log())
    return without_annotations(graph)


def row(name: str, graph: Graph | None, kind: str, is_tight: bool) -> str:
    """Return the figures of a network."""
    assert graph is not None
    problem = make_problem(graph, Options(), NAMES)
    if kind == "convex":
        problem = replace(problem, losses=convex_losses(problem))
    uniform = select_uniform(problem)
    least, most = (problem.ram(problem.networks(found.plan.levels)) for found in (uniform, select_joint(problem)))
    ram = least if is_tight else max(least, (least + most) // 2)
    problem = replace(problem, budgets=Budgets(ram_bytes=ram))
    started = time.process_time()
    solver = select_joint(problem).solver
    seconds = time.process_time() - started
    assert solver.objective is not None
    assert solver.gap is not None
    assert uniform.solver.objective is not None
    others = []
    for select in (select_bottom_up, select_top_down):
        started = time.process_time()
        found = select(problem)
        lost = found.solver.objective or 0.0
        is_whole = len(found.plan.levels) == len(NAMES)
        others.append(
            f"{lost / solver.objective - 1:>+9.3%}" if is_whole else f"{len(found.plan.levels):>2} levels"
        )
        others.append(f"{time.process_time() - started:>7.1f}")
    return (
        f"{name:<32} {len(problem.full):>6} {len(problem.blocks):>6} {kind:>8} {seconds:>7.1f} "
        f"{solver.status + '*' * (solver.grid is not None):>8} {solver.objective:>9.4f} {solver.gap:>6.2%} "
        f"{others[0]:>9} {others[1]} {others[2]:>9} {others[3]} "
        f"{uniform.solver.objective / solver.objective - 1:>+8.0%}"
    )


def convex_losses(problem: Problem, seed: int = 0) -> Losses:
    """Return random losses: what a space loses is a power of the share of its channels that goes."""
    chance, widths = random.Random(seed), {}
    for name, size in problem.full.items():
        worst, power = chance.uniform(0.5, 1.5), chance.uniform(1.2, 4)
        widths[name] = {width: worst * (1 - width / size) ** power for width in range(1, size + 1)}
    return Losses(widths, {block.name: chance.uniform(0.2, 0.9) for block in problem.blocks})


def compare_ilp() -> None:
    """Print what each solver makes of the 25 % level."""
    problem = make_problem(without_annotations(read_model(FASHION).graph), Options(width_multiple=1), ("25",))
    norms = [np.round(1e3 * norm) for norm in kernel_norms(problem)]
    started = time.process_time()
    widths, value = by_pairs(problem, norms)
    print(
        f"{'pairs of widths, CP-SAT':<32} {time.process_time() - started:>6.1f} s  value {value:,} optimal {widths}"
    )
    for solver in ("SCIP", "HIGHS", "SAT"):
        started = time.process_time()
        found = by_kernels(problem, norms, solver)
        print(
            f"{'booleans of kernels, ' + solver:<32} {time.process_time() - started:>6.1f} s  {found}", flush=True
        )


def kernel_norms(problem: Problem) -> list[Array]:
    """Return the L1 norms of kernels: first convolution, then per block depthwise and (input, filter)."""
    found = []
    for node in problem.graph.nodes:
        if node.op in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            weight = np.abs(real_values(node.operand(1)))
            is_first = isinstance(op_def(node.op).channels, Produces) and weight.shape[-1] == 1
            kernels = weight.sum((0, 1, 2)) if node.op == "DEPTHWISE_CONV_2D" else weight.sum((1, 2)).T
            found.append(kernels[0] if is_first else kernels)
    return found


def by_pairs(problem: Problem, norms: Sequence[Array]) -> tuple[list[int], int]:
    """Return the widths of the greatest value, proven, and their value: prefixes of rows and columns add up."""
    from ortools.sat.python import cp_model

    spaces, ceiling = list(problem.full), problem.requests[0].ceiling_macs
    cp = cp_model.CpModel()
    level = LevelModel(Costs.of(problem), LevelDomain(ceiling, {name: problem.legal(name) for name in spaces}), cp)
    cp.add(level.sum(level.costs.macs) <= ceiling)
    cp.maximize(level.sum(prefix_values(spaces, norms)))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.linearization_level = 2
    solver.parameters.cp_model_probing_level = 0
    solver.parameters.cut_level = 0
    assert solver.solve(cp) == cp_model.OPTIMAL
    return list(level.read(solver).widths.values()), round(solver.objective_value)


def prefix_values(spaces: Sequence[str], norms: Sequence[Array]) -> tuple[Term, ...]:
    """Return what widths are worth: the norms of all kernels that they keep."""
    first, *blocks = norms
    terms = [Term(_prefix(np.cumsum(first)), (spaces[0],))]
    for place, (depthwise, pointwise) in enumerate(zip(blocks[::2], blocks[1::2], strict=True)):
        terms.append(Term(_prefix(np.cumsum(depthwise)), (spaces[place],)))
        terms.append(Term(_prefix(pointwise.cumsum(0).cumsum(1)), (spaces[place], spaces[place + 1])))
    return tuple(terms)


def _prefix(sums: Array) -> Callable[..., int]:
    return lambda *widths: int(sums[tuple(width - 1 for width in widths)])


def by_kernels(problem: Problem, norms: Sequence[Array], name: str) -> str:
    """Return what a solver finds for REDS' program: a boolean per filter and per kernel, tied by big-M constraints.

    Source: ortools_knapsack_solver_ds_cnn in utils/knapsack.py of FraCorti/REDS, with real MACs.
    """
    from ortools.linear_solver import pywraplp

    solver = pywraplp.Solver.CreateSolver(name)
    solver.SetTimeLimit(1000 * ILP_SECONDS)
    first, *blocks = norms
    count = len(first)
    macs = [
        op_def(n.op).macs(n) // n.operand(1).type.shape[0 if n.op != "DEPTHWISE_CONV_2D" else 3]
        for n in problem.graph.nodes
        if op_def(n.op).macs(n)
    ]
    filters = [solver.BoolVar("") for _ in range(count)]
    value, cost = _weighted(solver, first, filters), macs[0] * solver.Sum(filters)
    widths = [_width(solver, filters)]
    for place, (depthwise, pointwise) in enumerate(zip(blocks[::2], blocks[1::2], strict=True)):
        channels, filters = ([solver.BoolVar("") for _ in range(count)] for _ in range(2))
        kernels = [[solver.BoolVar("") for _ in range(count)] for _ in range(count)]
        solver.Add(solver.Sum(channels) == widths[-1])
        for number, (chosen, row_of) in enumerate(zip(filters, kernels, strict=True)):
            taken = solver.Sum(row_of)
            if number:
                solver.Add(filters[number - 1] >= chosen)
            for kernel in row_of:
                solver.Add(kernel <= chosen)
            solver.Add(chosen <= taken)
            solver.Add(taken <= widths[-1])
            solver.Add(taken >= widths[-1] - count * (1 - chosen))
        everything = [kernel for row_of in kernels for kernel in row_of]
        value += _weighted(solver, depthwise, channels) + _weighted(solver, pointwise.T.reshape(-1), everything)
        cost += macs[1 + 2 * place] * solver.Sum(channels) + macs[2 + 2 * place] // count * solver.Sum(everything)
        widths.append(_width(solver, filters))
    cost += macs[-1] * 10 // count * widths[-1]
    solver.Add(cost <= problem.requests[0].ceiling_macs)
    solver.Maximize(value)
    if solver.Solve() not in (pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE):
        return "nothing found"
    found = [round(width.solution_value()) for width in widths]
    kept = evaluate(prefix_values(list(problem.full), norms), dict(zip(problem.full, found, strict=True)), ())
    claimed, bound = round(solver.Objective().Value()), round(solver.Objective().BestBound())
    return f"value {claimed:,}, kept {kept:,}, bound {bound:,} {found}"


def _weighted(solver: Any, scores: Array, chosen: Sequence[Any]) -> Any:
    return solver.Sum([int(score) * item for score, item in zip(scores, chosen, strict=True)])


def _width(solver: Any, filters: Sequence[Any]) -> Any:
    width = solver.IntVar(1, len(filters), "")
    solver.Add(width == solver.Sum(filters))
    return width


if __name__ == "__main__":
    main()
