"""From a message of Discord to the posts that are kept of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import discord

from bot.discord.attachments import FetchBounds, PostedPicture, attached, embedded, is_read
from bot.discord.readers import place_of
from bot.discord.requests import PLATFORM, addressed_text, community_of
from core.domain.types import Post, PostChannel
from core.images.formats import reads_videos

_NAME_LENGTH = 64
_SPOILER = re.compile(r"\|\|.+?\|\|", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PostPicture:
    """A picture that was posted, and a link by which Discord shows it for a day."""

    post: Post
    picture: PostedPicture
    url: str


def chat_of(channel_id: int) -> str:
    """How posts name a channel or a thread."""
    return f"{PLATFORM}:{channel_id}"


def id_of(chat: str) -> int:
    """The channel or thread that posts name so."""
    return int(chat.partition(":")[2])


def post_channel(channel: discord.abc.GuildChannel | discord.Thread, begins: int) -> PostChannel:
    """A channel, or a thread in one, as it is followed from a message on."""
    parent = channel.parent_id if isinstance(channel, discord.Thread) else None
    return PostChannel(
        chat=chat_of(channel.id),
        community=community_of(channel.guild.id, 0),
        place=place_of(channel),
        parent=chat_of(parent) if parent else "",
        begins=begins,
        position=begins,
    )


def is_post(message: discord.Message, bot_id: int) -> bool:
    """Whether people posted this for each other: no bot did, and it asks the bot nothing."""
    person = not message.author.bot and message.webhook_id is None and not message.is_system()
    return person and addressed_text(message, bot_id) is None


def pictures_in(message: discord.Message, bot_id: int, bounds: FetchBounds) -> list[PostPicture]:
    """The pictures of a message: attached ones, and what Discord shows of links.

    What is covered by a spoiler stays covered, and so do words.
    """
    channel = message.channel
    if not is_post(message, bot_id) or not isinstance(
        channel, (discord.abc.GuildChannel, discord.Thread)
    ):
        return []
    found: list[PostPicture] = []
    text = _SPOILER.sub(" ", message.clean_content)
    for item in message.attachments:
        if is_read(item) and not item.is_spoiler() and item.size <= bounds.max_bytes:
            caption = " ".join(filter(None, (text.strip(), item.description)))
            post = _post(message, channel, item.id, caption)
            found.append(PostPicture(post, attached(item, bounds), item.url))
    if "||" in message.content:
        return found  # a link may be under it
    for number, embed in enumerate(message.embeds, start=1):
        media = embed.image if embed.image.proxy_url else embed.thumbnail
        if embed.type == "gifv" and embed.video.proxy_url and reads_videos():
            media = embed.video
        if media.proxy_url:
            post = _post(message, channel, number, text)
            found.append(PostPicture(post, embedded(media.proxy_url, bounds), media.proxy_url))
    return found


def _post(
    message: discord.Message,
    channel: discord.abc.GuildChannel | discord.Thread,
    part: int,
    caption: str,
) -> Post:
    author = message.author
    where = post_channel(channel, 0)
    return Post(
        chat=where.chat,
        message=message.id,
        community=where.community,
        author=f"{PLATFORM}:{author.id}",
        author_name=" ".join(author.display_name.split())[:_NAME_LENGTH],
        posted_at=message.created_at.timestamp(),
        author_handle=author.name,
        caption=caption,
        part=part,
        parent=where.parent,
        place=where.place,
    )
