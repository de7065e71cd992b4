from __future__ import annotations

import os
from pathlib import Path

import pytest

from redsc.codegen.files import write_files
from redsc.errors import OutputError


def test_files_are_written_into_a_new_directory(tmp_path: Path) -> None:
    write_files(tmp_path / "a" / "b", {"x.h": b"one", "x.c": b"two"})
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["x.c", "x.h"]


def test_an_equal_file_is_not_touched(tmp_path: Path) -> None:
    write_files(tmp_path, {"x": b"same", "y": b"old"})
    os.utime(tmp_path / "x", ns=(1, 1))
    write_files(tmp_path, {"x": b"same", "y": b"new"})
    assert (tmp_path / "x").stat().st_mtime_ns == 1
    assert (tmp_path / "y").read_bytes() == b"new"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path, {"x": b"old"})

    def refuse(_source: object, _target: object) -> None:
        raise OSError(28, "No space left on device", "x")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError, match="No space left") as caught:
        write_files(tmp_path, {"x": b"new"})
    assert caught.value.exit_code == 7
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_bytes() == b"old"


def test_a_file_in_the_way_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(OutputError):
        write_files(tmp_path / "out", {"x": b""})


def test_files_get_the_permissions_of_the_umask(tmp_path: Path) -> None:
    write_files(tmp_path, {"x": b""})
    (tmp_path / "y").touch()
    assert (tmp_path / "x").stat().st_mode == (tmp_path / "y").stat().st_mode
