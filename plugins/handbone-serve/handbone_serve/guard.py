"""What stands before every request: the address that it was meant for, where it came from, its size, its token."""

import secrets
from collections.abc import Callable
from typing import Annotated

from fastapi import HTTPException, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: The page needs its own styles, scripts and data, and no more; no other page may show it.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Refuses requests of other pages and those that are too large, before anything is read.

    The Host header tells of DNS rebinding: it holds the name that the browser was led to. The Origin header tells of
    another page. The token never lies in a cookie, so no page can make a browser send it.

    Parameters
    ----------
    hosts: names under which this server may be reached. max_bytes: of a request's body.
    """

    def __init__(self, app: ASGIApp, *, hosts: list[str], max_bytes: int):
        self._app, self._hosts, self._max_bytes = app, set(hosts), max_bytes
        self._too_large = f"at most {max_bytes / 1e6:.0f} MB are taken"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refused(headers)
        if refused is not None:
            await refused(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._max_bytes:
                raise HTTPException(413, self._too_large)
            return message

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]
            await send(message)

        await self._app(scope, counted, with_headers)

    def _refused(self, headers: Headers) -> JSONResponse | None:
        host = headers.get("host", "")
        name = host.rpartition(":")[0] or host
        if name not in self._hosts:
            return _error(421, "this server does not answer under that name")
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{host}":
            return _error(403, "requests of other pages are refused")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._max_bytes:
            return _error(413, self._too_large)
        return None


def _error(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status, headers=HEADERS)


def requires(token: str) -> Callable:
    """A dependency that lets a request pass only with the token: `Authorization: Bearer TOKEN`."""
    bearer = HTTPBearer(auto_error=False, description="The token that `handbone serve` prints with its address.")

    def check(given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]) -> None:
        if given is None or not secrets.compare_digest(given.credentials.encode(), token.encode()):
            raise HTTPException(401, "the token is missing or wrong", {"WWW-Authenticate": "Bearer"})

    return check
