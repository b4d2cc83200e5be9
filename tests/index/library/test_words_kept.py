"""Words in pictures: read once, the newest first, found where the picture is seen, gone with it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event, func, select, update

from core.domain.choices import Strictness
from core.domain.errors import DamagedPicture, DecodingFailed, TangerineError
from core.domain.types import Post, WordLine, WordsProgress
from core.search.moderation import Criterion
from core.search.word_evidence import AskedMeaning
from index.catalogue.schema import word_grams, word_vectors, words
from index.library.moderation import ChatModeration
from index.library.word_meanings import WordMeanings
from index.library.word_reading import WordReading
from index.library.words import StoredWords
from index.maintenance.repair import Repairer
from tests.fakes import picture_bytes
from tests.galleries import Gallery
from tests.portable_parts import export, lines, put_lines, take_whole

pytestmark = pytest.mark.usefixtures("database")

CHAT, OTHER = "telegram:-1001", "telegram:-1002"


class FakeReader:
    """The WordReader port: what it says of a picture follows from its file's name, in order."""

    version = "1"

    def __init__(self, said: dict[str, str | Exception], otherwise: str = "") -> None:
        self._said = said
        self._otherwise = otherwise
        self.read_files: list[str] = []
        self.refuse: Exception | None = None

    async def read(self, source: bytes | Path) -> Sequence[WordLine]:
        assert isinstance(source, Path)
        if self.refuse:
            raise self.refuse
        self.read_files.append(source.name)
        said = self._said.get(source.name, self._otherwise)
        if isinstance(said, Exception):
            raise said
        return [WordLine(line, 0.9) for line in said.splitlines()]


def _reading(gallery: Gallery, reader: FakeReader) -> WordReading:
    return WordReading(gallery.overlays, gallery.library, reader, [gallery.name])


def _stored(gallery: Gallery) -> StoredWords:
    return StoredWords(gallery.overlays, [gallery.name], "1")


async def _found(gallery: Gallery, question: str, community: str = "web") -> dict[str, str]:
    """The lines that match, by the paths of their pictures, as a community sees them."""
    snapshot = await gallery.library.open(None, community)
    found = _stored(gallery).find(snapshot, question)
    assert found is not None
    return {
        snapshot.pictures[row].path: line
        for row, line in zip(found.rows.tolist(), found.lines, strict=True)
    }


def _rows(gallery: Gallery) -> tuple[int, int]:
    """How many words and grams are kept."""
    with gallery.overlays.read() as connection:
        return tuple(
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (words, word_grams)
        )  # type: ignore[return-value]


@pytest.fixture
async def gallery(tmp_path: Path) -> Gallery:
    """Three pictures of 2020, 2022 and 2021, and a copy of the first one."""
    gallery = Gallery(tmp_path, communities="*")
    for name, colour, year in (("a", "red", 50), ("b", "green", 52), ("c", "blue", 51)):
        os.utime(gallery.add(f"{name}.png", colour), (year * 3.2e7, year * 3.2e7))
    os.utime(gallery.add("copy.png", "red"), (50 * 3.2e7, 50 * 3.2e7))
    await gallery.reindex()
    return gallery


async def test_the_newest_is_read_first_and_equal_ones_once(gallery: Gallery) -> None:
    """Progress tells of contents; a second look finds nothing to do."""
    reader = FakeReader({"b.png": "MERGE ON FRIDAY"})
    told: list[bool] = []
    assert await _reading(gallery, reader).fill(lambda _, some: told.append(some)) == 3
    assert [name.replace("copy", "a") for name in reader.read_files] == ["b.png", "c.png", "a.png"]
    assert told == [True, False, False]
    assert _stored(gallery).progress(gallery.name) == WordsProgress(3, 3, 1)
    assert await _reading(gallery, reader).fill() == 0
    assert await _found(gallery, "merge friday") == {"b.png": "MERGE ON FRIDAY"}
    assert gallery.verify() == []


async def test_a_reader_that_does_not_start_says_why(gallery: Gallery) -> None:
    """Its own error, not a group of those of several readers."""
    reader = FakeReader({}, otherwise="")
    reader.refuse = TangerineError("It could not be started.")
    with pytest.raises(TangerineError, match="could not be started"):
        await _reading(gallery, reader).fill()


