"""Who works on images: this process, several of this machine, or a cluster."""

from functools import partial

from handbone.core.errors import HandboneError
from handbone.workflows.tasks import Crew, here


def crew_of(workers: int, cluster: str | None) -> Crew:
    """The crew that `--workers` and `--cluster` ask for.

    Raises
    ------
    HandboneError: both are asked for, what is no cluster, or one without Dask.
    """
    if cluster is None and workers == 1:
        return here
    if cluster is None:
        from handbone.workflows.local_processes import in_processes

        return partial(in_processes, count=workers)
    if workers > 1:
        remedy = f"write --cluster local:{workers}, or --workers {workers} alone"
        raise HandboneError("a cluster has its own workers", where="--workers", remedy=remedy)
    from handbone.workflows.cluster import check_address, on_cluster

    check_address(cluster)
    return partial(on_cluster, address=cluster)
