"""What is wrong with a command line is said before any work, and what may be meant."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from bot.cli.main import app

RUN = CliRunner()


def told(*arguments: str, code: int = 2) -> str:
    """What is said of a command line, in one line."""
    done = RUN.invoke(app, arguments)
    assert done.exit_code == code, done.output
    return " ".join(done.output.split())


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("find", "a cat", "--count", "3"), "-k"),
        (("similar", __file__, "--top=3"), "-k"),
        (("moderate", "test", "blood", "-n", "3"), "-k"),
        (("find", "a cat", "--colection", "stamps"), "--collection"),
        (("map", "out.png", "--groups", "3"), "--clusters"),
        (("reindex", "--force"), "--full"),
        (("--versoin",), "--version"),
    ],
)
def test_an_unknown_option_names_the_one_that_is_meant(
    arguments: tuple[str, ...], meant: str
) -> None:
    """By what other programs and the chat call it, and by its letters; no other is named."""
    assert told(*arguments).endswith(f"(Possible options: {meant})")


def test_an_option_like_none_of_the_command_names_none() -> None:
    """A wrong guess would help nobody."""
    assert "Possible" not in told("find", "a cat", "--zzzz")


@pytest.mark.parametrize(
    "arguments",
    [
        ("import", "/no/such"),
        ("import-chat", "telegram", "/no/such", "--community", "telegram:-1"),
        ("similar", "/no/such"),
        ("describe", "/no/such"),
        ("classify", "/no/such", "cat", "dog"),
        ("map", "out.png", "--image", "/no/such"),
        ("tag", "--labels", "/no/such"),
        ("moderate", "test", "blood", "--labels", "/no/such"),
    ],
)
def test_a_path_that_is_not_there_is_told_first(arguments: tuple[str, ...]) -> None:
    """Before settings, model and collection are looked at, which may have faults of their own."""
    assert "'/no/such' does not exist" in told(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [("map", "/no/such/out.png"), ("tag", "--labels", __file__, "--out", "/no/such/tags.csv")],
)
def test_a_folder_to_write_into_is_missed_before_the_work(arguments: tuple[str, ...]) -> None:
    """It fails as it would at the end of it."""
    assert "'/no/such' does not exist" in told(*arguments, code=1)