async def test_reading_goes_on_where_it_ended(gallery: Gallery) -> None:
    """What was read is kept at once, whoever breaks it off."""
    reader = FakeReader({}, "something")
    reading = _reading(gallery, reader)
    assert await reading.fill(may_go_on=lambda: not reader.read_files) == 1
    assert _stored(gallery).progress(gallery.name) == WordsProgress(1, 3, 1)
    assert await _reading(gallery, reader).fill() == 2
    assert len(set(reader.read_files)) == 3


async def test_only_a_change_is_looked_at_anew(gallery: Gallery) -> None:
    """A picture of the folder or of a chat; while nothing comes or goes, nothing is compared."""
    reading = _reading(gallery, FakeReader({}, "something"))
    await reading.fill()
    states = [reading.state()]
    assert reading.state() == states[0]
    gallery.add("d.png", "yellow")
    await gallery.reindex()
    states.append(reading.state())
    await gallery.post("purple", 9)
    states.append(reading.state())
    assert len({tuple(state) for state in states}) == 3


async def test_what_cannot_be_read_ends_nothing(gallery: Gallery) -> None:
    """A broken picture has no words; one that took too long is tried later, and by the next one."""
    reader = FakeReader({"a.png": DamagedPicture(), "b.png": DecodingFailed()}, "words")
    reader._said["copy.png"] = DamagedPicture()
    now = 0.0
    reading = WordReading(
        gallery.overlays, gallery.library, reader, [gallery.name], clock=lambda: now
    )
    assert await reading.fill() == 2
    assert await reading.fill() == 0
    for count in (1, 2):
        assert reader.read_files.count("b.png") == count
        assert not reading.due()
        now += 3600
        assert reading.due()
        assert await reading.fill() == 0
    assert await _reading(gallery, FakeReader({}, "late")).fill() == 1
    assert await _found(gallery, "late") == {"b.png": "late"}


async def test_another_version_reads_again(gallery: Gallery) -> None:
    """Until then what the first one read is found."""
    await _reading(gallery, FakeReader({}, "old words")).fill()
    newer = FakeReader({}, "new words")
    newer.version = "2"
    reading = _reading(gallery, newer)
    assert len(await _found(gallery, "old words")) == 4
    assert await reading.fill() == 3
    assert await _found(gallery, "old") == {}
    assert len(await _found(gallery, "new words")) == 4
    assert _rows(gallery)[0] == 3


async def test_words_are_found_where_their_picture_is_seen(gallery: Gallery) -> None:
    """A post in its chat alone, also where the others would fill the whole page."""
    for chat in (CHAT, OTHER):
        settings = gallery.settings.of(chat)
        await gallery.settings.save(chat, replace(settings, index_posts=True))
    post = Post(CHAT, 1, CHAT, "telegram:11", "Ana", 1_790_000_000.0)
    await gallery.posts.add([(post, picture_bytes("yellow", 7))])
    await _reading(gallery, FakeReader({}, "the secret party")).fill()
    for community in ("web", OTHER, "local"):
        assert set(await _found(gallery, "secret party", community)) == {
            *("a.png", "b.png", "c.png", "copy.png"),
        }
        snapshot = await gallery.library.open(None, community)
        held = _stored(gallery).holding(snapshot, ["secret party"])
        assert held is not None
        assert len(held.rows) == 4
    assert len(await _found(gallery, "secret party", CHAT)) == 5


async def test_what_is_removed_is_not_found_and_leaves_nothing(gallery: Gallery) -> None:
    """Removed in chat, deleted with its uploader, gone from the folder."""
    upload = await gallery.post("yellow", uploader="web:9")
    await _reading(gallery, FakeReader({}, "a secret")).fill()
    personal = await gallery.contributions.personal("web:9")
    assert dict(personal.words) == {upload.id: ("a secret",)}
    before = _rows(gallery)[0]
    await gallery.contributions.remove(upload.id, community="web", remover="web:1")
    assert upload.path not in await _found(gallery, "secret")
    await gallery.contributions.forget("web:9")
    assert _rows(gallery)[0] == before - 1
    for name in ("a.png", "copy.png", "b.png", "c.png"):
        (gallery.pictures / name).unlink()
    await gallery.reindex(confirm_removals=True)
    assert _rows(gallery) == (0, 0)


