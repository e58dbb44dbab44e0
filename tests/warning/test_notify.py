"""Mails over a real mail server: contents, refusals, outages, logins, TLS."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from vouch.errors import MailError
from vouch.store.outbox import GIVE_UP_AFTER, Channel, MailState
from vouch.store.store import Store
from vouch.warning.notify import Mailer, SmtpMailer, deliver, mailer

from .conftest import (
    AS_OF,
    NEXT_MONTH,
    NOW,
    BookWriter,
    Inbox,
    MailServer,
    Watch,
    authenticator,
    certificate,
)

pytestmark = pytest.mark.slow


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def of(inbox: Inbox, recipient: str) -> EmailMessage:
    (mail,) = [m for m, r in zip(inbox.mails, inbox.recipients, strict=True) if r == recipient]
    return mail


def test_each_account_manager_gets_one_digest_in_two_languages(
    small_book: BookWriter, watch: Watch, inbox: Inbox, smtp: Mailer
) -> None:
    watch(small_book, by=smtp)
    assert sorted(inbox.recipients) == ["li@guarantor.cn", "wang@guarantor.cn"]
    mail = of(inbox, "wang@guarantor.cn")
    assert mail["Subject"] == (
        "【红色预警】G1 晋*公司：逾期超 30 天，07-02 09:30 前答复 | "
        "RED: G1: 30 or more days past due, answer by 07-02 09:30"
    )
    assert (mail["From"], mail["To"]) == ("Vouch <vouch@guarantor.cn>", "王芳 <wang@guarantor.cn>")
    for kind in ("plain", "html"):
        text = body(mail, kind)
        assert text.index("王芳，您好") < text.index("Dear 王芳")
        for part in (
            "G1",
            "晋*公司",
            "晋商银行",
            "1,000,000.00 元",
            "已逾期 45 天",
            "逾期超 30 天",
        ):
            assert part in text
        for part in ("45 days past due", "CNY 1,000,000.00", "City guarantor", "Default probab"):
            assert part in text
        # 24 hours after 01:30 UTC, where the reader is
        assert "2024-07-02 09:30 (UTC+08:00)" in text
        assert "G2" not in text
        assert "恒达" not in text  # the borrower's name is masked


def test_one_alert_is_singular(
    writer: BookWriter, watch: Watch, inbox: Inbox, smtp: Mailer
) -> None:
    writer.manager("M1", "王芳", "wang@guarantor.cn")
    writer.guarantee("G1", start_on=AS_OF, event_at=AS_OF)
    writer.month(AS_OF, {"G1": 1})
    watch(writer, by=smtp)
    (mail,) = inbox.mails
    assert mail["Subject"] == "【担保预警】1 项待处理：橙 1 | 1 alert: 1 orange"
    assert "90 天前尚未在保" in body(mail, "plain")
    assert "not in force 90 days ago" in body(mail, "html")


def test_html_draws_on_nothing_remote(
    small_book: BookWriter, watch: Watch, inbox: Inbox, smtp: Mailer
) -> None:
    watch(small_book, by=smtp)
    html = body(inbox.mails[0], "html")
    for sign in ("http", "src=", "<img", "<script", "<link", "@import", "url("):
        assert sign not in html


def test_names_from_the_book_inject_nothing(
    writer: BookWriter, watch: Watch, inbox: Inbox, smtp: Mailer
) -> None:
    writer.manager("M1", "王\r\nBcc: spy@evil.cn\r\n\r\n<script>", "wang@guarantor.cn")
    writer.guarantee("<b>G1</b>", name="<i>\u202e\r\n公司", lender_id="L1")
    writer.month(AS_OF, {"<b>G1</b>": 45})
    watch(writer, by=smtp)
    (mail,) = inbox.mails
    assert inbox.recipients == ["wang@guarantor.cn"]
    assert mail["Bcc"] is None
    html = body(mail, "html")
    assert "<script>" not in html
    assert "&lt;b&gt;G1&lt;/b&gt;" in html
    assert "\u202e" not in html


def test_of_one_colour_the_most_expensive_comes_first(
    writer: BookWriter, watch: Watch, inbox: Inbox, smtp: Mailer
) -> None:
    writer.manager("M1", "王芳", "wang@guarantor.cn")
    for name in ("G1", "G2", "G3"):
        writer.guarantee(name)
    writer.month(AS_OF, {"G1": 5}, balance="900000.00")
    writer.month(AS_OF, {"G2": 5}, balance="950000.00")
    writer.month(AS_OF, {"G3": 5}, balance="1000000.00")
    watch(writer, by=smtp)
    text = body(inbox.mails[0], "plain")
    assert text.index("G3") < text.index("G2") < text.index("G1")


def test_many_guarantees_are_shortened(
    writer: BookWriter, watch: Watch, inbox: Inbox, smtp: Mailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vouch.warning.digest.IN_FULL", 1)
    monkeypatch.setattr("vouch.warning.digest.IN_BRIEF", 2)
    writer.manager("M1", "王芳", "wang@guarantor.cn")
    names = [f"G{i}" for i in range(6)]
    for name in names:
        writer.guarantee(name)
    writer.month(AS_OF, dict.fromkeys(names, 5))
    watch(writer, by=smtp)
    text = body(inbox.mails[0], "html")
    assert "其余 2 笔担保" in text
    assert "另有 3 笔担保未列出" in text
    assert "A further 3 guarantees" in text


def test_a_digest_says_what_was_closed(
    small_book: BookWriter, watch: Watch, inbox: Inbox, smtp: Mailer
) -> None:
    watch(small_book, by=smtp)
    small_book.month(NEXT_MONTH, {"G1": 0, "G3": 5})
    watch(small_book, NEXT_MONTH, by=smtp)
    last = inbox.mails[-1]
    assert "已解除 1 笔担保的预警：G1" in body(last, "plain")
    assert "Warnings closed on 1 guarantees: G1" in body(last, "html")


def test_a_second_run_mails_nothing(
    small_book: BookWriter, watch: Watch, inbox: Inbox, smtp: Mailer
) -> None:
    watch(small_book, by=smtp)
    watch(small_book, by=smtp)
    assert len(inbox.mails) == 2


def test_a_refused_recipient_stops_nobody_else_and_is_tried_again(
    small_book: BookWriter, watch: Watch, inbox: Inbox, smtp: Mailer, store: Store
) -> None:
    inbox.refuses = {"li@guarantor.cn"}
    report = watch(small_book, by=smtp)
    assert inbox.recipients == ["wang@guarantor.cn"]
    assert (report.mails_sent, report.mails_waiting) == (1, 1)
    assert report.mail_errors == ["li@guarantor.cn: the mail server answered 550 no such user here"]
    inbox.refuses = set()
    assert watch(small_book, by=smtp).mails_sent == 1
    assert inbox.recipients == ["wang@guarantor.cn", "li@guarantor.cn"]
    assert [mail.attempts for mail in store.mails()] in ([1, 2], [2, 1])


def test_a_server_that_was_away_gets_the_same_mail_later(
    small_book: BookWriter, watch: Watch, store: Store
) -> None:
    kept = Inbox()
    server = MailServer(kept)
    server.start()
    server.stop()
    by = mailer(f"smtp://127.0.0.1:{kept.port}", "vouch@guarantor.cn", Path("unused"))
    report = watch(small_book, by=by)
    assert (report.raised, report.mails_sent, report.mails_waiting) == (5, 0, 2)
    assert all("cannot be reached" in error for error in report.mail_errors)
    waiting = store.mails(MailState.QUEUED)
    assert [mail.attempts for mail in waiting] == [1, 1]
    assert all("cannot be reached" in (mail.last_error or "") for mail in waiting)
    back = MailServer(kept)
    back.start()
    try:
        again = watch(small_book, by=by)
    finally:
        back.stop()
    assert (again.mails_queued, again.mails_sent) == (0, 2)
    assert {str(m["Message-ID"]) for m in kept.mails} == {m.message_id for m in waiting}


def test_a_mail_too_old_to_be_true_is_given_up(
    small_book: BookWriter, watch: Watch, inbox: Inbox, smtp: Mailer, store: Store
) -> None:
    inbox.refuses = {"li@guarantor.cn", "wang@guarantor.cn"}
    watch(small_book, by=smtp)
    late = watch(small_book, by=smtp, now=NOW + GIVE_UP_AFTER)
    assert (late.mails_given_up, late.mails_waiting) == (2, 0)
    assert {mail.state for mail in store.mails()} == {MailState.FAILED}


def test_a_server_that_hangs_up_in_between_is_called_again(
    small_book: BookWriter, watch: Watch, inbox: Inbox, smtp: Mailer
) -> None:
    inbox.hangs_up_on = {"wang@guarantor.cn"}
    report = watch(small_book, by=smtp)
    assert (report.mails_sent, report.mails_waiting) == (1, 1)
    assert inbox.recipients == ["li@guarantor.cn"]


@pytest.fixture
def guarded() -> Iterator[Inbox]:
    """A server that wants a login."""
    kept = Inbox()
    server = MailServer(
        kept, auth_required=True, auth_require_tls=False, authenticator=authenticator
    )
    server.start()
    yield kept
    server.stop()


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # without TLS, on loopback, on purpose
def test_login(small_book: BookWriter, watch: Watch, guarded: Inbox) -> None:
    host = f"127.0.0.1:{guarded.port}"
    wrong = mailer(f"smtp://vouch%40x:no@{host}", "vouch@guarantor.cn", Path("unused"))
    report = watch(small_book, by=wrong)
    assert (report.mails_sent, report.mails_waiting) == (0, 2)
    assert "535" in report.mail_errors[0]
    assert "no@" not in report.mail_errors[0]
    right = mailer(f"smtp://vouch%40x:p%3Aw%2Fd@{host}", "vouch@guarantor.cn", Path("unused"))
    assert watch(small_book, by=right).mails_sent == 2
    assert len(guarded.mails) == 2


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_tls(scheme: str, small_book: BookWriter, watch: Watch, tmp_path: Path) -> None:
    pair = certificate(tmp_path)
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(*pair)
    kept = Inbox()
    if scheme == "smtps":
        server = MailServer(kept, ssl_context=ours)
    else:
        server = MailServer(kept, tls_context=ours, require_starttls=True)
    server.start()
    try:
        plain = mailer(f"{scheme}://127.0.0.1:{kept.port}", "vouch@guarantor.cn", tmp_path)
        assert isinstance(plain, SmtpMailer)
        distrusted = watch(small_book, by=plain)
        trust = ssl.create_default_context(cafile=str(pair[0]))
        trusting = SmtpMailer(plain.sender, plain.url, trust)
        report = watch(small_book, by=trusting)
    finally:
        server.stop()
    assert "CERTIFICATE_VERIFY_FAILED" in distrusted.mail_errors[0]
    assert report.mails_sent == len(kept.mails) == 2


def test_a_folder_keeps_one_file_per_mail(
    small_book: BookWriter, watch: Watch, store: Store, tmp_path: Path
) -> None:
    watch(small_book)
    by = mailer(None, "vouch@guarantor.cn", tmp_path / "outbox")
    list(by.deliver(store.mails()))
    files = sorted((tmp_path / "outbox").iterdir())
    assert [path.suffix for path in files] == [".eml", ".eml"]
    found = message_from_bytes(files[0].read_bytes(), policy=policy.default)
    assert files[0].stem.rpartition(".")[0] == found["Message-ID"].strip("<>")


def test_a_folder_that_cannot_be_written_keeps_mails_waiting(
    small_book: BookWriter, watch: Watch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    by = mailer(None, "vouch@guarantor.cn", tmp_path / "file")
    report = watch(small_book, by=by)
    assert (report.mails_waiting, len(report.mail_errors)) == (2, 2)


def test_a_wrong_sender_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MailError, match="VOUCH_MAIL_FROM"):
        mailer(None, "nobody", tmp_path)


def test_a_login_is_not_shown(tmp_path: Path) -> None:
    assert "secret" not in repr(mailer("smtp://a:secret@h:25", "a@b.cn", tmp_path))


def test_nothing_queued_opens_no_connection(store: Store, tmp_path: Path) -> None:
    by = mailer("smtp://127.0.0.1:1", "a@b.cn", tmp_path)
    passed = deliver(store, {Channel.MAIL: by}, lambda: datetime(2024, 1, 1, tzinfo=UTC))
    assert (passed.sent, passed.errors) == (0, [])
