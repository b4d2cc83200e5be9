"""Write ``docs/commands.md`` from the definitions of the commands: ``make docs``.

The words are those that people see, so that the page cannot say other things than the
program. The pictures are taken by ``scripts/commands_pictures.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bot.i18n.discord import context_menus  # noqa: E402
from bot.i18n.messages import Words  # noqa: E402
from bot.protocol.definitions import COMMANDS, CommandDefinition, Option  # noqa: E402 - run as a file

PAGE = ROOT / "docs" / "commands.md"
PICTURES = ROOT / "docs" / "images" / "commands"

_WHO = {
    "all": "everybody",
    "adder": (
        "administrators, and whom the operator names in `discord.adders` and `telegram.adders`"
    ),
    "admin": (
        "administrators: “Manage Server” on Discord, the group's administrators on Telegram "
        "(anonymous ones too), and the ids in `discord.admins` and `telegram.admins`"
    ),
    "operator": (
        "whoever runs the bot: the ids in `discord.admins` and `telegram.admins`, on Discord also "
        "roles"
    ),
}
_QUOTA = {"text": "a question", "picture": "a picture"}

_HEAD = """# Commands

The same commands on Discord, on Telegram and in the web chat. On Discord they are slash
commands with a field for each option; elsewhere options are written behind the command:
`/find fruit --count 3 --exclude apple`, or as Discord shows them, `/find fruit count: 3`. What a
command does not understand is said; nothing is passed over. Words without a command are a
`/find`, a picture without words is a `/similar`. Lists take the commas and semicolons of any
keyboard: `/classify cat、dog、horse`.

Answers come in the language of whoever asks: Arabic, Chinese, Dutch, English, French, German,
Italian, Japanese, Korean, Polish, Portuguese, Russian, Spanish or Turkish; Discord has no
Arabic. Names of commands and options are the same in every language.

This page is generated (`make docs`) from the definitions that both platforms build their
menus from; the pictures are replies of the program on the demo gallery, drawn from the
messages that Discord and Telegram were sent. Fonts and colours of the apps differ.
"""

_TAIL = """## Without a command

- **A photo** in a private chat with the bot, or sent to it as a reply or with a mention, gets
  the most similar pictures. In a channel or group where an administrator said
  `/settings photos: on`, every photo gets them. An album gets one answer.
- **A message's context menu** (Discord): {menus}.
- **Inline** (Telegram): `@yourbot orange fruits` in any chat offers pictures that the bot
  has sent before, from the collections that you may search.

## Buttons

Buttons obey the person who asked, also after a restart of the bot. Those that change
something (Remove, Undo, the settings) ask for the right again whenever they are pressed.

## How much one may ask

A question or a picture counts against the quota of the person and of the community
([`[limits]` in the settings](settings.md)); an answer that says "too fast"
says also when to try again. Administrators can set the pauses of their community with
`/settings`.
"""


def page() -> str:
    """The whole page as Markdown."""
    words = Words()
    menus = " and ".join(f"“{label}”" for label in context_menus(words.translate).values())
    sections = ["\n".join(_section(command, words)) for command in COMMANDS]
    contents = " · ".join(f"[/{c.name}](#{c.name})" for c in COMMANDS)
    return "\n".join([_HEAD, contents + "\n", *sections, _TAIL.format(menus=menus)])


def _section(command: CommandDefinition, words: Words) -> Iterator[str]:
    yield f"## /{command.name}\n"
    yield f"{words.summary(command)}.\n"
    yield f"```\n{words.usage(command)}\n```\n"
    facts = [f"Who: {_WHO[command.who]}."]
    if command.quota is not None:
        facts.append(f"Counts as {_QUOTA[command.quota]}.")
    if command.not_on:
        facts.append("In chats alone.")
    if command.private:
        facts.append("The answer is for the asker alone.")
    if command.aliases:
        facts.append("Also " + ", ".join(f"`/{alias}`" for alias in command.aliases) + ".")
    yield " ".join(facts) + "\n"
    if command.options:
        yield "| Option | What it is | Takes |"
        yield "|---|---|---|"
        for option in command.options:
            name = f"`{option.name}`" + (" (required)" if option.required else "")
            name += f" ({option.only_on.capitalize()})" if option.only_on else ""
            yield f"| {name} | {words.option_summary(option)} | {_takes(option)} |"
        yield ""
    yield from _pictures(command.name)


def _takes(option: Option) -> str:
    if option.choices:
        choices = ", ".join(f"`{choice}`" for choice in option.choices)
        there = ", ".join(f"`{choice}`" for choice in option.in_chats)
        return f"{choices}; in chats also {there}" if there else choices
    if option.kind in {"count", "number"}:
        return f"a whole number from {option.minimum} to {option.maximum}"
    if option.kind == "criterion":
        return f"text of at most {option.maximum} characters; Discord completes it"
    if option.kind in {"text", "labels"}:
        return f"text of at most {option.maximum} characters"
    return {
        "picture": "a picture: with the message, or in the message that it answers",
        "collection": "a name; Discord completes it",
        "label": "a label of [`tangerine tag`](classify.md); Discord completes it",
        "picture_id": "a picture's id, or words that describe it; Discord completes them",
        "channel": "a channel",
        "person": "a person",
        "date": "a day, as 2026-01-31",
        "flag": f"yes or no; written, `--{option.name}` alone is yes",
    }[option.kind]


def _pictures(name: str) -> Iterator[str]:
    taken = [
        (platform, f"images/commands/{name}-{platform.lower()}.png")
        for platform in ("Discord", "Telegram")
        if (PICTURES / f"{name}-{platform.lower()}.png").exists()
    ]
    if taken:
        yield "| " + " | ".join(platform for platform, _ in taken) + " |"
        yield "|" + "---|" * len(taken)
        cells = (f"![/{name} as answered on {platform}]({path})" for platform, path in taken)
        yield "| " + " | ".join(cells) + " |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
