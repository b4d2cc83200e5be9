"""The logs as the settings want them."""

from __future__ import annotations

from bot.observability.logs import configure
from config.settings import Settings


def configure_logs(settings: Settings) -> None:
    """Send the logs where and as these settings say, without any of their secrets."""
    secrets = (
        settings.web.token,
        settings.discord.token,
        settings.telegram.token,
        settings.telegram.webhook_secret,
    )
    configure(
        settings.logs.level,
        settings.logs.format,
        [secret.get_secret_value() for secret in secrets if secret],
    )
