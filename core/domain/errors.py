"""Every error a user can meet, each with a stable code.

::

    TangerineError
    ├── InvalidRequest        the request itself is wrong
    │   ├── EmptyQuery            no text, or only white space
    │   ├── QueryTooLong          more characters than a query may have
    │   ├── BadCount              k or another number is out of range
    │   ├── BadLabels             too few or too many labels
    │   ├── UnknownLabel          a label that the collection was not tagged with
    │   ├── NoCode                /claim without a one-time code
    │   ├── BadSetting            a community's setting with a value that it cannot have
    │   ├── ExpiredButton         a button whose state is no longer known
    │   ├── DuplicatePicture      the collection has this picture already
    │   ├── PictureHeld           it is there already, and waits for an administrator
    │   └── BadPicture            bytes that are no usable picture
    │       ├── NoPicture             the command needs a picture and got none
    │       ├── NotAPicture           no known picture format
    │       ├── DamagedPicture        a known format, but truncated or broken
    │       ├── PictureTooLarge       too many bytes (``HTTP 413``)
    │       ├── PictureTooComplex     more work than its pixels are worth (scans, parts, tiles)
    │       ├── TooManyPixels         over the pixel budget, read from the header
    │       └── DecodingFailed        the worker ran out of time or memory, or died
    │           └── MachineBusy           others had the processor: the picture is not to blame
    ├── NotFound              no such picture or collection (or not for this community)
    ├── Forbidden             the community or person may not do this
    │   ├── ProxyNeedsToken       the web chat is reached through a proxy, without a token
    │   ├── WrongCode             a one-time code that does not hold
    │   ├── OperatorOnly          whoever runs the bot may, nobody else
    │   └── CommunityUnknown      nobody has opened a collection to this community
    ├── Unavailable           try again later; ``retry_after`` says when
    │   ├── PlatformUnreachable   Discord or Telegram, at the start of the bot
    │   ├── VectorsUnreachable    Milvus, which has the vectors of large collections
    │   ├── Busy                  admission: the queue is full
    │   ├── TooManyRequests       a quota of the requester
    │   │   ├── AskedTooSoon          only the pause after the last question
    │   │   └── CommunityQuotaUsed    a quota of the whole community
    │   ├── BeingIndexed          nothing of the collection can be searched yet
    │   │   └── BeingEncodedAnew  its vectors are of the model before, and being replaced
    │   ├── ReindexRunning        this collection is being reindexed already
    │   └── ShuttingDown          the process is stopping
    ├── CollectionFull        a community has added as many pictures as it may
    │   └── UploadsFull           all of them together have, or the disk is nearly full
    ├── EmptyCollection       nothing is indexed yet
    ├── ModelMismatch         stored vectors come from another model
    ├── ModelUnavailable      the model could not be loaded
    │   └── NoHead                it ends in no linear projection that could be trained
    ├── EncodingFailed        the encoder failed on this item
    ├── CatalogueError        the catalogue cannot be read or written
    │   ├── CatalogueDamaged      it is damaged or lost
    │   └── FilesUnreachable      the bucket that holds the files of uploads gives no answer
    ├── SourceError           a folder or caption file cannot be read
    │   ├── CaptionWithoutPicture a row of a caption table names no picture
    │   └── RemovalsUnconfirmed   most of a folder's pictures are gone: a mount that vanished?
    └── SettingsError         a setting is wrong

``message`` is one sentence for the person who asked: the cause. ``remedy`` is one that
says what to do. ``code`` never changes, so programs may rely on it.
"""

from __future__ import annotations

import copyreg
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import ClassVar, Final

from core.domain.types import CAPTION_WITHOUT_PICTURE, Picture

Fact = str | int | float | timedelta
Facts = Mapping[str, Fact]

_PLACE: Final = re.compile(r"\{(\w+)\}")

_AGAIN: Final = "Try again in a moment."
_OPERATOR: Final = "Tell the operator of this server."
_SMALLER: Final = "Send a smaller one."


def _shown(fact: Fact) -> str:
    if isinstance(fact, timedelta):
        return f"in {math.ceil(fact.total_seconds())} s"
    return f"{fact:.4g}" if isinstance(fact, float) else str(fact)