async def test_a_collection_that_is_left_out_is_neither_read_nor_searched(
    gallery: Gallery,
) -> None:
    """Its setting turns both off, and a query is answered as if there were no words."""
    reader = FakeReader({}, "words")
    assert await WordReading(gallery.overlays, gallery.library, reader, []).fill() == 0
    await _reading(gallery, reader).fill()
    off = StoredWords(gallery.overlays, [], "1")
    snapshot = await gallery.library.open(None, "web")
    assert (off.find(snapshot, "words"), off.any_in(gallery.name)) == (None, False)
    assert (off.holding(snapshot, []), off.progress(gallery.name)) == (None, None)


async def test_phrases_forgive_a_letter_where_none_is_exact(gallery: Gallery) -> None:
    """Exact ones first; any words at all where no phrase is asked for."""
    reader = FakeReader({"b.png": "THE TEZTS PASS", "c.png": "THE TESTS PASS"})
    await _reading(gallery, reader).fill()
    snapshot = await gallery.library.open(None, "web")
    stored = _stored(gallery)

    def paths(*phrases: str) -> set[str]:
        held = stored.holding(snapshot, phrases)
        assert held is not None
        return {snapshot.pictures[row].path for row in held.rows.tolist()}

    assert paths("tests pass") == {"c.png"}
    assert paths("tezts pass") == {"b.png"}
    assert paths("the tesks pass") == {"c.png"}
    assert paths("pass tests") == set()
    assert paths() == {"b.png", "c.png"}
    assert paths("zebra") == set()


async def test_damaged_words_are_told_and_read_again(gallery: Gallery) -> None:
    """By verify, which a repair follows."""
    await _reading(gallery, FakeReader({}, "words")).fill()
    with gallery.overlays.change() as change:
        change.connection.execute(update(words).values(lines='[["others", 0.5]]'))
    [line] = gallery.verify()
    assert "the words that were read in 3 pictures are damaged" in line
    repairer = Repairer(
        catalogue=gallery.catalogue,
        store=gallery.store,
        overlays=gallery.overlays,
        reindexer=gallery.reindexer,
    )
    assert (await repairer.repair(gallery.spec)).left == ()
    assert gallery.verify() == []
    assert _rows(gallery) == (0, 0)


async def test_words_move_with_their_collection(gallery: Gallery, tmp_path: Path) -> None:
    """They are found at once; whoever reads there reads them again."""
    await _reading(gallery, FakeReader({"b.png": "MERGE ON FRIDAY"})).fill()
    export(gallery, tmp_path / "out")
    new = Gallery(tmp_path / "new", communities="*")
    await take_whole(new, tmp_path / "out")
    assert await _found(new, "merge friday") == {"b.png": "MERGE ON FRIDAY"}
    assert new.verify() == []
    assert _stored(new).progress(new.name) == WordsProgress(0, 3, 0)


async def test_words_of_an_export_are_checked(gallery: Gallery, tmp_path: Path) -> None:
    """They are a stranger's: as long and as many as a reader's, and what can be shown."""
    await _reading(gallery, FakeReader({}, "words")).fill()
    export(gallery, tmp_path / "out")
    [entry, *others] = lines(tmp_path / "out", ".words.jsonl")
    for wrong in ([["", 0.5]], [["a" * 301, 0.5]], [["a\x1b[2J", 0.5]], [["a", 2.0]], "a"):
        put_lines(tmp_path / "out", [{**entry, "lines": wrong}, *others], ".words.jsonl")
        new = Gallery(tmp_path / "new", communities="*")
        with pytest.raises(Exception, match=r"words\.jsonl"):
            await take_whole(new, tmp_path / "out")


async def test_moderation_sees_the_words(gallery: Gallery) -> None:
    """As soon as they are read, whoever asks next misses the picture; a trial counts it, too."""
    moderation = ChatModeration(gallery.library, gallery.overlays, gallery.embedder)
    await moderation.add(Criterion("free money", Strictness.LOW), community="discord:1")
    before = await gallery.seen("discord:1")
    await _reading(gallery, FakeReader({"b.png": "GET FREE MONEY NOW", "c.png": "FREE"})).fill()
    assert await gallery.seen("discord:1") == before - {"b.png"}
    assert await gallery.seen("discord:2") == before
    held = await moderation.held(community="discord:1")
    assert [each.picture.path for each in held.pictures] == ["b.png"]
    trial = await moderation.test("free money now", community="discord:2")
    assert trial.best[0][0].path == "b.png"
    await moderation.decide(held.pictures[0].picture.id, community="discord:1", approve=True)
    assert await gallery.seen("discord:1") == before


