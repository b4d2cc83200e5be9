"""Vectors in Milvus, a vector database on other machines, for collections that no node can hold."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from core.domain.errors import CatalogueError, VectorsUnreachable
from core.domain.types import ModelIdentity, Vectors

if TYPE_CHECKING:
    from pymilvus import MilvusClient

_T = TypeVar("_T")

SCHEMES: Final = ("milvus", "milvus+tls")
MOST: Final = 16_384
"""Candidates that Milvus gives at most (its limit of topk)."""

_PORT: Final = 19530
_NUMBER, _VECTOR = "number", "vector"
_LINKS, _BUILT_WITH = 16, 200
_LEAST_BEAM: Final = 256
"""Of HNSW: links of a vector, candidates while it is built, and at least while it is searched."""

_NOT_LOADED = 101
"""The code of Milvus: the collection is not in its memory."""

_AGAIN_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class MilvusAddress:
    """``milvus://USER:PASSWORD@HOST:PORT/DATABASE``, or ``milvus+tls://`` for TLS."""

    host: str
    port: int
    secure: bool
    user: str
    password: str
    database: str

    @classmethod
    def parsed(cls, url: str) -> MilvusAddress:
        """Raises ValueError."""
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("use an address of Milvus, as milvus://HOST:19530")
        return cls(
            parts.hostname,
            parts.port or _PORT,
            parts.scheme.endswith("tls"),
            unquote(parts.username or ""),
            unquote(parts.password or ""),
            parts.path.strip("/"),
        )

    @property
    def name(self) -> str:
        """For people and logs: without a password."""
        inside = f"/{self.database}" if self.database else ""
        return f"{self.host}:{self.port}{inside}"


