"""Settings: where they come from, which wins, and what a wrong one says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from config.settings import Settings, WrongSettingError, load

_DEFAULTS = Path(__file__).parents[2] / "config" / "default.toml"


pytestmark = pytest.mark.usefixtures("empty_environment")


def test_the_default_file_holds_the_defaults() -> None:
    """Reading config/default.toml changes nothing: its values are those of the code."""
    # A relative path of a file is one below the file's own folder.
    assert load(_DEFAULTS, data_dir=Path("data")).model_dump() == load().model_dump()


def _names(model: type[BaseModel], prefix: str = "") -> set[str]:
    names: set[str] = set()
    for name, field in model.model_fields.items():
        inner: Any = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names |= _names(inner, f"{prefix}{name}.")
        elif name != "collections":
            names.add(prefix + name)
    return names


def test_every_setting_is_in_the_default_file_with_a_comment() -> None:
    """A setting that is not explained there does not exist; one without default is commented."""
    section, commented, found, undocumented = "", False, set(), []
    for line in _DEFAULTS.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]") + "."
        name, equals, _ = line.removeprefix("# ").partition(" = ")
        if equals and name.isidentifier():
            found.add(section + name)
            if not commented:
                undocumented.append(section + name)
        elif not line.strip():
            commented = False
        commented = commented or line.startswith("# ")
    assert found - {"logs.name", "logs.folder", "logs.communities"} == _names(Settings)
    assert undocumented == []


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Overrides > environment > short names > file > defaults."""
    file = tmp_path / "t.toml"
    file.write_text('model = "a"\ndevice = "cpu"\n[web]\nport = 1\nhost = "127.0.0.2"\n')
    monkeypatch.setenv("TANGERINE_CONFIG", str(file))
    assert (load().web.port, load().model) == (1, "a")
    monkeypatch.setenv("TANGERINE_WEB_PORT", "2")
    monkeypatch.setenv("TANGERINE_MODEL", "b")
    assert (load().web.port, load().web.host, load().model) == (2, "127.0.0.2", "b")
    monkeypatch.setenv("TANGERINE_WEB__PORT", "3")
    assert load().web.port == 3
    assert load(model="c").model == "c"
    assert load(model=None).model == "b"


def test_tokens_come_from_the_environment_or_a_file_and_stay_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither form shows in a representation of the settings."""
    secret = tmp_path / "token"
    secret.write_text("from-a-file\n")
    monkeypatch.setenv("DISCORD_TOKEN_FILE", str(secret))
    monkeypatch.setenv("TELEGRAM_TOKEN", "from-the-environment")
    settings = load()
    assert settings.discord.token is not None
    assert settings.discord.token.get_secret_value() == "from-a-file"
    assert settings.telegram.token is not None
    assert settings.telegram.token.get_secret_value() == "from-the-environment"
    assert "from-" not in repr(settings) + str(settings.model_dump())


def test_the_databases_address_comes_like_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the environment or from a file that holds it; its password shows nowhere."""
    url = "postgresql://tangerine:a-password@db.example.org/tangerine"
    (tmp_path / "url").write_text(f"{url}\n")
    monkeypatch.setenv("TANGERINE_DATABASE_URL_FILE", str(tmp_path / "url"))
    settings = load()
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == url
    monkeypatch.setenv("TANGERINE_DATABASE_URL", url.replace("postgresql:", "postgres:"))
    assert "a-password" not in repr(load()) + str(load().model_dump())


