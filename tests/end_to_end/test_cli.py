"""The command-line contract, by the program itself on real pictures and the real model."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.pictures import bad_pictures
from tests.program import Program

pytestmark = pytest.mark.process

_HIT = {"rank", "id", "path", "caption", "match", "score", "band", "found_by", "tag"}


def test_reindex_counts_and_is_incremental(new_program: Callable[[], Program]) -> None:
    """The first run adds everything, the second encodes nothing, a change costs itself only."""
    program = new_program()
    pictures = len(list(program.gallery.glob("*.png")))
    first = program("reindex", "--json").json
    assert set(first) == {
        "collection", "added", "changed", "removed", "unchanged", "failed", "seconds",
    }  # fmt: skip
    assert (first["collection"], first["added"]) == ("default", pictures)
    again = program("reindex", "--json").json
    assert (again["added"], again["unchanged"]) == (0, pictures)
    victim, renamed = sorted(program.gallery.glob("*.png"))[:2]
    victim.unlink()
    renamed.rename(program.gallery / "renamed-orange.png")
    (program.gallery / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    third = program("reindex", "--json").json
    assert third["removed"] == 1
    assert [failure["path"] for failure in third["failed"]] == ["broken.png"]
    assert third["failed"][0]["code"] in {"damaged_picture", "not_a_picture"}
    assert len(third["failed"][0]["reason"]) > 20
    status = program("status", "--json").json
    assert status["collections"][0]["pictures"] == pictures - 1


def test_find_answers_in_the_shape_of_the_contract(indexed: Program) -> None:
    """Five hits by default, ranked, with cosines and bands; -k and --exclude do as they say."""
    answer = indexed("find", "orange fruits", "--json").json
    assert set(answer) == {"query", "collection", "hits"}
    assert (answer["query"], answer["collection"]) == ("orange fruits", "default")
    assert [hit["rank"] for hit in answer["hits"]] == [1, 2, 3, 4, 5]
    assert all(set(hit) - {"caption_score"} == _HIT for hit in answer["hits"])
    assert all(-1 <= hit["score"] <= 1 for hit in answer["hits"])
    assert {hit["band"] for hit in answer["hits"]} <= {"strong", "fair", "weak"}
    best = {hit["id"] for hit in answer["hits"][:2]}
    apart = indexed("find", "orange fruits", "-k", "3", "--exclude", "orange", "--json").json
    assert len(apart["hits"]) == 3
    assert best != {hit["id"] for hit in apart["hits"][:2]}


def test_without_json_a_person_reads_a_table(indexed: Program) -> None:
    """Captions, scores and bands are in the text."""
    done = indexed("find", "a bird")
    assert done.code == 0
    assert len(done.out.splitlines()) >= 6
    assert any(band in done.out for band in ("strong", "fair", "weak"))


def test_similar_finds_the_picture_itself_first(indexed: Program) -> None:
    """A picture of the collection is most like itself; a text may be mixed in."""
    picture = sorted(indexed.gallery.glob("*.png"))[3]
    answer = indexed("similar", picture, "-k", "2", "--json").json
    assert answer["hits"][0]["path"] == picture.name
    assert answer["hits"][0]["score"] > 0.99
    assert answer["query"] is None
    mixed = indexed("similar", picture, "--text", "green", "--json").json
    assert mixed["query"] == "green"
    assert len(mixed["hits"]) == 5


def test_tags_are_written_found_and_cleared(indexed: Program, tmp_path: Path) -> None:
    """Every picture is counted once; hits of a label carry it; without labels it is unknown."""
    labels = tmp_path / "labels.txt"
    labels.write_text("fruit\nbird\nvehicle\n", encoding="utf-8")
    written = tmp_path / "tags.csv"
    answer = indexed("tag", "--labels", labels, "--out", written, "--json").json
    assert set(answer) == {"collection", "pictures", "labels", "none", "seconds"}
    counts = {each["label"]: each["pictures"] for each in answer["labels"]}
    assert set(counts) == {"fruit", "bird", "vehicle"}
    assert sum(counts.values()) + answer["none"] == answer["pictures"] > 40
    assert counts["fruit"] > 10
    with written.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["path"] for row in rows} == {path.name for path in indexed.gallery.glob("*.png")}
    assert Counter(row["label"] for row in rows) == +Counter({**counts, "": answer["none"]})
    found = indexed("find", "label:fruit red", "-k", "10", "--json").json
    assert len(found["hits"]) == 10
    assert {hit["tag"] for hit in found["hits"]} == {"fruit"}
    assert indexed("tag", "--clear", "--json").json == {"collection": "default", "cleared": True}
    unknown = indexed("find", "label:fruit red")
    assert unknown.code == 1
    assert "no labels" in unknown.err
    for wrong in ((), ("--clear", "--labels", labels), ("--clear", "--out", written)):
        assert indexed("tag", *wrong).code == 2


def test_describe_and_classify(indexed: Program) -> None:
    """Captions are matched from the collection; labels get probabilities that sum to 1."""
    picture = next(
        p for p in sorted(indexed.gallery.glob("*.png")) if p.with_suffix(".txt").exists()
    )
    caption = picture.with_suffix(".txt").read_text(encoding="utf-8").splitlines()[0]
    answer = indexed("describe", picture, "-k", "20", "--json").json
    assert set(answer) == {"hits"}
    assert set(answer["hits"][0]) == {"rank", "caption", "score", "id", "path"}
    assert caption in [hit["caption"] for hit in answer["hits"]]
    answer = indexed("classify", picture, "fruit", "car", "bird", "--json").json
    assert set(answer) == {"labels", "none_fits"}
    assert abs(sum(label["probability"] for label in answer["labels"]) - 1) < 1e-4
    assert {label["label"] for label in answer["labels"]} == {"fruit", "car", "bird"}


def test_map_draws_a_picture(indexed: Program, tmp_path: Path) -> None:
    """OUT.png is a picture that opens."""
    out = tmp_path / "map.png"
    photo = next(indexed.gallery.glob("*.png"))
    done = indexed("map", out, "--clusters", "2", "--query", "orange fruits", "--image", photo)
    assert done.code == 0
    assert "of the variance" in done.err
    with Image.open(out) as image:
        assert image.size == (1400, 1100)
    assert indexed("map", tmp_path / "no" / "folder.png").code == 1
    assert indexed("map", out, "--clusters", "13").code == 2


def test_status_names_model_and_collections(indexed: Program) -> None:
    """What is loaded and how much is indexed."""
    status = indexed("status", "--json").json
    assert (status["model"], status["device"]) == ("mini", "cpu")
    assert status["dimension"] > 0
    collection = status["collections"][0]
    assert set(collection) == {"name", "pictures", "captions", "index", "generation"}
    assert collection["pictures"] == len(list(indexed.gallery.glob("*.png")))
    assert collection["generation"] >= 1


def test_status_says_who_may_search(indexed: Program) -> None:
    """Those that the settings name, and the operators alone with the bot."""
    told = indexed("status", TANGERINE_COMMUNITIES="web", TANGERINE_DISCORD__ADMINS="21").out
    assert "default is searched by: discord:dm:21, web" in told


def test_verify_tells_a_difference_by_its_exit_code(new_program: Callable[[], Program]) -> None:
    """0 where all agree, 1 after a file vanished behind the index's back; --repair mends it."""
    program = new_program()
    program("reindex")
    assert program("verify").code == 0
    gone = min(program.gallery.glob("*.png"))
    gone.unlink()
    done = program("verify")
    assert done.code == 1
    assert gone.name in done.out
    told = program("verify", "--json")
    assert told.code == 1
    view = json.loads(told.out)
    [difference] = view["differences"]
    assert (view["ok"], view["repaired"]) == (False, [])
    assert set(difference) == {"collection", "code", "path", "message", "remedy"}
    assert (difference["code"], difference["path"]) == ("file_gone", gone.name)
    mended = program("verify", "--repair", "--json")
    assert mended.code == 0
    assert mended.json == {"ok": True, "differences": [], "repaired": [difference]}


