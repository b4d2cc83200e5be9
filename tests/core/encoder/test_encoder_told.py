"""Operators see how the model runs, and what was measured before it was decided."""

from __future__ import annotations

from prometheus_client import generate_latest

from bot.observability.metrics import Metrics
from bot.protocol.json_views import encoder_lines, status_view
from bot.protocol.ports import ModelCard
from core.encoder.choice import BackendTrial, EncoderChoice

TRIALS = (
    BackendTrial("openvino", "bfloat16", 0.99993, 2.5, 2.4),
    BackendTrial("openvino", "int8", 0.9991, 4.1, 4.3, 0.912),
)
CHOICE = EncoderChoice("openvino", "bfloat16", TRIALS, ("openvino int8: it finds too little.",))


def test_the_status_tells_programs_the_numbers() -> None:
    """Backend, precision, every trial and every refusal; null where nothing is known."""
    told = status_view(ModelCard("clip", 512, "cpu", CHOICE), [])
    assert (told["model"], told["dimension"], told["device"]) == ("clip", 512, "cpu")
    assert told["encoder"]["backend"] == "openvino"
    assert told["encoder"]["precision"] == "bfloat16"
    assert told["encoder"]["trials"][1] == {
        "backend": "openvino",
        "precision": "int8",
        "cosine": 0.9991,
        "texts": 4.1,
        "pictures": 4.3,
        "overlap": 0.912,
    }
    assert told["encoder"]["exported"] is True
    assert told["encoder"]["refused"] == ["openvino int8: it finds too little."]
    assert status_view(ModelCard("fake", 32, "cpu"), [])["encoder"] is None


def test_the_status_tells_people_the_same() -> None:
    """Where it runs beside the model's name, and a line for each trial and refusal."""
    card = ModelCard("clip", 512, "cpu", CHOICE)
    assert card.place == "cpu (openvino bfloat16)"
    path, half, integers, refusal = encoder_lines(card)
    assert path == "  runs from its export, without torch and transformers"
    assert half.strip() == (
        "openvino bfloat16 beside torch float32: texts 2.50 and pictures 2.40 times as fast, "
        "cosine 0.99993"
    )
    assert integers.endswith("cosine 0.99910, 91.2% of its results")
    assert refusal.strip() == "not used: openvino int8: it finds too little."
    assert ModelCard("fake", 32, "cpu").place == "cpu"
    plain = ModelCard("clip", 512, "cpu", EncoderChoice("torch", "float32"))
    assert encoder_lines(plain) == ["  loaded by torch and transformers"]


def test_prometheus_sees_the_way_that_was_taken() -> None:
    """The trial of the one in use; 1 for torch in float32, which is compared with itself."""
    metrics = Metrics()
    metrics.encoder(CHOICE)
    lines = generate_latest(metrics.registry).decode().splitlines()
    assert 'tangerine_encoder_info{backend="openvino",precision="bfloat16"} 1.0' in lines
    assert "tangerine_encoder_cosine 0.99993" in lines
    assert 'tangerine_encoder_gain{kind="picture"} 2.4' in lines
    metrics.encoder(EncoderChoice("torch", "float32", TRIALS))
    lines = generate_latest(metrics.registry).decode().splitlines()
    assert "tangerine_encoder_cosine 1.0" in lines
    assert 'tangerine_encoder_gain{kind="text"} 1.0' in lines
