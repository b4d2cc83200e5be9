"""Settings: defaults < TOML file < environment, checked once, then frozen.

Every field carries its unit and range in its description; ``config/default.toml`` says the
same to people, and a test holds the two together.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from config.addresses import is_loopback
from config.files import CONFIG, UnreadableFileError, config_file, read_file
from config.memory import MIB, BufferSizes, buffer_sizes

# The short names of the command-line contract, and the setting each of them stands for.
SHORT_NAMES: Mapping[str, tuple[str, ...]] = {
    "TANGERINE_DATABASE_URL": ("", "database_url"),
    "TANGERINE_FILES_URL": ("", "files_url"),
    "TANGERINE_VECTORS_URL": ("", "vectors_url"),
    "TANGERINE_WEB_HOST": ("web", "host"),
    "TANGERINE_WEB_PORT": ("web", "port"),
    "TANGERINE_WEB_TOKEN": ("web", "token"),
    "TANGERINE_ENCODER_URLS": ("encoder", "urls"),
    "TANGERINE_ENCODER_TOKEN": ("encoder", "token"),
    "DISCORD_TOKEN": ("discord", "token"),
    "DISCORD_API_URL": ("discord", "api_url"),
    "DISCORD_GATEWAY_URL": ("discord", "gateway_url"),
    "TELEGRAM_TOKEN": ("telegram", "token"),
    "TELEGRAM_API_URL": ("telegram", "api_url"),
    "TELEGRAM_WEBHOOK_SECRET": ("telegram", "webhook_secret"),
}
_SECRETS = ("_TOKEN", "_SECRET", "_DATABASE_URL", "_VECTORS_URL")
_FILE_SUFFIX = "_FILE"
_PREFIX = "TANGERINE_"
_DEFAULT_COLLECTION = "default"
_DEMO = "demo"


_COMMAS = re.compile("[,;\u3001\uff0c\uff1b\u060c\u061b\uff64]")
_SHORTEST_TOKEN = 16
_LEAST_MEMORY = 16
_MAKING_ONE = "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"


class WrongSettingError(ValueError):
    """A setting is wrong; the text is one line: the setting, its value, what is allowed."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _listed(value: Any) -> Any:
    # An environment variable holds one text: names separated by commas, of any keyboard.
    if not isinstance(value, str):
        return value
    return tuple(name.strip() for name in _COMMAS.split(value) if name.strip())


