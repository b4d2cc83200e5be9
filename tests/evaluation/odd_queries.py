"""Texts as people really type them, by kind, with what counts as a right picture.

The sixty of ``ODD_QUERIES`` were written down before any result was looked at; what mends spellings
was chosen by them. The forty-five of ``ODD_QUERIES_AFTERWARDS`` were written before that was built,
and measure it. Patterns are searched for as those of
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

_GUITAR = r"guitar"
_BEAR = r"\bbears?\b|mammals/bears/|koala"
_PUMPKIN = r"pumpkin|pattypan|jackolantern"
_ONION = r"onion"
_APPLE = r"apple(?!.*pine)"
_SCISSORS = r"scissors"
_TOOTH = r"tooth|teeth"
_PENGUIN = r"penguin|pengwin|\btux\b"
_FROG = r"frog"
_SNOWMAN = r"snowman"
_BALLOON = r"balloon360|hot.air"
_PINEAPPLE = r"pineapple"
_CANDLE = r"candle"
_HEDGEHOG = r"hedgehog"
_WINDMILL = r"windmill"
_GIRAFFE = r"giraffe"
_HAMMER = r"hammer|mallet"
_SQUIRREL = r"squirrel"
_MUSHROOM_OR_CEP = r"mushroom|\bcep\b"
_HIPPO = r"hippopotam"
_WHALE = r"whale|orca"

ODD_QUERIES_AFTERWARDS: dict[str, tuple[tuple[str, str], ...]] = {
    "emoji alone": (
        ("🍎", _APPLE),
        ("🥕", r"carrot"),
        ("🐸", _FROG),
        ("🐧", _PENGUIN),
        ("🎸", _GUITAR),
        ("🔑", _KEY),
        ("✂️", _SCISSORS),
        ("🦷", _TOOTH),
        ("⛄", _SNOWMAN),
        ("🍍", _PINEAPPLE),
        ("🦒", _GIRAFFE),
        ("🦔", _HEDGEHOG),
        ("🔨", _HAMMER),
        ("🐳", _WHALE),
        ("🕯️", _CANDLE),
    ),
    "without accents, or with ue and oe": (
        ("macas", _APPLE),  # Portuguese: maçãs
        ("violao", _GUITAR),  # violão
        ("pinguim azul e branco, desenho de pinguim", _PENGUIN),
        ("dragao", r"dragon"),  # dragão, by dragonflies and fish alone
        ("camaleon o iguana, reptil", r"iguana"),  # Spanish: camaleón, reptil
        ("araña pequena", r"spider"),  # pequeña
        ("Baer", _BEAR),  # German: Bär
        ("Kuerbis", _PUMPKIN),  # Kürbis
        ("Moehre", r"carrot"),  # Möhre
        ("Eichhoernchen", _SQUIRREL),  # Eichhörnchen
        ("Windmuehle", _WINDMILL),  # Windmühle
        ("elephant d'Asie", _ELEPHANT),  # French: éléphant
        ("herisson", _HEDGEHOG),  # hérisson
        ("zolw lub zaba", _FROG),  # Polish: żółw, żaba
        ("kus", _BIRD),  # Turkish: kuş
    ),
    "misspelt": (
        ("elefant", _ELEPHANT),
        ("girafe", _GIRAFFE),
        ("pengiun", _PENGUIN),
        ("hipopotamus", _HIPPO),
        ("mushrom", _MUSHROOM_OR_CEP),
        ("pinapple", _PINEAPPLE),
        ("scisors", _SCISSORS),
        ("baloon", _BALLOON),
        ("Kartofel", r"potato"),  # German: Kartoffel
        ("Gitare", _GUITAR),  # Gitarre
        ("guittare", _GUITAR),  # French: guitare
        ("cebola roxa, sebola", _ONION),  # Portuguese: cebola
        ("tijera", _SCISSORS),  # Spanish, right: tijeras
        ("martilo", _HAMMER),  # martillo
        ("farfala", _BUTTERFLY),  # Italian: farfalla
    ),
}
"""As :data:`ODD_QUERIES`."""

KANA_QUERIES: tuple[tuple[str, str], ...] = (
    ("ねこ", r"\bcat\b|kitten|kitty"),
    ("いぬ", r"\bdog|pupp"),
    ("とり", r"birds/|bird"),
    ("さかな", r"fish"),
    ("うま", r"horse"),
    ("うし", r"\bcow|bull"),
    ("ひつじ", r"sheep|lamb"),
    ("うさぎ", r"rabbit|bunny"),
    ("かめ", r"turtle|tortoise"),
    ("ちょう", r"butterfly"),
    ("はち", r"\bbee\b|wasp|hornet"),
    ("りんご", r"apple"),
    ("みかん", r"orange|tangerine"),
    ("くだもの", r"fruit"),
    ("ぱん", r"bread"),
    ("はな", r"flower"),
    ("き", r"tree"),
    ("つき", r"moon"),
    ("ゆき", r"snow"),
    ("くるま", r"\bcar\b|car\.|vehicle|truck"),
    ("ひこうき", r"plane|jet|aircraft"),
    ("ふね", r"ship|boat"),
    ("いえ", r"house|home"),
    ("ぼうし", r"\bhat\b|cap\b"),
)
"""Everyday Japanese words as children write them, as :data:`ODD_QUERIES`."""
