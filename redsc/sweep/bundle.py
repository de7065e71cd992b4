"""What the points of a model are computed from, as one value that can go to another machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from redsc.codegen.files import write_files
from redsc.errors import UsageError
from redsc.files import read_file
from redsc.formats import load_model
from redsc.formats.onnx.load.external import external_files
from redsc.limits import DEFAULT_LIMITS
from redsc.options import Options
from redsc.store import Store
from redsc.sweep.grid import Point

__all__ = ["Bundle"]

_NAME = "{name}"  # in a path of data: the model's name without suffix
_WHEN_PREPARED = ("eval", "ratios")  # the folders of files that are read after a model was prepared


@dataclass(frozen=True, slots=True)
class Bundle:
    """A model and options, with the bytes of the files that both name.

    Paths are those inside the bundle: `model` is one of `files`. `digest` is the address of all of it.
    """

    label: str
    sha256: str
    model: str
    options: Options
    files: Mapping[str, bytes]
    digest: str

    @staticmethod
    def of(path: Path, options: Options, label: str) -> Bundle:
        """Return the bundle of a model file; `{name}` in paths of the options stands for its name.

        Raises:
            RedscError: the model cannot be read or is not supported, or a file of data cannot be read.
        """
        read = (dict(options.shapes), options.states, options.signature, options.recurrent)
        model = load_model(path, DEFAULT_LIMITS, *read)
        weights = external_files(model.source, path.parent) if model.format == "onnx" else ()
        found = {f"model/{file.relative_to(path.parent).as_posix()}": file.read_bytes() for file in weights}
        found[f"model/{path.name}"] = model.source
        inside = dict[str, Path]()
        for folder, given in _paths(options).items():
            given = Path(str(given).replace(_NAME, path.stem))
            inside[folder] = Path(folder, given.name)
            found[inside[folder].as_posix()] = _bytes_of(given)
        options = _with_paths(replace(options, uses_cache=True), inside)
        parts = [part for name in sorted(found) for part in (name, found[name])]
        digest = Store.key("bundle of a sweep", label, repr(options), *parts)
        return Bundle(label, model.sha256, f"model/{path.name}", options, found, digest)

    def key(self, point: Point) -> str:
        """Return the address of a point: of everything that it depends on."""
        return Store.key("point of a sweep", self.digest, point.ram, point.selector)

    def prepared(self) -> Bundle:
        """Return what is still needed when the model was prepared."""
        files = {name: data for name, data in self.files.items() if name.split("/")[0] in _WHEN_PREPARED}
        return replace(self, files=files)

    @contextmanager
    def unpacked(self) -> Iterator[tuple[Path, Options]]:
        """Give the path of the model and the options, with the files where these say, as long as the context is."""
        with TemporaryDirectory(prefix="redsc-sweep-") as folder:
            write_files(Path(folder), self.files)
            paths = {name: Path(folder) / path for name, path in _paths(self.options).items()}
            yield Path(folder) / self.model, _with_paths(self.options, paths)


def _paths(options: Options) -> dict[str, Path]:
    """Return the files that options name, by the folder that they have in a bundle."""
    given = {"data": options.data, "eval": options.evaluation, "ratios": options.searching.ratios}
    return {folder: path for folder, path in given.items() if path is not None}


def _with_paths(options: Options, paths: Mapping[str, Path]) -> Options:
    searching = replace(options.searching, ratios=paths.get("ratios"))
    return replace(options, data=paths.get("data"), evaluation=paths.get("eval"), searching=searching)


def _bytes_of(path: Path) -> bytes:
    try:
        return read_file(path, DEFAULT_LIMITS.data_bytes)
    except OSError as error:
        message = f"cannot read {path}: {error.strerror}"
        raise UsageError(message, code="U241", hint=f"{_NAME} in a path is the model's name") from error
