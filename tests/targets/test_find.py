from __future__ import annotations

from pathlib import Path

import pytest

import redsc.targets
from redsc.choices import FlashCache
from redsc.cost.cache import CACHES
from redsc.errors import UsageError
from redsc.ir import OPS
from redsc.targets import Evidence, builtin_tables, builtin_targets, find_target, tables_of

BOARDS = ("nano33ble", "pico", "nrf5340dk", "esp32-s3", "disco-f746ng")
NUCLEOS = ("nucleo-l4r5zi", "nucleo-f446re", "nucleo-h7a3zi-q", "nucleo-u575zi-q", "nucleo-g0b1re")


@pytest.mark.parametrize("name", [*BOARDS, *NUCLEOS])
def test_a_board_has_memory_and_says_what_it_is(name: str) -> None:
    target = find_target(name)
    assert target.name == name
    assert target.ram_bytes is not None
    assert target.flash_bytes is not None
    assert 1 << 17 <= target.ram_bytes <= 1 << 21
    assert target.ram_bytes < target.flash_bytes
    assert target.ram_is
    assert target.source
    assert target.files == ()


def test_the_nano_has_what_its_linker_gives() -> None:
    target = find_target("nano33ble")
    assert (target.ram_bytes, target.flash_bytes) == (262_144, 983_040)
    assert (target.core, target.megahertz, target.library) == ("cortex-m4", 64, "cmsis-nn")


def test_no_table_is_for_nobody_and_all_boards_of_tables_exist() -> None:
    cores = {target.core for target in builtin_targets().values()}
    pairs = [(table.core, table.library) for table in builtin_tables()]
    assert len(set(pairs)) == len(pairs)
    for table in builtin_tables():
        assert table.core in cores
        assert table.board is None or builtin_targets()[table.board].core == table.core
        assert table.source
        assert (table.error_percent is None) == (table.evidence is Evidence.UNMEASURED)
        assert table.board is not None or table.femtojoules is None
        assert (table.femtojoules is None) == (table.energy_error_percent is None)
        for rates in (table.millicycles, table.femtojoules or {}):
            assert set(rates) <= {*OPS, "other"}
            assert all(rate > 0 for row in rates.values() for rate in row.values())


def test_tables_are_where_their_names_say() -> None:
    names = {path.stem for path in (Path(redsc.targets.__file__).parent / "tables").iterdir()}
    assert names == {f"{table.core}-{table.library}" for table in builtin_tables()}


def test_a_cortex_m55_is_marked_unmeasured() -> None:
    (table,) = tables_of(find_target("cortex-m55"))
    assert table.evidence is Evidence.UNMEASURED


def test_caches_are_those_that_are_simulated() -> None:
    assert {item.value for item in FlashCache} == {"none", *CACHES}
    assert find_target("pico").cache is FlashCache.RP2040


def test_the_table_that_was_a_target_still_is_one_without_memory() -> None:
    target = find_target("cortex-m4-cmsis-nn")
    assert (target.ram_bytes, target.flash_bytes, target.megahertz) == (None, None, 120)


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        find_target("nano33bel")
    assert caught.value.diagnostic.code == "U230"
    assert caught.value.diagnostic.hint == "did you mean nano33ble?"
    with pytest.raises(UsageError) as caught:
        find_target("toaster")
    assert "redsc targets" in str(caught.value)


def test_a_library_behind_the_name_replaces_the_targets() -> None:
    assert find_target("nucleo-h7a3zi-q/x-cube-ai").library == "x-cube-ai"
    with pytest.raises(UsageError) as caught:
        find_target("nucleo-h7a3zi-q/x-cube")
    assert caught.value.diagnostic.code == "U230"
    assert caught.value.diagnostic.hint == "did you mean x-cube-ai?"
    with pytest.raises(UsageError, match="nothing is known"):
        find_target("esp32-s3/tvm")


def test_the_page_names_every_target_and_every_error() -> None:
    page = (Path(redsc.__file__).parents[1] / "docs" / "targets.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(): line for line in page.splitlines() if line.startswith("| ")}
    for target in builtin_targets().values():
        assert f"| {target.core} | {target.megahertz} |" in rows[f"`{target.name}`"]
    for table in builtin_tables():
        if table.evidence is not Evidence.UNMEASURED:
            row = rows[f"{table.core}-{table.library}"]
            assert f"{table.error_percent:.1f} %" in row
            assert table.energy_error_percent is None or f"| {table.energy_error_percent:.1f} % |" in row
