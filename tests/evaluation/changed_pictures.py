r"""Sixty pictures of the demo gallery, each with words that change it, and the right answers.

They were written from the file names and captions alone, and kept before any result was looked at.
Each pattern is searched for, whatever the case, in "<path below the stamps' folder> <caption>".
The posted picture itself is never a right answer. Weights are chosen on every other one, from the
first on (:data:`CHOSEN_ON`); the others tell what they are worth (:data:`HELD_BACK`).
"""

from __future__ import annotations

CHANGED_PICTURES: tuple[tuple[str, str, str], ...] = (
    # other colours
    (
        "food/fruit/apple_green.png",
        "but red",
        r"apple_red|apple_fuji|fruit/cartoon/apple\.png|tomato|cherr",
    ),
    (
        "food/fruit/orange.png",
        "but red",
        r"apple_red|apple_fuji|fruit/cartoon/apple\.png|tomato|cherr|pomegranate",
    ),
    ("food/fruit/apple_red.png", "but green", r"apple_green|apple_granny_smith"),
    ("food/vegetables/yellowpepper.png", "but green", r"vegetables/pepper\.png"),
    ("food/vegetables/pepper.png", "but yellow", r"yellowpepper"),
    ("food/vegetables/lettuce.png", "but red", r"redlettuce"),
    ("food/vegetables/redlettuce.png", "but green", r"vegetables/lettuce\.png|lettuce_bolted"),
    ("clothes/hats/blue_fedora.png", "but green", r"green_fedora"),
    ("clothes/hats/green_fedora.png", "the same in blue", r"blue_fedora"),
    ("town/flags/redflag.png", "but white", r"whiteflag"),
    ("town/flags/greenflag.png", "but yellow", r"flags/yellowflag|blue-and-yellowflag"),
    ("town/roadsigns/stoplight_01_red.png", "but green", r"stoplight_03_green"),
    ("town/roadsigns/stoplight_03_green.png", "but yellow", r"stoplight_02_yellow"),
    ("plants/flowers/rose.png", "but yellow", r"yellow-flower|daffodil|marigold"),
    (
        "plants/flowers/yellow-flower.png",
        "but red",
        r"anemone_red|red-gazania|chuvanna_plastic|flowers/rose",
    ),
    ("plants/flowers/daffodil.png", "in purple", r"pigface|flowers/iris|lavender"),
    ("food/dessert/cartoon/birthday_cake.png", "but pink", r"pink_cake"),
    ("animals/birds/pink_flamingo.png", "but blue", r"heron_greatblue|bluebird"),
    ("animals/mammals/bovines/cow.png", "but white", r"cow_white"),
    ("animals/birds/owl.png", "but black", r"birds/(crow|blackbird)\.png"),
    ("symbols/chess/b_1_king.png", "but white", r"chess/w_"),
    ("sports/soccer.png", "but orange", r"basketball"),
    # other animals
    ("animals/mammals/cats/lion.png", "but with stripes", r"tiger|zebra"),
    ("animals/mammals/equines/horse.png", "with stripes", r"zebra"),
    ("seasonal/halloween/blackcat.png", "but a dog", r"mammals/dogs/"),
    ("animals/mammals/dogs/dog.png", "but a cat", r"mammals/cats/|blackcat"),
    ("animals/birds/duck.png", "but a penguin", r"penguin\.png|penguin_with|pengwin|tux\.png"),
    ("animals/mammals/bovines/sheep.png", "but a baby", r"sheep_lamb"),
    ("animals/birds/chicken_profile.png", "but a baby", r"easter/chick"),
    ("animals/mammals/bears/bear.png", "as a toy", r"teddy_bear|edward_bear"),
    ("household/rubberduck.png", "but a real animal", r"birds/(duck|drake|gander)"),
    ("animals/insects/bee.png", "but a butterfly", r"/butterfly\.png"),
    ("animals/insects/cartoon/butterfly.png", "but a dragonfly", r"dragonfly"),
    ("animals/mammals/aquatic/dolphin.png", "but bigger, a whale", r"/whale|/orca"),
    ("animals/mammals/camel/camel.png", "but with antlers", r"mammals/deer/"),
    ("animals/birds/heron_greatblue.png", "but flying", r"heron_greatblue_flying"),
    ("seasonal/easter/chick.png", "inside an egg", r"chick-in-egg|chick-hatched"),
    ("animals/mammals/rodents/rabbit.png", "with an easter egg", r"bunny-egg"),
    # other kinds and states of things
    (
        "hobbies/music/string/guitar_classical.png",
        "but electric",
        r"guitar_electric|string/guitar2",
    ),
    ("hobbies/music/string/violin.png", "but much bigger", r"cello"),
    ("vehicles/auto/sedan.png", "but for racing", r"indycar|sportscar"),
    ("vehicles/auto/truck.png", "for fighting fires", r"fire_engine|firetruck"),
    ("vehicles/construction/dumper.png", "but for garbage", r"garbagetruck"),
    ("vehicles/flight/planes/747.png", "but military", r"f22_raptor"),
    ("vehicles/masstransit/green_korean_bus.png", "with two decks", r"double_decker"),
    ("vehicles/ship/cartoon/tugboat.png", "with sails", r"chineseJunk|walnutBoat"),
    ("household/arttools/scissors_small_closed.png", "but open", r"scissors_small_open"),
    ("food/fruit/orange.png", "but sliced", r"sliced_orange|lemon_slice|sliced_lime"),
    ("food/fruit/sliced_orange.png", "but green", r"sliced_lime"),
    ("food/fruit/strawberry.png", "drawn as a cartoon", r"fruit/cartoon/(strawberry|raspberry)"),
    ("food/vegetables/pumpkin_small.png", "with a scary face", r"jackolantern"),
    ("plants/trees/holm_oak.png", "but decorated for Christmas", r"christmas/.*tree"),
    ("sports/football.png", "but round", r"soccer|basketball|volleyball|tennis_ball|cricketball"),
    # more of them
    ("food/vegetables/garlic.png", "but many of them", r"garlics"),
    ("seasonal/candle.png", "but many candles", r"menorah"),
    # another time, another place
    ("space/planets/0_sun.png", "but at night", r"space/moon/"),
    ("space/moon/moon_full.png", "but a crescent", r"moon_crescent"),
    ("space/planets/4_mars.png", "with rings", r"6_saturn"),
    ("town/houses/cartoon/swisshome.png", "but made of ice", r"igloo"),
    ("town/houses/cartoon/fairytale_castle.png", "but in ruins", r"cartoon/ruins"),
)
"""The posted picture, the words, and the pattern of a right answer."""

CHOSEN_ON = slice(0, None, 2)
HELD_BACK = slice(1, None, 2)
