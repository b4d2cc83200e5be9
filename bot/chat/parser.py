"""From what was written to a command with checked options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bot.protocol.definitions import COMMANDS, CommandDefinition, Option, find_command
from bot.protocol.requests import Request
from core.domain.errors import BadCount, BadSetting, InvalidRequest

OptionValue = str | int | bool | tuple[str, ...]

# Keyboards of Japanese and Chinese have slash, hyphen, colon and equals sign in full width.
_GIVEN = "=:\uff1d\uff1a"
_COMMAND = re.compile(r"[/\uff0f](\w+)(?:@\w+)?(?=\s|$)")
# Phones turn two hyphens into one long dash.
_OPTION = re.compile(
    rf"(?:(?<=\s)|^)(?:(--|\uff0d\uff0d|\u2014|\u2013)(?=\w)([\w-]+)|-k)(?:[{_GIVEN}]|\s|$)"
)
# Two hyphens may be left out before a colon, as Discord shows options ("count: 3"), ...
_NAMED = re.compile(r"(?<!\S)(\w+)[:\uff1a]")
# ... and, where nothing takes the remaining words, altogether.
_BARE = re.compile(rf"(?<!\S)\w+(?=[\s{_GIVEN}]|$)")
_PARTS = ",;\u3001\uff0c\uff1b\u060c\u061b\uff64"
_LIST = re.compile(rf"[{_PARTS}\n]")
_SHORT = {"k": "count"}
_SWITCH = {
    **dict.fromkeys(("yes", "on", "true", "1"), True),
    **dict.fromkeys(("no", "off", "false", "0"), False),
}
_QUOTES = {'"': '"', "'": "'", "“": "”", "„": "“", "«": "»"}


@dataclass(frozen=True, slots=True)
class Invocation:
    """A command and its options, by name; an option that was not given is missing."""

    command: CommandDefinition
    options: Mapping[str, OptionValue]

    def text(self, name: str) -> str:
        """A text option, empty where it was not given."""
        value = self.options.get(name, "")
        return value if isinstance(value, str) else ""

    def flag(self, name: str) -> bool:
        return self.options.get(name) is True

    def count(self, default: int) -> int:
        value = self.options.get("count", default)
        return value if isinstance(value, int) else default

    def number(self, name: str) -> int | None:
        """A whole number, None where it was not given."""
        value = self.options.get(name)
        return value if isinstance(value, int) else None

    @property
    def labels(self) -> tuple[str, ...]:
        value = self.options.get("labels", ())
        return value if isinstance(value, tuple) else ()


def split_list(text: str) -> tuple[str, ...]:
    """What people part by commas, semicolons or lines, those of any keyboard; none is empty."""
    return tuple(part.strip() for part in _LIST.split(text) if part.strip())


def parse(request: Request) -> Invocation:
    """The command of a request. Raises InvalidRequest, BadCount and BadSetting.

    Nothing that was written is passed over: what belongs to no option is an error. Without a
    command, a picture is a similar (mixed with the text, where there is one), a text alone a
    find, and nothing at all a help.
    """
    if request.command is not None:
        return _typed(_known(request.command, request), request)
    text = _sound(request.text).strip()
    match = _COMMAND.match(text)
    if match is None:
        # A slash that starts no word is part of the question: "/ or \\".
        name = "similar" if request.asked_pictures else "find" if text else "help"
        return _written(_known(name, request), text, request.platform)
    command, words = _known(match[1], request), text[match.end() :]
    if match[1].lower() in command.aliases:
        words = ""  # a link into Telegram puts a word of its own behind /start
    if command.rest is None and not command.takes_picture:
        words = _BARE.sub(lambda word: _marked(command, word[0]), words)
    else:
        words = _NAMED.sub(lambda word: _marked(command, word[1], word[0]), words)
    return _written(command, words, request.platform)


def _known(name: str, request: Request) -> CommandDefinition:
    command = find_command(name)
    if command is None:
        offered = (
            each.name
            for each in COMMANDS
            if each.is_on(request.platform)
            and each.is_offered_to(
                is_admin=request.is_admin,
                may_add=request.may_add,
                is_operator=request.is_operator,
            )
        )
        raise InvalidRequest(
            "There is no command /{name}.",
            remedy="There are: {names}. /help explains them.",
            name=name[:32],
            names=", ".join(f"/{each}" for each in offered),
        )
    return command


def _typed(command: CommandDefinition, request: Request) -> Invocation:
    values: dict[str, OptionValue] = {}
    for key, value in request.options.items():
        option = _option(command, key, request.platform)
        if option.kind == "flag":
            values[key] = bool(value)
        else:
            values[key] = _value(option, _sound(str(value)), request.platform)
    return Invocation(command, values)


def _sound(text: str) -> str:
    # JSON can smuggle in half a surrogate pair, which no UTF-8 can say again.
    return text.encode(errors="replace").decode()


def _written(command: CommandDefinition, text: str, platform: str) -> Invocation:
    marks = [mark for mark in _OPTION.finditer(text) if _is_option(command, mark)]
    rest = [text[: marks[0].start()] if marks else text]
    values: dict[str, OptionValue] = {}
    for index, mark in enumerate(marks):
        option = _option(command, mark[2] or "k", platform)
        end = marks[index + 1].start() if index + 1 < len(marks) else len(text)
        words = text[mark.end() : end].strip()
        if option.rest:
            rest.extend(_quoted(words))
        elif option.kind == "flag" and not mark[0].endswith(tuple(_GIVEN)):
            values[option.name] = True
            rest.append(words)
        elif option.kind in {"flag", "count", "number", "choice", "channel", "person", "date"}:
            first, following = _first(words.lstrip(f"{_GIVEN} "))
            values[option.name] = _value(option, first, platform)
            rest.append(following)
        else:
            words, others = _quoted(words)
            values[option.name] = _value(option, words, platform)
            rest.append(others)
    words = "\n".join(part.strip() for part in rest if part.strip(f"{_PARTS} \n\t"))
    leading = command.leading
    if leading is not None and leading.name not in values and words:
        first, words = _first(words)
        values[leading.name] = _value(leading, first, platform)
    if command.rest is not None and words:
        values[command.rest.name] = _value(command.rest, words, platform)
    elif words:
        names = _options_of(command, platform)
        raise InvalidRequest(
            "/{command} does not understand “{words}”.",
            remedy="It has: {names}." if names else "It takes none.",
            command=command.name,
            words=words[:64],
            names=names,
        )
    return Invocation(command, values)


def _first(words: str) -> tuple[str, str]:
    """The first word, and what stands behind it and its comma."""
    first, _, following = words.replace("\n", " ").partition(" ")
    return first.rstrip(_PARTS), following


def _marked(command: CommandDefinition, word: str, written: str = "") -> str:
    """An option's name with its hyphens, as ``written`` where it is none."""
    option = command.option(word.lower())
    if option is None or option.kind in {"picture", "label"}:
        return written or word  # a question asks for a label by "label:" itself
    if not written:
        return word if option.kind == "flag" else f"--{word}"
    return f"--{word}:"


