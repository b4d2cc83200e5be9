"""The commands as data: both platforms build their menus from it, and the parser reads it.

Summaries are words, so they live in :class:`bot.i18n.messages.Words`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.domain.choices import MAX_GROUPS, Strictness
from core.search.labels import MAX_LABEL
from core.search.moderation import MAX_CRITERION

OptionKind = Literal[
    "text",
    "count",
    "number",
    "label",
    "labels",
    "collection",
    "criterion",
    "flag",
    "picture",
    "choice",
    "picture_id",
    "channel",
    "person",
    "date",
]


NOT_CHATS = ("web", "local")
"""Where one person is alone with the program: the local page and the command line."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option. The ``rest`` option takes the words that belong to no other.

    ``minimum`` and ``maximum`` bound a count and any other whole number, ``maximum`` the
    characters of a text. A choice takes one of ``choices``, and in chats one of ``in_chats``;
    their names are words, the values are not. A choice that is ``leading`` may be the first word,
    before what takes the rest. A platform that can completes picture ids from the captions, and
    names of collections, labels and criteria from those that there are (``Commands.pictures`` and
    its kin). ``only_on`` names the one platform that has it, ``not_on`` those where it
    means nothing and is not offered.
    """

    name: str
    kind: OptionKind
    required: bool = False
    rest: bool = False
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    leading: bool = False
    in_chats: tuple[str, ...] = ()
    only_on: str = ""
    not_on: tuple[str, ...] = ()

    def is_on(self, platform: str) -> bool:
        """Whether a platform offers it; "" stands for what is common to chats."""
        return self.only_on in {"", platform} and platform not in self.not_on

    def choices_on(self, platform: str) -> tuple[str, ...]:
        """Of a choice, what it takes on a platform."""
        return self.choices if platform in NOT_CHATS else (*self.choices, *self.in_chats)


@dataclass(frozen=True, slots=True)
class CommandDefinition:
    """One command.

    ``who`` may call it: all, administrators, those and further people whom the operator lets
    add pictures (``adder``), or the operator alone. ``quota`` is the kind of request that it
    counts as. ``menu`` puts it into a message's context menu (Discord); ``private`` says that its
    answer is for the asker alone, so that platforms hide it from the first moment on. One that
    is not ``listed`` is needed once, by somebody who is told of it then. ``not_on`` names
    platforms without it.
    """

    name: str
    options: tuple[Option, ...] = ()
    who: Literal["all", "adder", "admin", "operator"] = "all"
    quota: Literal["text", "picture"] | None = None
    aliases: tuple[str, ...] = ()
    menu: bool = False
    private: bool = False
    listed: bool = True
    not_on: tuple[str, ...] = ()

    @property
    def rest(self) -> Option | None:
        """The option that takes the words that belong to no other."""
        return next((option for option in self.options if option.rest), None)

    @property
    def leading(self) -> Option | None:
        """The choice that may be the first word."""
        return next((option for option in self.options if option.leading), None)

    @property
    def takes_picture(self) -> bool:
        return any(option.kind == "picture" for option in self.options)

    @property
    def needs_picture(self) -> bool:
        """Whether it means nothing without a picture."""
        return any(option.kind == "picture" and option.required for option in self.options)

    def is_on(self, platform: str) -> bool:
        return platform not in self.not_on

    def is_for(self, *, is_admin: bool, may_add: bool, is_operator: bool = False) -> bool:
        if self.who == "operator":
            return is_operator
        return self.who == "all" or is_admin or (self.who == "adder" and may_add)

    def is_offered_to(self, *, is_admin: bool, may_add: bool, is_operator: bool = False) -> bool:
        """Whether menus and help name it to somebody with these rights."""
        return self.listed and self.is_for(
            is_admin=is_admin, may_add=may_add, is_operator=is_operator
        )

    def option(self, name: str) -> Option | None:
        return next((option for option in self.options if option.name == name), None)


MAX_COUNT = 10
"""Pictures of one reply: what an album (Telegram) and a gallery (Discord) hold."""

MAX_TEXT = 200
"""Characters of a query that menus accept; the search itself has the last word."""

MAX_COOLDOWN_S = 3600
"""The longest pause between two requests that a community may ask for, in seconds."""

_COUNT = Option("count", "count", minimum=1, maximum=MAX_COUNT)
_COLLECTION = Option("collection", "collection", maximum=32)
_PICTURE = Option("picture", "picture", required=True)
_PRIVATE = Option("private", "flag", not_on=NOT_CHATS)
_EXCLUDE = Option("exclude", "text", maximum=MAX_TEXT)
_POSTED = (
    Option("in", "channel", only_on="discord"),
    Option("from", "person"),
    Option("after", "date"),
    Option("before", "date"),
)

COMMANDS: tuple[CommandDefinition, ...] = (
    CommandDefinition(
        "find",
        (
            Option("query", "text", required=True, rest=True, maximum=MAX_TEXT),
            _COUNT,
            _EXCLUDE,
            Option("label", "label", maximum=MAX_LABEL),
            _COLLECTION,
            *_POSTED,
            _PRIVATE,
        ),
        quota="text",
    ),
    CommandDefinition(
        "similar",
        (
            _PICTURE,
            Option("text", "text", rest=True, maximum=MAX_TEXT),
            _COUNT,
            _COLLECTION,
            *_POSTED,
            _PRIVATE,
        ),
        quota="picture",
        menu=True,
    ),
    CommandDefinition(
        "describe", (_PICTURE, _COUNT, _COLLECTION, _PRIVATE), quota="picture", menu=True
    ),
    CommandDefinition(
        "classify",
        (_PICTURE, Option("labels", "labels", required=True, rest=True, maximum=1000), _PRIVATE),
        quota="picture",
    ),
    CommandDefinition(
        "map",
        (
            Option("query", "text", rest=True, maximum=MAX_TEXT),
            Option("picture", "picture"),
            Option("groups", "number", minimum=2, maximum=MAX_GROUPS),
            _COLLECTION,
            _PRIVATE,
        ),
        quota="picture",
    ),
    CommandDefinition(
        "add",
        (_PICTURE, Option("caption", "text", rest=True, maximum=MAX_TEXT), _COLLECTION),
        who="adder",
        quota="picture",
    ),
    CommandDefinition(
        "remove",
        (Option("id", "picture_id", required=True, rest=True, maximum=MAX_TEXT),),
        who="admin",
        private=True,
    ),
    CommandDefinition(
        "reindex",
        (Option("collection", "collection", rest=True, maximum=32), Option("full", "flag")),
        who="admin",
    ),
    CommandDefinition("status", who="admin", private=True),
    CommandDefinition(
        "settings",
        (
            Option("photos", "choice", choices=("on", "off")),
            Option("weak", "choice", choices=("show", "hide")),
            Option("count", "count", minimum=1, maximum=MAX_COUNT),
            Option("text_cooldown", "number", minimum=0, maximum=MAX_COOLDOWN_S),
            Option("picture_cooldown", "number", minimum=0, maximum=MAX_COOLDOWN_S),
        ),
        who="admin",
        private=True,
    ),
    CommandDefinition(
        "moderation",
        (
            Option(
                "action",
                "choice",
                choices=("list", "add", "remove", "test", "review"),
                leading=True,
            ),
            Option("criterion", "criterion", rest=True, maximum=MAX_CRITERION),
            Option("strictness", "choice", choices=tuple(each.value for each in Strictness)),
            Option("age", "flag"),
            _COLLECTION,
        ),
        who="admin",
        private=True,
    ),
    CommandDefinition(
        "privacy",
        (
            Option(
                "action",
                "choice",
                rest=True,
                choices=("info", "export", "delete"),
                in_chats=("out", "in"),
            ),
        ),
        private=True,
    ),
    CommandDefinition(
        "index",
        (
            Option("action", "choice", choices=("on", "off", "status", "forget"), leading=True),
            Option("about", "text", rest=True, maximum=64, only_on="telegram"),
            Option("channel", "channel", only_on="discord"),
            Option("everywhere", "flag", only_on="discord"),
            Option("since", "date", only_on="discord"),
            Option("forget", "flag", only_on="discord"),
            Option("person", "person", only_on="discord"),
        ),
        who="admin",
        not_on=NOT_CHATS,
    ),
    CommandDefinition("repost", (_PICTURE, _PRIVATE), quota="picture", menu=True, not_on=NOT_CHATS),
    CommandDefinition(
        "allow",
        (Option("access", "choice", rest=True, choices=("on", "off")), _COLLECTION),
        who="operator",
    ),
    CommandDefinition(
        "claim",
        (Option("code", "text", required=True, rest=True, maximum=64),),
        quota="text",
        listed=False,
    ),
    CommandDefinition("help", aliases=("start",)),
)


def find_command(name: str) -> CommandDefinition | None:
    """The command of this name or alias, in any case."""
    name = name.lower()
    return next((c for c in COMMANDS if name == c.name or name in c.aliases), None)
