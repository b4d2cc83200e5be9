"""What ``tangerine doctor`` and ``status`` say of encoders over HTTP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bot.doctor.doctor import Doctor
from bot.doctor.encoders import check_encoders
from bot.doctor.findings import Severity
from bot.encoding.routes import EncoderOptions
from bot.engine.embedding import model_card, remote_embedder
from bot.protocol.json_views import encoder_lines, status_view
from config.settings import Settings
from tests.fakes import FakeEncoder
from tests.servers.encoder import served

_TOKEN = "a-token-of-the-encoders"


def _settings(*urls: str, token: str | None = None) -> Settings:
    return Settings.model_validate({"encoder": {"urls": list(urls), "token": token}})


async def test_doctor_asks_each_address() -> None:
    """Which model runs there, and what is wrong: nobody, the token, other weights."""
    other = FakeEncoder()
    other.identity = replace(other.identity, fingerprint="f" * 64)
    guarded = EncoderOptions(token=_TOKEN)
    async with (
        served(FakeEncoder()) as one,
        served(FakeEncoder(), options=guarded) as two,
        served(other) as three,
    ):
        secret = one.url.replace("http://", "http://anna:password@")
        urls = (secret, two.url, three.url, "http://127.0.0.1:9")
        findings = await check_encoders(_settings(*urls))
        with_token = await check_encoders(_settings(two.url, token=_TOKEN))
    fine, refused, foreign, gone = findings
    assert fine.verdict is Severity.OK
    assert fine.message == f"{one.url} runs fake (32 dimensions) on cpu (fake)."
    assert [each.verdict for each in (refused, foreign, gone)] == [Severity.FAILED] * 3
    assert "does not take the token" in refused.message
    assert "other weights" in foreign.message
    assert "TANGERINE_MODEL" in foreign.remedy
    assert "http://127.0.0.1:9" in gone.message
    assert "tangerine encoder" in gone.remedy
    assert "anna" not in str(findings)
    assert with_token[0].verdict is Severity.OK


def test_doctor_looks_for_no_model_where_encoders_have_it(tmp_path: Path) -> None:
    """Neither for the model nor for its device."""
    settings = _settings("http://127.0.0.1:9").model_copy(update={"data_dir": tmp_path})
    subjects = {name for name, _ in Doctor(settings)._checks()}
    assert "encoders" in subjects
    assert not subjects & {"model", "device"}


async def test_status_tells_in_one_line_who_makes_the_vectors() -> None:
    """And as JSON; without credentials."""
    async with served(FakeEncoder(name="theirs")) as one, served(FakeEncoder(name="theirs")) as two:
        urls = (one.url.replace("http://", "http://anna:password@"), two.url)
        settings = _settings(*urls)
        async with remote_embedder(settings) as embedder:
            card = model_card(settings, embedder)
    assert card.name == "theirs"
    assert encoder_lines(card) == [f"  over HTTP by {one.url} (answers), {two.url} (answers)"]
    told = status_view(card, [])["encoders"]
    assert told == [{"url": url, "state": "answers"} for url in (one.url, two.url)]