async def _meant(gallery: Gallery, question: str, community: str = "web") -> dict[str, str]:
    """As :func:`_found`, by meaning as well."""
    stored = StoredWords(
        gallery.overlays, [gallery.name], "1", WordMeanings(gallery.overlays, gallery.embedder)
    )
    snapshot = await gallery.library.open(None, community)
    vector = await gallery.embedder.embed_text(question)
    found = stored.find(snapshot, question, AskedMeaning(vector, average=0.0))
    assert found is not None
    return {snapshot.pictures[row].path: line for row in found.rows for line in [found.says(row)]
            if line is not None}  # fmt: skip


async def test_words_are_found_by_what_they_mean(gallery: Gallery) -> None:
    """Encoded behind the reading, once for each model, and gone with the words."""
    lines = {"b.png": "A VERY GREEN DAY\nIN SPRING", "c.png": "TESTS PASS"}
    meanings = WordMeanings(gallery.overlays, gallery.embedder)
    reading = WordReading(
        gallery.overlays, gallery.library, FakeReader(lines), [gallery.name], meanings=meanings
    )
    await reading.fill()
    # The fake model knows colours; of letters "greenish" is another word.
    assert await _meant(gallery, "something green, somewhere") == {
        "b.png": "A VERY GREEN DAY IN SPRING"
    }
    assert await _found(gallery, "something green, somewhere") == {}
    encoded = len(gallery.embedder.encoder.texts)
    await reading.fill()
    assert len(gallery.embedder.encoder.texts) == encoded
    assert gallery.verify() == []
    (gallery.pictures / "b.png").unlink()
    await gallery.reindex()
    assert await _meant(gallery, "something green, somewhere") == {}
    with gallery.overlays.read() as connection:
        left = connection.execute(select(func.count()).select_from(word_vectors)).scalar_one()
    assert left == 1


async def test_questions_ask_for_meanings_only_where_some_were_added(gallery: Gallery) -> None:
    """And what is gone from the catalogue is gone from memory, once the reading has looked."""
    meanings = WordMeanings(gallery.overlays, gallery.embedder)
    reader = FakeReader(
        {"b.png": "A GREEN DAY", "c.png": "GREEN TESTS PASS", "d.png": "A GREEN SIGN"}
    )
    reading = WordReading(
        gallery.overlays, gallery.library, reader, [gallery.name], meanings=meanings
    )
    await reading.fill()
    asked = AskedMeaning(await gallery.embedder.embed_text("green"), average=0.0)
    assert len(meanings.near(asked, 9)) == 2
    said: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        said.append(statement)

    event.listen(gallery.catalogue.database.backend.reading, "before_cursor_execute", note)
    assert len(meanings.near(asked, 9)) == 2
    event.remove(gallery.catalogue.database.backend.reading, "before_cursor_execute", note)
    assert said == []
    other = WordMeanings(gallery.overlays, gallery.embedder)  # as another process has
    assert len(other.near(asked, 9)) == 2
    gallery.add("d.png", "cyan")
    (gallery.pictures / "b.png").unlink()
    await gallery.reindex()
    assert len(meanings.near(asked, 9)) == 2
    await reading.fill()
    # The other one has heard of "d.png" alone.
    assert [len(each.near(asked, 9)) for each in (meanings, other)] == [2, 3]
    await other.fill()
    assert len(other.near(asked, 9)) == 2
    assert gallery.verify() == []


async def test_words_that_an_import_brought_are_encoded_here(gallery: Gallery) -> None:
    """And those that were read before they were searched by meaning."""
    await _reading(gallery, FakeReader({"b.png": "A VERY GREEN DAY"})).fill()
    assert await _meant(gallery, "something green") == {}
    assert await WordMeanings(gallery.overlays, gallery.embedder).fill() == 1
    assert await _meant(gallery, "something green") == {"b.png": "A VERY GREEN DAY"}


async def test_a_damaged_meaning_is_told_and_made_anew(gallery: Gallery) -> None:
    """``repair`` has the words read again, and nothing else of the collection."""
    meanings = WordMeanings(gallery.overlays, gallery.embedder)
    reading = WordReading(
        gallery.overlays,
        gallery.library,
        FakeReader({"b.png": "A GREEN DAY"}),
        [gallery.name],
        meanings=meanings,
    )
    await reading.fill()
    with gallery.overlays.change() as change:
        change.connection.execute(update(word_vectors).values(vector=b"\0" * 8))
    assert await _meant(gallery, "something green") == {}
    assert len(gallery.verify()) == 1
