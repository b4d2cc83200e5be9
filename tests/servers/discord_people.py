"""A whole Discord on loopback, seen from its users: type a command, press a button, look."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.servers.discord_gateway import MESSAGE_CONTENT, Gateway, until
from tests.servers.discord_rest import Rest
from tests.servers.discord_rules import (
    ATTACHMENT,
    BUTTON,
    CHANNEL,
    LOADING,
    STRING,
    USER,
    check_option,
)
from tests.servers.discord_shown import Shown
from tests.servers.discord_store import Exchange
from tests.servers.discord_world import (
    APPLICATION,
    MIB,
    Ids,
    Json,
    Person,
    Server,
    dm_channel,
    message_payload,
)
from tests.servers.secrets import DISCORD_TOKEN as TOKEN


class Discord:
    """Servers, people, and the bot that is connected to them."""

    def __init__(self, *servers: Server) -> None:
        self.ids = Ids()
        self.gateway = Gateway(TOKEN, list(servers))
        self.rest = Rest(TOKEN, self.gateway, self.ids)
        self._runner: web.AppRunner | None = None

    @property
    def api_url(self) -> str:
        """Where the API is."""
        return f"{self.rest.store.url}/api/v10"

    @property
    def environment(self) -> dict[str, str]:
        """What a program is told to find this Discord and to log in there."""
        return {
            "DISCORD_TOKEN": TOKEN,
            "DISCORD_API_URL": self.api_url,
            "DISCORD_GATEWAY_URL": self.gateway.url,
        }

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        self._runner = web.AppRunner(self.rest.app(), shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        port = self._runner.addresses[0][1]
        self.rest.store.url = f"http://127.0.0.1:{port}"
        self.gateway.url = f"ws://127.0.0.1:{port}/gw/"

    async def stop(self) -> None:
        """Close all connections."""
        if self._runner is not None:
            await self._runner.cleanup()

    # -- what people do -----------------------------------------------------------------

    async def slash(
        self,
        person: Person,
        server: Server | None,
        name: str,
        options: Mapping[str, Any] | None = None,
        *,
        picture: tuple[str, bytes] | None = None,
        thread: int | None = None,
        times: int = 1,
        age_s: float = 0.0,
    ) -> Exchange:
        """Type a command, as Discord's own menu offers it: options are checked by it."""
        command = await self._command(name, 1)
        given = dict(options or {})
        data: Json = {"id": command["id"], "name": name, "type": 1, "options": []}
        if picture is not None:
            attachment = self.attachment(*picture)
            option = next(o["name"] for o in command["options"] if o["type"] == ATTACHMENT)
            given[option] = attachment["id"]
            data["resolved"] = {"attachments": {attachment["id"]: attachment}}
        known = {option["name"]: option for option in command.get("options", [])}
        for key, value in given.items():
            check_option(known[key], value)
            data["options"].append({"name": key, "type": known[key]["type"], "value": value})
        self._resolve(server, data, known, given)
        missing = [k for k, o in known.items() if o.get("required") and k not in given]
        assert not missing, f"Discord does not send /{name} without {missing}"
        return await self._interact(
            person, server, 2, data, thread=thread, times=times, age_s=age_s
        )

    def _resolve(
        self, server: Server | None, data: Json, known: Mapping[str, Json], given: Mapping[str, Any]
    ) -> None:
        """Bring along what ids of channels and people stand for, as Discord does."""
        for key, value in given.items():
            resolved = data.setdefault("resolved", {})
            if known[key]["type"] == CHANNEL:
                assert server is not None
                resolved.setdefault("channels", {})[value] = server.payload_of(int(value))
            elif known[key]["type"] == USER:
                resolved.setdefault("users", {})[value] = Person(int(value)).user

    async def _command(self, name: str, kind: int) -> Json:
        """The command of this name from the menu, which the bot fills after it has connected."""

        def offered() -> list[Json]:
            return [c for c in self.rest.commands if c["name"] == name and c["type"] == kind]

        await until(lambda: bool(offered()))
        return offered()[0]

    async def complete(
        self,
        person: Person,
        server: Server | None,
        command: str,
        option: str,
        start: str,
        **others: str,
    ) -> list[str]:
        """Begin to type an option, after others: the values that are offered."""
        exchange = await self.completion(person, server, command, option, start, **others)
        return [choice["value"] for choice in exchange.choices or []]

    async def completion(
        self,
        person: Person,
        server: Server | None,
        command: str,
        option: str,
        start: str,
        **others: str,
    ) -> Exchange:
        """Begin to type an option, after others: all that came back."""
        known = await self._command(command, 1)
        focused = {"name": option, "type": STRING, "value": start, "focused": True}
        chosen = [{"name": n, "type": STRING, "value": v} for n, v in others.items()]
        data = {"id": known["id"], "name": command, "type": 1, "options": [*chosen, focused]}
        exchange = await self._interact(person, server, 4, data)
        await until(lambda: exchange.choices is not None)
        return exchange

    async def menu(
        self, person: Person, server: Server | None, label: str, target: Json
    ) -> Exchange:
        """Choose an entry of a message's context menu."""
        command = await self._command(label, 3)
        data = {"id": command["id"], "name": label, "type": 3, "target_id": target["id"]}
        data["resolved"] = {"messages": {target["id"]: target}}
        return await self._interact(person, server, 2, data)

    async def press(
        self,
        person: Person,
        server: Server | None,
        shown: Shown,
        custom_id: str,
        *,
        thread: int | None = None,
    ) -> Exchange:
        """Press a button of a message."""
        data = {"custom_id": custom_id, "component_type": BUTTON}
        return await self._interact(person, server, 3, data, message=shown.message, thread=thread)

    async def say(
        self,
        person: Person,
        server: Server | None,
        text: str,
        *pictures: tuple[str, bytes],
        reply_to: Json | None = None,
        thread: int | None = None,
        times: int = 1,
        **changes: Any,
    ) -> Json:
        """Write a message. What the bot may not read of it is taken out, as Discord does."""
        channel = thread or (server.channel if server else int(dm_channel(person)["id"]))
        message = message_payload(self.ids.new(), channel, person.user, content=text, **changes)
        message["attachments"] = [self.attachment(*picture) for picture in pictures]
        named = f"<@{APPLICATION}>" in text
        if named:
            message["mentions"] = [{**self.gateway.bot.user, "member": self.gateway.bot.member}]
        if server is not None:
            message |= {"guild_id": str(server.id), "member": person.member}
            # The gateway has it first; then whoever reads the history.
            self.rest.history.readable = bool(self.gateway.intents & MESSAGE_CONTENT)
            self.rest.history.keep(message)
        if reply_to is not None:
            message |= {"type": 19, "referenced_message": reply_to}
            message["message_reference"] = {
                "message_id": reply_to["id"],
                "channel_id": reply_to["channel_id"],
            }
            to_bot = reply_to["author"]["id"] == str(APPLICATION)
            if to_bot:
                message["mentions"] = [{**self.gateway.bot.user, "member": {}}]
            named = named or to_bot
        readable = self.gateway.intents & MESSAGE_CONTENT
        if server is not None and not named and not readable:
            message |= {"content": "", "attachments": [], "embeds": [], "components": []}
        await self.gateway.dispatch("MESSAGE_CREATE", message, times=times)
        return message

    def attachment(self, name: str, data: bytes, *, kind: str | None = None) -> Json:
        """Upload a file: the attachment object."""
        media = self.rest.store.upload(name, data)
        suffix = name.rpartition(".")[2].lower()
        known = {"png", "jpg", "jpeg", "gif", "webp"}
        kind = kind or (f"image/{suffix}" if suffix in known else None)
        facts = {"filename": name, "size": len(data), "content_type": kind}
        return {"id": media["attachment_id"], **facts, **media}

    # -- what people see ----------------------------------------------------------------

    async def answer(self, exchange: Exchange) -> Shown:
        """The one message that answers, once it is there."""
        await until(lambda: bool(self.visible(exchange)))
        (shown,) = self.visible(exchange)
        return shown

    def visible(self, exchange: Exchange) -> list[Shown]:
        """The messages of an interaction that are drawn and not deleted."""
        return [
            Shown(message, self.rest.store.files)
            for message in exchange.messages
            if int(message["id"]) not in self.rest.store.deleted and not message["flags"] & LOADING
        ]

    def written(self, channel: int) -> list[Shown]:
        """What the bot wrote to a channel by itself, oldest first."""
        of_exchanges = [
            message["id"]
            for exchange in self.rest.exchanges.values()
            for message in exchange.messages
            if message is not exchange.pressed
        ]
        return [
            Shown(message, self.rest.store.files)
            for message in self.rest.store.messages.values()
            if message["channel_id"] == str(channel) and message["id"] not in of_exchanges
        ]

    async def replied(self, channel: int, count: int = 1) -> Shown:
        """The latest of the bot's ``count`` messages in a channel, once they are there."""
        await until(lambda: len(self.written(channel)) >= count)
        assert len(self.written(channel)) == count
        return self.written(channel)[-1]

    async def _interact(
        self,
        person: Person,
        server: Server | None,
        kind: int,
        data: Json,
        *,
        message: Json | None = None,
        thread: int | None = None,
        times: int = 1,
        age_s: float = 0.0,
    ) -> Exchange:
        interaction = self.ids.new(age_s=age_s)
        channel = server.channel_payload if server else dm_channel(person)
        if server and thread is not None:
            channel = server.payload_of(thread)
        limit = server.file_limit if server else 10 * MIB
        exchange = Exchange(
            interaction, f"token-{interaction}", int(channel["id"]), limit, age_s, message
        )
        self.rest.exchanges[exchange.token] = exchange
        event: Json = {
            "id": str(interaction),
            "application_id": str(APPLICATION),
            "type": kind,
            "token": exchange.token,
            "version": 1,
            "channel": channel,
            "channel_id": channel["id"],
            "locale": person.locale,
            "entitlements": [],
            "authorizing_integration_owners": {"0": str(server.id if server else 0)},
            "context": 0 if server else 1,
            "attachment_size_limit": limit,
            "app_permissions": str(1 << 11 | 1 << 15),
            "data": data,
        }
        if server is not None:
            rights = person.rights
            for role in person.roles:
                rights |= server.role_rights.get(role, 0)
            if server.owner == person.id:
                rights = (1 << 50) - 1
            member = {**person.member, "user": person.user, "permissions": str(rights)}
            event |= {"guild_id": str(server.id), "member": member}
        else:
            event["user"] = person.user
        if message is not None:
            event["message"] = message
        await self.gateway.dispatch("INTERACTION_CREATE", event, times=times)
        return exchange


@asynccontextmanager
async def discord_with(*servers: Server) -> AsyncIterator[Discord]:
    """A running Discord with these servers."""
    discord = Discord(*servers)
    await discord.start()
    try:
        yield discord
    finally:
        await discord.stop()
