"""Whether a hub has a model, asked without downloading anything."""

from __future__ import annotations

from core.domain.errors import ModelUnavailable


class HubUnreachableError(Exception):
    """The hub gives no answer; the text is the kind of the error."""


def ask_hub(model: str, *, timeout_s: float) -> None:
    """Ask the hub whether it has a model that may be downloaded from here. Blocking.

    Raises ModelUnavailable where it has none, HubUnreachableError where it does not answer.
    """
    from huggingface_hub import HfApi  # noqa: PLC0415 - slow imports, both
    from huggingface_hub.errors import (  # noqa: PLC0415
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    repository, _, revision = model.partition("@")
    try:
        HfApi().model_info(repository, revision=revision or None, timeout=timeout_s)
    except GatedRepoError as error:
        raise ModelUnavailable(
            f"The model {model} may only be downloaded by people who accepted its terms.",
            remedy="Accept them on its page and set HF_TOKEN.",
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
        raise ModelUnavailable(
            f"There is no model {model} on the hub, nor a folder of that name.",
            remedy="Correct TANGERINE_MODEL, or set it to mini.",
        ) from error
    except Exception as error:  # whichever HTTP library the hub's client uses
        raise HubUnreachableError(type(error).__name__) from error
