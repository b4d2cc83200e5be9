"""The webhook: only Telegram gets in, nothing accepted is lost, and polling works after it."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from bot.http.secrets import kept_secret
from bot.telegram.webhook import SECRET_HEADER, WebhookOptions
from core.domain.errors import SettingsError, Unavailable
from tests.adapters.telegram_parts import ADA, SMALL, Talk, adapter_of, talking
from tests.servers.telegram import TOKEN, Fault, TelegramServer
from tests.web.parts import Parts

pytestmark = pytest.mark.slow

SECRET = "a-secret_of_our-own-choice"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def hooked(folder: Path, port: int | None = None, **values: object) -> WebhookOptions:
    """A webhook on a free port, its secret kept in this folder."""
    port = port or _free_port()
    chosen = {"secret_file": folder / "webhook-secret", **values}
    return WebhookOptions(f"http://127.0.0.1:{port}/behind/a/proxy", port=port, **chosen)  # type: ignore[arg-type]


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    """A bot that Telegram calls."""
    async with talking(tmp_path, webhook=hooked(tmp_path, secret=SECRET)) as running:
        yield running


async def _call(
    talk: Talk, body: bytes, headers: dict[str, str] | None = None, path: str | None = None
) -> int:
    """Call the webhook as anybody may; the status of the answer."""
    hook = talk.server.world.hook
    assert hook is not None
    url = hook.url if path is None else urlsplit(hook.url)._replace(path=path).geturl()
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=io.BytesIO(body), headers=headers) as response,
    ):
        return response.status


def _update(number: int, text: str = "/help") -> bytes:
    person = {"id": ADA, "is_bot": False, "first_name": "Ada"}
    chat = {"id": ADA, "type": "private", "first_name": "Ada"}
    message = {"message_id": 1, "date": 1, "chat": chat, "from": person, "text": text}
    return json.dumps({"update_id": number, "message": message}).encode()


async def test_updates_come_by_webhook(talk: Talk) -> None:
    """Messages, presses and inline queries are answered without a single poll."""
    *_, keyboard = await talk.ask("/find red --count 2", 3)
    await talk.press(keyboard, "Next")
    await talk.answers(3, after=3)
    assert (await talk.inline(ADA, "red"))["results"]
    assert talk.server.called("getUpdates") == []
    assert talk.adapter.unready() is None
    hook = talk.server.world.hook
    assert hook is not None
    assert set(hook.statuses) == {200}
    assert hook.url.startswith("http://127.0.0.1:")
    assert "/behind/a/proxy/telegram/" in hook.url
    for secret in (SECRET, TOKEN, TOKEN.partition(":")[2]):
        assert secret not in hook.url
    assert set(hook.allowed) >= {"message", "callback_query", "inline_query", "my_chat_member"}


@pytest.mark.parametrize("given", [None, "", SECRET[:-1], SECRET + "x", "ä" * 30, TOKEN])
async def test_nobody_else_gets_in(talk: Talk, given: str | None) -> None:
    """Without the secret a call is refused, whatever it carries, and nothing is answered."""
    headers = {} if given is None else {SECRET_HEADER: given}
    assert await _call(talk, _update(1), headers) == 401
    assert await _call(talk, b"x" * 5_000_000, headers) == 401
    assert await _call(talk, _update(1), {SECRET_HEADER: SECRET}, "/telegram/guess") == 404
    assert await _call(talk, _update(1), {SECRET_HEADER: SECRET}, "/") == 404
    await talk.idle()
    assert [message["chat"]["id"] for message in talk.sent] == [13]


async def test_a_proxy_may_cut_the_path(talk: Talk) -> None:
    """Only the last part of the address is ours."""
    hook = talk.server.world.hook
    assert hook is not None
    path = urlsplit(hook.url).path.removeprefix("/behind/a/proxy")
    for number, each in enumerate((path, "/" + path.rpartition("/")[2])):
        assert await _call(talk, _update(number), {SECRET_HEADER: SECRET}, each) == 200
    assert len(await talk.answers(2)) == 2


async def test_the_same_update_is_answered_once(talk: Talk) -> None:
    """However often it is delivered."""
    for _ in range(3):
        assert await _call(talk, _update(7), {SECRET_HEADER: SECRET}) == 200
    await talk.server.say(ADA, ADA, "/find red --count 1", times=3)
    await talk.answers(2)
    await talk.idle()
    assert len(talk.sent) == 3


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"no json", 400),
        (b"\xff\xfe", 400),
        (b" " * (2**20 + 1), 413),
        (b"[]", 200),
        (b"5", 200),
        (b'{"message": 5}', 200),
        (b'{"update_id": 1, "message": {"text": 5}}', 200),
    ],
)
async def test_what_is_no_update_is_dropped(talk: Talk, body: bytes, status: int) -> None:
    """Broken and endless bodies end nothing, and what is no update is not asked for again."""
    assert await _call(talk, body, {SECRET_HEADER: SECRET}) == status
    assert len(await talk.ask("/help")) == 1


async def test_more_than_can_be_answered_is_left_to_telegram(tmp_path: Path) -> None:
    """Where all hands are busy an update is refused with 503, and taken when it comes again."""
    async with talking(tmp_path, webhook=hooked(tmp_path), at_once=2) as talk:
        hook = talk.server.world.hook
        assert hook is not None
        talk.parts.embedder.gate.clear()
        for number in range(3):
            await talk.server.say(ADA, ADA, f"/find red {number} --count 1")
        await talk.server.until(lambda: len(hook.statuses) > 3)
        assert set(hook.statuses[2:]) == {503}
        talk.parts.embedder.gate.set()
        await talk.answers(3)
        assert hook.statuses[-1] == 200


async def test_a_stop_answers_what_was_accepted(tmp_path: Path) -> None:
    """Updates that Telegram believes delivered are answered; later ones stay with Telegram."""
    async with talking(tmp_path, webhook=hooked(tmp_path)) as talk:
        hook = talk.server.world.hook
        assert hook is not None
        talk.parts.embedder.gate.clear()
        for number in range(3):
            await talk.server.say(ADA, ADA, f"/find red {number} --count 1")
        await talk.server.until(lambda: hook.statuses == [200] * 3)
        stopping = asyncio.create_task(talk.adapter.stop())
        await talk.server.until(lambda: talk.adapter.unready() is not None)
        # Over the connection that it has: it is told that this was the last one there.
        await talk.server.say(ADA, ADA, "/help")
        await talk.server.until(lambda: len(hook.statuses) > 3)
        await talk.server.say(ADA, ADA, "/help")
        await talk.server.until(lambda: len(hook.statuses) > 4)
        talk.parts.embedder.gate.set()
        await stopping
        accepted = hook.statuses.count(200)
        assert hook.statuses == [200] * accepted + [0] * (len(hook.statuses) - accepted)
        assert len(talk.sent) == accepted < 5
        assert len(talk.server.world.updates) == 5 - accepted


async def test_a_restart_keeps_the_address_and_gets_what_was_written_meanwhile(
    tmp_path: Path,
) -> None:
    """The secret is made once, and only its owner may read it."""
    options = hooked(tmp_path)
    async with talking(tmp_path, webhook=options) as talk:
        await talk.ask("/help")
        before = talk.server.world.hook
        file = tmp_path / "webhook-secret"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        await talk.adapter.stop()
        await talk.server.say(ADA, ADA, "/find red --count 1")
        talk.adapter = adapter_of(talk.parts, talk.server, tmp_path, webhook=options)
        await talk.adapter.start()
        [message] = await talk.answers(after=1)
        assert "photo" in message
        after = talk.server.world.hook
        await talk.adapter.stop()
    assert before is not None
    assert after is not None
    assert (after.url, after.secret) == (before.url, before.secret)
    assert after.secret == file.read_text()


async def test_polling_works_after_a_webhook(tmp_path: Path) -> None:
    """Whoever switches back gets the updates, which Telegram gives out one way only."""
    async with talking(tmp_path, webhook=hooked(tmp_path)) as talk:
        await talk.ask("/help")
        await talk.adapter.stop()
        await talk.server.say(ADA, ADA, "/help")
        talk.adapter = adapter_of(talk.parts, talk.server, tmp_path)
        await talk.adapter.start()
        await talk.answers(2)
        assert talk.server.world.hook is None
        await talk.ask("/help")
        await talk.adapter.stop()


async def test_an_address_that_telegram_refuses_is_tried_again(tmp_path: Path) -> None:
    """The reason is told in Telegram's words; nothing listens until the next attempt."""
    parts, server, options = Parts(tmp_path, SMALL), TelegramServer(), hooked(tmp_path)
    async with server.running():
        adapter = adapter_of(parts, server, tmp_path, webhook=options)
        server.fail("setWebhook", Fault(400))
        with pytest.raises(Unavailable, match=r"refuses telegram\.webhook_url: It failed"):
            await adapter.start()
        assert adapter.unready() == "telegram: not connected"
        with socket.create_server(("127.0.0.1", options.port)):
            pass
        server.fail("setWebhook", *[Fault(502)] * 4)
        with pytest.raises(Unavailable, match="cannot be reached"):
            await adapter.start()
        await adapter.start()
        assert adapter.unready() is None
        await adapter.stop()
        await adapter.stop()
    await parts.close()