def filled(sentence: str, facts: Facts, shown: Callable[[Fact], str] = _shown) -> str:
    """The sentence with each ``{name}`` replaced by the fact of that name, where there is one.

    Facts may be a stranger's words: no more than their own text is ever put in.
    """
    return _PLACE.sub(
        lambda place: shown(facts[place[1]]) if place[1] in facts else place[0], sentence
    )


class TangerineError(Exception):
    """Anything that goes wrong in a way that a user is told about.

    ``cause`` and ``remedy`` are English sentences with ``{places}`` for the ``facts``: each
    reader's language translates the sentence and then fills it in. Both are written where the
    error is raised, as literals, from where scripts/words.py collects them. An error without
    them has the ``general`` words of its class.

    ``for_operator``: the sentences may name files, folders and commands of the machine, and may
    be finished. The log and the command line tell them, in English; people in a chat, and
    readiness probes, get the general words.
    """

    code: ClassVar[str] = "internal"
    for_operator: ClassVar[bool] = False
    general: ClassVar[tuple[str, str]] = ("Something went wrong here.", _AGAIN)

    def __init__(self, cause: str = "", *, remedy: str = "", **facts: Fact) -> None:
        super().__init__(cause)
        usual_cause, usual_remedy = self.general
        if cause and self.for_operator:
            usual_remedy = ""  # to tell the operator is no help to the operator
        self.sentences = (cause or usual_cause, remedy or usual_remedy)
        self.facts: Facts = facts

    @property
    def message(self) -> str:
        """The cause in English."""
        return filled(self.sentences[0], self.facts)

    @property
    def remedy(self) -> str:
        """What to do, in English; "" where only the operator is told."""
        return filled(self.sentences[1], self.facts)

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive pickle's default of calling the class.
        return (copyreg.__newobj__, (type(self),), self.__dict__)  # type: ignore[attr-defined]


class InvalidRequest(TangerineError):
    code = "invalid_request"
    general = ("That request cannot be read.", "See /help.")


class EmptyQuery(InvalidRequest):
    code = "empty_query"
    general = ("There are no words to search for.", "Try: /find orange fruits")


class QueryTooLong(InvalidRequest):
    code = "query_too_long"
    general = ("That is {length} characters long.", "Use at most {limit}.")


class BadCount(InvalidRequest):
    code = "bad_count"
    general = ("{number} results cannot be shown.", "Ask for {low} to {high}.")


class BadLabels(InvalidRequest):
    code = "bad_labels"
    general = ("Those labels cannot be compared.", "Give two or more, as: cat, dog, horse")


class UnknownLabel(InvalidRequest):
    code = "unknown_label"
    general = ("No picture here has such a label.", "Ask without “label:”.")


class NoCode(InvalidRequest):
    code = "no_code"
    general = (
        "There is no code behind the command.",
        "Type the code that the operator sees behind it: /claim ABCD-EFGH-JKMN",
    )


class BadSetting(InvalidRequest):
    code = "bad_setting"
    general = ("That value is not possible here.", "See /help for what is.")


class DuplicatePicture(InvalidRequest):
    """The collection has this picture already, or one that is nearly the same.

    ``picture`` is the one that is there and ``score`` the cosine between the two;
    ``exact`` where their bytes are equal.
    """

    code = "duplicate_picture"
    general = ("The collection has this picture already.", "Send another one.")

    def __init__(
        self, cause: str = "", *, picture: Picture, score: float, exact: bool, remedy: str = ""
    ) -> None:
        super().__init__(cause, remedy=remedy)
        self.picture = picture
        self.score = score
        self.exact = exact


class PictureHeld(InvalidRequest):
    code = "picture_held"
    general = (
        "The collection has this picture already, but it is not shown here.",
        "Ask an administrator to review it.",
    )


class ExpiredButton(InvalidRequest):
    code = "expired_button"
    general = ("This button has expired.", "Ask again to get a new one.")


class BadPicture(InvalidRequest):
    code = "bad_picture"
    general = (
        "That picture cannot be used.",
        "Send another picture, or save this one as JPEG or PNG.",
    )


