"""The points of a sweep on a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from redsc.errors import ExecutorError, UsageError
from redsc.sweep.local import Work
from redsc.sweep.point import share, solve
from redsc.version import __version__

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["require_distributed", "run_on_cluster"]

_CODE = "U242"
_CONNECT_SECONDS = 10


def require_distributed() -> Any:
    """Return the package `distributed`.

    Raises:
        UsageError: it is not there.
    """
    try:
        import distributed
    except ImportError as error:
        raise UsageError("a cluster needs Dask", code=_CODE, hint="pip install 'redsc[cluster]'") from error
    return distributed


def run_on_cluster(work: list[Work], address: str) -> Iterator[tuple[str, bytes]]:
    """Yield the points by address, in the order in which the workers of a scheduler finish them.

    1. A model and its data travel as bytes, once; what came of preparing it stays with the workers.
    2. What a worker had when it was lost is computed again by another one.
    3. Who stops listening cancels the rest.

    Raises:
        UsageError: nobody answers at the address, or the workers have another version of redsc.
        RedscError: what a worker met with.
        ExecutorError: workers were lost again and again, or the scheduler was.
    """
    distributed = require_distributed()
    try:
        client = distributed.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        hint = "`dask scheduler` prints its address, like tcp://192.168.1.2:8786"
        raise UsageError(f"no scheduler answers at {address}", code=_CODE, hint=hint) from error
    with client:
        _check_workers(client)
        points = dict[Any, str]()
        for bundle, own in work:
            shared = client.submit(share, bundle, pure=False)
            points |= {client.submit(solve, shared, point, pure=False): key for key, point in own.items()}
        try:
            for future, found in distributed.as_completed(points, loop=client.loop, with_results=True):
                yield points.pop(future), found  # nobody holds it any more: were its worker lost, it is not missed
        except (distributed.KilledWorker, distributed.CancelledError, OSError) as error:
            message, hint = "the cluster lost a point", "finished points are kept; the workers' logs say more"
            raise ExecutorError(message, code="M307", evidence=[str(error)], hint=hint) from error
        finally:
            client.cancel(list(points))


def _check_workers(client: Client) -> None:
    """Check that the workers there are run this very redsc."""
    try:
        versions = set(client.run(_version).values())
    except Exception as error:
        hint = "install redsc on every worker"
        raise UsageError("workers cannot run redsc", code=_CODE, evidence=[str(error)], hint=hint) from error
    if others := versions - {__version__}:
        found = ", ".join(sorted(others))
        hint = f"install redsc {__version__} on every worker"
        raise UsageError(f"workers have redsc {found}, this is {__version__}", code=_CODE, hint=hint)


def _version() -> str:
    return __version__
