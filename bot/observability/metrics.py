"""What Prometheus sees. Labels hold no user's words, names or links."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from core.domain.types import CollectionStatus, DecodeStats, Progress
from core.encoder.batch_records import BatcherHealth, BatchRecord
from core.encoder.choice import EncoderChoice

_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._connected: dict[str, bool] = {}

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"tangerine_{name}", text, labels, registry=self.registry)

        def histogram(
            name: str, text: str, *labels: str, buckets: Sequence[float] = _SECONDS
        ) -> Histogram:
            return Histogram(
                f"tangerine_{name}", text, labels, buckets=buckets, registry=self.registry
            )

        self._requests = counter(
            "requests", "Requests by platform and command.", "platform", "command"
        )
        self._errors = counter("errors", "Errors told to users, by code.", "code")
        self._batch_size = histogram(
            "batch_size", "Items of one run of the encoder.", "kind", "lane", buckets=_SIZES
        )
        self._batch_seconds = histogram(
            "batch_seconds", "Time of one run of the encoder.", "kind", "lane"
        )
        self._wait_seconds = histogram(
            "queue_wait_seconds", "Time that an item waited for the encoder.", "kind", "lane"
        )
        self._batch_failures = counter(
            "batch_failures", "Runs of the encoder that failed.", "kind", "lane"
        )
        self._cache = counter(
            "query_cache", "Query texts looked up in the cache of vectors.", "result"
        )
        self._request_seconds = histogram(
            "request_seconds",
            "Time from a request's arrival to its reply, the platform's own part left out.",
            "platform",
        )
        self._stage_seconds = histogram(
            "stage_seconds", "Time of one stage of a search: open, decode, embed.", "stage"
        )
        self._words_seconds = Histogram(
            "tangerine_words_seconds",
            "Time to read the words in one picture.",
            ["found"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._encoder_calls = counter(
            "encoder_calls",
            "Calls of encoders over HTTP, by how they ended.",
            "encoder",
            "outcome",
        )
        self._encoder_retries = counter(
            "encoder_retries", "Calls of an encoder over HTTP that were made again, or of another."
        )
        # What each question counts in: labels() itself takes three times as long to find it.
        self._requests_of = functools.cache(self._requests.labels)
        self._cache_of = functools.cache(self._cache.labels)
        self._encoder_calls_of = functools.cache(self._encoder_calls.labels)
        self._request_seconds_of = functools.cache(self._request_seconds.labels)
        self._stage_seconds_of = functools.cache(self._stage_seconds.labels)
        self._states = _States(self.registry)

    def request(self, platform: str, command: str) -> None:
        self._requests_of(platform, command).inc()

    def error(self, code: str) -> None:
        self._errors.labels(code).inc()

    def batch(self, record: BatchRecord) -> None:
        labels = ("text" if record.group is str else "picture", record.lane.value)
        self._batch_size.labels(*labels).observe(record.size)
        self._batch_seconds.labels(*labels).observe(record.seconds)
        waited = self._wait_seconds.labels(*labels)
        for wait in record.waits:
            waited.observe(wait)
        if record.failed:
            self._batch_failures.labels(*labels).inc()

    def cache_lookup(self, hit: bool) -> None:
        self._cache_of("hit" if hit else "miss").inc()

    def answered(self, platform: str, seconds: float) -> None:
        self._request_seconds_of(platform).observe(seconds)

    def encoder(self, choice: EncoderChoice) -> None:
        """Note how the model runs, and what was measured beside torch in float32."""
        states = self._states
        states.encoder.clear()
        states.encoder.labels(choice.backend, choice.precision).set(1)
        trial = choice.trial
        states.encoder_cosine.set(trial.cosine if trial else 1.0)
        for kind, gain in (("text", trial and trial.texts), ("picture", trial and trial.pictures)):
            states.encoder_gain.labels(kind).set(gain or 1.0)

    def encoder_call(self, encoder: str, outcome: str) -> None:
        self._encoder_calls_of(encoder, outcome).inc()

    def encoder_retry(self) -> None:
        self._encoder_retries.inc()

    def encoder_circuit(self, encoder: str, *, is_open: bool) -> None:
        self._states.encoder_open.labels(encoder).set(is_open)

    def stage(self, stage: str, seconds: float) -> None:
        self._stage_seconds_of(stage).observe(seconds)

    def words_read(self, seconds: float, found: bool) -> None:
        self._words_seconds.labels("words" if found else "none").observe(seconds)

    def words(self, collection: str, *, read: int, total: int) -> None:
        self._states.words_read.labels(collection).set(read)
        self._states.words_waiting.labels(collection).set(total - read)

    def collection(self, name: str, pictures: int) -> None:
        self._states.pictures.labels(name).set(pictures)

    def connection(self, platform: str, *, connected: bool) -> None:
        """Note whether a platform is connected; each time it comes back is counted."""
        states, before = self._states, self._connected.get(platform)
        states.connected.labels(platform).set(connected)
        reconnects = states.reconnects.labels(platform)  # 0 is worth a line, too
        if before is not None and connected and not before:
            reconnects.inc()
        # Not connected yet is not yet lost.
        if connected or before is not None:
            self._connected[platform] = connected

    def ready(self, *, ready: bool) -> None:
        self._states.ready.set(ready)

    def batcher(self, health: BatcherHealth) -> None:
        self._states.queue.set(health.queued)
        self._states.restarts.labels("encoder").set(health.restarts)

    def decoders(self, stats: DecodeStats) -> None:
        self._states.decoders.set(stats.alive)
        self._states.decoders_waiting.set(stats.waiting)
        self._states.restarts.labels("decoder").set(stats.restarts)

    def reindexing(self, running: Mapping[str, Progress]) -> None:
        self._states.reindexed.clear()
        for name, progress in running.items():
            share = progress.done / progress.total if progress.total else 0.0
            self._states.reindexed.labels(name).set(share)

    def index(self, status: CollectionStatus, *, size: int, age_s: float | None) -> None:
        """Note a collection: bytes of its index, seconds since its last reindex ended."""
        states = self._states
        states.pictures.labels(status.name).set(status.pictures)
        states.captions.labels(status.name).set(status.captions)
        states.generation.labels(status.name).set(status.generation)
        states.index_bytes.labels(status.name).set(size)
        states.index_recall.labels(status.name).set(1.0 if status.recall is None else status.recall)
        if age_s is not None:
            states.index_age.labels(status.name).set(age_s)

    def render(self) -> bytes:
        return generate_latest(self.registry)


class _States:
    """What is looked at from time to time (:mod:`bot.observability.gauges`)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"tangerine_{name}", text, labels, registry=registry)

        self.ready = gauge("ready", "1 while /readyz says that questions are answered.")
        self.connected = gauge("connected", "1 while a platform is connected.", "platform")
        self.reconnects = Counter(
            "tangerine_reconnects",
            "Times that a platform was connected again after it was lost for a second or more.",
            ["platform"],
            registry=registry,
        )
        self.encoder = gauge("encoder_info", "1: how the model runs.", "backend", "precision")
        self.encoder_cosine = gauge(
            "encoder_cosine", "Lowest cosine with torch in float32, when it was chosen."
        )
        self.encoder_gain = gauge(
            "encoder_gain", "Times as fast as torch in float32, when it was chosen.", "kind"
        )
        self.encoder_open = gauge(
            "encoder_circuit_open", "1 while an encoder over HTTP is left out.", "encoder"
        )
        self.queue = gauge("queue_length", "Items that wait for the encoder.")
        self.decoders = gauge("decoders", "Processes that can decode pictures.")
        self.decoders_waiting = gauge("decoders_waiting", "Pictures that wait for a process.")
        self.restarts = gauge("worker_restarts", "Workers replaced since the start.", "worker")
        self.reindexed = gauge(
            "reindex_progress", "Share done of a reindex under way, 0 to 1.", "collection"
        )
        self.pictures = gauge("pictures", "Pictures of a collection.", "collection")
        self.words_read = gauge(
            "words_read", "Pictures whose words were read, equal ones once.", "collection"
        )
        self.words_waiting = gauge(
            "words_waiting", "Pictures whose words are still to be read.", "collection"
        )
        self.captions = gauge("captions", "Captions of a collection.", "collection")
        self.generation = gauge("index_generation", "Commits of a collection.", "collection")
        self.index_bytes = gauge("index_bytes", "Size of a collection's index files.", "collection")
        self.index_recall = gauge(
            "index_recall",
            "Share of the true ten best pictures that are found, as measured.",
            "collection",
        )
        self.index_age = gauge(
            "index_age_seconds", "Time since the last reindex of a collection ended.", "collection"
        )
