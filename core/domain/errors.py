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
    ├── NotFound              no such picture or collection (or not for this community)
    ├── Forbidden             the community or person may not do this
    │   ├── ProxyNeedsToken       the web chat is reached through a proxy, without a token
    │   ├── WrongCode             a one-time code that does not hold
    │   ├── OperatorOnly          whoever runs the bot may, nobody else
    │   └── CommunityUnknown      nobody has opened a collection to this community
    ├── Unavailable           try again later; ``retry_after`` says when
    │   ├── Busy                  admission: the queue is full
    │   ├── TooManyRequests       a quota of the requester
    │   │   ├── AskedTooSoon          only the pause after the last question
    │   │   └── CommunityQuotaUsed    a quota of the whole community
    │   ├── BeingIndexed          nothing of the collection can be searched yet
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
    │   └── CatalogueDamaged      it is damaged or lost
    ├── SourceError           a folder or caption file cannot be read
    │   ├── CaptionWithoutPicture a row of a caption table names no picture
    │   └── RemovalsUnconfirmed   most of a folder's pictures are gone: a mount that vanished?
    └── SettingsError         a setting is wrong

``message`` is one sentence for the person who asked: the cause. ``remedy`` is one that
says what to do. ``code`` never changes, so programs may rely on it.
"""

from __future__ import annotations

from typing import ClassVar

from core.domain.types import CAPTION_WITHOUT_PICTURE, Picture


class TangerineError(Exception):
    """Anything that goes wrong in a way that a user is told about.

    ``for_operator``: the message and the remedy may name files, folders and commands of the
    machine. The log and the command line tell them; people in a chat, and whoever asks whether
    the program is ready, get general words for the code.
    """

    code: ClassVar[str] = "internal"
    for_operator: ClassVar[bool] = False

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders (decode workers): keyword-only arguments do not
        # survive pickle's default of calling the class with ``args``.
        return (_rebuild, (type(self), self.message, dict(self.__dict__)))


def _rebuild(cls: type[TangerineError], message: str, state: dict[str, object]) -> TangerineError:
    error = cls.__new__(cls)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class InvalidRequest(TangerineError):
    """The request itself is wrong; sending it again changes nothing."""

    code = "invalid_request"


class EmptyQuery(InvalidRequest):
    """No text, or only white space."""

    code = "empty_query"


class QueryTooLong(InvalidRequest):
    """More characters than a query may have."""

    code = "query_too_long"


class BadCount(InvalidRequest):
    """A count such as k is out of range."""

    code = "bad_count"


class BadLabels(InvalidRequest):
    """Too few, too many, or empty labels."""

    code = "bad_labels"


class UnknownLabel(InvalidRequest):
    """A label that the collection was not tagged with; ``known`` are those that it was."""

    code = "unknown_label"

    def __init__(self, message: str, *, known: tuple[str, ...] = (), remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.known = known


class NoCode(InvalidRequest):
    """A one-time code is asked for, and none was given."""

    code = "no_code"


class BadSetting(InvalidRequest):
    """A community's setting with a value that it cannot have."""

    code = "bad_setting"