async def test_settings_that_cannot_be_used_stop_the_start(tmp_path: Path) -> None:
    """A taken port, a bad secret and a folder that cannot be written to are named."""
    parts, server = Parts(tmp_path, SMALL), TelegramServer()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for options, named in (
            (hooked(tmp_path, taken.getsockname()[1]), "telegram.webhook_port"),
            (hooked(tmp_path, secret="short"), "16 to 256 letters"),
            (hooked(tmp_path, secret_file=tmp_path / "none" / "secret"), "data folder writable"),
        ):
            async with server.running():
                adapter = adapter_of(parts, server, tmp_path, webhook=options)
                with pytest.raises(SettingsError) as caught:
                    await adapter.start()
                assert named in f"{caught.value} {caught.value.remedy}"
                assert "short" not in str(caught.value)
    await parts.close()


async def test_a_webhook_that_somebody_took_is_set_again(tmp_path: Path) -> None:
    """Readiness says so, and is well again after the next look."""
    async with talking(tmp_path, webhook=hooked(tmp_path, check_s=0.1)) as talk:
        talk.server.world.hook = None
        taken = "telegram: another program has changed the webhook of the same token"
        await talk.server.until(lambda: talk.adapter.unready() == taken)
        await talk.server.until(lambda: talk.adapter.unready() is None)
        assert talk.server.world.hook is not None
        await talk.ask("/help")


