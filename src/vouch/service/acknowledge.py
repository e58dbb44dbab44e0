"""The pages behind the link in a mail: opening shows, a button acknowledges, a form answers.

They need neither model nor key: the link is the key. Programs that follow links in mails to look
for malware only open them, and so acknowledge and answer nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from vouch import clock
from vouch.service.threads import Threads
from vouch.warning.linking import ANSWER_PATH, PATH

if TYPE_CHECKING:
    from vouch.bootstrap import Vouch
    from vouch.settings import Settings
    from vouch.store.store import Store
    from vouch.warning.answering import LinkView
    from vouch.warning.linking import Linker

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

Form = Mapping[str, list[str]]
_View = Callable[..., "LinkView"]
# An answer is a few sentences and some references.
_MOST_BYTES, _MOST_LETTERS = 64_000, 4_000


class AcknowledgementPage:
    """The pages of one application; the parts they need are made when one is first opened."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._vouch: Vouch | None = None
        environment = Environment(
            loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined
        )
        self._template = environment.get_template("acknowledge.html.jinja")

    def show(self, token: str, _form: Form) -> HTMLResponse:
        """What the link stands for, with a button; nothing changes."""
        from vouch.warning.answering import open_link

        return self._page(open_link, token, "acknowledge")

    def press(self, token: str, _form: Form) -> HTMLResponse:
        """Acknowledge."""
        from vouch.warning.answering import use_link

        return self._page(use_link, token, "acknowledged")

    def ask(self, token: str, _form: Form) -> HTMLResponse:
        """The form of the answer; nothing changes."""
        from vouch.warning.answering import open_link
        from vouch.warning.linking import Purpose

        return self._page(partial(open_link, purpose=Purpose.ANSWER), token, "answer")

    def answer(self, token: str, form: Form) -> HTMLResponse:
        """Answer what was chosen; what cannot be taken is said above the form."""
        from vouch.errors import AnswerError
        from vouch.warning.answering import Answer, answer_by_link

        given = Answer(
            alert_ids=form.get("alert", []),
            disposition="".join(form.get("disposition", [])),
            note="".join(form.get("note", []))[:_MOST_LETTERS],
            evidence="".join(form.get("evidence", []))[:_MOST_LETTERS].split("\n"),
        )
        evidence = [line.strip() for line in given.evidence if line.strip()]
        given = replace(given, evidence=evidence)

        def act(store: Store, linker: Linker, token: str, now: datetime) -> LinkView:
            return answer_by_link(store, linker, token, given, now)

        try:
            return self._page(act, token, "answered")
        except AnswerError as error:
            return self._wrong(token, str(error))

    def _wrong(self, token: str, fault: str) -> HTMLResponse:
        from vouch.warning.answering import open_link
        from vouch.warning.linking import Purpose

        return self._page(partial(open_link, purpose=Purpose.ANSWER), token, "answer", fault)

    def _page(self, look: _View, token: str, act: str, fault: str = "") -> HTMLResponse:
        from vouch.bootstrap import build
        from vouch.warning.answering import LinkView, Opened

        vouch = self._vouch = self._vouch or build(self._settings)
        linker = vouch.linker()
        view = LinkView(Opened.UNKNOWN)
        if linker is not None:
            view = look(vouch.store(), linker, token, now=clock.now())
        values = self._values(view) | {"act": act, "fault": fault, "answer_at": ""}
        if linker is not None and view.answers is not None:
            values["answer_at"] = linker.answer_path(view.answers)
        elif act in ("answer", "answered"):
            values["answer_at"] = f"{ANSWER_PATH}/{token}"
        status = 422 if fault else _STATUS[view.opened.value]
        return HTMLResponse(self._template.render(**values), status, _HEADERS)

    def _values(self, view: LinkView) -> dict[str, Any]:
        from vouch.domain.vocabulary import DISPOSITIONS
        from vouch.warning.digest import local_time

        zone, link = self._settings.timezone, view.link
        return {
            "opened": view.opened.value,
            "used_at": local_time(link.used_at, zone) if link and link.used_at else "",
            "expires_at": local_time(link.expires_at, zone) if link else "",
            "dispositions": {code: names[0] for code, names in DISPOSITIONS.items()},
            "alerts": [
                {
                    "alert_id": alert.alert_id,
                    "guarantee_id": alert.guarantee_id,
                    "cause": alert.rule,
                    "borrower": alert.detail.get("borrower", ""),
                    "severity": alert.severity.slug,
                    "is_waiting": alert.state.is_waiting,
                    "disposition": DISPOSITIONS.get(alert.disposition or "", ("",))[0],
                    "respond_by": local_time(alert.respond_by, zone),
                }
                for alert in view.alerts
            ],
        }


def add_acknowledgement(app: FastAPI, settings: Settings) -> None:
    """Add the pages to an application."""
    page = AcknowledgementPage(settings)
    acts: dict[str, dict[str, Callable[[str, Form], HTMLResponse]]] = {
        PATH: {"POST": page.press, "GET": page.show},
        ANSWER_PATH: {"POST": page.answer, "GET": page.ask},
    }

    async def serve(request: Request) -> HTMLResponse:
        path = request.url.path.rpartition("/")[0]
        act = acts[path]["POST" if request.method == "POST" else "GET"]
        token = str(request.path_params["token"])[:200]
        form = await _form(request) if request.method == "POST" else {}
        if form is None:
            return HTMLResponse("太长 too long", 413, _HEADERS)
        threads: Threads = request.app.state.threads
        return await threads.run(lambda: act(token, form))

    for path in acts:
        app.add_route(f"{path}/{{token}}", serve, ["GET", "POST"], include_in_schema=False)


async def _form(request: Request) -> Form | None:
    """The fields of a form, or None where it is larger than an answer is."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            return None
    return parse_qs(body.decode("utf-8", "replace"))