class DuplicatePicture(InvalidRequest):
    """The collection has this picture already, or one that is nearly the same.

    ``picture`` is the one that is there and ``score`` the cosine between the two;
    ``exact`` where their bytes are equal.
    """

    code = "duplicate_picture"

    def __init__(
        self, message: str, *, picture: Picture, score: float, exact: bool, remedy: str = ""
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.picture = picture
        self.score = score
        self.exact = exact


class PictureHeld(InvalidRequest):
    """The collection has this picture already, and moderation shows it to nobody."""

    code = "picture_held"


class ExpiredButton(InvalidRequest):
    """A button whose state is no longer known, or that was never ours."""

    code = "expired_button"


class BadPicture(InvalidRequest):
    """Bytes that are no usable picture."""

    code = "bad_picture"


class NoPicture(BadPicture):
    """The command needs a picture and got none."""

    code = "no_picture"


class NotAPicture(BadPicture):
    """No known picture format."""

    code = "not_a_picture"


class DamagedPicture(BadPicture):
    """A known format, but truncated or broken inside."""

    code = "damaged_picture"


class PictureTooLarge(BadPicture):
    """More bytes than a picture may have."""

    code = "picture_too_large"


class PictureTooComplex(BadPicture):
    """Within all bounds of size, but made to keep a decoder busy: scans, chunks, parts."""

    code = "picture_too_complex"


class TooManyPixels(BadPicture):
    """Over the pixel budget, as read from the header before decoding."""

    code = "too_many_pixels"


class DecodingFailed(BadPicture):
    """The worker that decoded it ran out of time or memory, or died."""

    code = "decoding_failed"


class NotFound(TangerineError):
    """No such picture or collection, or none that this community may see."""

    code = "not_found"


class Forbidden(TangerineError):
    """The community or person may not do this."""

    code = "forbidden"


class ProxyNeedsToken(Forbidden):
    """A proxy or tunnel handed the request on, and no token says who may send any."""

    code = "proxy_needs_token"


class WrongCode(Forbidden):
    """A one-time code that is wrong, used, or too old."""

    code = "wrong_code"


class OperatorOnly(Forbidden):
    """Only whoever runs the bot may do this here."""

    code = "operator_only"


class CommunityUnknown(Forbidden):
    """Nobody has opened a collection to this ``community``."""

    code = "community_unknown"

    def __init__(self, message: str, *, community: str = "", remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.community = community


class Unavailable(TangerineError):
    """Not now: ``retry_after`` is the number of seconds after which to try again."""

    code = "unavailable"

    def __init__(self, message: str, *, remedy: str = "", retry_after: float = 1.0) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after = retry_after


class Busy(Unavailable):
    """The queue is full: answered at once instead of waiting in vain."""

    code = "busy"


class TooManyRequests(Unavailable):
    """The requester's quota is used up for now."""

    code = "too_many_requests"


class AskedTooSoon(TooManyRequests):
    """Only the pause after the requester's last question is not over yet."""


class CommunityQuotaUsed(TooManyRequests):
    """The quota of everybody in the community together is used up for now."""

    code = "community_quota"


class BeingIndexed(Unavailable):
    """The collection is indexed for the first time, and nothing of it can be searched yet.

    ``total``: the pictures of its folder, 0 where nobody has counted them yet.
    """

    code = "being_indexed"

    def __init__(
        self, message: str, *, remedy: str = "", retry_after: float = 2.0, total: int = 0
    ) -> None:
        super().__init__(message, remedy=remedy, retry_after=retry_after)
        self.total = total


class ReindexRunning(Unavailable):
    """This collection is being reindexed already."""

    code = "reindex_running"


class ShuttingDown(Unavailable):
    """The process is stopping."""

    code = "shutting_down"


class CollectionFull(TangerineError):
    """A community has added as many pictures as the operator allows."""

    code = "collection_full"


class UploadsFull(CollectionFull):
    """All communities together have added as much as fits, or the disk is nearly full."""

    code = "uploads_full"


class EmptyCollection(TangerineError):
    """Nothing is indexed yet."""

    code = "empty_collection"


class ModelMismatch(TangerineError):
    """Stored vectors come from another model than the one loaded."""

    code = "model_mismatch"


class ModelUnavailable(TangerineError):
    """The model could not be found or loaded."""

    code = "model_unavailable"
    for_operator = True


class NoHead(ModelUnavailable):
    """The model ends in no linear projection, so there is no head to train."""


class EncodingFailed(TangerineError):
    """The encoder failed on this item."""

    code = "encoding_failed"


class CatalogueError(TangerineError):
    """The catalogue cannot be read or written."""

    code = "catalogue"
    for_operator = True


class CatalogueDamaged(CatalogueError):
    """The catalogue is damaged or lost; its remedy names folders, for whoever runs the bot."""

    code = "catalogue_damaged"


class SourceError(TangerineError):
    """A folder or a caption file cannot be read."""

    code = "source"
    for_operator = True


class CaptionWithoutPicture(SourceError):
    """A row of a caption table names no picture of the folder; the pictures are all read."""

    code = CAPTION_WITHOUT_PICTURE


class RemovalsUnconfirmed(SourceError):
    """Most of a folder's pictures are gone, which nobody has confirmed to be meant."""

    code = "removals_unconfirmed"


class SettingsError(TangerineError):
    """A setting is wrong."""

    code = "settings"
    for_operator = True
