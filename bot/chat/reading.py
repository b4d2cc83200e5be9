"""What is said of questions in a language that the model was not trained in."""

from __future__ import annotations

from collections.abc import Callable

from bot.chat.presenters.search import Presenter
from bot.protocol.ports import ModelCard
from core.search.everyday import language_by_script


class LanguageNotes:
    """Names the languages that the model reads to whoever asks in another.

    Of a model whose languages nobody wrote down, nothing is said.
    """

    def __init__(
        self, model: Callable[[], ModelCard], presenters: Callable[[str], Presenter]
    ) -> None:
        self._model = model
        self._presenters = presenters

    def of(self, text: str, locale: str) -> str:
        """The note on a question that found nothing close; "" where the model reads its language.

        Its letters tell that, else ``locale``: a language tag, or a list of them of which the
        first counts.
        """
        reads = self._model().reads
        script = language_by_script(text)
        first = locale.partition(",")[0].partition(";")[0].strip().replace("_", "-")
        own = first.partition("-")[0].lower()
        # By its letters a text in Ukrainian might be Russian: its reader knows better.
        known = (not own.isalpha() or own in reads) if script is not None else False
        if not reads or (known and (not script or script in reads)):
            return ""
        words = self._presenters(locale).words
        return words.reads_best(reads)