def test_a_lost_catalogue_is_no_new_one(new_program: Callable[[], Program]) -> None:
    """A catalogue of no bytes beside its index is told with its remedy by every command."""
    program = new_program()
    program("reindex")
    file = program.folder / "data" / "catalogue.sqlite"
    file.write_bytes(b"")
    for arguments in (["find", "x"], ["reindex"], ["verify"], ["verify", "--repair"]):
        done = program(*arguments)
        assert (done.code, done.out) == (1, "")
        assert str(file) in done.err
        assert "tangerine reindex" in done.err
    [difference] = json.loads(program("verify", "--json").out)["differences"]
    assert difference["code"] == "catalogue"
    assert file.read_bytes() == b""


def test_the_installed_script_keeps_the_contract(indexed: Program, tmp_path: Path) -> None:
    """In a process of its own: JSON alone on standard output, and the three exit codes."""
    assert len(indexed.apart("find", "a bird", "--json").json["hits"]) == 5
    usage = indexed.apart("find")
    assert (usage.code, usage.out) == (2, "")
    text = tmp_path / "text.png"
    text.write_text("no picture")
    failure = indexed.apart("similar", text)
    assert (failure.code, failure.out) == (1, "")
    assert "Traceback" not in failure.err
    cause, remedy = failure.err.strip().splitlines()
    assert cause.startswith("error: ")
    assert remedy