async def test_what_telegram_cannot_deliver_makes_unready(tmp_path: Path) -> None:
    """A proxy that is down, or Telegram itself, is named until it works again."""
    async with talking(tmp_path, webhook=hooked(tmp_path, check_s=0.5)) as talk:
        hook = talk.server.world.hook
        assert hook is not None
        hook.secret = "wrong"
        await talk.server.say(ADA, ADA, "/help")
        broken = "telegram: Telegram cannot deliver updates (Wrong response from the webhook: 401)"
        await talk.server.until(lambda: talk.adapter.unready() == broken)
        talk.server.fail("getWebhookInfo", *[Fault(502)] * 4)
        await talk.server.until(
            lambda: talk.adapter.unready() == "telegram: Telegram cannot be reached"
        )
        hook.secret = (tmp_path / "webhook-secret").read_text()
        await talk.answers()
        await talk.server.until(lambda: talk.adapter.unready() is None)


def test_a_secret_that_cannot_be_used_is_replaced(tmp_path: Path) -> None:
    """Whatever the file holds, the secret is long, kept, and for its owner alone."""
    file = tmp_path / "secret"
    words = {"what": "The secret", "remedy": "Make room."}
    for content in (b"", b"short", b"\xff" * 40, b"with spaces in the middle of it"):
        file.write_bytes(content)
        file.chmod(0o644)
        made = kept_secret(file, **words)
        assert len(made) >= 40
        assert kept_secret(file, **words) == made
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert kept_secret(None, **words) != kept_secret(None, **words)
