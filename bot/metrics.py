"""What Prometheus sees. Labels hold no user's words, names or links."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from core.batching import BatchRecord

_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The counters of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "tangerine_requests",
            "Requests by platform and command.",
            ["platform", "command"],
            registry=self.registry,
        )
        self._errors = Counter(
            "tangerine_errors", "Errors told to users, by code.", ["code"], registry=self.registry
        )
        self._batch_size = Histogram(
            "tangerine_batch_size",
            "Items of one run of the encoder.",
            ["kind", "lane"],
            buckets=_SIZES,
            registry=self.registry,
        )
        self._batch_seconds = Histogram(
            "tangerine_batch_seconds",
            "Time of one run of the encoder.",
            ["kind", "lane"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._wait_seconds = Histogram(
            "tangerine_queue_wait_seconds",
            "Time that an item waited for the encoder.",
            ["kind", "lane"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._batch_failures = Counter(
            "tangerine_batch_failures",
            "Runs of the encoder that failed.",
            ["kind", "lane"],
            registry=self.registry,
        )
        self._cache = Counter(
            "tangerine_query_cache",
            "Query texts looked up in the cache of vectors.",
            ["result"],
            registry=self.registry,
        )
        self._pictures = Gauge(
            "tangerine_pictures",
            "Pictures of a collection.",
            ["collection"],
            registry=self.registry,
        )

    def request(self, platform: str, command: str) -> None:
        """Count one request."""
        self._requests.labels(platform, command).inc()

    def error(self, code: str) -> None:
        """Count one error that was told to a user."""
        self._errors.labels(code).inc()

    def batch(self, record: BatchRecord) -> None:
        """Note one run of the encoder."""
        labels = ("text" if record.group is str else "picture", record.lane.value)
        self._batch_size.labels(*labels).observe(record.size)
        self._batch_seconds.labels(*labels).observe(record.seconds)
        for wait in record.waits:
            self._wait_seconds.labels(*labels).observe(wait)
        if record.failed:
            self._batch_failures.labels(*labels).inc()

    def cache_lookup(self, hit: bool) -> None:
        """Note whether a query's vector was in the cache."""
        self._cache.labels("hit" if hit else "miss").inc()

    def collection(self, name: str, pictures: int) -> None:
        """Note the size of a collection."""
        self._pictures.labels(name).set(pictures)

    def render(self) -> bytes:
        """Everything in Prometheus' text format, UTF-8."""
        return generate_latest(self.registry)
