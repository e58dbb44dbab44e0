"""Addresses of decisions made: read, explained, revealed, made again, reviewed."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from vouch.service.answers import (
    CaseAnswer,
    DecisionAnswer,
    ReplayAnswer,
    ReviewAnswer,
    ReviewsAnswer,
    ShadowsAnswer,
)
from vouch.service.asks import ConfirmBody, OverrideBody, ReviewBody
from vouch.service.desk import Desk
from vouch.service.explanation import as_html
from vouch.service.routing import BodyRoute, in_thread, refusals, work

_STYLED = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

Purpose = Annotated[
    str | None,
    Query(
        max_length=200,
        description="Shows the name in full, and is logged. 说明用途后显示全名，并记入日志。",
        examples=["贷审会存档"],
    ),
]
MustPurpose = Annotated[
    str, Query(max_length=200, description="Logged. 用途，记入日志。", examples=["司法协助"])
]


_REVIEW_ACTS = {
    "request_review": (
        "/v1/decisions/{decision_id}/reviews",
        "Ask for a review by a person 申请人工复核",
    ),
    "override": (
        "/v1/reviews/{review_id}/decision",
        "A person's decision, with its reason 人工结论",
    ),
    "confirm": ("/v1/reviews/{review_id}/confirmation", "The second pair of eyes 第二人复核"),
}


def add_dossier(app: FastAPI) -> None:
    """Add the addresses of decisions and their explanations."""

    @app.get(
        "/v1/decisions/{decision_id}",
        name="read_decision",
        summary="A decision made before 查询已作出的评分",
        response_model=DecisionAnswer,
        responses=refusals(404, 422),
    )
    async def decision(request: Request, decision_id: str) -> Response:
        caller = request.state.caller
        return await work(request, lambda desk: desk.decision(decision_id, caller))

    @app.get(
        "/v1/decisions/{decision_id}/case",
        name="read_case",
        summary="What was asked, personal identifiers masked 查询评分请求（脱敏）",
        response_model=CaseAnswer,
        responses=refusals(404, 422),
    )
    async def case(request: Request, decision_id: str) -> Response:
        caller = request.state.caller
        return await work(request, lambda desk: desk.dossier.case(decision_id, caller))

    @app.get(
        "/v1/decisions/{decision_id}/case/revealed",
        name="reveal",
        summary="What was asked, unmasked for a purpose that is logged 查询评分请求（明文，留痕）",
        response_model=CaseAnswer,
        responses=refusals(404, 422),
    )
    async def reveal(request: Request, decision_id: str, purpose: MustPurpose) -> Response:
        caller = request.state.caller
        return await work(request, lambda desk: desk.dossier.reveal(decision_id, purpose, caller))

    @app.post(
        "/v1/decisions/{decision_id}/replay",
        name="replay",
        summary="The decision made again, and whether it is identical 重算核对",
        response_model=ReplayAnswer,
        responses=refusals(404, 422),
    )
    async def replay(request: Request, decision_id: str) -> Response:
        caller = request.state.caller
        return await work(request, lambda desk: desk.dossier.replayed(decision_id, caller))

    @app.get(
        "/v1/decisions/{decision_id}/shadow",
        name="read_shadow",
        summary="What challengers would have said; nobody was answered so 影子评分",
        response_model=ShadowsAnswer,
        responses=refusals(404, 422),
    )
    async def shadow(request: Request, decision_id: str) -> Response:
        caller = request.state.caller
        return await work(request, lambda desk: desk.dossier.shadow(decision_id, caller))

    _add_explanations(app)


def _add_explanations(app: FastAPI) -> None:
    page = {"content": {"text/html": {"schema": {"type": "string"}}}}
    paper = {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}

    @app.get(
        "/v1/decisions/{decision_id}/explanation",
        name="explain",
        summary="The decision in plain words, as a page 评分说明（网页）",
        response_class=Response,
        responses={**refusals(404, 422), 200: page},
    )
    async def explain(request: Request, decision_id: str, purpose: Purpose = None) -> Response:
        caller = request.state.caller
        found = await in_thread(
            request, lambda desk: as_html(desk.dossier.explained(decision_id, purpose, caller))
        )
        headers = {"content-security-policy": _STYLED}
        return Response(found, media_type="text/html; charset=utf-8", headers=headers)

    @app.get(
        "/v1/decisions/{decision_id}/explanation.pdf",
        name="explain",
        operation_id="explain_as_pdf",
        summary="The decision in plain words, for the applicant's file 评分说明（PDF，存档用）",
        response_class=Response,
        responses={**refusals(404, 422), 200: paper},
    )
    async def print_out(request: Request, decision_id: str, purpose: Purpose = None) -> Response:
        caller = request.state.caller

        def paper_of(desk: Desk) -> bytes:
            return desk.dossier.printed(decision_id, purpose, caller)

        found = await in_thread(request, paper_of)
        name = f'inline; filename="{decision_id}.pdf"'
        return Response(found, media_type="application/pdf", headers={"content-disposition": name})


def add_reviews(app: FastAPI) -> None:
    """Add the addresses of human review."""

    @app.get(
        "/v1/reviews",
        name="list_reviews",
        summary="The reviews of one's institution, newest first 人工复核列表",
        response_model=ReviewsAnswer,
        responses=refusals(),
    )
    async def reviews(request: Request) -> Response:
        caller = request.state.caller
        return await work(request, lambda desk: desk.dossier.reviews(caller))

    @app.get(
        "/v1/reviews/{review_id}",
        name="read_review",
        summary="A review with all that was done 人工复核详情",
        response_model=ReviewAnswer,
        responses=refusals(404, 422),
    )
    async def review(request: Request, review_id: str) -> Response:
        caller = request.state.caller
        return await work(request, lambda desk: desk.dossier.review(review_id, caller))

    _add_review_acts(app)


def _add_review_acts(app: FastAPI) -> None:
    async def ask(request: Request, decision_id: str, body: ReviewBody) -> Response:
        caller = request.state.caller
        return await work(
            request, lambda desk: desk.dossier.ask_review(decision_id, body, caller), 201
        )

    async def decide(request: Request, review_id: str, body: OverrideBody) -> Response:
        caller = request.state.caller
        return await work(request, lambda desk: desk.dossier.decide_review(review_id, body, caller))

    async def confirm(request: Request, review_id: str, body: ConfirmBody) -> Response:
        caller = request.state.caller
        return await work(
            request, lambda desk: desk.dossier.confirm_review(review_id, body, caller)
        )

    for name, endpoint, status in (
        ("request_review", ask, 201),
        ("override", decide, 200),
        ("confirm", confirm, 200),
    ):
        path, summary = _REVIEW_ACTS[name]
        app.router.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            name=name,
            summary=summary,
            status_code=status,
            response_model=ReviewAnswer,
            responses=refusals(400, 404, 409, 413, 415, 422),
            route_class_override=BodyRoute,
        )
