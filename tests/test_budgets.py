from __future__ import annotations

import pytest

from redsc.budgets import Budgets, Source
from redsc.choices import FlashCache, Kernels, Resident
from redsc.errors import UsageError


def test_budgets_keep_how_ram_was_written() -> None:
    budgets = Budgets.parse("200KB", "1MiB", "2.5M", "one")
    assert budgets == Budgets(200_000, 1_048_576, 2_500_000, Resident.ONE, "200KB", "1MiB")
    assert Budgets.parse() == Budgets()


def test_a_wrong_way_to_be_resident_suggests_one() -> None:
    with pytest.raises(UsageError) as caught:
        Budgets.parse(resident="on")
    assert caught.value.diagnostic.hint == "did you mean one?"


def test_a_target_gives_what_no_flag_does() -> None:
    budgets = Budgets.parse(target="nano33ble")
    assert (budgets.ram_bytes, budgets.flash_bytes) == (262_144, 983_040)
    assert budgets.kernels is Kernels.CMSIS_NN
    assert budgets.sources == {
        "ram_bytes": Source.TARGET,
        "flash_bytes": Source.TARGET,
        "kernels": Source.TARGET,
        "cache": Source.DEFAULT,
    }
    assert budgets.ram_text == "of nano33ble"


def test_a_flag_is_stronger_than_the_target_also_where_it_says_the_default() -> None:
    budgets = Budgets.parse(ram="100KB", kernels="safe", target="nano33ble")
    assert (budgets.ram_bytes, budgets.ram_text, budgets.flash_bytes) == (100_000, "100KB", 983_040)
    assert budgets.kernels is Kernels.SAFE
    assert budgets.sources["ram_bytes"] is budgets.sources["kernels"] is Source.FLAG
    assert budgets.sources["flash_bytes"] is Source.TARGET


def test_the_c_engine_takes_the_cache_and_no_kernels() -> None:
    budgets = Budgets.parse(backend="c", target="pico")
    assert (budgets.kernels, budgets.cache) == (Kernels.ENGINE, FlashCache.RP2040)
    assert budgets.sources["cache"] is Source.TARGET
    assert Budgets.parse(backend="c", cache="none", target="pico").cache is FlashCache.NONE
    assert Budgets.parse(target="pico").cache is FlashCache.NONE
    with pytest.raises(UsageError, match="U220"):
        Budgets.parse(cache="rp2040", target="pico")


def test_of_kernels_that_are_not_tflms_nothing_is_assumed() -> None:
    for name in ("esp32-s3", "nucleo-h7a3zi-q/x-cube-ai"):
        budgets = Budgets.parse(target=name)
        assert budgets.kernels is Kernels.SAFE
        assert budgets.sources["kernels"] is Source.DEFAULT


def test_a_target_without_memory_bounds_nothing() -> None:
    budgets = Budgets.parse(target="cortex-m4-cmsis-nn")
    assert budgets.ram_bytes is budgets.flash_bytes is None
    assert budgets.sources["ram_bytes"] is Source.DEFAULT
