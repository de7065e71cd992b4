"""The points of a sweep on the cores of this machine, in processes of their own."""

from __future__ import annotations

import pickle
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from redsc.errors import ExecutorError
from redsc.sweep.bundle import Bundle
from redsc.sweep.grid import Point
from redsc.sweep.point import Shared, share, solve

__all__ = ["Work", "run_local"]

Work = tuple[Bundle, Mapping[str, Point]]
"""A model, and by address the points of it that are to be computed."""


def run_local(work: list[Work], jobs: int) -> Iterator[tuple[str, bytes]]:
    """Yield the points by address, in the order in which `jobs` processes finish them.

    1. Every model is prepared once, by one process; what came of it lies in a file that the others read.
    2. Who stops listening stops the processes; when this one is killed they end too.

    Raises:
        RedscError: what a process met with.
        ExecutorError: a process was killed.
    """
    others = set(active_children())
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_follow_parent)
    with TemporaryDirectory(prefix="redsc-sweep-") as folder:
        try:
            yield from _results(pool, work, Path(folder))
        except BrokenProcessPool as error:
            hint = "finished points are kept; fewer --jobs take less memory"
            raise ExecutorError("a process of the sweep was killed", code="M307", hint=hint) from error
        except BaseException:
            for child in set(active_children()) - others:
                child.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _results(pool: ProcessPoolExecutor, work: list[Work], folder: Path) -> Iterator[tuple[str, bytes]]:
    files = [folder / str(number) for number in range(len(work))]
    preparing: dict[Future[None], int] = {
        pool.submit(_prepare, bundle, file): number
        for number, ((bundle, _), file) in enumerate(zip(work, files, strict=True))
    }
    solving: dict[Future[bytes], str] = {}
    while preparing or solving:
        pending: list[Future[Any]] = [*preparing, *solving]
        finished = wait(pending, return_when=FIRST_COMPLETED).done
        for future in finished & solving.keys():
            yield solving.pop(future), future.result()
        for future in finished & preparing.keys():
            number = preparing.pop(future)
            future.result()
            for key, point in work[number][1].items():
                solving[pool.submit(_solve, files[number], point)] = key


def _prepare(bundle: Bundle, file: Path) -> None:
    file.write_bytes(pickle.dumps(share(bundle)))


def _solve(file: Path, point: Point) -> bytes:
    return solve(_shared(file), point)


@lru_cache(maxsize=1)
def _shared(file: Path) -> Shared:
    shared: Shared = pickle.loads(file.read_bytes())
    return shared


def _follow_parent() -> None:
    """Leave interrupts to the parent, and end when it does, even if it was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    signal.raise_signal(signal.SIGTERM)
