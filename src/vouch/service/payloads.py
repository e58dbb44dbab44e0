"""What callers may send. Made from the book's tables, so a column is described in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetPydanticSchema,
    Tag,
    TypeAdapter,
    WithJsonSchema,
    create_model,
)
from pydantic_core import CoreSchema, core_schema

from vouch.book.schema import Column, Kind, Table, TextFault
from vouch.book.tables import BORROWER, GUARANTEE, LENDER, PERFORMANCE, SIGNAL

EARLIEST = date(1900, 1, 1)

# Columns without a limit of their own still have to be numbers that arithmetic survives.
_WIDEST = 1e15

# Anything but control characters, which no name, code or note holds and some databases refuse.
_TEXT = r"^[^\x00-\x08\x0b-\x1f\x7f]*$"
_IDENTIFIER = r"^\S(?:[^\x00-\x1f\x7f]*\S)?$"

_UNITS = {
    Kind.MONEY: " Yuan, to the fen; a number or a text. 元，精确到分。",
    Kind.RATE: " A fraction: 0.0465 is 4.65 %. 小数。",
    Kind.DATE: " YYYY-MM-DD.",
}
_EXAMPLES: Mapping[Kind, list[Any]] = {
    Kind.DATE: ["2025-03-31"],
    Kind.MONEY: ["500000.00"],
    Kind.RATE: [0.0465],
    Kind.FLAG: [False],
}


def _day(_source: Any, _handler: Any) -> CoreSchema:
    """A date as text of one form: pydantic alone would also read digits as seconds since 1970."""
    text = core_schema.str_schema(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
    read = core_schema.chain_schema([text, core_schema.date_schema(strict=False)])
    return core_schema.chain_schema(
        [
            _or_say(
                core_schema.json_or_python_schema(
                    read, core_schema.union_schema([core_schema.date_schema(strict=True), read])
                ),
                "write a date as YYYY-MM-DD",
            ),
            _or_say(core_schema.date_schema(ge=EARLIEST), f"is before {EARLIEST}"),
        ]
    )


def _or_say(schema: CoreSchema, words: str) -> CoreSchema:
    return core_schema.custom_error_schema(schema, "wrong_day", custom_error_message=words)


# wholly in the validator's own language: a case holds a hundred dates
Day = Annotated[date, GetPydanticSchema(_day), WithJsonSchema({"type": "string", "format": "date"})]


class Strict(BaseModel):
    """Nothing unknown, nothing cast, nothing infinite."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


def _type(column: Column) -> Any:
    low, high = column.lowest, column.highest
    if column.choices:
        return Literal[column.choices]
    match column.kind:
        case Kind.TEXT:
            is_id = column.name.endswith("_id")
            pattern = _IDENTIFIER if is_id else _TEXT
            text = Annotated[str, Field(max_length=column.max_length, pattern=pattern)]
            return _judged(text, column.text_fault) if column.text_fault else text
        case Kind.DATE:
            return Day
        case Kind.FLAG:
            return bool
        case Kind.MONEY:
            cents = Field(max_digits=18, decimal_places=2, ge=_exact(low), le=_exact(high))
            return Annotated[Decimal, cents]
        case Kind.COUNT:
            return Annotated[int, Field(ge=int(low or 0), le=int(high or _WIDEST))]
    low, high = (-_WIDEST if low is None else low), (_WIDEST if high is None else high)
    return Annotated[float, Field(ge=low, le=high)]


def _judged(text: Any, fault: TextFault) -> Any:
    """A text that has to pass the judgement of its column, as in an import."""

    def judge(value: str) -> str:
        reason = fault(value)
        if reason:
            raise ValueError(reason)
        return value

    return Annotated[text, AfterValidator(judge)]


def _exact(limit: float | None) -> Decimal | None:
    return None if limit is None else Decimal(repr(limit))


def _field(column: Column, table: Table) -> tuple[Any, Any]:
    """A field; what identifies a row or dates it may be left out, since the case says it."""
    is_named_by_case = column.name.endswith("_id") or column.name == "known_at"
    is_dated_by_case = column.name == "event_at" and "event_at" not in table.key
    is_required = column.required and not is_named_by_case and not is_dated_by_case
    examples = list(column.choices[:1]) or _EXAMPLES.get(column.kind)
    about: Any = Field(
        ... if is_required else None,
        title=column.zh,
        description=f"{column.about}{_UNITS.get(column.kind, '')} {column.zh}。",
        examples=examples,
    )
    kind = _type(column)
    return (kind if is_required else kind | None), about


def facts_model(table: Table) -> type[Strict]:
    """The payload of one row of a table."""
    fields: dict[str, Any] = {column.name: _field(column, table) for column in table.columns}
    made: type[Strict] = create_model(
        table.name.capitalize(), __base__=Strict, __doc__=f"{table.about} {table.zh}。", **fields
    )
    return made


if TYPE_CHECKING:
    GuaranteeFacts = Strict
    BorrowerFacts = Strict
    LenderFacts = Strict
    PerformanceFacts = Strict
    SignalFacts = Strict
