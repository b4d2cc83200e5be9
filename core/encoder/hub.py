"""Where a model's files lie, and what they amount to: local folder, hub cache, hub.

Nothing here imports torch, and nothing from a checkpoint is ever executed: only files with
known names are fetched, and only weights, configuration and vocabulary are read.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.domain.errors import ModelUnavailable
from core.encoder.exports import sha256_of

_REMEDY = (
    "Set TANGERINE_MODEL=mini to use the embedded model, or set TANGERINE_MODEL to a local "
    "folder that holds a dual encoder."
)

TOKENIZER_FILES = (
    "added_tokens.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "spiece.model",
    "tangerine_pieces.model",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
)
_VOCABULARIES = frozenset(TOKENIZER_FILES) - {
    "added_tokens.json",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer_config.json",
}
_PREPROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")
_SMALL_FILES = ("config.json", *_PREPROCESSOR_FILES, *TOKENIZER_FILES)

_WEIGHT_FILES = (
    # In the order of preference: safetensors hold tensors and nothing else.
    re.compile(r"model(-\d+-of-\d+)?\.safetensors(\.index\.json)?"),
    re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin(\.index\.json)?"),
)
_SINGLE_WEIGHTS = ("model.safetensors", "pytorch_model.bin")

_CONNECT_SECONDS = 10.0
"""How long the hub may take to answer at all; mobile connections need a few seconds."""

_HUB_NAME = re.compile(r"(?:[\w][\w.-]*/)?[\w][\w.-]*(?:@[\w./-]+)?")

_VOLATILE_KEYS = frozenset({"_name_or_path", "dtype", "name_or_path", "torch_dtype"}) | {
    # Written by whatever saved the checkpoint last; none of them changes a vector.
    "transformers_version",
    "processor_class",
}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The files of one model: ``name`` is what the user gave, ``weights`` are whole paths."""

    name: str
    folder: Path
    weights: tuple[Path, ...]


def find_checkpoint(model: str, *, cache_dir: Path | None = None) -> Checkpoint:
    """The files of ``model``: a local folder, or ``owner/name[@revision]`` on the hub.

    A model in the hub's local cache is used without any network access; otherwise it is
    downloaded there once (``cache_dir``: another cache than the user's own). Raises
    ModelUnavailable with cause and remedy.
    """
    found = local_checkpoint(model, cache_dir=cache_dir)
    if found is not None:
        return found
    repository, _, revision = model.partition("@")
    return _checkpoint(model, _download(model, repository, revision or None, cache_dir))


