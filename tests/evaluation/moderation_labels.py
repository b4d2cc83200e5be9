"""Three criteria of moderation over the stamps, with twenty labelled pictures each.

Labelled by file name and caption, with the list of names in view but before any score was
looked at, and not tuned to results. Some of what does not meet a criterion was chosen to be hard:
a slug among the insects' folder, a bin with wheels, a tractor's wheel, dishes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Labelled:
    """A criterion in words; paths of pictures that meet it, and of some that do not."""

    criterion: str
    meets: tuple[str, ...]
    differs: tuple[str, ...]


LABELS = (
    Labelled(
        "insect",
        (
            "animals/insects/bee.png",
            "animals/insects/cartoon/butterfly.png",
            "animals/insects/cartoon/dragonfly.png",
            "animals/insects/cartoon/ladybug.png",
            "animals/insects/fly.png",
            "animals/insects/grasshopper.png",
            "animals/insects/hornet.png",
            "animals/insects/hoverfly.png",
            "animals/insects/mantis.png",
            "animals/insects/xanthia.png",
        ),
        (
            "animals/birds/lark.png",
            "animals/fish/clownfish.png",
            "animals/insects/Brown_slug.png",
            "animals/lizards/iguana.png",
            "animals/mammals/rodents/mouse.png",
            "food/fruit/raspberry.png",
            "hobbies/camera_35mm.png",
            "plants/flowers/daffodil.png",
            "town/roadsigns/yield.png",
            "vehicles/flight/planes/747.png",
        ),
    ),
    Labelled(
        "vehicle",
        (
            "military/vehicles/bradley.png",
            "vehicles/auto/sedan.png",
            "vehicles/auto/truck.png",
            "vehicles/construction/dumper.png",
            "vehicles/emergency/firetruck.png",
            "vehicles/flight/planes/747.png",
            "vehicles/locomotive/cartoon/toy_train.png",
            "vehicles/masstransit/green_korean_bus.png",
            "vehicles/race/indycar.png",
            "vehicles/ship/cartoon/tugboat.png",
        ),
        (
            "animals/mammals/aquatic/whale.png",
            "animals/mammals/equines/horse.png",
            "food/pizza.png",
            "hobbies/music/string/violin.png",
            "household/toilet.png",
            "household/wheelie_bin.png",
            "symbols/clockface.png",
            "town/houses/cartoon/igloo.png",
            "town/roadsigns/traffic_cone.png",
            "vehicles/wheel_tractor.png",
        ),
    ),
    Labelled(
        "food",
        (
            "food/dessert/cartoon/birthday_cake.png",
            "food/fruit/apple_red.png",
            "food/fruit/banana.png",
            "food/fruit/pineapple.png",
            "food/nuts/almond.png",
            "food/pizza.png",
            "food/vegetables/broccoli.png",
            "food/vegetables/carrot.png",
            "food/vegetables/corn.png",
            "food/vegetables/tomato.png",
        ),
        (
            "animals/birds/hen.png",
            "animals/fish/clownfish.png",
            "clothes/hats/sombrero.png",
            "household/dishes/mug.png",
            "household/dishes/utensils/pepper_grinder.png",
            "household/tools/hammer.png",
            "medical/tooth.png",
            "plants/flowers/daffodil.png",
            "symbols/shapes/star.png",
            "town/cartoon/fountain.png",
        ),
    ),
)
