"""Photographs with what they show, and what is asked of them, written before any result was seen.

They are those of GCompris (Debian's ``gcompris-qt-data``), which lie as WebP in its resource files;
the numbers are the order in which they lie there, of those with edges of 100 pixels or more.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from PIL import Image

PACKAGE = "gcompris-qt-data"
_FOLDER = "usr/share/gcompris-qt/rcc"
_MIN_EDGE = 100

_SHOWN = {
    "categorization": (
        "0 dam water; 1 windmill; 2 solarcooker; 3 windmill; 4 weir water; 5 windmill; 6 "
        "solarcooker; 7 solar; 8 windmill; 9 dam water; 10 windmill; 11 solarcooker; 12 "
        "windmill; 13 solar; 14 windmill; 15 windmill; 16 dam water; 17 windmill; 18 solar; "
        "19 windmill; 20 windmill; 21 steam; 22 dam water; 23 windmill; 24 solar; 25 "
        "windmill; 26 windmill; 27 solar; 28 turbine; 29 hammer tool; 30 pliers tool; 31 "
        "hammer tool; 32 tape tool; 33 scissors tool; 34 pliers tool; 35 meter tool; 36 tape "
        "tool; 37 screwdriver tool; 38 pliers tool; 39 wrench tool; 40 screwdriver tool; 41 "
        "wrench tool; 42 hammer tool; 43 pliers tool; 44 hammer tool; 45 tweezers tool; 46 "
        "tape tool; 47 scissors tool; 48 tape tool; 49 sickle tool; 50 screwdriver tool; 51 "
        "hammer tool; 52 hammer tool; 53 pliers tool; 54 hammer tool; 55 scissors tool; 56 "
        "clipper tool; 57 tape tool; 58 screwdriver tool; 59 meter tool; 60 hammer tool; 61 "
        "pliers tool; 62 hammer tool; 63 tweezers tool; 64 tape tool; 65 scissors tool; 66 "
        "meter tool; 67 spray; 68 letters blocks; 69-96 fish; 97 statue monument; 98 "
        "skyscraper building; 99 liberty statue; 100 eiffel tower; 101 skyscraper tower "
        "building; 102 tower minaret; 103 church; 104 temple ruin; 105 tower; 106 arch; 107 "
        "palace building; 108 capitol building; 109 christ statue; 110 pisa tower; 111 temple "
        "ruin; 112 taj mosque; 113 mosque dome; 114 opera; 115 arch; 116 church; 117 "
        "rushmore; 118 colosseum ruin; 119 wall; 120 pyramid; 121 tower; 122 arch gate; 123 "
        "palace building; 124 numbers blocks; 125 cup; 126 pillow; 127 blackboard; 128 pan; "
        "129 cutlery spoon; 130 igloo snow; 131 ball volleyball; 132 cup; 133 ball baseball; "
        "134 basket; 135 plate; 136 scales; 137 cutlery spoon; 138 chair; 139 pencil; 140 "
        "eraser; 141 bulb"
    ),
    "details": (
        "0 church night; 1 palace building night; 2 painting; 3 opera night; 4 painting "
        "bridge; 5 taj mosque; 6 castle; 7 painting; 9 bridge night; 10 painting; 11 castle; "
        "12 painting; 13 castle; 14 castle; 15 painting church; 16 windmill; 17 eiffel tower; "
        "18 pyramid desert; 20 castle"
    ),
    "erase": (
        "0 rhino; 1 cow; 2 caterpillar insect; 3 bird; 4 redpanda; 5 camel; 6 bird; 7 "
        "squirrel; 8 bird kingfisher; 9 bird swan; 10 gorilla monkey; 11 llama; 12 deer; 13 "
        "monkey; 14 chameleon lizard; 15 squirrel; 16 crab; 17 meerkat; 18 butterfly insect; "
        "19 bird; 20 cheetah cat; 22 horse; 23 bird chick; 24 bird penguin; 25 monkey; 26 "
        "bat; 27 bird toucan; 29 yak cow; 30 monkey; 31 giraffe; 32 kitten cat"
    ),
    "explore_farm_animals": (
        "0 bird duck; 1 cow; 2 sheep; 3 horse; 4 cat kitten; 5 bird hen; 6 pig; 7 dog; 8 bird owl"
    ),
    "explore_monuments": (
        "1 colosseum ruin; 3 castle; 4 castle; 5 eiffel tower; 6 church; 7 castle; 8 island "
        "castle; 9 aqueduct bridge ruin; 10-13 pyramid desert; 14 mosque; 15 tower minaret; "
        "26 rushmore; 28 liberty statue; 33 fort; 35 petra; 36 pyramid; 37 taj mosque; 38 "
        "christ statue; 39 colosseum ruin; 40 mountain; 41 wall; 42 castle; 43 church; 46 "
        "arch gate; 47 castle; 48 church"
    ),
    "explore_world_animals": (
        "0 kangaroo; 1 moose deer; 3 crocodile; 4 hedgehog; 5 bird parrot; 6 koala; 7 lemur "
        "monkey; 8 lizard; 9 polarbear bear; 10 bison cow; 13 panda bear"
    ),
    "explore_world_music": ("0 orchestra; 1 choir; 2 strings; 3 orchestra; 6 drums; 7 drums"),
}
"""Of each resource file, what its photographs show: numbers and words for it, apart by ";"."""

QUERIES: tuple[tuple[str, str, str], ...] = (
    ("kitty", "cat", r"\bcat\b|kitten|tiger|lion|cheetah|leopard"),
    ("a photo of a dog", "dog", r"\bdog|pupp"),
    ("a windmill", "windmill", r"windmill"),
    ("solar panels on a roof", "solar", r"solar"),
    ("hammer", "hammer", r"hammer"),
    ("a pair of scissors", "scissors", r"scissors"),
    ("screwdriver", "screwdriver", r"screwdriver"),
    ("a fish under water", "fish", r"fish|shark|eel"),
    ("goldfish", "fish", r"fish"),
    ("pliers", "pliers", r"pliers"),
    ("a measuring tape", "tape", r"tape|ruler"),
    ("a church", "church", r"church|cathedral|chapel"),
    ("an old castle", "castle", r"castle|fort"),
    ("pyramids in the desert", "pyramid", r"pyramid"),
    ("the Eiffel tower", "eiffel", r"eiffel"),
    ("the Statue of Liberty", "liberty", r"liberty"),
    ("Taj Mahal", "taj", r"taj"),
    ("a Greek temple", "temple", r"temple|parthenon"),
    ("a cup of tea", "cup", r"cup|tea"),
    ("spoon", "spoon", r"spoon"),
    ("a wooden chair", "chair", r"chair|stool"),
    ("pencil", "pencil", r"pencil|crayon"),
    ("light bulb", "bulb", r"bulb|lamp"),
    ("a ball", "ball", r"ball"),
    ("frying pan", "pan", r"\bpan\b|skillet|pot\b"),
    ("a bird", "bird", r"birds/"),
    ("penguin", "penguin", r"penguin|pengwin|tux"),
    ("an owl on a branch", "owl", r"owl"),
    ("duck", "duck", r"duck|drake"),
    ("a parrot", "parrot", r"parrot|macaw"),
    ("cow", "cow", r"\bcow|bull|calf"),
    ("a sheep", "sheep", r"sheep|lamb"),
    ("horses", "horse", r"horse|pony"),
    ("pig", "pig", r"\bpig"),
    ("chickens", "hen", r"hen|chicken|rooster|cock"),
    ("a monkey", "monkey", r"monkey|gorilla|ape|chimp|lemur|orang"),
    ("a butterfly", "butterfly", r"butterfly"),
    ("camel", "camel", r"camel"),
    ("rhinoceros", "rhino", r"rhino"),
    ("giraffe", "giraffe", r"giraffe"),
    ("crab", "crab", r"crab|lobster"),
    ("squirrel", "squirrel", r"squirrel|chipmunk"),
    ("a bear", "bear", r"\bbear|panda"),
    ("kangaroo", "kangaroo", r"kangaroo|wallaby"),
    ("koala", "koala", r"koala"),
    ("crocodile", "crocodile", r"croc|alligator"),
    ("hedgehog", "hedgehog", r"hedgehog|porcupine"),
    ("lizard", "lizard", r"lizard|iguana|gecko|chameleon"),
    ("drums", "drums", r"drum|bongo"),
    ("an orchestra playing", "orchestra", r"orchestra|violin"),
    ("a bridge", "bridge", r"bridge"),
    ("swan", "swan", r"swan|goose"),
    ("a wrench", "wrench", r"wrench|spanner"),
    ("tweezers", "tweezers", r"tweezers"),
    ("wind turbine", "turbine", r"turbine|windmill"),
    ("a dam", "dam", r"\bdam\b"),
    ("skyscraper", "skyscraper", r"skyscraper|empire"),
    ("a painting", "painting", r"painting"),
    ("an elk with antlers", "moose", r"moose|deer|elk|reindeer"),
    ("polar bear", "polarbear", r"polar|\bbear"),
    ("a caterpillar on a leaf", "caterpillar", r"caterpillar"),
    ("cheetah", "cheetah", r"cheetah|leopard|jaguar"),
    ("bat hanging upside down", "bat", r"\bbat\b"),
    ("plate", "plate", r"plate|dish"),
    ("a pillow", "pillow", r"pillow|cushion"),
    ("eraser", "eraser", r"eraser"),
    ("blackboard", "blackboard", r"blackboard|chalk"),
    ("alphabet blocks", "blocks", r"block|alphabet"),
    ("knife and fork", "cutlery", r"knife|fork"),
    ("kitchen scales", "scales", r"\bscale"),
)
"""What is asked, the word for it in :func:`shown`, and a pattern of stamps' paths and captions that
show it, too. Those with even places chose the thresholds; the others were looked at once."""

NONSENSE_TO_CHOOSE = (
    "zxqv flurbel", "the of and", "quarterly revenue report",
    "my letter to the tax office about parking", "how do I reset my password",
    "number of people who voted in 1987", "green parliamentary democracy",
    "please accept the terms and conditions", "a theory of everything", "sdfkjh skdjfh ksdjfh",
    "asdf", "qwertyuiop", "lorem ipsum dolor sit amet", "what is the meaning of life",
    "the capital of Mongolia", "an argument about inflation", "software license agreement",
    "tomorrow at half past nine", "thank you very much", "best regards", "is anybody there",
    "monday", "invoice number 4711", "the second law of thermodynamics",
    "wireless router settings", "he said that she would come", "42", "https://example.com",
    "not in the mood", "interest rates", "jealousy", "grammar exercises", "xylograph pqr",
    "blub blub blub", "error 404 not found", "a contract between two parties",
    "insurance policy", "the history of philosophy", "yes", "why not", "meeting minutes",
    "stock market crash", "gluten free", "birthday next week", "fast internet connection",
    "an unpaid bill", "lyrics of a song", "her opinion on taxes", "abc123", "democracy",
)  # fmt: skip

NONSENSE = (
    "a philosophical question", "what time does it close", "gross domestic product",
    "click here to continue", "he never came back", "aaaaaaaa", "plz help",
    "mortgage calculator", "the rules of grammar", "sorry for the delay", "jkl; jkl;",
    "under the circumstances", "foreign exchange reserves", "my password is wrong",
    "an unexpected error occurred", "voting rights", "ohm's law", "first come first served",
    "minimum wage", "the sound of silence", "zzz", "quantum mechanics",
    "regulation of the banking sector", "vor tunk elbi", "it depends", "job application",
    "agenda of the conference", "economic sanctions", "2 + 2 = 5", "username already taken",
)  # fmt: skip
"""What no picture shows: of the half that chose, and of the other."""

ABSENT = (
    "a wedding dress", "stethoscope", "sushi", "traffic jam", "swimming pool", "subway station",
    "newborn baby sleeping", "x-ray of a hand", "a tattoo", "tennis racket", "surfer on a wave",
    "ski jump", "washing machine", "office printer", "toilet", "birthday party with balloons",
    "crowd at a concert", "bride and groom", "hospital bed", "fireworks", "skateboard",
    "vacuum cleaner", "sewing machine", "passport", "credit card", "campsite with tents",
    "hot dog with mustard", "a bowl of ramen", "yoga class", "a graduation ceremony",
    "airport security check", "laptop on a desk", "bicycle race", "soccer players",
    "a red carpet", "ballet dancer", "microwave oven", "bathtub", "elevator", "escalator",
)  # fmt: skip
"""Things that none of the photographs shows; even places chose, odd ones are looked at once."""

SHOWN_BY_STAMPS = {
    "stethoscope": r"medical/stethoscope",
    "toilet": r"household/toilet",
    "tennis racket": r"sports/tennis_racket",
    "fireworks": r"newyears/fireworks",
    "campsite with tents": r"town/houses/cartoon/(medieval_tent|tent|tepee)",
}
"""Of :data:`ABSENT`, what Tux Paint's stamps show nevertheless, judged by looking at what was
found: a folder that holds one is not asked for it as for something that is not there."""


def shown() -> Mapping[str, frozenset[str]]:
    """What each photograph shows, by its name as :func:`pictures` gives it."""
    found: dict[str, frozenset[str]] = {}
    for file, text in _SHOWN.items():
        for part in text.split(";"):
            numbers, *words = part.split()
            first, _, last = numbers.partition("-")
            for number in range(int(first), int(last or first) + 1):
                found[f"{file}-{number:03}"] = frozenset(words)
    return found


def pictures(package: Path) -> Iterator[tuple[str, Image.Image]]:
    """All pictures of the unpacked package, with their names; those of :func:`shown` among them."""
    for file in sorted((package / _FOLDER).glob("*.rcc")):
        data, place, number = file.read_bytes(), 0, 0
        while (place := data.find(b"RIFF", place)) >= 0:
            (size,) = struct.unpack_from("<I", data, place + 4)
            if data[place + 8 : place + 12] != b"WEBP":
                place += 4
                continue
            image = Image.open(io.BytesIO(data[place : place + size + 8]))
            place += size + 8
            if min(image.size) >= _MIN_EDGE:
                yield f"{file.stem}-{number:03}", image
                number += 1


OF_MANY_TO_CHOOSE = (
    "a harmonica", "a hot air balloon", "sushi rolls", "a wheelchair", "an espresso machine",
    "bagpipes", "a chandelier", "scuba diver", "a sewing machine", "an ironing board",
    "bride in a white dress", "a chainsaw", "a stethoscope", "a bowling alley", "an ATM",
    "a hammock", "a toaster", "a parking meter", "a ferris wheel", "an accordion player",
    "a dentist at work", "a golf course", "a tuxedo", "a pinball machine", "a waffle",
    "a hospital bed", "a shopping cart", "a fire hydrant", "skis", "a snow globe",
    "a pizza with olives", "a trampoline", "wind chimes", "a crossbow", "a jellyfish",
    "a suspension bridge", "a hedge maze", "a surfboard", "a vending machine", "a newborn baby",
    "a tattooed arm", "a garden gnome", "a traffic cone", "a submarine", "ballet shoes",
    "a lawn mower", "an hourglass", "a crowded subway", "a birthday cake with candles",
    "a disco ball", "a hair dryer", "a microwave", "a cactus in a pot", "an octopus",
    "a graduation cap", "a wine glass", "a punching bag", "a bunk bed", "a filing cabinet",
    "a totem pole",
)  # fmt: skip

OF_MANY = (
    "a typewriter", "a tow truck", "a lighthouse on a cliff", "an eclair", "a barber shop",
    "a kayak", "a fondue", "a lava lamp", "a prosthetic leg", "a hockey goalie",
    "a swing in a playground", "a gas station", "a jukebox", "a ski lift", "an oil rig",
    "sunglasses", "a beekeeper", "a carousel", "a stapler", "a bathtub", "a radiator",
    "a tennis court", "a cash register", "a juggler", "an avocado cut in half", "a stretcher",
    "a crib", "a dog on a leash", "an escalator", "a picnic on the grass", "a cable car",
    "a bulldozer", "a clothesline", "an MRI scan", "a jacuzzi", "a life jacket", "a sauna",
    "an iguana", "a gravestone", "a folding chair", "a judge in a robe", "a shower head",
    "a bonfire", "a doormat", "a bus stop", "a spider web with dew", "an otter", "a scarecrow",
    "a mosquito net", "a plate of spaghetti", "a roulette wheel", "a rocking horse",
    "an astronaut", "a sponge", "a flower shop", "a wedding ring", "a loaf of bread",
    "a mail carrier", "a tractor tire", "a coconut",
)  # fmt: skip
"""Asked of the largest folder, written before anybody looked whether it holds them.

