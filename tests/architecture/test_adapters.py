"""The adapters are thin and apart: none knows another, nor what answers behind the ports."""

from __future__ import annotations

import grimp
import pytest

_ROOTS = (
    "bot.control.agreement",
    "bot.control.server",
    "bot.app.serve",
    "bot.control.client",
    "bot.app.background",
    "bot.terminal.invocation",
    "bot.app.gallery",
    "bot.engine.encoder",
    "bot.engine.engine",
    "bot.observability.log_settings",
    "bot.engine.specs",
    "bot.engine.stored",
    "bot.tasks.status",
    "bot.tasks.verify",
    "bot.doctor.init",
    "bot.app.platforms",
    "bot.engine.preflight",
    "bot.engine.settings_record",
    "bot.engine.reload",
    "bot.app.startup",
    "bot.cli.main",
    "bot.cli.access",
    "bot.cli.collections",
    "bot.cli.learning",
    "bot.cli.map",
    "bot.cli.moderation",
    "bot.cli.operations",
    "bot.cli.options",
    "bot.cli.tags",
    "bot.doctor.doctor",
    "bot.doctor.access",
    "bot.engine.learning",
    "bot.engine.exposure",
    "bot.tasks.run",
    "bot.tasks.access",
    "bot.tasks.collections",
    "bot.tasks.reindex",
    "bot.tasks.learning",
    "bot.tasks.map",
    "bot.tasks.moderation",
    "bot.tasks.operations",
    "bot.tasks.search",
    "bot.tasks.tags",
    "bot.tasks.registry",
    "bot.__main__",
)
_VALUES = frozenset({"config.addresses"})
"""What of those packages is no part of anything: pure functions."""

_SERVERS = frozenset({"bot.http.listener", "bot.http.server"})
"""What the web chat and Telegram's webhook are served by."""

_CONCRETE = ("index", "config", "faiss", "torch", "transformers", "sqlalchemy", "core.images.pool")
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