class NoPicture(BadPicture):
    code = "no_picture"
    general = (
        "There is no picture to work with.",
        "Attach one, or reply to a message that has one.",
    )


class NotAPicture(BadPicture):
    code = "not_a_picture"
    general = ("That file is not a picture in a known format.", BadPicture.general[1])


class DamagedPicture(BadPicture):
    code = "damaged_picture"
    general = ("That picture is damaged.", BadPicture.general[1])


class PictureTooLarge(BadPicture):
    code = "picture_too_large"
    general = ("That picture is too large.", _SMALLER)


class PictureTooComplex(BadPicture):
    code = "picture_too_complex"
    general = ("That picture takes too long to decode.", BadPicture.general[1])


class TooManyPixels(BadPicture):
    code = "too_many_pixels"
    general = ("That picture has too many pixels.", _SMALLER)


class DecodingFailed(BadPicture):
    code = "decoding_failed"
    general = ("That picture could not be decoded.", BadPicture.general[1])


class MachineBusy(DecodingFailed):
    code = "machine_busy"
    retry_after: ClassVar[float] = 60.0
    general = (
        "That picture could not be decoded: the machine is too busy.",
        "Try it again when the machine has less to do.",
    )


class NotFound(TangerineError):
    code = "not_found"
    general = ("There is no such picture or collection here.", "Search again.")


class Forbidden(TangerineError):
    code = "forbidden"
    general = ("You may not do this here.", "Ask an administrator of this chat.")


class ProxyNeedsToken(Forbidden):
    code = "proxy_needs_token"
    general = (
        "A proxy or tunnel handed this request on, and no token protects this chat.",
        "Set TANGERINE_WEB_TOKEN; docs/running.md shows how.",
    )


class WrongCode(Forbidden):
    code = "wrong_code"
    general = (
        "That code is wrong, was used, or is older than an hour.",
        "The operator gets a new one by starting the program again.",
    )


class OperatorOnly(Forbidden):
    code = "operator_only"
    general = ("Only the operator may do that here.", _OPERATOR)


class CommunityUnknown(Forbidden):
    """Nobody has opened a collection to this ``community``."""

    code = "community_unknown"
    general = ("This chat may not search any pictures yet.", _OPERATOR)

    def __init__(self, *, community: str) -> None:
        super().__init__(
            remedy="The operator allows it with: tangerine allow {community}", community=community
        )
        self.community = community


class Unavailable(TangerineError):
    """Not now: ``retry_after`` is the number of seconds after which to try again.

    Its sentences may say so in the place ``{when}``: “in 3 seconds”.
    """

    code = "unavailable"
    general = ("That is not possible at the moment.", _AGAIN)

    def __init__(
        self, cause: str = "", *, remedy: str = "", retry_after: float = 1.0, **facts: Fact
    ) -> None:
        super().__init__(cause, remedy=remedy, when=timedelta(seconds=retry_after), **facts)
        self.retry_after = retry_after


class PlatformUnreachable(Unavailable):
    for_operator = True


class VectorsUnreachable(Unavailable):
    """The engine that has the vectors of a large collection gives no answer."""

    code = "vectors_unreachable"
    for_operator = True
    general = ("The index of this collection cannot be reached at the moment.", _AGAIN)


class Busy(Unavailable):
    code = "busy"
    general = ("Too many requests are waiting.", _AGAIN)


class TooManyRequests(Unavailable):
    code = "too_many_requests"
    general = ("You are asking faster than this server allows.", "Try again {when}.")


class AskedTooSoon(TooManyRequests):
    pass


class CommunityQuotaUsed(TooManyRequests):
    code = "community_quota"
    general = (
        "Everybody here together is asking faster than this server allows.",
        TooManyRequests.general[1],
    )


class BeingIndexed(Unavailable):
    """The collection is indexed for the first time, and nothing of it can be searched yet.

    ``total``: the pictures of its folder, 0 where nobody has counted them yet.
    """

    code = "being_indexed"
    general = ("Indexing has begun.", "Ask again in a moment.")


