"""The words of menus and of the help: commands, options and how to write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bot.protocol.definitions import CommandDefinition

Translate = Callable[[str], str]


def command_summaries(_: Translate) -> Mapping[str, str]:
    """What each command does, at most 100 characters: Discord's bound."""
    return {
        "find": _("Find pictures that a sentence describes"),
        "similar": _("Find pictures that look like yours"),
        "describe": _("Show stored captions that match your picture"),
        "classify": _("Tell which of your labels fits a picture"),
        "map": _("Draw a map of the collection on which like pictures lie together"),
        "add": _("Add a picture to the collection"),
        "remove": _("Take a picture out of the collection"),
        "reindex": _("Bring the index up to date with the folder"),
        "status": _("Show model, collections and their size"),
        "settings": _("Choose how I answer in this community"),
        "moderation": _("Hold pictures back by criteria in words until you decide"),
        "allow": _("Allow this chat to search a collection, or forbid it"),
        "claim": _("Allow this chat to search, with the operator's one-time code"),
        "privacy": _("Show, export or delete what I keep about you"),
        "index": _("Let pictures that are posted in this chat be found here, or stop it"),
        "repost": _("Tell whether a picture was posted here before, and where"),
        "help": _("Show what I can do"),
    }


def option_summaries(_: Translate) -> Mapping[str, str]:
    """What each option means, at most 100 characters: Discord's bound."""
    return {
        "query": _("What the picture should show"),
        "count": _("How many results, 1 to 10"),
        "exclude": _("What the picture should not show"),
        "label": _("Only pictures that are tagged with it"),
        "collection": _("Where to look"),
        "private": _("Only you see the answer"),
        "picture": _("The picture to start from"),
        "text": _("What should be different about it"),
        "labels": _("Labels separated by commas"),
        "groups": _("How many groups to colour, 2 to 12"),
        "caption": _("What the picture shows"),
        "id": _("The picture's id, or words that describe it"),
        "photos": _("Answer every photo that is posted in this channel"),
        "weak": _("Show weak matches without asking"),
        "text_cooldown": _("Seconds between two questions of one person"),
        "picture_cooldown": _("Seconds after a picture before the next question"),
        "action": _("What to do with it"),
        "criterion": _("What not to show, in one or two words"),
        "strictness": _("How little of it is enough to hold a picture"),
        "age": _("Show what it holds in age-restricted channels"),
        "access": _("Whether this chat may search"),
        "code": _("The one-time code from the operator's terminal"),
        "about": _("Whose posts, or “forget”"),
        "in": _("Only what was posted in this channel"),
        "from": _("Only what this person posted"),
        "after": _("Only what was posted on or after this day, as 2026-01-31"),
        "before": _("Only what was posted before this day, as 2026-01-31"),
        "channel": _("Which channel, or all of a category; without it, this one"),
        "everywhere": _("All channels that both of us may read"),
        "since": _("Leave out what was posted before this day, as 2026-01-31"),
        "forget": _("Delete what is kept as well"),
        "person": _("Whose posts to forget"),
        "full": _("Encode every picture anew"),
    }


def usage(command: CommandDefinition, _: Translate, platform: str) -> str:
    """How a command is written: ``/find <query> [--count n] …``."""
    further = flags(command, _, platform)
    return " ".join([call(command, _, platform), *(f"[{each}]" for each in further)])


def call(command: CommandDefinition, _: Translate, platform: str) -> str:
    """A command with what it is about, without its further options: ``/find <words>``."""
    words = _values(_)
    line = [f"/{command.name}"]
    for option in command.options:
        if not option.is_on(platform):
            continue
        if option.kind == "picture":
            added = "+ " + _("picture")
            line.append(added if option.required else f"[{added}]")
        elif option.leading:
            line.append(f"[{'|'.join(option.choices_on(platform))}]")
        elif option.rest:
            value = "|".join(option.choices_on(platform)) or words[option.name]
            line.append(f"<{value}>" if option.required else f"[{value}]")
    return " ".join(line)


def flags(command: CommandDefinition, _: Translate, platform: str) -> list[str]:
    """A command's further options as they are written: ``--count n``, ``--full``."""
    words = _values(_)
    written = []
    for option in command.options:
        if option.kind == "picture" or option.leading or option.rest:
            continue
        if not option.is_on(platform):
            continue
        chosen = "|".join(option.choices_on(platform))
        value = "" if option.kind == "flag" else chosen or words[option.name]
        written.append(f"--{option.name} {value}".strip())
    return written


def _values(_: Translate) -> Mapping[str, str]:
    return {
        "query": _("words"),
        "text": _("words"),
        "labels": _("cat, dog, …"),
        "label": _("name"),
        "collection": _("name"),
        "count": _("n"),
        "exclude": _("words"),
        "groups": _("n"),
        "caption": _("words"),
        "id": _("id or words"),
        "criterion": _("words"),
        "code": _("code"),
        "about": _("forget or @person"),
        "from": _("@person"),
        "in": _("#channel"),
        "channel": _("#channel"),
        "person": _("@person"),
        "since": "2026-01-31",
        "after": "2026-01-31",
        "before": "2026-01-31",
        "text_cooldown": _("seconds"),
        "picture_cooldown": _("seconds"),
    }
