"""`--cache`: fewer line fills, the same answers, and no more RAM than was allowed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from redsc.budgets import Budgets
from redsc.compile import Artefact, compile_model
from redsc.cost.cache import CACHES
from redsc.errors import UsageError
from redsc.formats import write_tflite
from redsc.ir import Graph
from redsc.options import Options
from redsc.report.terminal import print_report
from tests.helpers import NetBuilder


def late_and_large() -> Graph:
    """Return a network whose weights are large where its images are small."""
    net = NetBuilder()
    x = net.conv(net.input(1, 24, 24, 8), 32, stride_h=4, stride_w=4)
    x = net.conv(net.conv(x, 40), 24, 1)
    return net.outputs(net.dense(x, 10))


def all_over() -> Graph:
    """Return a network whose arena is least where results lie over operands."""
    net = NetBuilder()
    x = net.input(1, 12, 12, 72)
    return net.outputs(net.conv(net.conv(x, 72, 1), 72, 1))


def compiled(folder: Path, graph: Graph, cache: str, ram: str | None = None) -> Artefact:
    (folder / "net.tflite").write_bytes(write_tflite(graph))
    budgets = Budgets.parse(backend="c", cache=cache, ram=ram)
    return compile_model(folder / "net.tflite", Options(budgets=budgets, levels=("100", "50")))


def arenas(made: Artefact) -> list[int]:
    return [level.arena.head_bytes for level in made.report.levels]


@pytest.mark.parametrize("name", ["stm32f7", "rp2040"])
def test_levels_fill_fewer_lines_in_the_same_arena(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, made = (compiled(tmp_path, late_and_large(), cache) for cache in ("none", name))
    report = made.report.cache
    assert plain.report.cache is None
    assert report is not None
    assert (report.name, report.line_bytes) == (name, CACHES[name].line_bytes)
    assert [row.level for row in report.levels] == ["100", "50"]
    first = report.levels[0]
    assert first.lines <= first.fills < 0.7 * first.fills_before
    assert first.saved_cycles > 0
    assert not first.without_room
    assert arenas(made) <= arenas(plain)
    for block in first.blocks.values():
        assert f".block_channels = {block}" in made.files["net.c"].decode()
    assert "block_channels" not in plain.files["net.c"].decode()
    engine = [row for row in made.report.verification if "C engine" in row.oracle]
    assert [row.result for row in engine] == ["equal bit for bit"] * 2
    assert json.loads(made.files["net.report.json"])["cache"]["levels"][0]["fills"] == first.fills
    print_report(made.report)
    line = f"cache   {name}: {first.fills:,} line fills at level 100 (was {first.fills_before:,})\n"
    assert line in capsys.readouterr().out


def test_an_arena_grows_up_to_the_budget_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, kept = (compiled(tmp_path, all_over(), cache) for cache in ("none", "stm32f7"))
    assert arenas(kept) == arenas(plain)
    assert kept.report.cache is not None
    first = kept.report.cache.levels[0]
    assert (first.fills, dict(first.blocks), first.without_room) == (first.fills_before, {}, 2)
    print_report(kept.report)
    assert f"{first.fills:,} line fills at level 100; layers without RAM for blocks: 2\n" in capsys.readouterr().out
    fills = [first.fills]
    for ram in (plain.report.arena.resident_all_bytes, 30_000):
        made = compiled(tmp_path, all_over(), "stm32f7", str(ram))
        assert made.report.arena.resident_all_bytes <= ram
        assert made.report.cache is not None
        fills.append(made.report.cache.levels[0].fills)
    assert fills[0] == fills[1] > 2 * fills[2]


def test_what_has_no_blocks_is_as_without_a_cache(tmp_path: Path) -> None:
    plain, made = (compiled(tmp_path, late_and_large(), cache) for cache in ("none", "esp32-s3"))
    report = made.report.cache
    assert report is not None
    assert all(row.fills == row.fills_before and not row.blocks for row in report.levels)
    assert [made.files[name] for name in ("net.c", "net.h")] == [plain.files[name] for name in ("net.c", "net.h")]


def test_a_cache_is_for_the_c_engine() -> None:
    with pytest.raises(UsageError, match="--cache rp2040 means nothing to --backend tflm"):
        Budgets.parse(cache="rp2040")
    with pytest.raises(UsageError, match="--cache rp2041: write none, rp2040"):
        Budgets.parse(cache="rp2041", backend="c")
