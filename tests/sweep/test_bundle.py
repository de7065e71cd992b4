from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from redsc.errors import ModelError, UsageError
from redsc.options import Options
from redsc.sweep.bundle import Bundle
from redsc.sweep.grid import Point

POINT = Point("20KB", "joint")


def test_a_point_is_addressed_by_all_that_it_depends_on(models: list[Path]) -> None:
    data = models[0].parent / "data" / "small.npz"
    options = Options(levels=("50",), data=data)
    first = Bundle.of(models[0], options, "small").key(POINT)
    others = [
        Bundle.of(models[1], Options(levels=("50",)), "small").key(POINT),
        Bundle.of(models[0], replace(options, levels=("75",)), "small").key(POINT),
        Bundle.of(models[0], replace(options, data=None), "small").key(POINT),
        Bundle.of(models[0], replace(options, evaluation=data), "small").key(POINT),
        Bundle.of(models[0], options, "small").key(Point("21KB", "joint")),
        Bundle.of(models[0], options, "small").key(Point("20KB", "uniform")),
    ]
    assert len({first, *others}) == 7
    assert Bundle.of(models[0], options, "small").key(POINT) == first


def test_a_point_does_not_depend_on_where_files_lie(models: list[Path], tmp_path: Path) -> None:
    data = models[0].parent / "data" / "small.npz"
    first = Bundle.of(models[0], Options(data=data), "small")
    (tmp_path / "else").mkdir()
    copies = [Path((tmp_path / "else" / path.name).as_posix()) for path in (models[0], data)]
    for copy, path in zip(copies, (models[0], data), strict=True):
        copy.write_bytes(path.read_bytes())
    second = Bundle.of(copies[0], Options(data=copies[1], uses_cache=False), "small")
    assert second == first


def test_a_bundle_brings_its_files(models: list[Path]) -> None:
    pattern = models[0].parent / "data" / "{name}.npz"
    bundle = pickle.loads(pickle.dumps(Bundle.of(models[1], Options(data=pattern, evaluation=pattern), "residual")))
    with bundle.unpacked() as (path, options):
        assert path.read_bytes() == models[1].read_bytes()
        assert options.data.read_bytes() == (pattern.parent / "residual.npz").read_bytes()
        assert options.evaluation != options.data
        assert options.evaluation.is_file()
    assert not path.exists()
    assert [name.split("/")[0] for name in bundle.prepared().files] == ["eval"]


def test_what_cannot_be_read_is_refused(models: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*there-is-none\.npz"):
        Bundle.of(models[0], Options(data=tmp_path / "there-is-none.npz"), "small")
    with pytest.raises(ModelError, match="cannot read"):
        Bundle.of(tmp_path / "none.tflite", Options(), "none")
