"""`handbone serve`: the web page and the API, for this machine alone unless somebody asks for more."""

import secrets
import socket
import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

_LOCAL = ("127.0.0.1", "localhost")


def serve(
    weights: Annotated[
        str, typer.Option("--weights", "-w", metavar="NAME_OR_RUN", help="Weights by name, a run, or a file.")
    ] = "zero_shot",
    host: Annotated[
        str, typer.Option("--host", help="Address to listen at; any but 127.0.0.1 lets other machines in.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen at; 0: one that is free.")] = 0,
    max_mb: Annotated[int, typer.Option("--max-mb", min=1, help="Largest file that is taken, in megabytes.")] = 100,
    max_pixels: Annotated[
        int, typer.Option("--max-pixels", min=1, help="Largest image that is taken, by its header.")
    ] = 50_000_000,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the default browser.")
    ] = True,
) -> None:
    """Open a local web page that outlines radiographs, with a REST API.

    The printed address holds a random token; nobody without it gets anything. Radiographs and results lie in a
    temporary folder, which goes when the command ends. Stop it with Ctrl-C. Not a medical device.
    """
    import uvicorn
    from rich.console import Console

    from handbone.core.errors import HandboneError
    from handbone_serve.app import make_app
    from handbone_serve.jobs import Jobs
    from handbone_serve.work import Outliner

    console = Console(stderr=True)
    outliner = Outliner(weights, max_pixels=max_pixels)
    token = secrets.token_urlsafe(32)
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        what = f"cannot listen at {host}, port {port} ({error.strerror})"
        raise HandboneError(what, remedy="choose another --port, or 0 for a free one") from None
    address = f"http://{host}:{listening.getsockname()[1]}/#token={token}"
    with tempfile.TemporaryDirectory(prefix="handbone-serve-") as folder:
        jobs = Jobs(Path(folder), outliner)
        app = make_app(jobs, token=token, hosts=[*_LOCAL, host], max_bytes=max_mb * 1_000_000)
        console.print(f"Open {address}", markup=False, highlight=False, soft_wrap=True)
        if host not in _LOCAL:
            console.print("Other machines can reach this page. The connection is not encrypted.", style="yellow")
        if browser:
            webbrowser.open(address)
        # No access log: it would hold the names of radiographs.
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
        uvicorn.Server(config).run(sockets=[listening])
