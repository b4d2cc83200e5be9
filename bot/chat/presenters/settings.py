"""Replies about a community's settings, in one language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.i18n.messages import Words
from bot.protocol.replies import Button, Facts, Part, Reply, Text
from core.domain.rate_limits import Kind
from core.domain.types import CommunitySettings

_EXAMPLE = "/settings --count 3 --text_cooldown 10"


@dataclass(slots=True)
class OperatorDefaults:
    """What holds where a community chose nothing; read at each request.

    ``count``: results where no number is given, 1 to 10. ``cooldown_s``: pauses after a
    text and after a picture in seconds; None where quotas are switched off.
    """

    count: int = 5
    cooldown_s: Mapping[Kind, float] | None = None


class CommunityPresenter:
    """Draws up replies. Pure: no I/O, no clock."""

    def __init__(self, words: Words) -> None:
        self._words = words.community

    def settings(
        self,
        chosen: CommunitySettings,
        defaults: OperatorDefaults,
        change: Callable[[str], str],
        *,
        photos: bool | None,
        saved: bool = False,
    ) -> Reply:
        """The settings, with a button for each that can be turned over.

        ``change`` gives the action of a change such as ``weak:show``. ``photos`` says
        whether every photo is answered in this channel, None where that cannot be chosen.
        """
        words = self._words
        text_s, own_text = _pause("text", chosen.text_cooldown_s, defaults)
        picture_s, own_picture = _pause("picture", chosen.picture_cooldown_s, defaults)
        rows = [] if photos is None else [words.photos(answered=photos)]
        rows += [
            words.weak(shown=chosen.show_weak),
            words.count(chosen.count or defaults.count, own=chosen.count is not None),
            words.text_cooldown(text_s, own=own_text),
            words.picture_cooldown(picture_s, own=own_picture),
        ]
        parts: list[Part] = [Text(words.heading(), "heading"), Facts(tuple(rows))]
        if saved:
            parts.insert(0, Text(words.saved()))
        parts.append(Text(words.how_to_change(_EXAMPLE), "note"))
        buttons = []
        if photos is not None:
            photos_action = change("photos:off" if photos else "photos:on")
            buttons.append(Button("set", words.button_photos(answer=not photos), photos_action))
        weak_action = change("weak:hide" if chosen.show_weak else "weak:show")
        buttons.append(Button("set", words.button_weak(show=not chosen.show_weak), weak_action))
        if chosen.count is not None or own_text or own_picture:
            buttons.append(Button("set", words.button_defaults(), change("numbers:default")))
        return Reply(tuple(parts), tuple(buttons), private=True)


def _pause(
    kind: Kind, chosen: float | None, defaults: OperatorDefaults
) -> tuple[float | None, bool]:
    """A pause in seconds, None where there are no quotas, and whether it was chosen here."""
    if defaults.cooldown_s is None:
        return None, False
    if chosen is None:
        return defaults.cooldown_s.get(kind, 0.0), False
    return chosen, True