def test_wrong_usage_is_2_and_a_failure_is_1(indexed: Program) -> None:
    """Standard error says cause and remedy in words."""
    for arguments in (
        ["find"],
        ["find", " "],
        ["find", "x", "-k", "0"],
        ["similar", "/no/such.png"],
        ["fnid"],
    ):
        assert indexed(*arguments).code == 2
    failures = [
        (indexed("find", "x", "--collection", "other"), "collection"),
        (indexed("find", "x", TANGERINE_MODEL="/no/such/model"), "TANGERINE_MODEL=mini"),
        (indexed("find", "x", TANGERINE_WEB_PORT="99999"), "web.port = 99999"),
        (indexed("find", "x", TANGERINE_GALLERY=""), "TANGERINE_GALLERY"),
        (indexed("compare", "a", "b", TANGERINE_GALLERY=""), "TANGERINE_GALLERY"),
    ]
    for done, words in failures:
        assert done.code == 1, done
        assert done.out == ""
        assert words in " ".join(done.err.split())


def test_the_settings_file_is_named_before_or_behind_the_command(
    indexed: Program, tmp_path: Path
) -> None:
    """``--config FILE`` stands where one is used to put it."""
    file = tmp_path / "wrong.toml"
    file.write_text("nonsense = 1\n")
    for arguments in (
        ("--config", file, "status"),
        ("status", "--config", file),
        ("status", f"--config={file}"),
    ):
        done = indexed(*arguments)
        assert (done.code, "nonsense is not a setting" in done.err) == (1, True)


def test_a_model_out_of_reach_is_told_in_two_lines(indexed: Program) -> None:
    """The default model, not cached and the hub unreachable: two remedies are named."""
    done = indexed("find", "x", TANGERINE_MODEL="", HF_HOME=str(indexed.folder / "empty"))
    assert done.code == 1
    assert len(done.err.strip().splitlines()) == 2
    assert "openai/clip-vit-base-patch32" in done.err
    assert "TANGERINE_MODEL=mini" in done.err
    assert "folder" in done.err


@pytest.mark.parametrize("step", [8, pytest.param(1, marks=pytest.mark.long)])
def test_bad_pictures_are_listed_each_with_a_reason(
    new_program: Callable[[], Program], step: int
) -> None:
    """A reindex over them indexes the good ones and names a code and a remedy for each."""
    program = new_program()
    good = len(list(program.gallery.glob("*.png")))
    bad = {f"bad-{n:03}.jpg": file for n, file in enumerate(bad_pictures(7)[::step])}
    for name, file in bad.items():
        (program.gallery / name).write_bytes(file.data)
    report = program("reindex", "--json").json
    failed = {failure["path"]: failure for failure in report["failed"]}
    assert len(failed) >= 200 // step
    for name, file in bad.items():
        if name in failed:
            codes = {error.code for error in file.expected if error is not None}
            assert failed[name]["code"] in codes, file.name
        else:
            # Still a picture: cut off behind its last pixel, say.
            assert None in file.expected, file.name
    assert report["added"] == good + len(bad) - len(failed)
    assert all(failure["code"] and len(failure["reason"]) > 20 for failure in failed.values())
    assert program("find", "a bird", "--json").json["hits"]


def test_a_csv_gives_the_captions(new_program: Callable[[], Program]) -> None:
    """``image,description`` rows win over side-by-side texts and file names."""
    program = new_program()
    picture = min(program.gallery.glob("*.png"))
    (program.gallery / "captions.csv").write_text(
        f'image,description\n{picture.name},"A caption, with a comma"\n', encoding="utf-8"
    )
    program("reindex")
    hits = program("similar", picture, "-k", "1", "--json").json["hits"]
    assert hits[0]["caption"] == "A caption, with a comma"
    shutil.rmtree(program.gallery)
    done = program("reindex")
    assert done.code == 1  # a gallery that vanished is no order to forget everything
    assert str(program.gallery) in done.err
