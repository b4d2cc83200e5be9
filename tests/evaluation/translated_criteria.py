"""The criteria of ``moderation_labels`` in the text tower's other languages, in its order.

Written down before any score was looked at.
"""

from __future__ import annotations

TRANSLATED_CRITERIA: dict[str, tuple[str, str, str]] = {
    "pt": ("inseto", "veículo", "comida"),
    "es": ("insecto", "vehículo", "comida"),
    "de": ("Insekt", "Fahrzeug", "Essen"),
    "fr": ("insecte", "véhicule", "nourriture"),
    "it": ("insetto", "veicolo", "cibo"),
    "nl": ("insect", "voertuig", "eten"),
    "pl": ("owad", "pojazd", "jedzenie"),
    "ru": ("насекомое", "транспортное средство", "еда"),
    "tr": ("böcek", "araç", "yiyecek"),
    "zh": ("昆虫", "车辆", "食物"),
    "th": ("แมลง", "ยานพาหนะ", "อาหาร"),
    "ja": ("昆虫", "乗り物", "食べ物"),
    "ko": ("곤충", "탈것", "음식"),
    "ar": ("حشرة", "مركبة", "طعام"),
}
"""Insect, vehicle and food, by language."""
