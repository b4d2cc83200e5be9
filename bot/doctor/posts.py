"""Where ``/index`` is on: whether the platforms show the bot what people post there."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlencode

from bot.doctor.findings import Finding, Findings, OutOfReachError, ask, failed
from bot.engine.database import read_from
from config.settings import Settings
from index.library.community_settings import all_settings

_LOOKED_AT = 20
"""Chats of Telegram that are asked about, each with two requests."""


def indexed(settings: Settings, platform: str) -> Sequence[str]:
    """The communities of a platform whose posts are searched. Blocking, changes nothing."""
    chosen = read_from(settings, all_settings) or {}
    mine = (name for name, each in chosen.items() if each.index_posts)
    return sorted(name for name in mine if name.startswith(f"{platform}:"))


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