class BeingEncodedAnew(BeingIndexed):
    """The vectors are of another model, and those of the one that runs are being made."""

    code = "being_encoded_anew"
    general = (
        "“{collection}” is being encoded anew for another model.",
        "Until that is done, /find searches captions and words in pictures by their letters alone.",
    )


class ReindexRunning(Unavailable):
    code = "reindex_running"
    general = ("“{collection}” is being indexed already.", "Wait until it is done.")


class ShuttingDown(Unavailable):
    code = "shutting_down"
    general = ("The server is stopping.", _AGAIN)


class CollectionFull(TangerineError):
    code = "collection_full"
    general = ("No more pictures may be added here.", "Ask an administrator to remove some first.")


class UploadsFull(CollectionFull):
    code = "uploads_full"
    general = ("This bot takes no more pictures at the moment.", _OPERATOR)


class EmptyCollection(TangerineError):
    code = "empty_collection"
    general = (
        "Nothing is indexed yet in “{collection}”.",
        "Run: tangerine reindex --collection {collection}",
    )


class ModelMismatch(TangerineError):
    code = "model_mismatch"
    general = (
        "“{collection}” was indexed with the model “{indexed}”, but “{loaded}” is loaded.",
        "Start with that model, or run: tangerine reindex --full --collection {collection}",
    )

    @classmethod
    def between(cls, collection: str, indexed: str, loaded: str) -> ModelMismatch:
        """The error for two models, of the same name where an update has changed it."""
        if indexed != loaded:
            return cls(collection=collection, indexed=indexed, loaded=loaded)
        # Nobody can start with the model before: the program brings the new one along.
        return cls(
            "“{collection}” was indexed with “{indexed}” as it was before an update.",
            remedy="A bot encodes it anew when it starts. Without one, run: "
            "tangerine reindex --full --collection {collection}",
            collection=collection,
            indexed=indexed,
        )


class ModelUnavailable(TangerineError):
    code = "model_unavailable"
    for_operator = True
    general = ("The model could not be loaded.", _OPERATOR)


class NoHead(ModelUnavailable):
    pass


class EncodingFailed(TangerineError):
    code = "encoding_failed"
    general = ("The model could not process this.", _AGAIN)


class CatalogueError(TangerineError):
    code = "catalogue"
    for_operator = True
    general = ("The catalogue cannot be read or written.", _OPERATOR)


class CatalogueDamaged(CatalogueError):
    """The catalogue is damaged or lost; its remedy names folders, for the operator."""

    code = "catalogue_damaged"


class FilesUnreachable(CatalogueError, OSError):
    """The bucket that holds the files of uploads cannot be used.

    An OSError, too: so whoever can do without a file that cannot be read can do without this one.
    """

    code = "files_unreachable"
    general = ("The files of pictures cannot be reached at the moment.", _AGAIN)

    @property
    def strerror(self) -> str:  # type: ignore[override]
        return self.message.rstrip(".")


class SourceError(TangerineError):
    code = "source"
    for_operator = True
    general = ("The folder of pictures cannot be read.", _OPERATOR)


class CaptionWithoutPicture(SourceError):
    code = CAPTION_WITHOUT_PICTURE
    general = (
        "A row of a caption table names no picture of the folder.",
        "Correct the name in the table, or remove the row.",
    )


class RemovalsUnconfirmed(SourceError):
    """Most of a folder's pictures are gone, which nobody has confirmed to be meant."""

    code = "removals_unconfirmed"
    general = (
        "Most of the pictures are gone from the folder. Nothing was changed.",
        "If the folder is whole, the operator confirms: tangerine reindex --confirm-removals",
    )


class SettingsError(TangerineError):
    code = "settings"
    for_operator = True
    general = ("A setting is wrong.", _OPERATOR)


def every_error() -> Iterator[type[TangerineError]]:
    """All classes of the tree that are loaded."""
    waiting: list[type[TangerineError]] = [TangerineError]
    for kind in waiting:
        yield kind
        waiting += kind.__subclasses__()


GENERAL_WORDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {kind.code: kind.general for kind in every_error()}
)
"""What each code means in general: cause and remedy."""
