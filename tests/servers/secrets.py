"""The tokens that the loopback servers give out: of the form that real ones have."""

DISCORD_TOKEN = "OTAw.loopback.not-a-secret-but-as-long-as-one-would-be"
TELEGRAM_TOKEN = "4242:AAH-loopback_loopback_loopback_loop"
