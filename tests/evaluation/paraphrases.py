"""One paraphrase for each held-out caption of the stamps: what somebody might ask instead.

Written from the captions and file names alone, before fused search existed and before any result
was looked at, and never changed since. Each says the same in other words; where English has no
other word for a thing (numbers, letters, names), the word stays.
"""

# ruff: noqa: RUF001 - quotation marks as the captions have them

from __future__ import annotations

PARAPHRASES: tuple[tuple[str, str], ...] = (
    ("Penguins are wining!", "penguins with a glass of wine"),
    ("Tux—the Linux mascot!", "the mascot animal of the Linux system"),
    ("A chicken.", "a hen seen from the side"),
    ("A crowned crane.", "a crane with a crown of feathers"),
    ("A helmeted guinea fowl.", "guineafowl"),
    ("A little penguin.", "a small penguin"),
    ("A peacock (a male peafowl).", "a bird that spreads its colourful tail, a peacock"),
    ("A butterflyfish.", "butterfly fish on a reef"),
    ("A coral trout.", "a trout living among corals"),
    ("A shrimp.", "a prawn"),
    ("A woodlouse.", "wood louse, a little bug under rotten logs"),
    ("A spider playing soccer.", "a spider that kicks a football"),
    ("An iguana.", "a big green iguana lizard"),
    ("A sea lion.", "sealion on the beach"),
    ("A whale.", "a huge mammal of the ocean, like the humpback"),
    ("A bison.", "American buffalo"),
    ("A cow.", "cattle that gives milk"),
    ("A zebu.", "humped cattle from India, zebu"),
    ("A doe.", "a female deer"),
    ("A wapiti.", "an elk, also called wapiti"),
    ("An elephant.", "a grey giant with a trunk and tusks"),
    ("A horse.", "a pony to ride on"),
    ("A squirrel.", "a rodent with a bushy tail that collects nuts, a squirrel"),
    ("An abalone.", "the shell of an abalone sea snail"),
    ("A button.", "something round sewn on a shirt to close it, a button"),
    ("A blue fedora.", "a hat for men, a fedora in blue"),
    ("A green fedora.", "a fedora hat of green colour"),
    ("A baseball cap.", "a cap for playing baseball"),
    ("A red apple.", "an apple that is red"),
    ("Some cherries.", "a few cherry fruits"),
    ("A yellow lemon.", "a sour yellow citrus fruit, lemon"),
    ("A peach.", "a ripe juicy peach fruit"),
    ("A mandarin orange.", "a tangerine"),
    ("A mango.", "tropical mango fruit"),
    ("A yellow pear.", "a pear, ripe and yellow"),
    ("A pomegranate.", "the fruit with many red seeds, pomegranate"),
    ("A sliced lime.", "slices of a lime"),
    ("A walnut in its shell.", "an unopened walnut"),
    ("A ginger 'root'.", "root of ginger"),
    ("A carrot.", "an orange root vegetable that rabbits like"),
    ("A chile pepper.", "hot chili"),
    ("A head of lettuce.", "green leaves for a salad, lettuce"),
    ("A mushroom.", "an edible fungus"),
    ("A “pattypan” squash.", "patty pan, a summer squash"),
    ("A brown potato.", "a potato with brown skin"),
    ("A yellow pepper.", "a bell pepper, yellow"),
    ("A pair of binoculars.", "field glasses to look far away"),
    ("A cello.", "a violoncello"),
    ("A violin.", "a fiddle"),
    ("A lightbulb.", "an electric light bulb"),
    ("A highlighting pen.", "a highlighter"),
    ("A dry erase marker.", "a marker for whiteboards"),
    ("A hammer.", "a tool to drive nails in"),
    ("An adjustable wrench.", "an adjustable spanner"),
    ("We remember those who have died.", "a memorial for fallen soldiers"),
    (
        (
            "A tough APC like this M-3 Bradley Fighting Vehicle gets you to battle, and then it "
            "joins the action!"
        ),
        "an armoured vehicle that takes soldiers into battle",
    ),
    ("A mermaid.", "half woman and half fish"),
    ("A snowman.", "a man made of snow"),
    ("Hibiscus", "a hibiscus blossom"),
    ("Red plastic flower.", "an artificial flower made of red plastic"),
    ("A White Star Petunia.", "petunias with a white star"),
    ("A yellow flower.", "a blossom with yellow petals"),
    ("A cep.", "porcini, a cep mushroom"),
    ("A birch at winter.", "a birch tree in winter"),
    ("A holm oak.", "an evergreen oak, holm oak"),
    (
        (
            "A mince pie is a traditional Christmas food in the UK. It contains of dried fruit and "
            "spices."
        ),
        "British mince pies for Christmas",
    ),
    (
        (
            "Roast turkey is traditionally eaten on Thanksgiving in the United States, and on "
            "Christmas Day in the UK."
        ),
        "a roasted turkey for a Thanksgiving dinner",
    ),
    ("Santa Claus.", "Father Christmas"),
    (
        (
            "Hei stands for halb or half. If the dreidel lands on hei, take half of what’s in the "
            "middle plus one if there’s an odd number of objects."
        ),
        "a dreidel that shows hei, so you take half of the middle",
    ),
    (
        "Nun stands for nisht or nothing. If the dreidel lands on nun, you do nothing.",
        "a dreidel that shows nun, so nothing happens",
    ),
    ("Confetti.", "bits of coloured paper thrown at a party, confetti"),
    ("A party horn.", "a horn to blow at parties"),
    ("Our moon as a crescent.", "a crescent moon"),
    ("A trophy cup.", "a cup for the winner"),
    (
        "The sign for the letter C in American Sign Language.",
        "the letter C signed with a hand in ASL",
    ),
    (
        "The sign for the letter D in American Sign Language.",
        "the letter D signed with a hand in ASL",
    ),
    (
        "The sign for the letter H in American Sign Language.",
        "how to sign the letter H for deaf people",
    ),
    (
        "The sign for the letter I in American Sign Language.",
        "American Sign Language for I",
    ),
    (
        "The sign for the letter P in American Sign Language.",
        "American Sign Language, letter P",
    ),
    (
        "The sign for the letter Q in American Sign Language.",
        "sign language for the letter Q",
    ),
    (
        "The sign for the letter T in American Sign Language.",
        "a hand that signs the letter T",
    ),
    (
        "The sign for the letter W in American Sign Language.",
        "how do you sign a W in American Sign Language",
    ),
    (
        "The sign for the letter Y in American Sign Language.",
        "sign language alphabet: the Y",
    ),
    (
        "The sign for the number 2 in American Sign Language.",
        "the number 2 in sign language",
    ),
    (
        "The sign for the number 4 in American Sign Language.",
        "the number 4 in sign language",
    ),
    (
        "The sign for the number 6 in American Sign Language.",
        "a hand that signs the number 6",
    ),
    (
        "The sign for the number 8 in American Sign Language.",
        "how do you sign the number 8",
    ),
    (
        "The sign for the number 9 in American Sign Language.",
        "American Sign Language for 9",
    ),
    ("The letter a.", "a lowercase letter a"),
    ("The letter g.", "a small letter g"),
    ("The letter i.", "a small letter i"),
    ("The letter m.", "a lowercase letter m"),
    ("The letter v.", "a small v"),
    ("The letter A.", "an uppercase letter A"),
    ("The letter G.", "a capital letter G"),
    ("The letter I.", "a capital letter I"),
    ("The letter M.", "an uppercase letter M"),
    ("The letter V.", "a capital V"),
    ("The Spanish letter n with a tilde.", "a Spanish small n that has a tilde"),
    ("The Spanish letter N with a tilde.", "a Spanish capital N that has a tilde"),
    ("Queen. Can move in any direction.", "the queen of a chess game"),
    ("Mad!", "an angry face"),
    ("Two.", "the number two"),
    ("Four.", "the number four"),
    ("Six.", "the digit six"),
    ("Eight.", "the digit eight"),
    ("A European coin of 5 cents (0.05 €).", "five euro cents"),
    ("A European coin of 10 cents (0.10 €).", "a 10 cent coin from Europe"),
    ("A European coin of 20 cents (0.20 €).", "a euro coin, 20 cents"),
    ("A European coin of 1 euro (1 €).", "a coin worth 1 euro"),
    ("10 Japanese yen.", "a 10 yen coin from Japan"),
    ("50 Japanese yen.", "50 yen"),
    ("500 Japanese yen.", "500 yen coin"),
    ("A US 1 cent piece ($.01) called a penny.", "an American penny"),
    ("A speech balloon.", "a speech bubble"),
    ("A thought balloon.", "a thought bubble"),
    ("A mine.", "the entrance of a coal mine"),
    ("A fairytale castle.", "a castle out of a fairy tale"),
    ("A farm.", "a farmhouse with a barn"),
    ("The house of the hunter.", "where the hunter lives"),
    ("An igloo.", "a house built of snow blocks"),
    ("A tavern.", "an inn where people drink beer"),
    ("A tent.", "a place to sleep when camping"),
    ("A university.", "a college campus building"),
    ("A wooden cottage.", "a small house made of wood"),
    ("A graveyard.", "a cemetery with tombstones"),
    ("A totem pole.", "a carved wooden totem"),
    (
        (
            "An inukshuk (or inuksuk), a landmark made of stones. It was used as a milestone or "
            "directional marker by the Inuit of the Canadian Artic."
        ),
        "stones piled up by the Inuit as a landmark",
    ),
    (
        "The green light means you can go if it is safe to do so.",
        "a traffic light that is green",
    ),
    ("A wheel! Put the brake calipers toward the rear.", "the wheel of a car with its brakes"),
    ("A sedan car.", "a car with four doors, a sedan"),
    ("A passenger carriage.", "a railway coach for passengers"),
    (
        "The tender carries water and coal for the engine.",
        "the wagon with coal and water behind a steam engine",
    ),
    ("A race car.", "a racing car"),
    ("UB2006 “Penguin II” deep sea research vessel.", "a submarine for research in the deep sea"),
)
"""The held-out caption, and what is asked instead of it."""