def _names_only(value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if not name or "/" in name:
            raise ValueError(
                f"{name!r} is no name; write the name of a file or folder, without what lies above"
            )
    return value


def known_kinds(value: tuple[str, ...]) -> tuple[str, ...]:
    """The same communities. Raises ValueError for one that no platform has."""
    for community in value:
        if community not in {"*", "web"} and not COMMUNITY.fullmatch(community):
            raise ValueError(
                "use web, discord:<server id>, telegram:<chat id>, or * for everybody who finds "
                "the bot"
            )
    return value


def _ids(value: Any) -> Any:
    # As other lists; JSON's brackets were asked for before.
    return (
        _listed(value.strip().removeprefix("[").removesuffix("]"))
        if isinstance(value, str)
        else value
    )


Ids = Annotated[tuple[int, ...], BeforeValidator(_ids), NoDecode]
"""Numbers by which a platform knows people and roles. From the environment: separated by commas."""

COMMUNITY = re.compile(r"discord:[0-9]+|telegram:-?[0-9]+")
"""The name of a community on a platform."""

Names = Annotated[tuple[str, ...], BeforeValidator(_listed), NoDecode]
"""Names of collections. From the environment: separated by commas."""

Communities = Annotated[
    tuple[str, ...], BeforeValidator(_listed), AfterValidator(known_kinds), NoDecode
]
"""Who may search a collection. From the environment: separated by commas."""


def _encoder_addresses(value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    for url in value:
        # Without a query: paths are appended. It may hold a password, and is not repeated.
        if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", url.get_secret_value()):
            raise ValueError("use http or https addresses, as http://10.0.0.5:8090")
    if len({url.get_secret_value().rstrip("/") for url in value}) < len(value):
        raise ValueError("an address is named twice; every encoder once")
    return value


EncoderUrls = Annotated[
    tuple[SecretStr, ...], BeforeValidator(_listed), AfterValidator(_encoder_addresses), NoDecode
]
"""Addresses that may hold names and passwords. From the environment: separated by commas."""


def _memory(value: Any) -> Any:
    text = str(value)
    if text in {"normal", "small"}:
        return text
    if not (text.isdecimal() and int(text) >= _LEAST_MEMORY):
        raise ValueError(f'use "normal", "small" or a number of MiB from {_LEAST_MEMORY} on')
    return int(text)


Memory = Annotated[Literal["normal", "small"] | int, BeforeValidator(_memory)]
"""How much is kept only to be quicker."""


def _hard_to_guess(value: SecretStr | None) -> SecretStr | None:
    if value is not None and 0 < len(value.get_secret_value()) < _SHORTEST_TOKEN:
        raise ValueError(f"use {_SHORTEST_TOKEN} characters or more; this makes one: {_MAKING_ONE}")
    return value


Token = Annotated[SecretStr | None, AfterValidator(_hard_to_guess)]
"""A secret that others prove to know."""


class Collection(_Section):
    """A named set of pictures and who may search it."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
    folder: Path
    communities: Communities = ("web",)

    @property
    def is_named(self) -> bool:
        """Whether somebody has written down who may search it, rather than left it out."""
        return "communities" in self.model_fields_set


class EncoderSettings(_Section):
    """How vectors are made."""

    backend: Literal["auto", "torch", "openvino", "onnx"] = Field(
        "auto", description="auto = the fastest that is installed and computes the same"
    )
    precision: Literal["auto", "float32", "bfloat16", "float16", "int8"] = Field(
        "auto",
        description="auto = float16 on a GPU; on a CPU the fastest that finds the same",
    )
    threads: int = Field(0, ge=0, le=256, description="CPU threads; 0 = one for each core")
    max_batch: int = Field(32, ge=1, le=1024, description="requests of one batch")
    max_bulk_batch: int = Field(8, ge=1, le=1024, description="pictures of one reindex batch")
    max_queue: int = Field(256, ge=1, le=100_000, description="requests that may wait")
    cached_texts: int = Field(2048, ge=0, le=1_000_000, description="query vectors kept")
    urls: EncoderUrls = Field(
        (), description="encoders over HTTP that make the vectors, in place of this process"
    )
    token: Token = Field(
        None, description="bearer token of 16 characters or more, of the encoders over HTTP"
    )
    host: str = Field("127.0.0.1", description="address that tangerine encoder listens on")
    port: int = Field(8090, ge=0, le=65_535, description="0 = any free port")
    without_token: bool = Field(
        False, description="true lets tangerine encoder serve other machines without a token"
    )


class PictureSettings(_Section):
    """What is accepted as a picture."""

    workers: int = Field(2, ge=1, le=64, description="decoding processes")
    timeout_s: float = Field(10.0, gt=0, le=600, description="processor seconds a picture")
    memory_mb: int = Field(1536, ge=256, le=65_536, description="MiB for one decoding process")
    max_mb: float = Field(10.0, gt=0, le=1024, description="MiB of a posted picture")
    max_file_mb: float = Field(100.0, gt=0, le=4096, description="MiB of a gallery file")
    max_megapixels: float = Field(50.0, gt=0, le=1000, description="million pixels")
    thumbnails_mb: float = Field(512.0, ge=0, le=1_000_000, description="MiB of thumbnails kept")

    @property
    def max_bytes(self) -> int:
        """Size of a posted picture in bytes."""
        return int(self.max_mb * MIB)


class WordsSection(_Section):
    """Words that stand in pictures (needs the extra ``words``)."""

    enabled: bool = Field(True, description="false reads none and searches none")
    exclude: Names = Field((), description="collections of which no words are read and searched")
    workers: int = Field(1, ge=1, le=64, description="reading processes, of one thread each")
    timeout_s: float = Field(60.0, gt=0, le=600, description="processor seconds a picture")


class Index(_Section):
    """How collections follow their folders."""

    exclude: Annotated[
        tuple[str, ...], BeforeValidator(_listed), AfterValidator(_names_only), NoDecode
    ] = Field(
        (
            *("#recycle", "@Recycle", "$RECYCLE.BIN", "RECYCLER", "RECYCLED"),
            *("Network Trash Folder", "lost+found", "FOUND.???"),
            *("#snapshot", "@Recently-Snapshot", "~snapshot", "@GMT-*"),
            *("System Volume Information", "@eaDir", "@__thumb", "@tmp", "@sharebin"),
            *("__MACOSX", "._*"),
        ),
        description="names of files and folders that are left out; * and ? as in a shell",
    )
    max_removed_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="pictures gone at once without --confirm-removals, where 20 or more are",
    )
    reindex_cooldown_s: float = Field(
        600.0, ge=0, le=86_400, description="seconds between two /reindex of a collection in chats"
    )
    upgrade: Literal["auto", "ask"] | None = Field(
        None,
        description="where the model has changed: auto = encode all pictures anew beside the "
        "answers, ask = say what to run; unset: auto for mini",
    )


class Jobs(_Section):
    """Who does the work of nodes that share a database."""

    done_by: Literal["nodes", "workers"] = Field(
        "nodes",
        description="with TANGERINE_DATABASE_URL: nodes = each running bot and worker, "
        "workers = tangerine worker alone",
    )


class Watch(_Section):
    """Whether collections follow their folders while the bot runs."""

    mode: Literal["events", "poll", "off"] = Field(
        "events", description="events = the system tells; poll = for network folders"
    )
    settle_s: float = Field(1.0, ge=0.1, le=600, description="seconds without a change")
    pause_s: float = Field(10.0, ge=0, le=86_400, description="seconds between two reindexes")
    poll_s: float = Field(60.0, ge=1, le=86_400, description="seconds between two looks")


class SearchSection(_Section):
    """What a search may ask and how long it may take."""

    max_query: int = Field(200, ge=1, le=4000, description="characters")
    results: int = Field(5, ge=1, le=10, description="results where no count is given")
    timeout_s: float = Field(15.0, gt=0, le=600, description="seconds")
    duplicate_cosine: float = Field(
        0.97,
        gt=0,
        le=1,
        description="results at least this alike, whose pixels agree, are shown as one",
    )
    text_weight: float = Field(
        0.5, ge=0, le=1, description="share of the text mixed with a picture"
    )


class LimitsSection(_Section):
    """How much may be asked by one person and by a whole community; 0 switches a rule off."""

    enabled: bool = Field(True, description="false switches all quotas off")
    text_cooldown_s: float = Field(3.0, ge=0, le=3600, description="seconds after a text")
    picture_cooldown_s: float = Field(5.0, ge=0, le=3600, description="seconds after a picture")
    per_minute: int = Field(20, ge=0, description="requests")
    per_day: int = Field(300, ge=0, description="requests")
    community_per_minute: int = Field(120, ge=0, description="requests of everybody together")
    community_per_day: int = Field(5000, ge=0, description="requests of everybody together")
    admin_per_minute: int = Field(60, ge=0, description="requests of an administrator")
    admin_per_day: int = Field(1000, ge=0, description="requests of an administrator")

    @property
    def cooldown_s(self) -> dict[Literal["text", "picture"], float]:
        """The pauses in seconds after each kind of request."""
        return {"text": self.text_cooldown_s, "picture": self.picture_cooldown_s}


class Uploads(_Section):
    """Pictures that people add in chat."""

    max_pictures: int = Field(
        1000,
        ge=0,
        le=100_000,
        description="of one community in one collection; 0 = nobody may add any",
    )
    max_pictures_total: int = Field(
        20_000, ge=0, le=10_000_000, description="of all communities together"
    )
    max_total_mb: int = Field(
        20_480, ge=0, le=100_000_000, description="MiB of all their files together"
    )
    min_free_mb: int = Field(
        1024, ge=0, le=100_000_000, description="MiB that stay free on the disk"
    )
    cache_mb: int = Field(
        2048,
        ge=16,
        le=100_000_000,
        description="MiB of the files in a bucket (files_url) that are on the disk, too",
    )


class PostSettings(_Section):
    """Pictures that people post in chats where an administrator said ``/index on``."""

    max_pictures: int = Field(
        10_000, ge=0, le=1_000_000, description="of one chat; 0 = no chat takes any in"
    )
    keep_days: int = Field(0, ge=0, le=36_500, description="days until a post goes; 0 = for good")
    keep_originals: bool = Field(
        default=False, description="keep what was posted, beside the thumbnails in data_dir"
    )
    max_originals_mb: int = Field(
        20_480, ge=1, le=100_000_000, description="MiB of all originals together"
    )


class Web(_Section):
    """The local web chat."""

    enabled: bool = Field(True, description="false starts no web chat")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8080, ge=0, le=65_535, description="0 = any free port")
    token: Token = Field(
        None,
        description="bearer token of 16 characters or more; required where the host is not "
        "loopback",
    )


class Discord(_Section):
    """The Discord bot; starts where a token is set."""

    token: SecretStr | None = None
    api_url: str | None = Field(None, description="as http://127.0.0.1:8000/api/v10")
    gateway_url: str | None = Field(None, description="as ws://127.0.0.1:8000/gw/")
    admins: Ids = Field((), description="ids of further users or roles that are administrators")
    adders: Ids = Field(
        (), description="ids of users or roles that may add pictures, beside administrators"
    )
    message_content: bool = Field(
        False, description="privileged intent; needed to answer photos nobody asked about"
    )
    shards: str | None = Field(
        None, description="those of this node, as 0-3/8, where several share them (cluster.md)"
    )

    @field_validator("shards")
    @classmethod
    def _some_of_them(cls, value: str | None) -> str | None:
        if value is not None:
            found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?/(\d{1,5})", value, re.ASCII)
            if found is None or not int(found[1]) <= int(found[2] or found[1]) < int(found[3]):
                raise ValueError(
                    "name shards by their numbers from 0 on, and how many there are: 0-3/8, or 4/8"
                )
        return value


class Telegram(_Section):
    """The Telegram bot; starts where a token is set."""

    token: SecretStr | None = None
    api_url: str | None = Field(None, description="as http://127.0.0.1:8081")
    admins: Ids = Field((), description="ids of further users that are administrators")
    adders: Ids = Field((), description="ids of users that may add pictures, beside administrators")
    webhook_url: str | None = Field(
        None, description="https address that Telegram calls, instead of being polled"
    )
    webhook_host: str = Field("127.0.0.1", description="address to listen on")
    webhook_port: int = Field(8443, ge=0, le=65_535, description="0 = any free port")
    webhook_secret: SecretStr | None = Field(
        None, description="16 to 256 letters, digits, _ and -; one is made where none is set"
    )

    @field_validator("webhook_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        # Without a query: a path of our own is appended to it.
        if value is not None and not re.fullmatch(r"https://[^\s/?#@]+(/[^\s?#]*)?", value):
            raise ValueError("use an https address, as https://bot.example.org")
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _fit_for_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(
            r"[A-Za-z0-9_-]{16,256}", value.get_secret_value()
        ):
            raise ValueError("use 16 to 256 letters, digits, _ and -")
        return value


class Logs(_Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "text", "json"] = Field(
        "auto", description="auto = text where a terminal is at hand, JSON otherwise"
    )
    traces_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s@]+$",
        description="where OpenTelemetry's OTLP over HTTP is taken; needs the extra otel",
    )


class Settings(BaseSettings):
    """Everything that can be set. Make one with :func:`load`."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=_PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
    )

    data_dir: Path = Field(Path("data"), description="folder of catalogue, index and models")
    gallery: Path | None = Field(None, description="folder of the default collection")
    communities: Communities = Field(
        ("web",), description="who may search the default collection; * = everybody"
    )
    model: str = Field(
        "openai/clip-vit-base-patch32", description="hub name, local folder, or mini"
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    memory: Memory = Field(
        "normal",
        description="MiB of what is kept only to be quicker; small = for servers of 512 MiB",
    )
    database_url: SecretStr | None = Field(
        None,
        description="PostgreSQL in place of the file in data_dir, as "
        "postgresql://USER:PASSWORD@HOST/DATABASE; needs the extra cluster",
    )
    files_url: str | None = Field(
        None,
        description="bucket in place of uploads/ in data_dir, as s3://BUCKET/PREFIX; "
        "needs the extra s3",
    )
    vectors_url: SecretStr | None = Field(
        None,
        description="Milvus for collections that no node can hold, as "
        "milvus://USER:PASSWORD@HOST:19530/DATABASE; needs database_url and the extra milvus",
    )
    vectors_collections: Names = Field(
        (), description="collections whose vectors are in vectors_url; none named: all"
    )
    encoder: EncoderSettings = EncoderSettings()
    pictures: PictureSettings = PictureSettings()
    words: WordsSection = WordsSection()
    index: Index = Index()
    jobs: Jobs = Jobs()
    watch: Watch = Watch()
    search: SearchSection = SearchSection()
    limits: LimitsSection = LimitsSection()
    uploads: Uploads = Uploads()
    posts: PostSettings = PostSettings()
    web: Web = Web()
    discord: Discord = Discord()
    telegram: Telegram = Telegram()
    logs: Logs = Logs()
    collections: tuple[Collection, ...] = Field((), description="further collections")

    @field_validator("database_url")
    @classmethod
    def _of_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.match(
            r"postgres(ql)?(\+psycopg)?://", value.get_secret_value()
        ):
            raise ValueError("use an address of PostgreSQL, as postgresql://USER@HOST/DATABASE")
        return value

    @field_validator("files_url")
    @classmethod
    def _of_a_bucket(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(
            r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^?#@]*)?", value
        ):
            raise ValueError("use the address of a bucket, as s3://BUCKET or s3://BUCKET/PREFIX")
        return value

    @field_validator("vectors_url")
    @classmethod
    def _of_milvus(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(
            r"milvus(\+tls)?://([^@/?#]*@)?[^@/?#:]+(:[0-9]+)?(/[A-Za-z0-9_]*)?",
            value.get_secret_value(),
        ):
            raise ValueError("use an address of Milvus, as milvus://HOST:19530")
        return value

    @model_validator(mode="after")
    def _vectors_beside_a_database(self) -> Self:
        if self.vectors_url is not None and self.database_url is None:
            raise ValueError(
                "vectors_url needs database_url: what is found in Milvus is looked up there"
            )
        known = {each.name for each in self.all_collections}
        for name in self.vectors_collections:
            if name not in known:
                raise ValueError(f"vectors_collections: there is no collection {name!r}")
        return self

    @property
    def remote_collections(self) -> frozenset[str]:
        """The collections whose vectors are in an engine of their own."""
        if self.vectors_url is None:
            return frozenset()
        every = frozenset(each.name for each in self.all_collections)
        return frozenset(self.vectors_collections) or every

    @model_validator(mode="after")
    def _collections_differ(self) -> Self:
        names = [c.name for c in self.all_collections]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"collection {name!r} is named twice; every name once")
        return self

    @model_validator(mode="after")
    def _token_off_loopback(self) -> Self:
        if self.web.enabled and not is_loopback(self.web.host) and not self.web.token:
            raise ValueError(
                f"web.host = {self.web.host} is reachable from other machines; set a secret "
                "in TANGERINE_WEB_TOKEN, or web.host = 127.0.0.1"
            )
        return self

    @property
    def buffers(self) -> BufferSizes:
        """The bounds of what is kept only to be quicker."""
        return buffer_sizes(self.memory)

    @property
    def all_collections(self) -> tuple[Collection, ...]:
        """The default collection, where there is one, and the further ones."""
        if self.gallery is None:
            return self.collections
        name = _DEMO if self._shows_demo else _DEFAULT_COLLECTION
        default = Collection(name=name, folder=self.gallery)
        if "communities" in self.model_fields_set:
            default = default.model_copy(update={"communities": self.communities})
        return (default, *self.collections)

    @property
    def encodes_anew(self) -> bool:
        """Whether a collection of another model is encoded anew by itself."""
        return (self.index.upgrade or ("auto" if self.model == "mini" else "ask")) == "auto"

    @property
    def demo_dir(self) -> Path:
        """Where the demo gallery is kept: a collection of its own name is made of it."""
        return self.data_dir / _DEMO

    @property
    def _shows_demo(self) -> bool:
        gallery, demo = self.gallery, self.demo_dir.absolute()
        return gallery is not None and demo in gallery.absolute().parents


def load(
    config: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    look: bool = True,
    **overrides: Any,
) -> Settings:
    """Read the settings: ``overrides`` > environment > TOML file > defaults.

    The file is the one that :func:`config.files.config_file` finds; an override that is None
    does not count. ``look``: False takes no file that nobody has named. ``environ`` is another
    program's environment: its ``config`` has been looked for already. Raises WrongSettingError.
    """
    path = config_file(config, look=look) if environ is None else config
    variables = os.environ if environ is None else environ
    _refuse_unknown(variables)

    class Loaded(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            del env_settings, dotenv_settings, file_secret_settings
            named = _Environment(settings_cls, variables)
            short = InitSettingsSource(settings_cls, _short_names(variables))
            return init_settings, named, short, _toml(settings_cls, path)

    try:
        return Loaded(**{k: v for k, v in overrides.items() if v is not None})
    except ValidationError as error:
        raise WrongSettingError(_in_one_line(error)) from None
    except SettingsError as error:
        raise WrongSettingError(
            f"{error}; {error.__cause__ or 'see config/default.toml'}"
        ) from None


class _Environment(EnvSettingsSource):
    """Settings by their long names, from any environment."""

    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str]) -> None:
        super().__init__(settings_cls)
        self.env_vars = {name.lower(): value for name, value in environ.items() if value}


def _toml(settings_cls: type[BaseSettings], path: Path | None) -> PydanticBaseSettingsSource:
    try:
        return InitSettingsSource(settings_cls, read_file(path) if path is not None else {})
    except UnreadableFileError as error:
        raise WrongSettingError(f"The settings file {path}: {error}") from None


def _short_names(environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, (section, field) in SHORT_NAMES.items():
        value = environ.get(name) or _from_file(environ, name)
        if value:
            (values.setdefault(section, {}) if section else values)[field] = value
    return values


def _from_file(environ: Mapping[str, str], name: str) -> str | None:
    # Containers mount secrets as files and hand over their paths.
    path = environ.get(name + _FILE_SUFFIX) if name.endswith(_SECRETS) else None
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        raise WrongSettingError(
            f"{name}{_FILE_SUFFIX} = {path}: {reason}; name a readable file that holds the secret."
        ) from None


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    known = {
        CONFIG,
        *SHORT_NAMES,
        *(n + _FILE_SUFFIX for n in SHORT_NAMES if n.endswith(_SECRETS)),
    }
    for name, field in Settings.model_fields.items():
        known.add((_PREFIX + name).upper())
        if isinstance(field.annotation, type) and issubclass(field.annotation, _Section):
            known |= {f"{_PREFIX}{name}__{sub}".upper() for sub in field.annotation.model_fields}
    for name in environ:
        if name.startswith(_PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            raise WrongSettingError(
                f"{name} is not a setting; "
                + (f"did you mean {close[0]}?" if close else "config/default.toml lists them all.")
            )


def _in_one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name = ".".join(map(str, first["loc"])) or "settings"
    message = first["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if first["type"] == "extra_forbidden":
        return f"{name} is not a setting; config/default.toml lists them all."
    if not first["loc"]:
        return message
    # A value may be a secret in the wrong place, in whole or (a table, a list) in part. What is
    # only out of range is a number where one is wanted.
    shown = f" = {first['input']}" if first["type"].startswith(("less_", "greater_")) else ""
    return f"{name}{shown}: {message}."
