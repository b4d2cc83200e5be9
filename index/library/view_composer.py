"""Composing what a community sees from what the database says and the pictures in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from sqlalchemy import Connection, select

from core.domain.types import ModelIdentity
from core.search.moderation import Meaning, Scores
from index.catalogue.contents import Contents, EncodedPictures, identity_of
from index.catalogue.rows import chunks
from index.catalogue.schema import pictures
from index.library.kept_views import CollectionViews, ComposedView
from index.library.moderation_filter import Judge
from index.library.moderation_rows import Rules, rules_of
from index.library.overlay_reads import chosen_posts
from index.library.overlay_revisions import revision_of
from index.library.placed_uploads import overlay_of
from index.library.shelves import Shelf, Shelves
from index.library.view_layers import NO_ROWS, Layers, with_some
from index.library.visibility import hidden
from index.library.worded import raised, worded
from index.snapshots.delta import Generation
from index.snapshots.overlaid import IdentifiedSnapshot, left_of
from index.snapshots.overlay import Overlay, Viewpoint
from index.snapshots.snapshot import IndexSnapshot


class ViewComposer:
    """Composes views, in the transactions that it is given. Blocking.

    Callers take turns for each collection. Whatever takes a transaction raises CatalogueError.
    """

    def __init__(self, shelves: Shelves, judge: Judge) -> None:
        self._shelves = shelves
        self._judge = judge

    def layers(
        self,
        connection: Connection,
        collection: str,
        viewpoint: Viewpoint,
        base: Generation | None,
        views: CollectionViews | None = None,
        *,
        shelf: Shelf | None = None,
        shared: Overlay | None = None,
    ) -> Layers | None:
        """What a community's view is made of, None where nothing was ever indexed or added.

        ``views``: those in which it is kept; ``shelf`` and ``shared``: where they are known.
        """
        model = identity_of(connection, collection) if base is None else base.identity
        if model is None:
            return None
        shared = shared or overlay_of(connection, collection, viewpoint, model)
        if viewpoint.wanted is not None:
            base = None  # posts are wanted, and the folder has none
        under = base or IndexSnapshot.empty(collection, model)
        known = shelf
        if known is None and not viewpoint.everything:
            # What people post is for their chat, not for whoever runs the bot.
            community = viewpoint.community
            revision = revision_of(connection, collection, community)
            known = self._shelves.at(connection, collection, community, model, revision)
        if known is None:
            if base is None and not shared.pictures:
                return None
            return Layers(under, under, NO_ROWS, shared, shared)
        if viewpoint.wanted is not None:
            rows, loose = known.chosen(chosen_posts(connection, collection, viewpoint))
            own, gone = with_some(under, known.settled, rows), NO_ROWS
        else:
            loose = known.readable(viewpoint.channels)
            kept = None if views is None else views.own_of(viewpoint, known.settled)
            own = kept or with_some(
                under, known.settled, known.settled.readable(("", *viewpoint.channels))
            )
            if views is not None and kept is None and shelf is None:
                views.keep_own(viewpoint, known.settled, own)
            ids = (known.settled.pictures[row].id for row in known.gone.tolist())
            lost = [row for each in ids if (row := own.row_of(each)) is not None]
            gone = np.array(sorted(lost), dtype=np.int64)
        overlay = shared.then(loose.encoded)
        if base is None and not len(own.pictures) and not overlay.pictures:
            return None
        return Layers(under, own, gone, overlay, shared)

    def judged(
        self,
        connection: Connection,
        collection: str,
        viewpoint: Viewpoint,
        revisions: tuple[int, ...],
        layers: Layers | None,
    ) -> ComposedView:
        """A view without what moderation holds. Raises ModelMismatch for unknown criteria."""
        if layers is None:
            return ComposedView(revisions, None)
        rules = rules_for(connection, collection, viewpoint, layers.under.identity)
        texts = {criterion.text for each in rules for criterion, _ in each.criteria}
        judgement = self._judge.judge(
            layers.under,
            layers.judged() if any(each.looks for each in rules) else layers.overlay,
            rules,
            adults=viewpoint.adults,
            words=worded(connection, collection, texts),
        )
        view = layers.composed(judgement)
        return ComposedView(revisions, view, judgement.waiting, layers.shared)

    def seen_of(
        self,
        connection: Connection,
        collection: str,
        viewpoint: Viewpoint,
        base: Generation,
        ids: Collection[str],
        *,
        moderated: bool = True,
    ) -> EncodedPictures:
        """Those of these pictures of the folder that the viewer may see, with their vectors.

        ``base``: a sample of the collection. ``moderated``: without what moderation holds. Raises
        ModelMismatch for unknown criteria.
        """
        visible = [
            picture_id
            for chunk in chunks(ids)
            for picture_id in connection.execute(
                select(pictures.c.id).where(
                    pictures.c.collection == collection,
                    pictures.c.id.in_(chunk),
                    ~hidden(viewpoint),
                )
            ).scalars()
        ]
        found: EncodedPictures = Contents(connection, collection).only(visible, ())
        rules = rules_for(connection, collection, viewpoint, base.identity) if moderated else ()
        if not any(each.looks or each.removed for each in rules):
            return found
        overlay = Overlay(
            removed=frozenset(),
            pictures=found.pictures,
            picture_vectors=found.picture_vectors,
            captions=found.captions,
            caption_vectors=found.caption_vectors,
            frames=found.frames,
        )
        texts = {criterion.text for each in rules for criterion, _ in each.criteria}
        words = worded(connection, collection, texts)
        judgement = self._judge.judge(base, overlay, rules, adults=viewpoint.adults, words=words)
        return judgement.applied(overlay)

    def scored(
        self, layers: Layers, text: str, meaning: Meaning, holding: Collection[str]
    ) -> tuple[IdentifiedSnapshot, Scores]:
        """A view without moderation, with the standard scores of its rows: float32 [n].

        ``holding``: the contents that hold the text in words.
        """
        view = layers.composed()
        scorer, of_base = self._judge.scores(layers.under, text, meaning)
        left = left_of(layers.own, view)
        left = left[left < len(layers.under.pictures)]
        added = np.arange(len(left), len(view.pictures), dtype=np.int64)
        scores = np.concatenate([of_base[left], scorer(view.picture_index.reconstruct(added))])
        if view.frames is not None:
            scores = view.frames.only(added).raised(scores, scorer)
        return view, raised(scores, view.rows_of(holding))


def rules_for(
    connection: Connection, collection: str, viewpoint: Viewpoint, model: ModelIdentity
) -> Sequence[Rules]:
    """The rules of all who moderate what the viewer sees. Raises CatalogueError."""
    return [rules_of(connection, each, model, collection) for each in viewpoint.moderators]
