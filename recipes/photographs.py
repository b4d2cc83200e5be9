"""Photographs with what they show, and what is asked of them, written before any result was seen.

They are the examples of three packages of Debian, most of which are photographs: OpenCV's
(``opencv-doc``), those of scikit-image (``python3-skimage``) and the puzzles of Palapeli
(``palapeli-data``). What no short question asks for (masks, shapes, textures) is left out, and of
pictures taken twice one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from index.demo.packages import fetch_debian

FOLDERS: Mapping[str, str] = {
    "opencv-doc": "usr/share/doc/opencv-doc/examples",
    "python3-skimage": "usr/lib/python3/dist-packages/skimage/data",
    "palapeli-data": "usr/share/palapeli/collection",
}
"""Where each package has its pictures."""

_SHOWN: Mapping[str, str] = {
    "opencv-doc": (
        "alphamat/input_images/plant.jpg plant; data/aero1.jpg city; data/aloeL.jpg plant aloe; "
        "data/apple.jpg apple fruit; data/baboon.jpg monkey baboon; data/basketball1.png men; "
        "data/blox.jpg solids; data/board.jpg circuit; data/building.jpg building; "
        "data/butterfly.jpg butterfly insect; data/cards.png cards; "
        "data/chessboard.png chessboard; data/chicky_512.png dog; data/ela_original.jpg notebook; "
        "data/fruits.jpg fruit orange lemon kiwi; data/graf1.png graffiti painting; "
        "data/HappyFish.jpg fish; data/home.jpg church tower building; "
        "data/imageTextN.png text page; data/leuvenA.jpg street house building; "
        "data/licenseplate_motion.jpg car; data/messi5.jpg soccer ball man; data/ml.png robot; "
        "data/notes.png music; data/opencv-logo.png logo; data/orange.jpg orange fruit; "
        "data/smarties.png candy; data/squirrel_cls.jpg squirrel; "
        "data/starry_night.jpg painting night; data/sudoku.png sudoku; "
        "data/WindowsLogo.jpg logo; dnn_superres/butterfly.png butterfly insect; "
        "fuzzy/input.png girl; hfs/data/000.jpg bird robin; hfs/data/001.jpg lake; "
        "hfs/data/002.jpg tree; reg/home.png house building; text/scenetext01.jpg sign street car; "
        "text/scenetext02.jpg sign; text/scenetext05.jpg barrier street; "
        "text/scenetext06.jpg pub street house building; text/scenetext_segmented_word01.jpg sign; "
        "text/scenetext_segmented_word03.jpg sign; ximgproc/stanford.png map"
    ),
    "python3-skimage": (
        "astronaut.png astronaut woman; brick.png wall; camera.png camera man; chelsea.png cat; "
        "coffee.png coffee cup; coins.png coins; color.png colours; grass.png grass; "
        "horse.png horse; hubble_deep_field.jpg stars; moon.png moon; "
        "motorcycle_left.png motorcycle; page.png text page; retina.jpg eye; rocket.jpg rocket"
    ),
    "palapeli-data": (
        "castle-maintenon.jpg castle; cincinnati-bridge.jpg bridge night; "
        "citrus-fruits.jpg fruit orange lemon; european-honey-bee.jpg bee insect flower; "
        "panther-chameleon-female.jpg chameleon lizard"
    ),
}
"""Of each package, what its pictures show: paths and words for it, apart by ";"."""

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
    ("a red apple", "apple", r"apple(?!.*pine)"),
    ("oranges", "orange", r"orange"),
    ("a slice of lemon", "lemon", r"lemon"),
    ("fruits", "fruit", r"food/fruit/|fruit"),
    ("a potted plant", "plant aloe", r"flowerpot|potted"),
    ("baboon", "baboon", r"baboon|mandrill"),
    ("a circuit board", "circuit", r"circuit"),
    ("an office building", "building", r"building"),
    ("playing cards", "cards", r"playing|cards"),
    ("chessboard", "chessboard", r"chess"),
    ("a notebook", "notebook", r"notebook|book"),
    ("graffiti on a wall", "graffiti", r"graffiti"),
    ("a page of text", "page", r"newspaper|\bpage"),
    ("a street in an old town", "street", r"street"),
    ("a car", "car", r"vehicles/(auto|race)/|\bcars?\b"),
    ("somebody playing football", "soccer", r"soccer|football"),
    ("robot", "robot", r"robot"),
    ("sheet music", "music", r"symbols/music|\bnotes?\b"),
    ("a logo", "logo", r"logo"),
    ("sweets", "candy", r"candy|sweets|lollipop"),
    ("a starry sky over a village", "night", r"night"),
    ("sudoku", "sudoku", r"sudoku"),
    ("a girl with brown hair", "girl", r"girl"),
    ("robin", "robin", r"robin"),
    ("a lake", "lake", r"\blake"),
    ("a tree in a meadow", "tree", r"plants/trees/|\btrees?\b"),
    ("a brick house", "house", r"town/houses/|house"),
    ("a sign with words", "sign", r"roadsigns|\bsign"),
    ("a map", "map", r"\bmap"),
    ("astronaut", "astronaut", r"astronaut|cosmonaut"),
    ("a brick wall", "wall", r"brick|\bwall"),
    ("a man with a camera", "camera", r"camera"),
    ("coffee", "coffee", r"coffee"),
    ("old coins", "coins", r"coins/|\bcoin"),
    ("a colour wheel", "colours", r"colou?r wheel"),
    ("grass", "grass", r"grass"),
    ("stars and galaxies", "stars", r"galax|nebula|\bstars\b"),
    ("the moon", "moon", r"\bmoon"),
    ("motorcycle", "motorcycle", r"motor(cycle|bike)"),
    ("an eye", "eye", r"\beyes?\b"),
    ("a rocket", "rocket", r"rocket|shuttle"),
    ("a bee on a flower", "bee", r"\bbees?\b"),
    ("insect", "insect", r"animals/insects/"),
    ("a city from the air", "city", r"\bcity"),
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
    "airport security check", "laptop on a desk", "bicycle race", "rugby players",
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
    """What each picture shows, by its name as :func:`pictures` gives it."""
    found: dict[str, frozenset[str]] = {}
    for package, text in _SHOWN.items():
        for part in text.split(";"):
            path, *words = part.split()
            found[f"{package}/{path}"] = frozenset(words)
    return found


def pictures(cache: Path) -> Iterator[tuple[str, Path]]:
    """The files of :func:`shown`, with their names; ``cache`` keeps the packages."""
    roots = {package: fetch_debian(package, cache) / folder for package, folder in FOLDERS.items()}
    for name in shown():
        package, _, path = name.partition("/")
        yield name, roots[package] / path


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
