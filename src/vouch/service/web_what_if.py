"""Addresses that ask what would be: a case otherwise, a better grade, the portfolio ahead."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from vouch.domain.stage import Stage
from vouch.service.answers import CounterfactualAnswer, ExpectationAnswer, WhatIfAnswer
from vouch.service.asks import (
    COUNTERFACTUAL_EXAMPLES,
    WHAT_IF_EXAMPLES,
    CounterfactualBody,
    WhatIfBody,
)
from vouch.service.routing import BodyRoute, refusals, work


def add_what_if(app: FastAPI, stage: Stage) -> None:
    """Add the what-if and the counterfactual of a stage."""

    async def what_if(request: Request, body: WhatIfBody) -> Response:
        caller = request.state.caller
        return await work(request, lambda desk: desk.questions.what_if(stage, body, caller))

    async def counterfactual(request: Request, body: CounterfactualBody) -> Response:
        caller = request.state.caller
        return await work(request, lambda desk: desk.questions.counterfactual(stage, body, caller))

    added: list[tuple[str, Any, str, str, Any, Any]] = [
        (
            "what-if",
            what_if,
            "The case with changed fields, scheme, fee or cap 情景测算",
            "The answer for the case as it is and as it would be; noted in the audit log, but no "
            "decision. 返回原案与改动后的结果，不作为正式评分。",
            WhatIfAnswer,
            WHAT_IF_EXAMPLES,
        ),
        (
            "counterfactual",
            counterfactual,
            "The smallest changes of terms that reach a grade 达到目标等级的最小改动",
            "Only terms that are negotiated change, and only the way the model lets them lower "
            "the risk. 仅在可协商要素内、按单调方向寻找最小改动。",
            CounterfactualAnswer,
            COUNTERFACTUAL_EXAMPLES,
        ),
    ]
    for path, endpoint, summary, about, model, examples in added:
        app.router.add_api_route(
            f"/v1/{stage.slug}/{path}",
            endpoint,
            methods=["POST"],
            name=path.replace("-", "_"),
            operation_id=f"{path.replace('-', '_')}_{stage.value}",
            summary=summary,
            description=about,
            response_model=model,
            responses=refusals(400, 404, 413, 415, 422),
            route_class_override=BodyRoute,
            openapi_extra={
                "requestBody": {"content": {"application/json": {"examples": examples}}}
            },
        )


def add_expectation(app: FastAPI) -> None:
    """Add what the portfolio is expected to cost."""

    @app.get(
        "/v1/portfolio/expectation",
        name="expectation",
        summary="Expected compensation of one's guarantees in force 在保组合预期代偿",
        description="Sums over the guarantees the caller's institution sees; the province also "
        "gets every capped portfolio by simulation. 按机构汇总；全省另含有代偿上限的组合模拟。",
        response_model=ExpectationAnswer,
        responses=refusals(404, 422),
    )
    async def expectation(
        request: Request,
        as_of: Annotated[
            date | None, Query(description="Known by this day; default: today. 观察日。")
        ] = None,
    ) -> Response:
        caller = request.state.caller
        return await work(request, lambda desk: desk.outlook.expectation(as_of, caller))
