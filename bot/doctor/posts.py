"""Where ``/index`` is on: whether the platforms show the bot what people post there."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote, urlencode

from bot.doctor.findings import Finding, Findings, OutOfReachError, ask, failed

_LOOKED_AT = 20
"""Chats of Telegram that are asked about, each with two requests."""


def indexed(catalogue: Path, platform: str) -> Sequence[str]:
    """The communities of a platform whose posts are searched. Blocking, changes nothing."""
    if not catalogue.exists():
        return ()
    query = "SELECT community, settings FROM community_settings WHERE community LIKE ? ORDER BY 1"
    try:
        with closing(
            sqlite3.connect(f"file:{quote(str(catalogue))}?mode=ro", uri=True)
        ) as connection:
            rows = connection.execute(query, (f"{platform}:%",)).fetchall()
        return [name for name, settings in rows if json.loads(settings).get("index_posts")]
    except (sqlite3.Error, ValueError, AttributeError):
        return ()  # of an older version, or damaged: said where the index is looked at


def without_intent(servers: int, *, granted: bool, asked_for: bool) -> Findings:
    """What keeps Discord from showing posts: the portal's switch, or our own setting."""
    if not servers or (granted and asked_for):
        return ()
    steps = []
    if not granted:
        steps.append(
            "switch on “Message Content Intent” in Discord's developer portal (Bot, Privileged "
            "Gateway Intents)"
        )
    if not asked_for:
        steps.append("set discord.message_content = true")
    remedy = ", ".join([*steps, "and start the bot again"])
    return [
        failed(
            "discord",
            f"Posts of Discord are to be searched (/index is on, servers: {servers}), but Discord "
            "does not show the bot what people post.",
            f"{remedy[0].upper()}{remedy[1:]}. Or write /index off there.",
        )
    ]


async def unheard_chats(
    base: str, chats: Sequence[str], bot_id: int, *, hears_groups: bool
) -> Findings:
    """Chats of Telegram whose posts the bot does not hear. ``base``: of the bot's methods."""
    findings: list[Finding] = []
    for chat in chats[:_LOOKED_AT]:
        number = chat.partition(":")[2]
        try:
            about = await ask(f"{base}/getChat?{urlencode({'chat_id': number})}", proxies=True)
            who = urlencode({"chat_id": number, "user_id": bot_id})
            mine = await ask(f"{base}/getChatMember?{who}", proxies=True)
        except OutOfReachError:
            return findings
        told, member = about.body.get("result", {}), mine.body.get("result", {})
        if HTTPStatus.OK not in {about.status, mine.status}:
            continue  # it was removed from there: what was posted is deleted after a week
        is_channel = told.get("type") == "channel"
        if member.get("status") == "administrator" or (hears_groups and not is_channel):
            continue
        name = str(told.get("title") or number)
        remedy = f"Make the bot an administrator of “{name}”"
        if not is_channel:
            remedy += (
                ", or switch privacy mode off: write /setprivacy to @BotFather, choose the bot and "
                "Disable, then take the bot out of the group and add it again"
            )
        findings.append(
            failed(
                "telegram",
                f"/index is on in “{name}”, but the bot does not hear what is posted there.",
                f"{remedy}. Or write /index off there.",
            )
        )
    return findings
