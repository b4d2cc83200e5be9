"""Texts of mixed lengths one behind the other in a single row, so that nothing is padded."""

from __future__ import annotations

from typing import Any

from core.towers import Inputs

_NEEDED = {"input_ids", "attention_mask"}

_LEAST_COSINE = {"float32": 0.99999, "bfloat16": 0.999, "float16": 0.999}
"""How close a packed text has to come to the same text alone; rounding alone leaves more."""

_OLD_END = 2
"""What CLIP's first checkpoints name as their end token; transformers takes the largest then."""


class PackedTexts:
    """CLIP's text tower of transformers, on a CPU.

    Every token sees those before it in its own text alone, at the position that it has there,
    as in a row of its own. In a batch of mixed lengths a third or half of what a padded one
    computes is never looked at.
    """

    def __init__(self, model: Any) -> None:
        self._text = model.text_model
        self._projection = model.text_projection
        self._linear = 6 * model.config.text_config.hidden_size
        self._precision = str(model.dtype).removeprefix("torch.")

    @staticmethod
    def of(model: Any) -> PackedTexts | None:
        """For this model; None for any other than CLIP, whose towers are built otherwise."""
        from transformers import CLIPModel  # noqa: PLC0415  # a slow import

        # A mask of truth values is what torch's own attention takes, and no other.
        plain = type(model) is CLIPModel and model.text_model.config._attn_implementation == "sdpa"  # noqa: SLF001  # no other way to ask
        return PackedTexts(model) if plain else None

    def gains(self, inputs: Inputs) -> bool:
        """Whether these are arrays that it knows, and less work without their padding.

        Work by the multiplications of a layer: 12 widths squared for each token, and two
        widths for each pair of tokens in a row, which a single row has more of.
        """
        if set(inputs) != _NEEDED:
            return False
        mask = inputs["attention_mask"]
        texts, length = mask.shape
        tokens = int(mask.sum())
        return bool(tokens * (self._linear + tokens) < texts * length * (self._linear + length))

    def features(self, ids: Any, mask: Any) -> Any:
        """Token ids and their mask, tensors [n, length], to features [n, d] of any length."""
        import torch  # noqa: PLC0415  # loaded by whoever has a model

        rows, places = mask.nonzero(as_tuple=True)
        embeddings = self._text.embeddings
        states = embeddings.token_embedding(ids[rows, places])
        states = states + embeddings.position_embedding(places)
        seen = (rows[:, None] == rows) & (places[:, None] >= places)
        found = self._text.encoder(inputs_embeds=states[None], attention_mask=seen[None, None])
        states = self._text.final_layer_norm(found.last_hidden_state[0])
        lengths = mask.sum(dim=1)
        starts = torch.cumsum(lengths, dim=0) - lengths
        return self._projection(states[starts + self._ends(ids)])

    def agrees(self, packed: Any, padded: Any) -> bool:
        """Whether features are those that the model itself gives, each text beside itself."""
        from torch.nn.functional import cosine_similarity  # noqa: PLC0415  # see above

        cosines = cosine_similarity(packed.float(), padded.float(), dim=-1)
        return bool((cosines >= _LEAST_COSINE[self._precision]).all())

    def _ends(self, ids: Any) -> Any:
        """Where each text is pooled, by transformers' own rule: the first end token."""
        end = self._text.eos_token_id
        return (ids if end == _OLD_END else (ids == end).int()).argmax(dim=-1)