else:
    GuaranteeFacts, BorrowerFacts, LenderFacts, PerformanceFacts, SignalFacts = (
        facts_model(table) for table in (GUARANTEE, BORROWER, LENDER, PERFORMANCE, SIGNAL)
    )

_AS_OF = Field(
    default=None,
    title="评估日",
    description="The day as of which to score; facts known later are not used. By default the day "
    "of application for pre-loan, today otherwise. 默认：保前为申请日，其余为今天。",
    examples=["2025-03-31"],
)
_SCHEME = Field(
    default=None,
    max_length=200,
    pattern=_TEXT,
    title="分险方案",
    description="Name of the risk-sharing scheme; by default the guarantee's own, else the "
    "policy's. 默认：合同所列方案，否则为政策默认方案。",
    examples=["8:2"],
)


class KnownCase(Strict):
    """A guarantee of the book, by its identifier. 按担保编号取账簿事实。"""

    guarantee_id: Annotated[str, Field(min_length=1, max_length=80, pattern=_IDENTIFIER)] = Field(
        title="担保编号",
        description="A guarantee of the book. 账簿中的担保编号。",
        examples=["SX-2025-000123"],
    )
    as_of: Day | None = _AS_OF
    scheme: str | None = _SCHEME


class FactsCase(Strict):
    """The facts themselves, nested and named as the book's tables. 直接提交事实。

    The borrower's earlier guarantees and the portfolio's record come from the book, so give
    borrower_id and lender_id where the book knows them, and guarantee_id where it already holds
    this guarantee. event_at of the guarantee defaults to as_of, every known_at to its event_at.
    """

    as_of: Day | None = _AS_OF
    scheme: str | None = _SCHEME
    guarantee: GuaranteeFacts = Field(
        title="担保", description="The application or guarantee. 担保申请或合同。"
    )
    borrower: BorrowerFacts | None = Field(
        default=None, title="借款人", description="Who borrows. 借款人。"
    )
    lender: LenderFacts | None = Field(
        default=None, title="贷款银行", description="Who lends. 贷款银行。"
    )
    performance: list[PerformanceFacts] = Field(
        default=[], title="月度表现", description="Month ends so far, any order. 各月末表现。"
    )
    signals: list[SignalFacts] = Field(
        default=[], title="风险信号", description="What others see of the borrower. 外部信号。"
    )


def _shape(value: object) -> str:
    has_id = isinstance(value, dict) and "guarantee_id" in value and "guarantee" not in value
    return "known" if isinstance(value, KnownCase) or has_id else "facts"


Case = Annotated[
    Annotated[KnownCase, Tag("known")] | Annotated[FactsCase, Tag("facts")], Discriminator(_shape)
]
SHAPES = ("known", "facts")

ONE: TypeAdapter[KnownCase | FactsCase] = TypeAdapter(Case)
_FACTS: TypeAdapter[FactsCase] = TypeAdapter(FactsCase)
MANY: TypeAdapter[list[KnownCase | FactsCase]] = TypeAdapter(list[Case])


def one_case(body: bytes, found: object) -> KnownCase | FactsCase:
    """One case from its JSON.

    Args:
        found: what the body says, where that was read already: the shape is told without a look.

    Raises:
        ValidationError: it is not JSON, or a field is wrong.
    """
    is_facts = isinstance(found, dict) and _shape(found) == "facts"
    return (_FACTS if is_facts else ONE).validate_json(body)


def rows_of(case: FactsCase) -> dict[str, list[dict[str, Any]]]:
    """The rows of a case by table of the book, as given."""
    found: dict[str, Sequence[BaseModel | None]] = {
        "guarantee": [case.guarantee],
        "borrower": [case.borrower],
        "lender": [case.lender],
        "performance": case.performance,
        "signal": case.signals,
    }
    return {
        name: [dict(vars(row)) for row in rows if row is not None] for name, rows in found.items()
    }


EXAMPLES: dict[str, dict[str, Any]] = {
    "known": {
        "summary": "A guarantee of the book 账簿中的担保",
        "value": {"guarantee_id": "SX-2025-000123", "as_of": "2025-03-31"},
    },
    "facts": {
        "summary": "The facts themselves 直接提交事实",
        "value": {
            "as_of": "2025-03-31",
            "scheme": "8:2",
            "guarantee": {
                "borrower_id": "B-1001",
                "lender_id": "ICBC-TY",
                "amount": "500000.00",
                "guaranteed_amount": "400000.00",
                "interest_rate": 0.0465,
                "tenor_months": 12,
                "event_at": "2024-09-30",
            },
            "borrower": {"kind": "sole_trader", "industry": "F5211", "region": "140100"},
            "lender": {"kind": "state", "region": "140100"},
            "performance": [
                {"event_at": "2025-02-28", "balance": "450000.00", "days_past_due": 12}
            ],
            "signals": [{"kind": "bureau_inquiries", "event_at": "2025-03-02", "value": 2}],
        },
    },
    "list": {
        "summary": "Several at once 批量",
        "value": [{"guarantee_id": "SX-2025-000123"}, {"guarantee_id": "SX-2025-000124"}],
    },
}