def test_the_webhooks_secret_comes_like_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the environment or a file, fit for a header, and shown nowhere."""
    secret = tmp_path / "secret"
    secret.write_text("from-a-file_0123\n")
    monkeypatch.setenv("TELEGRAM_WEBHOOK_SECRET_FILE", str(secret))
    monkeypatch.setenv("TANGERINE_TELEGRAM__WEBHOOK_URL", "https://bot.example.org/telegram")
    settings = load()
    assert settings.telegram.webhook_secret is not None
    assert settings.telegram.webhook_secret.get_secret_value() == "from-a-file_0123"
    assert settings.telegram.webhook_url == "https://bot.example.org/telegram"
    assert "from-" not in repr(settings) + str(settings.model_dump())


def test_addresses_of_encoders_come_with_commas_and_stay_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They may hold a password, which neither a representation nor an error shows."""
    urls = "https://anna:hidden@a.example.org/x, http://10.0.0.5:8090"
    monkeypatch.setenv("TANGERINE_ENCODER_URLS", urls)
    monkeypatch.setenv("TANGERINE_ENCODER_TOKEN", "hidden-0123456789")
    settings = load()
    assert [url.get_secret_value() for url in settings.encoder.urls] == urls.split(", ")
    assert "hidden" not in repr(settings) + str(settings.model_dump())
    wrong = {
        "ftp://anna:hidden@a": "use http or https addresses",
        "http://anna:hidden@a?b=c": "use http or https addresses",
        "http://anna:hidden@a,http://anna:hidden@a/": "named twice",
    }
    for value, words in wrong.items():
        monkeypatch.setenv("TANGERINE_ENCODER_URLS", value)
        with pytest.raises(WrongSettingError, match=words) as error:
            load()
        assert "hidden" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("TANGERINE_WEB_PORT", "99999", "web.port = 99999: must be less than or equal to 65535"),
        ("TANGERINE_WEB_PORT", "http", "web.port: must be a valid integer"),
        (
            "TANGERINE_DATABASE_URL",
            "mysql://tangerine:a-password@db/tangerine",
            "database_url: use an address of PostgreSQL, as postgresql://USER@HOST/DATABASE",
        ),
        ("TANGERINE_DATABASE_URL_FILE", "/no/such/file", "TANGERINE_DATABASE_URL_FILE = /no/"),
        (
            "TANGERINE_VECTORS_URL",
            "milvus://a?b=a-password",
            "vectors_url: use an address of Milvus",
        ),
        ("TANGERINE_DEVICE", "gpu", "device: must be 'auto', 'cpu' or 'cuda'"),
        ("TANGERINE_SEARCH__RESULTS", "11", "search.results = 11: must be less"),
        ("TANGERINE_MODLE", "x", "did you mean TANGERINE_MODEL?"),
        ("TANGERINE_WEB__PROT", "1", "did you mean TANGERINE_WEB__PORT?"),
        ("TANGERINE_WEB_HOST", "0.0.0.0", "set a secret in TANGERINE_WEB_TOKEN"),
        ("TANGERINE_WEB_HOST", "127.evil.example", "set a secret in TANGERINE_WEB_TOKEN"),
        ("TANGERINE_WEB_TOKEN", "fifteen-letters", "web.token: use 16 characters"),
        ("TANGERINE_WEB_TOKEN", "short", "secrets.token_urlsafe(32)"),
        ("TANGERINE_CONFIG", "/no/such/file", "there is no such file"),
        ("TELEGRAM_TOKEN_FILE", "/no/such/file", "TELEGRAM_TOKEN_FILE = /no/such/file"),
        (
            "TELEGRAM_WEBHOOK_SECRET_FILE",
            "/no/such/file",
            "TELEGRAM_WEBHOOK_SECRET_FILE = /no/such/file",
        ),
        ("TELEGRAM_WEBHOOK_SECRET", "too short", "telegram.webhook_secret: use 16 to"),
        ("TANGERINE_TELEGRAM__WEBHOOK_URL", "http://x.org", "telegram.webhook_url: use an https"),
        ("TANGERINE_TELEGRAM__WEBHOOK_URL", "https://x.org/?a", "as https://bot.example.org."),
        ("TANGERINE_DISCORD__SHARDS", "8", "discord.shards: name shards by their numbers"),
        ("TANGERINE_DISCORD__SHARDS", "3-1/8", "0-3/8, or 4/8"),
        ("TANGERINE_DISCORD__SHARDS", "0-8/8", "0-3/8, or 4/8"),
        ("TANGERINE_UPLOADS__MAX_PICTURES", "-1", "uploads.max_pictures = -1: must be greater"),
        ("TANGERINE_LIMITS__COMMUNITY_PER_DAY", "many", "limits.community_per_day: must be"),
    ],
)
def test_a_wrong_setting_is_told_in_one_line(
    name: str, value: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line names the setting and what is allowed, and a number that is not."""
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSettingError) as wrong:
        load()
    assert expected in str(wrong.value)
    assert "a-password" not in str(wrong.value)
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model = ", "cannot be read as TOML"),
        ("modle = 'x'", "modle is not a setting"),
        ("[web]\nprot = 1", "web.prot is not a setting"),
        ("[[collections]]\nname = 'A B'\nfolder = 'x'", "collections.0.name: "),
        ("[[collections]]\nname = 'a'\nfolder = 'x'\ncommunities = ['irc:1']", "discord:<server"),
        ("[[collections]]\nname = 'a'\nfolder = 'x'\ncommunities = ['local']", "discord:<server"),
        ("gallery = 'x'\n[[collections]]\nname = 'default'\nfolder = 'y'", "named twice"),
    ],
)
def test_a_wrong_file_is_told_in_one_line(text: str, expected: str, tmp_path: Path) -> None:
    """A misspelt name in the file is refused, never ignored."""
    file = tmp_path / "t.toml"
    file.write_text(text)
    with pytest.raises(WrongSettingError) as wrong:
        load(file)
    assert expected in str(wrong.value)
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    "text",
    [
        "[discord]\ntoken = 123456789",
        "[discord]\ntoken = ['123456789']",
        "discord = '123456789'",
        "telegram = {token = {value = '123456789'}}",
        "device = '123456789:secret'",
        "[web]\nport = 'secret-123456789'",
        "[logs]\ntraces_url = 'https://me:123456789@host'",
        "[[collections]]\nname = 'a'\nfolder = 'x'\ncommunities = ['telegram:x123456789']",
        "[[collections]]\nname = 'a'\nfolder = 'x'\ncommunities = '123456789'",
    ],
)
def test_what_may_be_a_secret_is_not_repeated(text: str, tmp_path: Path) -> None:
    """A token of the wrong type, in the wrong place, in a table or a list is never shown."""
    file = tmp_path / "t.toml"
    file.write_text(text + "\n")
    with pytest.raises(WrongSettingError) as wrong:
        load(file)
    assert "123456789" not in str(wrong.value)


def test_the_gallery_is_the_default_collection(tmp_path: Path) -> None:
    """TANGERINE_GALLERY makes a collection of the web chat's, before the others."""
    settings = load(gallery=tmp_path)
    assert [(c.name, c.communities) for c in settings.all_collections] == [("default", ("web",))]
    assert not settings.all_collections[0].is_named
    assert load().all_collections == ()


def test_who_may_search_it_is_written_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TANGERINE_COMMUNITIES names them with commas; ``*`` is one that somebody wrote."""
    monkeypatch.setenv("TANGERINE_COMMUNITIES", "web, discord:17,telegram:-100")
    [default] = load(gallery=tmp_path).all_collections
    assert default.communities == ("web", "discord:17", "telegram:-100")
    assert default.is_named
    monkeypatch.setenv("TANGERINE_COMMUNITIES", "*")
    assert load(gallery=tmp_path).all_collections[0].communities == ("*",)
    monkeypatch.setenv("TANGERINE_COMMUNITIES", "web,everybody")
    with pytest.raises(WrongSettingError, match="discord:<server id>, telegram:<chat id>"):
        load()
    monkeypatch.delenv("TANGERINE_COMMUNITIES")
    shop = Settings(collections=({"name": "shop", "folder": tmp_path},))
    assert shop.all_collections[0].communities == ("web",)


@pytest.mark.parametrize(("section", "name"), [("web", "token"), ("telegram", "webhook_secret")])
def test_a_secret_has_sixteen_characters_or_more(section: str, name: str) -> None:
    """Sixteen are enough, fifteen are refused."""
    Settings.model_validate({section: {name: "s" * 16}})
    with pytest.raises(ValueError, match=r"use 16"):
        Settings.model_validate({section: {name: "s" * 15}})


@pytest.mark.parametrize(
    ("written", "ids"), [("21", (21,)), ("21, 22", (21, 22)), ("[21, 22]", (21, 22)), ("", ())]
)
def test_ids_of_the_environment_are_separated_by_commas(
    written: str, ids: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As all other lists; brackets, which they needed before, do no harm."""
    monkeypatch.setenv("TANGERINE_TELEGRAM__ADMINS", written)
    monkeypatch.setenv("TANGERINE_DISCORD__ADDERS", written)
    settings = load()
    assert settings.telegram.admins == ids
    assert settings.discord.adders == ids


def test_an_id_that_is_no_number_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name of the setting."""
    monkeypatch.setenv("TANGERINE_TELEGRAM__ADMINS", "21,ada")
    with pytest.raises(WrongSettingError, match=r"telegram\.admins"):
        load()