class MilvusEngine:
    """Named sets of numbered vectors, and which are nearest to a query. Blocking, thread-safe.

    It connects when it is first asked, and again once a lost server is back. What was written or
    deleted is seen by searches some seconds later at the latest (bounded consistency). Every method
    raises VectorsUnreachable. ``timeout_s``: of each call.
    """

    def __init__(self, url: str, *, timeout_s: float = 5.0) -> None:
        self._address = MilvusAddress.parsed(url)
        self._timeout_s = timeout_s
        self._client: MilvusClient | None = None
        self._guard = threading.Lock()

    @property
    def name(self) -> str:
        return f"Milvus, {self._address.name}"

    def version(self) -> str:
        """The server's."""
        return str(self._asked(lambda client: client.get_server_version(timeout=self._timeout_s)))

    def make(self, name: str, model: ModelIdentity) -> None:
        """Make an empty set of vectors of this model, ready to be searched, where there is none.

        Raises CatalogueError where there is one of another model.
        """
        if self.check(name, model):
            return
        if self._described(name) is not None:
            raise CatalogueError(
                f"The vectors of {name} in {self.name} are of another model.",
                remedy="Run: tangerine verify --repair",
            )

        def make(client: MilvusClient) -> None:
            from pymilvus import DataType  # noqa: PLC0415 - as in _connected

            fields = client.create_schema(
                auto_id=False, enable_dynamic_field=False, description=_description(model)
            )
            fields.add_field(_NUMBER, DataType.INT64, is_primary=True)
            fields.add_field(_VECTOR, DataType.FLOAT_VECTOR, dim=model.dimension)
            how = client.prepare_index_params()
            how.add_index(
                _VECTOR,
                index_type="HNSW",
                metric_type="IP",
                params={"M": _LINKS, "efConstruction": _BUILT_WITH},
            )
            client.create_collection(
                name, schema=fields, index_params=how, consistency_level="Bounded", timeout=60.0
            )

        self._asked(make)

    def check(self, name: str, model: ModelIdentity) -> bool:
        """Whether a set is there, and its vectors are of this model."""
        found = self._described(name)
        if found is None:
            return False
        sizes = [each["params"].get("dim") for each in found["fields"] if each["name"] == _VECTOR]
        return found["description"] == _description(model) and sizes == [model.dimension]

    def _described(self, name: str) -> Any:
        def described(client: MilvusClient) -> Any:
            if not client.has_collection(name, timeout=self._timeout_s):
                return None
            return client.describe_collection(name, timeout=self._timeout_s)

        return self._asked(described)

    def drop(self, name: str) -> None:
        """Delete a set, if it is there."""
        self._asked(lambda client: client.drop_collection(name, timeout=60.0))

    def write(
        self, name: str, numbers: NDArray[np.int64], vectors: Vectors, *, again: bool
    ) -> None:
        """Write vectors, float32 [n, d]; ``again``: some of the numbers may be there already."""
        rows = [
            {_NUMBER: number, _VECTOR: vector}
            for number, vector in zip(numbers.tolist(), vectors, strict=True)
        ]

        def write(client: MilvusClient) -> None:
            # What is there is looked for and deleted first, which takes longer.
            (client.upsert if again else client.insert)(name, rows, timeout=60.0)

        self._asked(write)

    def settle(self, name: str) -> None:
        """Have an index made of all that was written; until then a search misses more of it."""
        self._asked(lambda client: client.flush(name, timeout=300.0))

    def delete(self, name: str, numbers: Sequence[int]) -> None:
        """Delete these vectors, as far as they are there."""
        self._asked(lambda client: client.delete(name, ids=list(numbers), timeout=60.0))

    def nearest(self, name: str, queries: Vectors, k: int) -> list[NDArray[np.int64]]:
        """The numbers of about ``k`` nearest to each query, float32 [n, d], the nearest first.

        ``k`` is at most :data:`MOST`. Each number once; fewer where there are no more. Some may be
        deleted already.
        """
        beam = min(2 * MOST, max(_LEAST_BEAM, 2 * k))

        def search(client: MilvusClient) -> list[NDArray[np.int64]]:
            found = client.search(
                name,
                data=list(queries),
                limit=k,
                search_params={"params": {"ef": beam}},
                timeout=self._timeout_s,
            )
            return [
                np.array(list(dict.fromkeys(hit["id"] for hit in hits)), dtype=np.int64)
                for hits in found
            ]

        return self._asked(search, name)

    def count(self, name: str) -> int:
        """How many vectors a set has, by a look that misses none."""

        def count(client: MilvusClient) -> int:
            found = client.query(
                name,
                filter="",
                output_fields=["count(*)"],
                consistency_level="Strong",
                timeout=60.0,
            )
            return int(found[0]["count(*)"])

        return self._asked(count, name)

    def between(self, name: str, low: int, high: int) -> NDArray[np.int64]:
        """The numbers of a set from ``low`` to ``high``, :data:`MOST` at most, by such a look."""

        def some(client: MilvusClient) -> NDArray[np.int64]:
            found = client.query(
                name,
                filter=f"{low} <= {_NUMBER} <= {high}",
                output_fields=[_NUMBER],
                limit=MOST,
                consistency_level="Strong",
                timeout=60.0,
            )
            return np.array([each[_NUMBER] for each in found], dtype=np.int64)

        return self._asked(some, name)

    def close(self) -> None:
        with self._guard:
            client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                client.close()

    def _connected(self) -> MilvusClient:
        from pymilvus import MilvusClient  # noqa: PLC0415 - as in _asked

        with self._guard:
            if self._client is None:
                # What it logs names addresses and quotes requests; we tell what went wrong.
                logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)
                where = self._address
                self._client = MilvusClient(
                    uri=f"http{'s' if where.secure else ''}://{where.host}:{where.port}",
                    user=where.user,
                    password=where.password,
                    db_name=where.database,
                    timeout=self._timeout_s,
                )
            return self._client

    def _asked(self, ask: Callable[[MilvusClient], _T], searched: str | None = None) -> _T:
        """What the server answers; ``searched``: the set that has to be in its memory for that."""
        # Imported here: pymilvus takes two seconds, for those who have Milvus alone.
        try:
            from grpc import RpcError  # noqa: PLC0415
            from pymilvus import MilvusException  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise CatalogueError(
                f"TANGERINE_VECTORS_URL needs the package {error.name}.",
                remedy="Install the extra: .venv/bin/pip install -c constraints.txt -e '.[milvus]'",
            ) from error
        client: MilvusClient | None = None
        try:
            client = self._connected()
            return ask(client)
        except (MilvusException, RpcError) as error:
            code = getattr(error, "code", None)
            if searched is not None and client is not None and code == _NOT_LOADED:
                # As after a start of the server; it is told once it is done.
                with suppress(Exception):
                    client.load_collection(searched, timeout=self._timeout_s)
            raise VectorsUnreachable(
                f"{self.name} gives no answer ({type(error).__name__}, code {code}).",
                remedy="Check that it runs, and TANGERINE_VECTORS_URL.",
                retry_after=_AGAIN_S,
            ) from None


def _description(model: ModelIdentity) -> str:
    return f"tangerine {model.fingerprint}"
