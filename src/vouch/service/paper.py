"""An explanation as a PDF, with its own font: it shows Chinese wherever it is made and read."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from vouch.service.explanation import Explanation, Pair, font

if TYPE_CHECKING:
    from fpdf import FPDF

_FONT = "noto"
_WIDTH = 174.0  # A4 without margins of 18 mm
_LABEL = 52.0
_GREY, _BLACK, _RULE = (95, 95, 95), (20, 20, 20), (200, 200, 200)


def as_pdf(found: Explanation, made_at: datetime) -> bytes:
    """The explanation on A4, fonts embedded.

    Args:
        made_at: the moment of the decision, which is the document's date too, so that the same
            decision gives the same document.
    """
    from fpdf import FPDF

    # it tells of every table of the font it cuts down
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    pdf = FPDF(format="A4")
    pdf.set_creation_date(made_at)
    pdf.set_title(f"评分说明 {found.decision_id}")
    pdf.set_lang("zh-CN")
    pdf.set_margin(18)
    pdf.set_auto_page_break(True, 18)
    pdf.add_font(_FONT, "", str(font()))
    pdf.add_page()
    _title(pdf, found)
    _facts(pdf, found)
    _section(pdf, Pair("不利因素", "What speaks against"), found.against)
    _section(pdf, Pair("有利因素", "What speaks in favour"), found.in_favour)
    if found.others:
        _sentence(pdf, found.others)
    _section(pdf, Pair("适用规则", "Rules that applied"), found.rules)
    _shares(pdf, found)
    _section(pdf, Pair("您的权利", "Your rights"), found.rights)
    return bytes(pdf.output())


def _title(pdf: FPDF, found: Explanation) -> None:
    _text(pdf, "担保贷款风险评分说明", 18, _BLACK, 9)
    _text(pdf, "Explanation of a risk score", 11, _GREY, 6)
    _text(pdf, f"编号 No. {found.decision_id}", 8, _GREY, 5)
    pdf.ln(3)


def _facts(pdf: FPDF, found: Explanation) -> None:
    for label, value in found.facts:
        _heading_of_row(pdf, label)
        left = pdf.l_margin + _LABEL
        _cell(pdf, left, value.zh, 10, _BLACK, 5)
        if value.en != value.zh:
            _cell(pdf, left, value.en, 8, _GREY, 4)
        pdf.ln(1.2)
        pdf.set_draw_color(*_RULE)
        pdf.line(pdf.l_margin, pdf.get_y(), pdf.l_margin + _WIDTH, pdf.get_y())
        pdf.ln(1.2)


def _heading_of_row(pdf: FPDF, label: Pair) -> None:
    top = pdf.get_y()
    if top > pdf.h - 32:
        pdf.add_page()
        top = pdf.get_y()
    _cell(pdf, pdf.l_margin, f"{label.zh}  {label.en}", 8, _GREY, 5, _LABEL)
    pdf.set_y(top)


def _section(pdf: FPDF, title: Pair, sentences: Sequence[Pair]) -> None:
    if not sentences:
        return
    _headline(pdf, title)
    for sentence in sentences:
        _sentence(pdf, sentence)


def _headline(pdf: FPDF, title: Pair) -> None:
    if pdf.get_y() > pdf.h - 50:
        pdf.add_page()
    pdf.ln(4)
    _text(pdf, f"{title.zh}  {title.en}", 12, _BLACK, 7)


def _sentence(pdf: FPDF, sentence: Pair) -> None:
    _text(pdf, sentence.zh, 10, _BLACK, 5.4)
    _text(pdf, sentence.en, 8, _GREY, 4.2)
    pdf.ln(1.4)


def _shares(pdf: FPDF, found: Explanation) -> None:
    _headline(pdf, Pair("预期代偿分担（元）", "Expected compensation by party, yuan"))
    for party, amount in found.shares:
        top = pdf.get_y()
        _cell(pdf, pdf.l_margin, f"{party.zh}  {party.en}", 9, _BLACK, 5.4, 110)
        pdf.set_xy(pdf.l_margin + 110, top)
        pdf.cell(_WIDTH - 110, 5.4, amount, align="R", new_x="LMARGIN", new_y="NEXT")


def _text(pdf: FPDF, text: str, size: float, colour: tuple[int, int, int], height: float) -> None:
    _cell(pdf, pdf.l_margin, text, size, colour, height)


def _cell(
    pdf: FPDF,
    left: float,
    text: str,
    size: float,
    colour: tuple[int, int, int],
    height: float,
    width: float | None = None,
) -> None:
    pdf.set_font(_FONT, "", size)
    pdf.set_text_color(*colour)
    pdf.set_x(left)
    room = pdf.l_margin + _WIDTH - left if width is None else width
    pdf.multi_cell(room, height, text, align="L", new_x="LMARGIN", new_y="NEXT")
