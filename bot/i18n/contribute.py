"""The words of adding and removing pictures, in one language."""

from __future__ import annotations

import gettext

from bot.i18n.formats import Formats


class ContributionWords:
    """What is said of pictures that people add and take out."""

    def __init__(self, translations: gettext.NullTranslations, formats: Formats) -> None:
        self._ = translations.gettext
        self._n = translations.ngettext
        self._formats = formats

    def added(self, collection: str) -> str:
        return self._("Added to “{collection}”").format(collection=collection)

    def holds(self, collection: str, count: int) -> str:
        """How many pictures of a collection this community sees."""
        number = self._formats.whole(count)
        return self._n(
            "“{collection}” has {count} picture now.",
            "“{collection}” has {count} pictures now.",
            count,
        ).format(collection=collection, count=number)

    def no_caption(self) -> str:
        """Said where a picture was added without words."""
        return self._(
            "It has no caption, so it is found by what it shows alone. To give it one, press "
            "Undo and add it again with a few words."
        )

    def first_added_only(self, count: int) -> str:
        """Said where several pictures were sent to be added."""
        return self._("You sent {count} pictures; this adds the first one.").format(count=count)

    def picture_id(self, picture_id: str) -> str:
        # Words: the id by which a picture can be named.
        return self._("id {id}").format(id=picture_id)

    def alt(self, caption: str, picture_id: str) -> str:
        """A picture beside which no other stands, for people who do not see it."""
        return self._("Picture: {caption}, id {id}.").format(caption=caption, id=picture_id)

    def same(self, collection: str) -> str:
        """Stands above the picture of which an equal one was sent."""
        return self._("“{collection}” has this picture already").format(collection=collection)

    def nearly_same(self, collection: str) -> str:
        """Stands above a picture of which nearly the same was sent."""
        return self._("“{collection}” has a picture that is nearly the same").format(
            collection=collection
        )

    def not_added(self) -> str:
        """Said where a picture was not added because it is there."""
        return self._("Yours was not added.")

    def which(self, words: str) -> str:
        """Stands above pictures of which one may be removed."""
        return self._("Which one is to be removed? Nearest to “{words}”").format(words=words)

    def removed(self, collection: str, caption: str, picture_id: str) -> str:
        return self._("Removed from “{collection}”: {caption} (id {id}).").format(
            collection=collection, caption=caption.rstrip(" ."), id=picture_id
        )

    def undo_for(self, minutes: int) -> str:
        """How long a removal can be undone."""
        return self._n(
            "You can undo this for {count} minute.",
            "You can undo this for {count} minutes.",
            minutes,
        ).format(count=minutes)

    def file_stays(self) -> str:
        """Said of a picture that lies in the operator's folder."""
        return self._("Its file stays in the operator's folder, but is not shown here any more.")

    def restored(self, collection: str) -> str:
        """Stands above a picture whose removal was undone."""
        return self._("Back in “{collection}”").format(collection=collection)

    def button_undo(self) -> str:
        return self._("Undo")

    def button_add_anyway(self) -> str:
        """Adds a picture although nearly the same is there."""
        return self._("Add anyway")

    def button_remove(self, number: int) -> str:
        return self._("Remove #{number}").format(number=number)
