"""The page behind the link in a mail: opening it shows, its button acknowledges.

It needs neither model nor key: the link is the key, and it works once. Programs that follow links
in mails to look for malware only open it, and so acknowledge nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from vouch import clock
from vouch.service.threads import Threads
from vouch.warning.linking import PATH

if TYPE_CHECKING:
    from vouch.bootstrap import Vouch
    from vouch.settings import Settings
    from vouch.warning.answering import LinkView

_TEMPLATES = Path(__file__).parent / "templates"
_STATUS = {"good": 200, "used": 410, "expired": 410, "unknown": 404}
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
}

_View = Callable[..., "LinkView"]


class AcknowledgementPage:
    """The page of one application; the parts it needs are made when it is first opened."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._vouch: Vouch | None = None
        environment = Environment(
            loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined
        )
        self._template = environment.get_template("acknowledge.html.jinja")

    def show(self, token: str) -> HTMLResponse:
        """What the link stands for, with a button; nothing changes."""
        from vouch.warning.answering import open_link

        return self._page(open_link, token, is_done=False)

    def press(self, token: str) -> HTMLResponse:
        """Acknowledge."""
        from vouch.warning.answering import use_link

        return self._page(use_link, token, is_done=True)

    def _page(self, look: _View, token: str, is_done: bool) -> HTMLResponse:
        from vouch.bootstrap import build
        from vouch.warning.answering import LinkView, Opened

        vouch = self._vouch = self._vouch or build(self._settings)
        linker = vouch.linker()
        view = LinkView(Opened.UNKNOWN)
        if linker is not None:
            view = look(vouch.store(), linker, token, clock.now())
        text = self._template.render(**self._values(view, is_done))
        return HTMLResponse(text, _STATUS[view.opened.value], _HEADERS)

    def _values(self, view: LinkView, is_done: bool) -> dict[str, Any]:
        from vouch.warning.digest import local_time

        zone = self._settings.timezone
        return {
            "opened": view.opened.value,
            "is_done": is_done and view.opened.value == "good",
            "used_at": local_time(view.link.used_at, zone)
            if view.link and view.link.used_at
            else "",
            "alerts": [
                {
                    "guarantee_id": alert.guarantee_id,
                    "borrower": alert.detail.get("borrower", ""),
                    "severity": alert.severity.slug,
                    "state": alert.state.value,
                    "respond_by": local_time(alert.respond_by, zone),
                }
                for alert in view.alerts
            ],
        }


def add_acknowledgement(app: FastAPI, settings: Settings) -> None:
    """Add the page to an application."""
    page = AcknowledgementPage(settings)

    async def acknowledge(request: Request) -> HTMLResponse:
        act = page.press if request.method == "POST" else page.show
        token = str(request.path_params["token"])[:200]
        threads: Threads = request.app.state.threads
        return await threads.run(lambda: act(token))

    app.add_route(f"{PATH}/{{token}}", acknowledge, ["GET", "POST"], include_in_schema=False)
