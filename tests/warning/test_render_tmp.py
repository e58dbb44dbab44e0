from pathlib import Path
from email import message_from_bytes, policy
from datetime import date
from decimal import Decimal
from .conftest import AS_OF, MONTHS
def test_render(writer, watch, tmp_path):
    writer.manager("M1","王芳","wang@guarantor.cn")
    writer.guarantee("DB-2023-000417", amount=Decimal("5000000"))
    writer.guarantee("DB-2023-000981", name="张小明", scheme="9:1")
    writer.guarantee("DB-2023-001204", name="O'Neill <b>Ltd</b>", scheme=None)
    writer.guarantee("DB-2023-000002", name=None)
    for day in MONTHS:
        l = day==AS_OF
        writer.month(day, {"DB-2023-000417": 75*l, "DB-2023-000981": 35*l, "DB-2023-001204": 5*l, "DB-2023-000002": 0})
    for i in range(32): writer.guarantee(f"DB-2024-{i:06d}"); 
    writer.month(AS_OF, {f"DB-2024-{i:06d}": 2 for i in range(32)})
    r = watch(writer); print(r)
    f, = (tmp_path/"outbox").glob("*.eml")
    m = message_from_bytes(f.read_bytes(), policy=policy.default)
    Path("/tmp/mail.html").write_text(m.get_body(("html",)).get_content())
    Path("/tmp/mail.txt").write_text(m.get_body(("plain",)).get_content())
    print(m["subject"], m["to"], m["message-id"])
    Path("/tmp/mail.eml").write_bytes(f.read_bytes())
