"""Pictures as cards: what every reply says of one."""

from __future__ import annotations

from bot.i18n.messages import Words
from bot.protocol.replies import CaptionLine, PictureCard, PostLine
from core.domain.types import Band, CaptionHit, Hit, Picture


def hit_card(words: Words, hit: Hit, post: PostLine | None = None) -> PictureCard:
    picture = hit.picture
    # The file of a post has no name that says anything.
    caption = words.caption(picture.caption, "" if post is not None else picture.path)
    score_text = words.score(
        hit.match, hit.band, hit.found_by, hit.tag, line=hit.text, at_s=hit.at_s
    )
    return PictureCard(
        number=hit.rank,
        id=picture.id,
        caption=caption,
        score=hit.match,
        band=hit.band,
        score_text=score_text,
        alt=words.card_alt(hit.rank, caption, score_text),
        width=picture.width,
        height=picture.height,
        post=post,
        at_s=hit.at_s,
    )


def caption_line(words: Words, hit: CaptionHit) -> CaptionLine:
    score_text = words.score(hit.score)
    return CaptionLine(
        number=hit.rank,
        caption=hit.caption,
        score=hit.score,
        score_text=score_text,
        picture_id=hit.picture.id,
        alt=words.card_alt(hit.rank, hit.caption, score_text),
    )


def lone_card(words: Words, picture: Picture, score: float | None = None) -> PictureCard:
    """A picture beside which no other stands, with its id where a score would be.

    ``score`` is its cosine with the picture that was sent, where that is another one.
    """
    caption = words.caption(picture.caption, picture.path)
    _ = words.gettext
    # Words: the id by which a picture can be named.
    name = _("id {id}").format(id=picture.id)
    return PictureCard(
        number=1,
        id=picture.id,
        caption=caption,
        # What was sent is the picture itself.
        score=1.0 if score is None else score,
        band=Band.STRONG,
        score_text=name if score is None else f"{words.score(score)} · {name}",
        alt=_("Picture: {caption}, id {id}.").format(caption=caption, id=picture.id),
        width=picture.width,
        height=picture.height,
    )
