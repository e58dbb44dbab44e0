"""Stands between a service and its PostgreSQL: slow, silent or away when told."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path
from threading import Event, Thread

SOCKET = ".s.PGSQL.5432"


class Proxy:
    """Passes bytes on between two unix sockets.

    Args:
        folder: of its own socket.
        beyond: of the server's socket.
    """

    def __init__(self, folder: Path, beyond: Path) -> None:
        self.delay = 0.0
        self._flowing = Event()
        self._flowing.set()
        self._is_away = False
        self._beyond = str(beyond / SOCKET)
        self._ends: list[socket.socket] = []
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(folder / SOCKET))
        self._door.listen(64)
        Thread(target=self._accept, daemon=True).start()

    @contextlib.contextmanager
    def away(self):
        """Every connection breaks and no other is taken."""
        self._is_away = True
        self._close_all()
        try:
            yield
        finally:
            self._is_away = False

    @contextlib.contextmanager
    def silent(self):
        """Connections stay, but nothing comes through."""
        self._flowing.clear()
        try:
            yield
        finally:
            self._flowing.set()

    @contextlib.contextmanager
    def slow(self, seconds: float):
        """Whatever is sent to the server takes so long."""
        self.delay = seconds
        try:
            yield
        finally:
            self.delay = 0.0

    def close(self) -> None:
        """End everything."""
        self._is_away = True
        self._flowing.set()
        self._door.close()
        self._close_all()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._door.accept()
                if self._is_away:
                    near.close()
                    continue
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._beyond)
                self._ends += [near, far]
                for source, target, is_asking in ((near, far, True), (far, near, False)):
                    Thread(target=self._pump, args=(source, target, is_asking), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, is_asking: bool) -> None:
        with contextlib.suppress(OSError):
            while some := source.recv(65536):
                self._flowing.wait()
                if is_asking and self.delay:
                    time.sleep(self.delay)
                target.sendall(some)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _close_all(self) -> None:
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()
