"""After the rehearsal nothing is left to compile for those who ask."""

import json
import os
import subprocess
import sys
from datetime import date

import pytest

# Only a process of its own has compiled nothing yet.
_ASK = """
import json, os, sys
from numba.core.dispatcher import Dispatcher
from vouch.bootstrap import build
from vouch.domain.access import PROVINCE
from vouch.service.desk import Desk
from vouch.service.payloads import KnownCase, one_case
from vouch.service.rehearsal import rehearse
from vouch.settings import Settings

def compiled():
    return {
        (module, name, str(signature))
        for module, found in list(sys.modules.items()) if module.startswith("vouch")
        for name, value in vars(found).items() if isinstance(value, Dispatcher)
        for signature in value.signatures
    }

vouch = build(Settings.from_env(os.environ))
assert vouch.champions.refresh() == []
vouch.held_book.hold()
desk = Desk(vouch)
for bundle in vouch.champions.held.values():
    desk.admit(bundle)
rehearse(vouch, desk)
before = compiled()
body = json.loads(sys.stdin.read())
given, known = one_case(json.dumps(body).encode(), body), KnownCase(guarantee_id="G7")
for bundle in vouch.champions.held.values():
    for cases in ([given], [known], [given, known], [given] * 200, [known] * 200):
        desk.decide(bundle, cases, PROVINCE)
print(json.dumps({"before": len(before), "later": sorted(compiled() - before)}))
"""


@pytest.mark.slow
def test_nobody_waits_for_the_compiler(make_settings, inline):
    settings = make_settings()
    told = {
        "VOUCH_HOME": str(settings.home),
        "VOUCH_BOOK": str(settings.book),
        "VOUCH_CHAMPIONS": str(settings.champions),
        "VOUCH_PACKED": "yes",
    }
    done = subprocess.run(
        [sys.executable, "-c", _ASK],
        env=os.environ | told,
        input=json.dumps(inline("G5", date(2024, 3, 31))),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["before"] > 5
    assert found["later"] == []
