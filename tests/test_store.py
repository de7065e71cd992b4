from __future__ import annotations

import math
import os
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.store import Store, default_folder

PARTS = st.lists(st.binary(max_size=4) | st.text(max_size=4) | st.integers(0, 9) | st.floats(0, 1) | st.none())
HAMMER = """
import sys
from pathlib import Path
from redsc.store import Store
store, wrong = Store(Path(sys.argv[1]), 4000), 0
for turn in range(150):
    number = turn % 7
    key, data = Store.key("k", number), bytes([number]) * 900
    store.put(key, data)
    wrong += store.get(key) not in (data, None)
print(wrong)
"""


def _bits(numbers: dict[str, float]) -> dict[str, bytes]:
    return {name: struct.pack("d", number) for name, number in numbers.items()}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def test_what_was_put_comes_back(tmp_path: Path) -> None:
    store = Store(tmp_path / "made" / "on demand")
    key = store.key("kind", b"part")
    assert store.get(key) is None
    store.put(key, b"data")
    assert store.get(key) == b"data"
    store.put(key, b"")
    assert store.get(key) == b""


@given(PARTS, PARTS)
def test_keys_differ_where_the_parts_do(left: list[bytes], right: list[bytes]) -> None:
    same = [type(item) for item in left] == [type(item) for item in right] and left == right
    assert (Store.key("k", *left) == Store.key("k", *right)) == same


def test_a_key_knows_where_a_part_ends_and_of_what_kind_it_is() -> None:
    keys = [
        Store.key("kind", b"ab", b"c"),
        Store.key("kind", b"a", b"bc"),
        Store.key("kind", b"abc"),
        Store.key("kind", "abc"),
        Store.key("kinda", b"bc"),
        Store.key("kind", 1),
        Store.key("kind", 1.0),
        Store.key("kind", "1"),
    ]
    assert len(set(keys)) == len(keys)


def test_another_version_has_other_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Store.key("kind", b"part")
    monkeypatch.setattr("redsc.store.__version__", "0.0.0")
    assert Store.key("kind", b"part") != before


@given(st.dictionaries(st.text(), st.floats(allow_nan=False)))
def test_floats_come_back_bit_for_bit(tmp_path_factory: pytest.TempPathFactory, numbers: dict[str, float]) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    key = store.key("floats")
    store.put_floats(key, numbers)
    found = store.get_floats(key)
    assert found is not None
    assert _bits(found) == _bits(numbers)


def test_nan_comes_back_as_nan(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put_floats(store.key("k"), {"a": math.nan})
    found = store.get_floats(store.key("k"))
    assert found is not None
    assert math.isnan(found["a"])


@pytest.mark.parametrize("data", [b"", b"no json", b"[1.0]", b'{"a": "b"}', b'{"a": 1}', b"\xff", b"[" * 100_000])
def test_entries_that_are_no_floats_are_misses(tmp_path: Path, data: bytes) -> None:
    store = Store(tmp_path)
    store.put(store.key("k"), data)
    assert store.get(store.key("k")) == data
    assert store.get_floats(store.key("k")) is None


def test_every_damaged_byte_and_every_cut_is_a_miss(tmp_path: Path) -> None:
    store = Store(tmp_path)
    key = store.key("k")
    store.put(key, b"a result")
    (path,) = _files(tmp_path)
    whole = path.read_bytes()
    for index in range(len(whole)):
        path.write_bytes(whole[:index] + bytes([whole[index] ^ 1]) + whole[index + 1 :])
        assert store.get(key) is None
        path.write_bytes(whole[:index])
        assert store.get(key) is None
    path.write_bytes(whole)
    assert store.get(key) == b"a result"


def test_a_folder_in_place_of_an_entry_is_a_miss(tmp_path: Path) -> None:
    store = Store(tmp_path)
    key = store.key("k")
    store.put(key, b"a result")
    (path,) = _files(tmp_path)
    path.unlink()
    path.mkdir()
    store.put(key, b"a result")
    assert store.get(key) is None
    assert _files(tmp_path) == []


def test_where_nothing_can_be_written_there_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for store in (Store(tmp_path / "file"), Store(tmp_path / "file" / "below"), Store(None)):
        store.put(store.key("k"), b"data")
        assert store.get(store.key("k")) is None


@pytest.mark.parametrize("key", ["../outside", "", "k", "A" * 64, "a" * 64 + "/x"])
def test_what_is_no_key_reaches_no_path(tmp_path: Path, key: str) -> None:
    store = Store(tmp_path / "store")
    store.put(key, b"data")
    assert store.get(key) is None
    assert list(tmp_path.iterdir()) == []


def test_what_nobody_asked_for_the_longest_makes_room(tmp_path: Path) -> None:
    store = Store(tmp_path, limit_bytes=3 * (100 + 32))
    keys = [store.key("k", number) for number in range(4)]
    for number, key in enumerate(keys[:3]):
        store.put(key, bytes(100))
        os.utime(tmp_path / f"{key}.redsc-entry", (number, number))
    assert store.get(keys[0]) is not None
    store.put(keys[3], bytes(100))
    assert [store.get(key) is not None for key in keys] == [True, False, True, True]


def test_the_folder_stays_within_its_limit_and_foreign_files_stay(tmp_path: Path) -> None:
    foreign = tmp_path / "thesis.txt"
    foreign.write_bytes(bytes(5000))
    os.utime(foreign, (0, 0))
    store = Store(tmp_path, limit_bytes=1000)
    for number in range(20):
        store.put(store.key("k", number), bytes(50 * number))
        sizes = [path.stat().st_size for path in _files(tmp_path) if path != foreign]
        assert sum(sizes) <= 1000
    assert foreign.stat().st_size == 5000
    assert store.get(store.key("k", 19)) == bytes(950)


def test_an_entry_beyond_the_limit_is_not_written_and_drives_nothing_out(tmp_path: Path) -> None:
    store = Store(tmp_path, limit_bytes=200)
    store.put(store.key("small"), b"data")
    store.put(store.key("large"), bytes(200))
    assert store.get(store.key("small")) == b"data"
    assert store.get(store.key("large")) is None


def test_unfinished_files_of_a_crash_make_room_as_well(tmp_path: Path) -> None:
    left = tmp_path / "x.redsc-unfinished"
    left.write_bytes(bytes(500))
    os.utime(left, (0, 0))
    store = Store(tmp_path, limit_bytes=400)
    store.put(store.key("k"), b"data")
    assert not left.exists()
    assert store.get(store.key("k")) == b"data"


def test_many_processes_share_a_folder(tmp_path: Path) -> None:
    """Seven entries fight for room for four: readers see a whole entry or none, and nobody fails."""
    command = [sys.executable, "-c", HAMMER, str(tmp_path)]
    with ThreadPoolExecutor() as pool:
        done = list(
            pool.map(lambda _: subprocess.run(command, capture_output=True, text=True, check=True), range(3))
        )
    assert [item.stdout.strip() for item in done] == ["0"] * 3
    assert sum(path.stat().st_size for path in _files(tmp_path)) <= 4000
    assert not [path for path in _files(tmp_path) if path.suffix != ".redsc-entry"]


def test_the_default_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("REDSC_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert default_folder() == tmp_path / "home" / ".cache" / "redsc"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_folder() == tmp_path / "home" / ".cache" / "redsc"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_folder() == tmp_path / "xdg" / "redsc"
    monkeypatch.setenv("REDSC_CACHE", str(tmp_path / "own"))
    assert Store.default().folder == tmp_path / "own"
    monkeypatch.setenv("REDSC_CACHE", "")
    assert Store.default().folder is None
