"""Small vocabularies for test checkpoints, and CLIP's own.

CLIP's merges are cut from the file that the package open-clip-torch ships; the package
itself is never imported.
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

CLIP_TOKENS = 49408
"""The size of CLIP's vocabulary."""

_WORDS = """
the of and a in to it is was i for on you he be with as by at have are this not but had his
they from she which or we an there her were one do been all their has would will photo picture
dog cat red blue green orange fruit bowl table chair tree house car small two three sky sea
mountain running sitting playing old young man woman child bird boat
""".split()  # noqa: SIM905  # a list of eighty quoted words reads worse


def clip_tokenizer(folder: Path) -> Path:
    """Write CLIP's own vocabulary of 49,408 tokens, as hub repositories hold it."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary, merges = _clip_vocabulary()
    (folder / "vocab.json").write_text(vocabulary, encoding="utf-8")
    (folder / "merges.txt").write_text(merges, encoding="utf-8")
    write_json(
        folder / "tokenizer_config.json",
        {
            "bos_token": "<|startoftext|>",
            "eos_token": "<|endoftext|>",
            "model_max_length": 77,
            "pad_token": "<|endoftext|>",
            "tokenizer_class": "CLIPTokenizer",
            "unk_token": "<|endoftext|>",
        },
    )
    return folder


def bert_tokenizer(folder: Path) -> Path:
    """Write a WordPiece vocabulary of a few words and all letters."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(bert_vocabulary()) + "\n", encoding="utf-8")
    write_json(
        folder / "tokenizer_config.json",
        {"do_lower_case": True, "model_max_length": 256, "tokenizer_class": "BertTokenizer"},
    )
    return folder


@cache
def bert_vocabulary() -> tuple[str, ...]:
    """The tokens of :func:`bert_tokenizer`, by their ids."""
    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    digits = [str(digit) for digit in range(10)]
    pieces = [f"##{sign}" for sign in letters + digits]
    words = [word for word in _WORDS if len(word) > 1]
    return (*special, *letters, *digits, *".,!?-'", *pieces, *words)


@cache
def _clip_vocabulary() -> tuple[str, str]:
    """``vocab.json`` and ``merges.txt`` from the merges that OpenAI published.

    Ids count through the 256 bytes, the 256 bytes at a word's end, the 48,894 merges and
    the two special tokens, in this order. The file holds more merges than CLIP uses.
    """
    source = distribution("open-clip-torch").locate_file("open_clip/bpe_simple_vocab_16e6.txt.gz")
    lines = gzip.decompress(Path(str(source)).read_bytes()).decode("utf-8").split("\n")
    letters = _byte_letters()
    merges = lines[1 : 1 + CLIP_TOKENS - 2 * len(letters) - 2]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters)]
    tokens += ["".join(merge.split()) for merge in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    assert len(vocabulary) == CLIP_TOKENS
    return json.dumps(vocabulary, ensure_ascii=False), "\n".join(["#version: 0.2", *merges]) + "\n"


def _byte_letters() -> list[str]:
    """The visible sign that byte-level BPE writes for each byte, in CLIP's order of ids."""
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)]
    visible += range(ord("®"), ord("ÿ") + 1)
    hidden = 256 - len(visible)
    return [chr(byte) for byte in visible] + [chr(256 + number) for number in range(hidden)]


def unigram() -> Tokenizer:
    """A fast tokenizer of SentencePiece's unigram kind: ``<unk>`` 0, ``</s>`` 1."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=220,
        special_tokens=["<unk>", "</s>"],
        unk_token="<unk>",
        show_progress=False,
    )
    lines = [" ".join(_WORDS[at : at + 7]) for at in range(0, len(_WORDS), 3)]
    tokenizer.train_from_iterator([*lines, "abcdefghijklmnopqrstuvwxyz 0123456789"], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    return tokenizer


def write_json(path: Path, content: dict[str, Any]) -> None:
    """A configuration file."""
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
