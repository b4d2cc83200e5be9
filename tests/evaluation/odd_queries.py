"""Sixty texts as people really type them, by kind, with what counts as a right picture.

Written down before any result was looked at. Patterns are searched for as those of
``everyday_queries`` are.
"""

from __future__ import annotations

_ORANGE = r"food/fruit/.*(orange|mandarin)"
_LEMON = r"lemon|\blime\b"
_PLANE = r"vehicles/.*(planes/|f22)"
_FISH = r"animals/fish/"
_CASTLE = r"town/.*(castle|fort\b|fortress|tower|cathedral|ruins)"
_FLOWER = r"(plants/flowers/|\bflower)"
_TREE = r"(plants/trees/|christmas.*tree|\btree)"
_COINS = r"money/.*coins/|japanese/yen"
_TOOL = r"household/tools/"
_STRINGS = r"music/string/"
_CAT = r"mammals/cats/|\bcat\b|kitten"  # the stamps have none but wild ones
_HORSE = r"\bhorses?\b|pony|foal"
_BUTTERFLY = r"butterfly"
_BOAT = r"vehicles/.*(boat|ship|sail)|\b(boat|ship)\b"
_ELEPHANT = r"elephant"
_STRAWBERRY = r"strawberr"
_CAKE = r"cake|dessert/"
_VEGETABLES = r"food/vegetables/"
_BIRD = r"animals/birds/"
_KEY = r"\bkeys?\b"
_MUSHROOM = r"mushroom"
_CHRISTMAS = r"seasonal/christmas/"

ODD_QUERIES: dict[str, tuple[tuple[str, str], ...]] = {
    "two languages in one text": (
        ("uma orange fruit", _ORANGE),
        ("ein big fish", _FISH),
        ("un castle antiguo", _CASTLE),
        ("red mariposa", _BUTTERFLY),
        ("old 飛行機", _PLANE),
        ("かわいい cat", _CAT),
        ("schöne flower", _FLOWER),
        ("un vieux horse", _HORSE),
        ("moedas coins Münzen", _COINS),
        ("голубая bird", _BIRD),
        ("a 코끼리", _ELEPHANT),
        ("ein Werkzeug for wood", _TOOL),
        ("le bateau on the sea", _BOAT),
        ("fresh 蔬菜", _VEGETABLES),
        ("christmas árbol", _TREE),
    ),
    "a language outside the sixteen": (
        ("en apelsin", _ORANGE),  # Swedish
        ("ett flygplan", _PLANE),
        ("pomeranč", _ORANGE),  # Czech
        ("starý hrad", _CASTLE),
        ("квітка", _FLOWER),  # Ukrainian
        ("метелик", _BUTTERFLY),
        ("ένα ψάρι", _FISH),  # Greek
        ("μια γάτα", _CAT),
        ("con mèo", _CAT),  # Vietnamese
        ("máy bay", _PLANE),
        ("egy virág", _FLOWER),  # Hungarian
        ("egy régi kastély", _CASTLE),
        ("hevonen", _HORSE),  # Finnish
        ("en hest", _HORSE),  # Danish
        ("एक हाथी", _ELEPHANT),  # Hindi
    ),
    "emoji alone": (
        ("🍊", _ORANGE),
        ("🍋", _LEMON),
        ("🐟", _FISH),
        ("✈️", _PLANE),
        ("🏰", _CASTLE),
        ("🌸", _FLOWER),
        ("🌲", _TREE),
        ("🐱", _CAT),
        ("🐴", _HORSE),
        ("🦋", _BUTTERFLY),
        ("🎻", _STRINGS),
        ("🍄", _MUSHROOM),
        ("🐘", _ELEPHANT),
        ("🍓", _STRAWBERRY),
        ("🎄", _CHRISTMAS),
    ),
    "misspelt, or without accents": (
        ("limao", _LEMON),
        ("Schluessel", _KEY),
        ("aviao", _PLANE),
        ("arvore", _TREE),
        ("cavalo branko", _HORSE),
        ("arbol", _TREE),
        ("avion", _PLANE),
        ("Muenzen", _COINS),
        ("Fluegzeug", _PLANE),
        ("Schmeterling", _BUTTERFLY),
        ("gateau", _CAKE),
        ("elefant", _ELEPHANT),
        ("strawbery", _STRAWBERRY),
        ("buterfly", _BUTTERFLY),
        ("LARANJA", _ORANGE),
    ),
}
"""The text that is asked, and the pattern of a right answer, by kind."""
