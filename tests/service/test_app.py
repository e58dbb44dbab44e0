"""The service class in this process: what it loads, when it is ready."""

import gc
import sys
import time

import pytest

from vouch.service.serve import command, environment, serve

# BentoML's own: pathspec's old pattern name, pydantic's deprecated super() call
pytestmark = [
    pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The .__get_pydantic_core_schema__:DeprecationWarning"),
]


@pytest.fixture
def module(make_settings, monkeypatch):
    from vouch.service import app

    monkeypatch.setattr(app, "settings", make_settings())
    monkeypatch.setattr(app, "_RETRY_SECONDS", 0.02)
    often, soon = gc.get_threshold(), sys.getswitchinterval()
    yield app
    app.door.app.state.desk = None
    gc.unfreeze()
    gc.set_threshold(*often)
    sys.setswitchinterval(soon)


def until(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_is_ready_once_the_champions_are_loaded(module):
    service = module.VouchService.inner()
    until(service.__is_ready__)
    assert len(module.door.app.state.desk.models()["models"]) == 3
    service.close()


def test_it_waits_for_a_first_champion_and_outlives_faults(module, make_settings, tmp_path, caplog):
    module.settings = make_settings(VOUCH_CHAMPIONS=str(tmp_path / "none"))
    service = module.VouchService.inner()
    until(lambda: "no stage has a champion" in caplog.text)
    assert not service.__is_ready__()
    service._vouch.champions.refresh = lambda: 1 / 0
    until(lambda: "ZeroDivisionError" in caplog.text)
    service._vouch.champions.refresh = lambda: ["vouch-pre-loan: altered"]
    until(lambda: "vouch-pre-loan: altered" in caplog.text)
    assert not service.__is_ready__()
    service.close()


def test_inside_a_bento_its_own_champions_are_served(module, tmp_path):
    project = tmp_path / "src"
    base = {"VOUCH_PORT": "1"}
    assert module.environment(base, project) == base
    (tmp_path / "bento.yaml").touch()
    inside = module.environment(base, project)
    assert inside["VOUCH_PACKED"] == "yes"
    assert inside["VOUCH_CHAMPIONS"] == str(project / "var" / "champions")
    assert module.environment({"VOUCH_PACKED": "no"}, project)["VOUCH_PACKED"] == "no"


def test_the_process_gets_the_same_settings_and_no_telemetry(make_settings):
    settings = make_settings(VOUCH_WORKERS="2")
    given = environment(settings, {"PATH": "/bin"})
    assert type(settings).from_env(given | {"VOUCH_WORKERS": "2"}) == settings
    assert given["BENTOML_DO_NOT_TRACK"] == "True"
    assert given["BENTOML_CONFIG_OPTIONS"] == "services.vouch.workers=2"
    assert given["PATH"] == "/bin"
    assert command("127.0.0.1", 4000)[-4:] == ["--host", "127.0.0.1", "--port", "4000"]


def test_serving_ends_with_the_process_and_promises_nothing(make_settings, monkeypatch, capsys):
    monkeypatch.setattr("vouch.service.serve.command", lambda *_: ["false"])
    assert serve(make_settings(), 4567) == 1
    assert capsys.readouterr().out == ""
