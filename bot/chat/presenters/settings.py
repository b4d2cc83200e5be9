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
        self._ = words.gettext
        self._n = words.ngettext
        self._formats = words.formats

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
        _, count = self._, self._formats.whole(chosen.count or defaults.count)
        text_s, own_text = _pause("text", chosen.text_cooldown_s, defaults)
        picture_s, own_picture = _pause("picture", chosen.picture_cooldown_s, defaults)
        rows, buttons = [], []
        if photos is not None:
            value = _("every one is answered") if photos else _("answered when I am asked")
            rows.append((_("Photos in this channel"), value))
            label = _("Answer photos only when asked") if photos else _("Answer every photo here")
            buttons.append(Button("set", label, change("photos:off" if photos else "photos:on")))
        shown = _("shown at once") if chosen.show_weak else _("shown when asked for")
        rows += [
            (_("Weak matches"), shown),
            (_("Results"), self._value(count, own=chosen.count is not None)),
            (_("Pause after a question"), self._seconds(text_s, own=own_text)),
            (_("Pause after a picture"), self._seconds(picture_s, own=own_picture)),
        ]
        label = _("Hide weak matches") if chosen.show_weak else _("Show weak matches")
        buttons.append(
            Button("set", label, change("weak:hide" if chosen.show_weak else "weak:show"))
        )
        if chosen.count is not None or own_text or own_picture:
            label = _("Back to the operator's numbers")
            buttons.append(Button("set", label, change("numbers:default")))
        example = _("Change the numbers with the command, as: {example}").format(example=_EXAMPLE)
        parts: list[Part] = [Text(_("Saved."))] if saved else []
        parts += [
            Text(_("How I answer here"), "heading"),
            Facts(tuple(rows)),
            Text(example, "note"),
        ]
        return Reply(tuple(parts), tuple(buttons), private=True)

    def _seconds(self, seconds: float | None, *, own: bool) -> str:
        if seconds is None:
            return self._("none: the operator has switched quotas off")
        shown = self._formats.whole(int(seconds)) if seconds == int(seconds) else f"{seconds:g}"
        text = self._n("{count} second", "{count} seconds", int(seconds)).format(count=shown)
        return self._value(text, own=own)

    def _value(self, value: str, *, own: bool) -> str:
        return value if own else self._("{value} (the operator's)").format(value=value)


def _pause(
    kind: Kind, chosen: float | None, defaults: OperatorDefaults
) -> tuple[float | None, bool]:
    """A pause in seconds, None where there are no quotas, and whether it was chosen here."""
    if defaults.cooldown_s is None:
        return None, False
    if chosen is None:
        return defaults.cooldown_s.get(kind, 0.0), False
    return chosen, True
