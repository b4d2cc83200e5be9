"""The adapters are thin and apart: none knows another, nor what answers behind the ports."""

from __future__ import annotations

import grimp
import pytest

_ROOTS = (
    "bot.agreeing",
    "bot.answering_commands",
    "bot.app",
    "bot.asking_running",
    "bot.background",
    "bot.called",
    "bot.chosen",
    "bot.encoding",
    "bot.engine",
    "bot.log_settings",
    "bot.specs",
    "bot.stored",
    "bot.work_status",
    "bot.work_verify",
    "bot.init",
    "bot.platforms",
    "bot.preflight",
    "bot.record",
    "bot.reloading",
    "bot.starting",
    "bot.cli",
    "bot.cli_access",
    "bot.cli_collections",
    "bot.cli_learning",
    "bot.cli_map",
    "bot.cli_moderation",
    "bot.cli_operations",
    "bot.cli_parts",
    "bot.cli_tags",
    "bot.doctor",
    "bot.doctor_access",
    "bot.learning",
    "bot.let_in",
    "bot.work",
    "bot.work_access",
    "bot.work_collections",
    "bot.work_index",
    "bot.work_learning",
    "bot.work_map",
    "bot.work_moderation",
    "bot.work_operations",
    "bot.work_search",
    "bot.work_tags",
    "bot.work_tasks",
    "bot.__main__",
)
_VALUES = frozenset({"config.addresses"})
"""What of those packages is no part of anything: pure functions."""

_SERVERS = frozenset({"bot.http_connections", "bot.http_listener", "bot.http_server"})
"""What the web chat and Telegram's webhook are served by."""

_CONCRETE = ("index", "config", "faiss", "torch", "transformers", "sqlalchemy", "core.images")
_PLATFORMS = {"web": "aiohttp", "discord": "discord", "telegram": "telegram"}


@pytest.fixture(scope="module")
def imports() -> dict[str, frozenset[str]]:
    """What each module of ``bot`` imports directly."""
    graph = grimp.build_graph(
        "bot", "core", "index", "config", include_external_packages=True, cache_dir=None
    )
    return {
        module: frozenset(graph.find_modules_directly_imported_by(module))
        for module in graph.modules
        if module.startswith("bot.")
    }


def test_adapters_do_not_know_each_other(imports: dict[str, frozenset[str]]) -> None:
    """A module of one platform imports none of another's, and no other client library."""
    seen = 0
    for module, imported in imports.items():
        own = module.removeprefix("bot.").partition("_")[0]
        if own not in _PLATFORMS:
            continue
        seen += 1
        for platform, library in _PLATFORMS.items():
            if platform != own:
                assert not {m for m in imported if m.startswith(f"bot.{platform}_")}, module
                if platform != "web":  # discord.py hands out aiohttp's types
                    assert library not in imported, module
    assert seen > 5


def test_what_is_said_knows_no_platform(imports: dict[str, frozenset[str]]) -> None:
    """Commands, presenter and words import no adapter and no client library."""
    for module, imported in imports.items():
        own = module.removeprefix("bot.").partition("_")[0]
        if own not in _PLATFORMS and module not in _ROOTS and module not in _SERVERS:
            assert not imported & set(_PLATFORMS.values()), module
            for platform in _PLATFORMS:
                assert not {m for m in imported if m.startswith(f"bot.{platform}_")}, module


def test_only_the_composition_root_knows_concrete_classes(
    imports: dict[str, frozenset[str]],
) -> None:
    """Everything else of the chats sees ports and use cases."""
    for module, imported in imports.items():
        if module not in _ROOTS:
            concrete = {m for m in imported - _VALUES if m.startswith(_CONCRETE)}
            assert not concrete, module