The first list chose, the second was asked once.
"""

SEEN = frozenset({
    "a hot air balloon", "a stethoscope", "a suspension bridge", "a traffic cone",
    "a birthday cake with candles", "a totem pole", "a gravestone", "an otter", "a tractor tire",
    "an iguana", "an astronaut", "a bonfire", "a tow truck",
})  # fmt: skip
"""Those of both lists that one of the five pictures found shows, as a person judged afterwards, and
a tow truck, which is there though it is not among them."""

LARGE_TO_CHOOSE: tuple[tuple[str, str, str], ...] = (
    ("bird", "bird", r"animals/birds/"),
    ("tool", "tool", r"household/tools/"),
    ("coin", "", r"coins/|japanese/"),
    ("fruit", "", r"food/fruit/"),
    ("house", "", r"town/houses/"),
    ("insect", "insect", r"animals/insects/"),
    ("castle", "castle fort", r"castle|fortress"),
    ("planet", "", r"space/planets/"),
    ("hat", "", r"hats/|\bhat\b"),
    ("train", "", r"locomotive/"),
    ("musical instrument", "drums strings", r"hobbies/music/"),
    ("cow", "cow", r"bovines/"),
    ("letter", "letters", r"symbols/alphabets/"),
    ("Halloween", "", r"seasonal/halloween/"),
    ("dog", "dog", r"mammals/dogs/|\bdogs?\b|pupp"),
)

LARGE: tuple[tuple[str, str, str], ...] = (
    ("fish", "fish", r"animals/fish/|\bfish"),
    ("flower", "", r"plants/flowers/|flower"),
    ("vegetable", "", r"food/vegetables/"),
    ("car", "", r"vehicles/(auto|race)/|\bcars?\b"),
    ("tree", "", r"plants/trees/|\btrees?\b"),
    ("building", "building church castle palace mosque skyscraper", r"town/(houses|monuments)/"),
    ("flag", "", r"town/flags/|\bflag"),
    ("windmill", "windmill", r"windmill"),
    ("chess", "", r"symbols/chess/"),
    ("Christmas", "", r"seasonal/christmas/"),
    ("clothes", "", r"clothes/"),
    ("road sign", "", r"town/roadsigns/"),
    ("money", "", r"symbols/money/"),
    ("ship", "", r"vehicles/ship/|\b(boat|ship)\b"),
    ("monkey", "monkey gorilla lemur", r"mammals/apes/|monkey"),
)
"""Classes of which many pictures of a folder are: the question, words in :func:`shown`, and a
pattern of stamps' paths and captions. The first list chose, the second was asked once."""
