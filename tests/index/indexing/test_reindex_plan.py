"""Matching what is known with what is there: ids stay with their pictures."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from index.catalogue.records import IndexedPicture, NewPicture
from index.indexing.plan import plan


def _old(number: int, path: str, content: str, *captions: str) -> IndexedPicture:
    return IndexedPicture(f"id{number}", path, content, 1, 1, captions)


def _new(path: str, content: str, *captions: str) -> NewPicture:
    return NewPicture(path, content, 1, 1, captions)


def test_nothing_new_is_nothing_to_do() -> None:
    """The same paths with the same bytes and captions are unchanged."""
    result = plan([_old(1, "a", "A", "x")], [_new("a", "A", "x")])
    assert (result.added, result.changed, result.removed) == ((), (), ())
    assert result.unchanged == 1


def test_a_rename_keeps_its_id() -> None:
    """The same bytes under another path are the same picture."""
    result = plan([_old(1, "a", "A")], [_new("sub/b", "A")])
    assert result.changed == (_old(1, "sub/b", "A"),)
    assert (result.added, result.removed) == ((), ())


def test_a_caption_edit_keeps_its_id() -> None:
    """Other words are a change of the same picture."""
    result = plan([_old(1, "a", "A", "x")], [_new("a", "A", "y", "z")])
    assert result.changed == (_old(1, "a", "A", "y", "z"),)


def test_an_edited_file_keeps_its_id() -> None:
    """Other bytes under the same path are a change of the same picture."""
    assert plan([_old(1, "a", "A")], [_new("a", "B")]).changed == (_old(1, "a", "B"),)


def test_swapped_names_swap_ids() -> None:
    """Two files that swapped their names are two renames."""
    result = plan([_old(1, "a", "A"), _old(2, "b", "B")], [_new("a", "B"), _new("b", "A")])
    assert set(result.changed) == {_old(2, "a", "B"), _old(1, "b", "A")}


def test_a_moved_file_and_its_successor() -> None:
    """A picture that moved keeps its id, and the one in its old place is new."""
    result = plan([_old(1, "a", "A")], [_new("a", "B"), _new("b", "A")])
    assert result.changed == (_old(1, "b", "A"),)
    assert result.added == (_new("a", "B"),)


def test_a_copy_is_new() -> None:
    """A copy beside the original is a picture of its own."""
    result = plan([_old(1, "a", "A")], [_new("a", "A"), _new("b", "A")])
    assert result.unchanged == 1
    assert result.added == (_new("b", "A"),)


def test_of_several_copies_the_one_with_the_name_moved() -> None:
    """Where copies moved to another folder, each keeps the id that goes with its name."""
    result = plan([_old(1, "a", "A"), _old(2, "b", "A")], [_new("sub/b", "A"), _new("sub/a", "A")])
    assert set(result.changed) == {_old(2, "sub/b", "A"), _old(1, "sub/a", "A")}


def test_case_only_renames() -> None:
    """A name that changed only its case is a rename."""
    assert plan([_old(1, "A.png", "A")], [_new("a.png", "A")]).changed == (_old(1, "a.png", "A"),)


def test_unreadable_folders_keep_their_pictures() -> None:
    """What lies in a folder that cannot be read is neither removed nor taken for renamed."""
    known = [_old(1, "locked/a", "A"), _old(2, "b", "B"), _old(3, "lockedness", "C")]
    result = plan(known, [_new("c", "A")], ["locked/"])
    assert result.unchanged == 1
    assert result.added == (_new("c", "A"),)
    assert set(result.removed) == {"id2", "id3"}


_states = st.dictionaries(
    st.sampled_from("abcdef"), st.tuples(st.sampled_from("ABC"), st.sampled_from(["", "x", "y"]))
)


@given(before=_states, after=_states)
def test_any_difference_is_bridged(
    before: dict[str, tuple[str, str]], after: dict[str, tuple[str, str]]
) -> None:
    """After any plan the catalogue says what the folder holds, and no id is given twice."""
    known = [
        _old(number, path, content, caption)
        for number, (path, (content, caption)) in enumerate(sorted(before.items()))
    ]
    present = [_new(path, content, caption) for path, (content, caption) in sorted(after.items())]
    result = plan(known, present)
    changed = {each.id: each for each in result.changed}
    kept = [changed.get(old.id, old) for old in known if old.id not in result.removed]
    state = {each.path: (each.sha256, each.captions[0]) for each in kept}
    assert len(state) == len(kept)
    for new in result.added:
        assert new.path not in state
        state[new.path] = (new.sha256, new.captions[0])
    assert state == after
    assert result.unchanged == len(kept) - len(changed)
    renamed = [new for old in known if (new := changed.get(old.id)) and new.path != old.path]
    for new in renamed:
        assert any(old.id == new.id and old.sha256 == new.sha256 for old in known)
