"""The first layer of a picture's tower, as exports get it: the same numbers, another operation."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import torch

from core.domain.types import PixelSpec
from core.encoder.backends.torch import Patches, plain_patches
from core.encoder.load import load_encoder
from tests.checkpoints import tiny_clip

pytestmark = pytest.mark.model

SPEC = PixelSpec(20, 33, "stretch")


@pytest.mark.parametrize(
    ("kernel", "bias", "height", "width"),
    [((4, 4), True, 16, 16), ((4, 4), False, 16, 24), ((5, 8), True, 20, 33), ((7, 3), True, 7, 3)],
)
def test_patches_give_what_the_convolution_gives(
    *, kernel: tuple[int, int], bias: bool, height: int, width: int
) -> None:
    """For windows of any shape, and pictures that they do not divide."""
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(3, 6, kernel, stride=kernel, bias=bias)
    values = torch.randn(2, 3, height, width)
    with torch.no_grad():
        torch.testing.assert_close(Patches(conv, height, width)(values), conv(values))


@pytest.mark.parametrize(
    "options",
    [
        {"in_channels": 4},
        {"stride": 2},
        {"padding": 1},
        {"dilation": 2},
        {"kernel_size": 1, "stride": 1},
        {"padding": "same", "kernel_size": 1, "stride": 1},
        {"groups": 3},
    ],
)
def test_other_convolutions_stay(options: dict[str, object]) -> None:
    """Windows that overlap or reach outside, and layers that take no colours."""
    whole: dict[str, object] = {"in_channels": 3, "kernel_size": 4, "stride": 4}
    conv = torch.nn.Conv2d(out_channels=6, **(whole | options))  # type: ignore[arg-type]
    model = torch.nn.Sequential(conv)
    with plain_patches(model, SPEC):
        assert model[0] is conv


def test_the_model_is_afterwards_as_it_was() -> None:
    """Also where the export failed: torch goes on with the same network."""
    conv = torch.nn.Conv2d(3, 6, 4, stride=4)
    model = torch.nn.Sequential(torch.nn.Sequential(conv))

    def fail() -> None:
        assert isinstance(model[0][0], Patches)
        raise RuntimeError("no export")

    with pytest.raises(RuntimeError, match="no export"), plain_patches(model, SPEC):
        fail()
    assert model[0][0] is conv


def test_an_export_has_no_convolution_of_patches(tmp_path: Path) -> None:
    """OpenVINO takes twice as long for one as for the product that it comes to."""
    pytest.importorskip("openvino", reason="needs the extra openvino")
    folder = tiny_clip(tmp_path / "model")
    load_encoder(
        str(folder),
        device="cpu",
        backend="openvino",
        precision="float32",
        threads=1,
        exports=tmp_path / "exports",
    )
    (file,) = (tmp_path / "exports").rglob("pictures.xml")
    kinds = {layer.get("type") for layer in ET.parse(file).iter("layer")}
    assert "MatMul" in kinds
    assert "Convolution" not in kinds