def local_checkpoint(model: str, *, cache_dir: Path | None = None) -> Checkpoint | None:
    """The files of ``model`` that are on this machine; None where the hub has to be asked.

    Touches no network. Raises ModelUnavailable for a folder that holds no whole model, and
    for what can be no model's name.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return _checkpoint(model, folder)
    if folder.is_file():
        raise ModelUnavailable(f"The model {model} is a file.", remedy="Name its folder instead.")
    if names_folder(model) or not _HUB_NAME.fullmatch(model):
        raise ModelUnavailable(f"The model folder {model} does not exist.", remedy=_REMEDY)
    repository, _, revision = model.partition("@")
    cached = _cached(repository, revision or None, cache_dir)
    return _checkpoint(model, cached) if cached is not None else None


def fingerprint(checkpoint: Checkpoint, preprocessing: Mapping[str, object]) -> str:
    """SHA-256 (hex) over weights, configuration, tokenizer files and preprocessing.

    Two folders with the same files share it, wherever they lie and whichever version of
    transformers saved them. Reads every byte of the weights: about 0.5 s for 600 MB.
    """
    total = hashlib.sha256()
    for path in sorted(checkpoint.weights, key=lambda path: path.name):
        total.update(f"{path.name}\0{sha256_of(path)}\0".encode())
    for name in ("config.json", *TOKENIZER_FILES):
        path = checkpoint.folder / name
        if path.is_file():
            total.update(f"{name}\0{hashlib.sha256(_stable_bytes(path)).hexdigest()}\0".encode())
    total.update(json.dumps(preprocessing, sort_keys=True).encode())
    return total.hexdigest()


def _stable_bytes(path: Path) -> bytes:
    content = path.read_bytes()
    if path.name not in {"config.json", "tokenizer_config.json"}:
        return content
    return json.dumps(_without_volatile(json.loads(content)), sort_keys=True).encode()


def _without_volatile(value: object) -> object:
    if isinstance(value, dict):
        return {k: _without_volatile(v) for k, v in value.items() if k not in _VOLATILE_KEYS}
    if isinstance(value, list):
        return [_without_volatile(item) for item in value]
    return value


def names_folder(model: str) -> bool:
    """Whether a model is named by its place on this machine, there or not, and not on the hub."""
    return model.startswith((".", "~", os.sep)) or "\\" in model or model.count("/") > 1


def _checkpoint(name: str, folder: Path) -> Checkpoint:
    """Check that everything needed is there, and name what is not."""
    if not (folder / "config.json").is_file():
        raise ModelUnavailable(
            f"The model folder {folder} has no config.json, so it is no transformers checkpoint.",
            remedy=_REMEDY,
        )
    missing = []
    weights = tuple(_weights(folder))
    if not weights:
        missing.append("weights (model.safetensors)")
    if not any((folder / name).is_file() for name in _PREPROCESSOR_FILES):
        missing.append("preprocessor_config.json")
    if not any((folder / name).is_file() for name in _VOCABULARIES):
        missing.append("a tokenizer (tokenizer.json or vocab.json)")
    if missing:
        raise ModelUnavailable(
            f"The model {name} is incomplete: {', '.join(missing)} missing in {folder}.",
            remedy=_REMEDY,
        )
    return Checkpoint(name, folder, weights)


def _weights(folder: Path) -> Iterator[Path]:
    """The weight files that transformers will load; none where they are incomplete."""
    for single in _SINGLE_WEIGHTS:
        path = folder / single
        if path.is_file():
            yield path
            return
        index = folder / f"{single}.index.json"
        if index.is_file():
            shards = _shards(index)
            if shards and all(path.is_file() for path in shards):
                yield index
                yield from shards
                return


def _shards(index: Path) -> list[Path]:
    try:
        names = set(json.loads(index.read_bytes())["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
    if any(not isinstance(name, str) or Path(name).name != name for name in names):
        return []
    return sorted(index.parent / name for name in names)


def _cached(repository: str, revision: str | None, cache_dir: Path | None) -> Path | None:
    """The complete snapshot in the local cache, without touching the network."""
    from huggingface_hub import snapshot_download  # noqa: PLC0415  # a slow import
    from huggingface_hub.errors import LocalEntryNotFoundError  # noqa: PLC0415

    try:
        folder = snapshot_download(
            repository,
            revision=revision,
            cache_dir=cache_dir,
            allow_patterns=list(_SMALL_FILES),
            local_files_only=True,
        )
        return _checkpoint(repository, Path(folder)).folder
    except (LocalEntryNotFoundError, ModelUnavailable, ValueError):
        # Never fetched, or an interrupted download, or one without the tokenizer.
        return None


def _download(model: str, repository: str, revision: str | None, cache_dir: Path | None) -> Path:
    from huggingface_hub import HfApi, constants, get_session, snapshot_download  # noqa: PLC0415
    from huggingface_hub.errors import (  # noqa: PLC0415  # slow imports, both
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        # The client itself would try for half a minute before it says that nobody answers.
        get_session().head(constants.ENDPOINT, timeout=_CONNECT_SECONDS)
        present = HfApi().list_repo_files(repository, revision=revision)
        wanted = [name for name in _SMALL_FILES if name in present]
        for pattern in _WEIGHT_FILES:
            weights = [name for name in present if pattern.fullmatch(name)]
            if weights:
                wanted += weights
                break
        folder = snapshot_download(
            repository, revision=revision, cache_dir=cache_dir, allow_patterns=wanted
        )
    except GatedRepoError as error:
        raise ModelUnavailable(
            f"The model {model} may only be downloaded by people who accepted its terms.",
            remedy=f"Accept them on its page and set HF_TOKEN. {_REMEDY}",
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
        raise ModelUnavailable(
            f"There is no model {model} on the hub, nor a folder of that name.", remedy=_REMEDY
        ) from error
    except Exception as error:
        # Whichever HTTP library the hub's client uses: no connection, time-out, proxy, disk.
        raise ModelUnavailable(
            f"The model {model} is not in the local cache and could not be downloaded "
            f"({first_line(error)}).",
            remedy=_REMEDY,
        ) from error
    return Path(folder)


def first_line(error: Exception) -> str:
    """What an error of a library says first: enough for a sentence of ours."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
