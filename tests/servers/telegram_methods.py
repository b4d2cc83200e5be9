"""The methods of the Bot API that the bot calls, over the server's world."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any

from tests.servers.telegram_checks import (
    MAX_DOCUMENT,
    MAX_GET_FILE,
    Params,
    Refused,
    Upload,
    answered,
    bad,
    chat_of,
    keyboard_of,
    parsed,
    photo_of,
    text_of,
    thread_of,
)
from tests.servers.telegram_hook import Hook, hook_of
from tests.servers.telegram_world import Chat, Json, World

_GROUP_MESSAGES = 20
_MINUTE_S = 60.0


class Methods:
    """``answers`` are the answers to presses, ``inline`` those to inline queries, by id."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.answers: dict[str, list[Json]] = {}
        self.inline: dict[str, list[Json]] = {}
        self.commands: dict[str, list[Json]] = {}
        self.flood: dict[int, deque[float]] = {}
        self.window_s = _MINUTE_S

    def call(self, method: str, params: Params) -> Any:
        """The result of a call. Raises Refused."""
        name = re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", method)
        work: Callable[[Params], Any] | None = getattr(self, f"do_{name}", None)
        if work is None:
            raise Refused(404, "Not Found")
        return work(params)

    def do_get_me(self, _: Params) -> Json:
        """The bot itself."""
        return {
            **self.world.bot,
            "can_join_groups": True,
            "can_read_all_group_messages": not self.world.privacy,
            "supports_inline_queries": True,
        }

    def do_set_webhook(self, params: Params) -> bool:
        """From now on the server calls; an empty address is the same as none."""
        self.world.hook = hook_of(params) if params.get("url") else None
        return True

    def do_get_webhook_info(self, _: Params) -> Json:
        """Whether the webhook stands, and what went wrong with it last."""
        hook = self.world.hook or Hook("", "", [], [])
        return hook.info(len(self.world.updates))

    def do_delete_webhook(self, _: Params) -> bool:
        """From now on the bot polls."""
        self.world.hook = None
        return True

    def do_set_my_commands(self, params: Params) -> bool:
        """Keep a menu by the kind of its scope and its language, as ``default:de``."""
        commands = parsed(params, "commands")
        if len(commands) > 100:
            raise bad("BOT_COMMANDS_TOO_MUCH")
        for command in commands:
            if not re.fullmatch(r"[a-z0-9_]{1,32}", command["command"]):
                raise bad("BOT_COMMAND_INVALID")
            if not 1 <= len(command["description"]) <= 256:
                raise bad("BOT_COMMAND_DESCRIPTION_INVALID")
        scope = parsed(params, "scope") or {"type": "default"}
        language = params.get("language_code", "")
        if not re.fullmatch(r"([a-z]{2})?", language):
            raise bad("LANG_CODE_INVALID")
        self.commands[scope["type"] + (language and f":{language}")] = commands
        return True

    def do_send_chat_action(self, params: Params) -> bool:
        """Shown and forgotten."""
        chat = chat_of(self.world, params)
        thread_of(chat, params)
        return True

    def do_send_message(self, params: Params) -> Json:
        """A text."""
        chat = chat_of(self.world, params)
        if not chat.may_send_text:
            raise bad("not enough rights to send text messages to the chat")
        text = text_of(params, "text", 4096, required=True)
        return self._send(chat, params, text=text)

    def do_send_photo(self, params: Params) -> Json:
        """A photo with its caption."""
        chat = chat_of(self.world, params)
        caption = text_of(params, "caption", 1024)
        keyboard_of(params)
        photo = photo_of(self.world, chat, params.get("photo"))
        return self._send(chat, params, photo=photo, caption=caption)

    def do_send_document(self, params: Params) -> Json:
        """A file, kept under the name that it was sent with."""
        chat = chat_of(self.world, params)
        keyboard_of(params)
        sent = params.get("document")
        if not isinstance(sent, Upload) or not sent.data:
            raise bad("there is no document in the request")
        if len(sent.data) > MAX_DOCUMENT:
            raise Refused(413, "Request Entity Too Large")
        file_id = self.world.store(sent.data)
        document = {
            "file_id": file_id,
            "file_unique_id": self.world.files[file_id].unique,
            "file_name": sent.name,
            "mime_type": sent.media_type,
            "file_size": len(sent.data),
        }
        return self._send(chat, params, document=document)

    def do_send_media_group(self, params: Params) -> list[Json]:
        """An album of two to ten photos."""
        chat = chat_of(self.world, params)
        media = parsed(params, "media")
        if not 2 <= len(media) <= 10:
            raise bad("the number of media in an album must be 2 to 10")
        photos = []
        for item in media:
            name = item["media"]
            source = params[name[9:]] if name.startswith("attach://") else name
            photos.append((photo_of(self.world, chat, source), text_of(item, "caption", 1024)))
        self._count(chat, len(photos))
        group = f"album{id(photos)}"
        return [
            self._send(
                chat, params, counted=True, photo=photo, caption=caption, media_group_id=group
            )
            for photo, caption in photos
        ]

    def do_edit_message_text(self, params: Params) -> Json:
        """Another text for a message of the bot."""
        chat = chat_of(self.world, params)
        key = (chat.id, int(params["message_id"]))
        message = chat.messages.get(key[1])
        if message is None or key in self.world.deleted or not message["from"]["is_bot"]:
            raise bad("message to edit not found")
        if "text" not in message:
            raise bad("there is no text in the message to edit")
        text, keyboard = text_of(params, "text", 4096, required=True), keyboard_of(params)
        if text == message["text"] and keyboard == message.get("reply_markup"):
            raise bad("message is not modified")
        self._count(chat, 1)
        message["text"] = text
        message.pop("reply_markup", None)
        message.update({"reply_markup": keyboard} if keyboard else {})
        return message

    def do_set_message_reaction(self, params: Params) -> bool:
        """Another reaction of the bot to a message, or none."""
        chat = chat_of(self.world, params)
        key = (chat.id, int(params["message_id"]))
        if key[1] not in chat.messages or key in self.world.deleted:
            raise bad("message to react not found")
        parsed(params, "reaction")
        return True

    def do_answer_callback_query(self, params: Params) -> bool:
        """The end of a press; a second answer is as bad as none."""
        query_id = params["callback_query_id"]
        if query_id not in self.answers:
            raise bad("query is too old and response timeout expired or query ID is invalid")
        text_of(params, "text", 200)
        self.answers[query_id].append(dict(params))
        return True

    def do_answer_inline_query(self, params: Params) -> bool:
        """Results of an inline query."""
        query_id = params["inline_query_id"]
        if query_id not in self.inline:
            raise bad("query is too old and response timeout expired or query ID is invalid")
        results = parsed(params, "results")
        if len(results) > 50:
            raise bad("RESULTS_TOO_MUCH")
        if len({result["id"] for result in results}) != len(results):
            raise bad("RESULT_ID_DUPLICATE")
        if len(params.get("next_offset", "").encode()) > 64:
            raise bad("NEXT_OFFSET_INVALID")
        for result in results:
            if not 1 <= len(result["id"].encode()) <= 64:
                raise bad("RESULT_ID_INVALID")
            if result["photo_file_id"] not in self.world.files:
                raise bad("wrong file identifier/HTTP URL specified")
            text_of(result, "caption", 1024)
        button = parsed(params, "button")
        if button is not None and not re.fullmatch(r"[\w-]{1,64}", button["start_parameter"]):
            raise bad("START_PARAM_INVALID")
        self.inline[query_id].append({**params, "results": results, "button": button})
        return True

    def do_get_chat(self, params: Params) -> Json:
        """What a chat is called, and of which kind it is."""
        return chat_of(self.world, params).json

    def do_get_chat_member(self, params: Params) -> Json:
        """The status of somebody in a chat."""
        chat, user_id = chat_of(self.world, params), int(params["user_id"])
        if user_id not in chat.members:
            raise bad("PARTICIPANT_ID_INVALID")
        return self.world.member(chat.id, user_id)

    def do_get_file(self, params: Params) -> Json:
        """Where the bytes of a file are."""
        file = self.world.files.get(params["file_id"])
        if file is None:
            raise bad("invalid file_id")
        if len(file.data) > MAX_GET_FILE:
            raise bad("file is too big")
        return {
            "file_id": params["file_id"],
            "file_unique_id": file.unique,
            "file_size": len(file.data),
            "file_path": f"photos/{file.unique}.bin",
        }

    def _send(self, chat: Chat, params: Params, *, counted: bool = False, **content: Any) -> Json:
        thread, keyboard = thread_of(chat, params), keyboard_of(params)
        reply_to = answered(self.world, chat, params)
        if not counted:
            self._count(chat, 1)
        message = self.world.message(
            chat,
            self.world.bot,
            reply_to_message=reply_to,
            reply_markup=keyboard,
            **thread,
            **content,
        )
        self.world.sent.append(message)
        return message

    def _count(self, chat: Chat, messages: int) -> None:
        """Refuse the 21st message of a minute in a group; an album counts each picture."""
        if chat.id > 0:
            return
        now = monotonic()
        times = self.flood.setdefault(chat.id, deque())
        while times and times[0] <= now - self.window_s:
            times.popleft()
        if len(times) + messages > _GROUP_MESSAGES:
            wait = int(times[0] + self.window_s - now) + 1
            raise Refused(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
        times.extend([now] * messages)
