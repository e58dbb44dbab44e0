"""Stands before an MLflow server and lets chosen calls go wrong, as a network or a server would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx

REFUSED, DROPPED, LOST = "refused", "dropped", "lost"
_OWN_HEADERS = {"host", "connection", "content-length", "accept-encoding", "transfer-encoding"}


class Front:
    """Passes HTTP calls on.

    Args:
        beyond: address of the server.
    """

    def __init__(self, beyond: str) -> None:
        front = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *words: object) -> None:
                """Say nothing."""

            def answer(self) -> None:
                front._answer(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer

        self._http = httpx.Client(base_url=beyond, trust_env=False, timeout=60)
        self._faults: dict[tuple[str, str], str] = {}
        self.hit: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """Where it is called."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def fault(self, kind: str, *calls: tuple[str, str]) -> Iterator[None]:
        """Until the end, calls of such a method whose path holds such a text are `REFUSED` with an
        error of the server, `DROPPED` before they reach it, or done there and their answer `LOST`.
        """
        before = dict(self._faults)
        self._faults |= dict.fromkeys(calls, kind)
        try:
            yield
        finally:
            self._faults = before

    def close(self) -> None:
        """End everything."""
        self._server.shutdown()
        self._server.server_close()
        self._http.close()

    def _answer(self, call: BaseHTTPRequestHandler) -> None:
        body = call.rfile.read(int(call.headers.get("content-length") or 0))
        kind = self._kind(call.command, call.path)
        if kind is not None:
            self.hit.append(kind)
        if kind == REFUSED:
            call.send_error(503)
            return
        if kind == DROPPED:
            return
        headers = {k: v for k, v in call.headers.items() if k.lower() not in _OWN_HEADERS}
        reply = self._http.request(call.command, call.path, content=body, headers=headers)
        if kind == LOST:
            return
        call.send_response(reply.status_code)
        call.send_header("content-type", reply.headers.get("content-type", "text/plain"))
        call.send_header("content-length", str(len(reply.content)))
        call.end_headers()
        call.wfile.write(reply.content)

    def _kind(self, method: str, path: str) -> str | None:
        found = (
            kind
            for (of_method, text), kind in self._faults.items()
            if of_method == method and text in path
        )
        return next(found, None)
