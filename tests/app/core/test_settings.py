"""Settings: names, ranges, and where they come from."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.core.settings import Settings, load_settings
from models.errors import InvalidInput


def test_settings_come_from_environment_and_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().checkpoints == Path("checkpoints")
    monkeypatch.setenv("NEXTWORD_PORT", "9000")
    monkeypatch.setenv("NEXTWORD_CHECKPOINTS", "/models")
    assert (Settings().port, Settings().checkpoints) == (9000, Path("/models"))
    assert Settings(port=9001).port == 9001


@pytest.mark.parametrize(
    ("name", "value"), [("port", 70000), ("threads", 0), ("reload_seconds", 0), ("log_level", "loud")]
)
def test_settings_out_of_range_are_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings(**{name: value})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("log_level", "loud", "log_level: must be 'debug', 'info', 'warning' or 'error'"),
        ("workers", "0", "workers: must be 1 or more"),
    ],
)
def test_load_settings_names_the_setting_and_what_it_accepts(
    name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"NEXTWORD_{name.upper()}", value)
    with pytest.raises(InvalidInput) as error:
        load_settings()
    assert str(error.value) == message


def test_settings_that_are_unknown_are_refused() -> None:
    with pytest.raises(ValidationError, match="colour"):
        Settings(colour="red")


def test_settings_are_all_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_settings_have_published_models_seen_within_a_second() -> None:
    assert Settings().reload_seconds <= 1


@pytest.mark.parametrize("given", ["a b", "http://a.org", "a.org:80", "*.*.org", "a,,b/c"])
def test_settings_refuse_what_is_no_host(given: str) -> None:
    with pytest.raises(InvalidInput, match="must list, between commas, host names without ports"):
        load_settings(allowed_hosts=given)


@pytest.mark.parametrize("given", ["app.example.org", "https://app.example.org/", "https://a.org,b"])
def test_settings_refuse_what_is_no_origin(given: str) -> None:
    with pytest.raises(InvalidInput, match="must list, between commas, origins"):
        load_settings(cors_origins=given)


def test_settings_keep_names_for_server_processes() -> None:
    names = load_settings(allowed_hosts="api, *.lan", cors_origins="https://a.org,null")
    passed = names.environment()
    assert (passed["NEXTWORD_ALLOWED_HOSTS"], passed["NEXTWORD_CORS_ORIGINS"]) == ("api, *.lan", "https://a.org,null")


def test_settings_come_from_files_of_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nextword_database_url").write_text("postgresql+psycopg://of-the-secret/\n")
    (tmp_path / "nextword_port").write_text("1234")
    monkeypatch.setenv("NEXTWORD_PORT", "4321")
    settings = Settings(_secrets_dir=tmp_path)
    assert (settings.database_url, settings.port) == ("postgresql+psycopg://of-the-secret/", 4321)


def test_settings_open_without_keys_on_loopback_addresses_or_where_told_so() -> None:
    loopback = ["127.0.0.1", "127.8.0.1", "::1", "localhost"]
    others = ["0.0.0.0", "::", "", "10.0.0.1", "app.localhost", "localhost.example.org", "127.1"]
    assert [Settings(host=host).opens_without_keys for host in loopback + others] == [True] * 4 + [False] * 7
    assert all(Settings(host=host, insecure=True).opens_without_keys for host in loopback + others)


def test_settings_of_other_processes_hold_no_key() -> None:
    settings = Settings(api_key="nw_secret", insecure=True)
    assert "nw_secret" not in repr(settings)
    environment = settings.environment()
    assert "nw_secret" not in str(environment)
    assert (environment["NEXTWORD_INSECURE"], "NEXTWORD_API_KEY" in environment) == ("True", False)
