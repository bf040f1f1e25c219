"""Images handed to the workers of Dask, on this machine or on a cluster that shares its disk."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack, contextmanager
from typing import Any

from handbone.core.errors import HandboneError
from handbone.core.progress import console
from handbone.networks import runtime
from handbone.workflows.pool import hand_out
from handbone.workflows.tasks import Item, Result, Task

_LOCAL = "local:"
_AHEAD = 2  # images a thread, so that none waits for the next


def check_address(address: str) -> None:
    """Refuse what is no cluster, before any work.

    Raises
    ------
    HandboneError: neither `local:N` nor a scheduler's address, or Dask is not installed.
    """
    local = address.removeprefix(_LOCAL)
    if not ("://" in address or (local != address and local.isdecimal() and int(local) > 0)):
        remedy = "write local:8 for eight workers here, or a scheduler's address such as tcp://scheduler:8786"
        raise HandboneError(f"{address!r} is no cluster", where="--cluster", remedy=remedy)
    try:
        import distributed  # noqa: F401
    except ImportError:
        remedy = 'pip install "handbone[cluster]"'
        raise HandboneError("Dask is not installed", where="--cluster", remedy=remedy) from None


def on_cluster(task: Task[Item, Result], items: Iterable[Item], *, address: str) -> Iterator[Result]:
    """The result of each item on a cluster, whose workers may come and go meanwhile.

    Raises
    ------
    HandboneError: nothing answers at the address, or the cluster was lost.
    """
    with _connected(address) as place:
        try:
            yield from hand_out(task, items, [place])
        except CancelledError:
            raise HandboneError("the cluster was lost", where=address, remedy="run the same command again") from None


class _Cluster:
    """A cluster as a place. Dask itself tries an image again whose worker died."""

    patience = 0

    def __init__(self, client: Any):
        from distributed.scheduler import KilledWorker

        self.lost: tuple[type[BaseException], ...] = (KilledWorker,)
        self._client, self._executor = client, client.get_executor(pure=False)

    def room(self) -> int:
        return _AHEAD * max(1, sum(self._client.nthreads().values()))

    def submit(self, work: Callable[..., Result], *arguments: Any) -> "Future[Result]":
        future: Future[Result] = self._executor.submit(work, *arguments)
        return future

    def renew(self) -> None:
        """Nothing to do: the cluster does."""


@contextmanager
def _connected(address: str) -> Iterator[_Cluster]:
    import dask
    from distributed import Client, LocalCluster

    with ExitStack() as stack:
        if address.startswith(_LOCAL):
            count = int(address.removeprefix(_LOCAL))
            threads = str(max(1, runtime.cores() // count))
            names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
            environment = {f"distributed.nanny.pre-spawn-environ.{name}": threads for name in names}
            stack.enter_context(dask.config.set(environment))
            cluster = LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=":0")
            place: Any = stack.enter_context(cluster)
        else:
            place = address
        try:
            client = stack.enter_context(Client(place))
        except OSError as error:
            remedy = "check the address, and that the scheduler runs"
            raise HandboneError(f"no cluster answers ({error})", where=address, remedy=remedy) from None
        console.print(f"Dashboard: {client.dashboard_link}", markup=False, highlight=False, soft_wrap=True)
        yield _Cluster(client)