def _is_option(command: CommandDefinition, mark: re.Match[str]) -> bool:
    # A long dash before a word may be punctuation; two hyphens never are.
    return mark[1] in {None, "--"} or command.option(mark[2].lower()) is not None


def _quoted(words: str) -> tuple[str, str]:
    """A value, and what stands behind its closing quotation mark."""
    closing = _QUOTES.get(words[:1])
    end = words.find(closing, 1) if closing else -1
    return (words[1:end], words[end + 1 :]) if end > 0 else (words, "")


def _option(command: CommandDefinition, name: str, platform: str) -> Option:
    name = name.lower()
    option = command.option(_SHORT.get(name, name))
    if option is None or option.kind == "picture" or option.only_on not in {"", platform}:
        names = _options_of(command, platform)
        raise InvalidRequest(
            "/{command} has no option --{name}.",
            remedy="It has: {names}." if names else "It takes none.",
            command=command.name,
            name=name[:32],
            names=names,
        )
    return option


def _options_of(command: CommandDefinition, platform: str) -> str:
    return ", ".join(
        f"--{option.name}"
        for option in command.options
        if option.kind != "picture" and not option.rest and option.is_on(platform)
    )


def _value(option: Option, text: str, platform: str) -> OptionValue:
    text = text.strip()
    if option.kind == "labels":
        return split_list(text)
    if option.kind == "flag":
        return _switch(option, text)
    if option.kind == "choice":
        return _choice(option, text, platform)
    if option.kind not in {"count", "number"}:
        return text
    low, high = option.minimum or 0, option.maximum or 0
    is_count = option.kind == "count"
    if not re.fullmatch(r"[+-]?\d{1,9}", text):
        raise (BadCount if is_count else BadSetting)(
            "“{text}” is not a number.",
            remedy="Give {low} to {high}.",
            text=text[:32],
            low=low,
            high=high,
        )
    number = int(text)
    if (
        not (option.minimum or 0)
        <= number
        <= (number if option.maximum is None else option.maximum)
    ):
        if is_count:
            raise BadCount(number=number, low=low, high=high)
        raise BadSetting(
            "{option} cannot be “{text}”.",
            remedy="Give {low} to {high}.",
            option=option.name,
            text=text,
            low=low,
            high=high,
        )
    return number


def _switch(option: Option, text: str) -> bool:
    given = _SWITCH.get(text.lower())
    if given is None:
        raise BadSetting(
            "{option} cannot be “{text}”.",
            remedy="Choose one of: {names}.",
            option=option.name,
            text=text[:32],
            names="yes, no",
        )
    return given


def _choice(option: Option, text: str, platform: str) -> str:
    chosen = text.lower()
    if chosen not in {*option.choices, *option.in_chats}:
        raise BadSetting(
            "{option} cannot be “{text}”.",
            remedy="Choose one of: {names}.",
            option=option.name,
            text=text[:32],
            names=", ".join(option.choices_on(platform)),
        )
    return chosen
