"""Messages and files of a loopback Discord, kept as its API shows them."""

from __future__ import annotations

import copy
import json
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.servers.discord_rules import (
    COMPONENTS_V2,
    EPHEMERAL,
    LOADING,
    Refused,
    check_files,
    check_message,
    files_of,
    walk,
)
from tests.servers.discord_world import MIB, Ids, Json, message_payload


@dataclass
class Exchange:
    """One interaction: what came back, and when; ``pressed`` is the message of its button."""

    id: int
    token: str
    channel: int
    limit: int = 10 * MIB
    age_s: float = 0.0
    pressed: Json | None = None
    asked_at: float = field(default_factory=time.monotonic)
    acknowledged_s: float | None = None
    kind: int | None = None
    choices: list[Json] | None = None
    original: int | None = None
    messages: list[Json] = field(default_factory=list)


@dataclass
class Fault:
    """What goes wrong with the next ``times`` calls whose "METHOD path" matches."""

    pattern: str
    status: int = 500
    body: Json = field(default_factory=dict)
    times: int = 1
    reset: bool = False
    after: bool = False
    stall_s: float = 0.0


class Store:
    """What was posted: ``messages`` by id, ``files`` by their path on the CDN."""

    def __init__(self, ids: Ids, author: Json) -> None:
        self.ids = ids
        self.url = ""
        self.messages: dict[int, Json] = {}
        self.deleted: set[int] = set()
        self.files: dict[str, bytes] = {}
        self._author = author

    async def read(self, request: web.Request, limit: int) -> tuple[Json, dict[str, bytes]]:
        """The payload of a call and the files that came with it."""
        if request.content_type == "application/json":
            return await request.json(), {}
        form = await request.post()
        payload: Json = json.loads(str(form["payload_json"]))
        told = payload.get("data", payload).get("attachments", [])
        files: dict[str, bytes] = {}
        for attachment in told:
            part: Any = form[f"files[{attachment['id']}]"]
            files[attachment["filename"]] = part.file.read()
        check_files(files, limit=limit)
        return payload, files

    def add(
        self, channel: int, payload: Json, files: dict[str, bytes], *, check: bool = True
    ) -> Json:
        """Post a message of the bot."""
        if check:
            check_message(payload, files)
        message = message_payload(self.ids.new(), channel, self._author)
        self.messages[int(message["id"])] = message
        return self.change(message, payload, files, check=False)

    def change(
        self, message: Json, payload: Json, files: dict[str, bytes], *, check: bool = True
    ) -> Json:
        """Draw a message anew."""
        if check:
            check_message(payload, files)
            message["flags"] &= EPHEMERAL
        message["flags"] |= payload.get("flags", 0) & (EPHEMERAL | LOADING | COMPONENTS_V2)
        if payload.get("message_reference"):
            message["message_reference"] = payload["message_reference"]
        message["allowed_mentions"] = payload.get("allowed_mentions")
        message["components"] = copy.deepcopy(payload.get("components", []))
        for component in walk(message["components"]):
            for holder, key in files_of(component):
                scheme, _, name = holder[key]["url"].partition("://")
                if scheme == "attachment":
                    holder[key] = self.upload(name, files[name])
        return message

    def upload(self, name: str, data: bytes) -> Json:
        """Put a file on the CDN: what media items and attachments say of it."""
        attachment = self.ids.new()
        path = f"attachments/{attachment}/{name}"
        self.files[path] = data
        url = f"{self.url}/cdn/{path}?ex=0&is=0&hm=0"
        return {"url": url, "proxy_url": url, "attachment_id": str(attachment)}

    def existing(self, message_id: int | None) -> Json:
        """The message of this id. Refuses what is deleted or never was."""
        if message_id is None or message_id not in self.messages or message_id in self.deleted:
            raise Refused(404, 10008, "Unknown Message")
        return self.messages[message_id]
