r"""Sixty questions by kind or use over the stamps, whose words no right caption has, as a rule.

They were written with the list of file names in view and committed before any result was seen.
Those with even places may choose what is changed; the others are looked at once. Patterns are as
in ``everyday_queries``.
"""

from __future__ import annotations

KIND_QUERIES: tuple[tuple[str, str], ...] = (
    ("something to write with", r"highlighter|pen_dryerase|crayon|pencil|\bpen\b"),
    ("a device for measuring fever", r"mercurythermometer"),
    ("something to keep your hands warm", r"t_glove"),
    ("a bird that cannot fly", r"pengwin|penguin|tux\b|ostrich|emu\b|birds/.*kiwi"),
    ("something to drink from", r"household/dishes/(glass|mug)"),
    ("a device for taking pictures", r"camera_35mm"),
    ("something to cut paper with", r"scissors"),
    ("an animal that carries its house", r"snail"),
    ("something to see far away things", r"binoculars"),
    ("a thing that opens a door", r"household/key|\bkey\b(?!.*music)"),
    ("something to dig a hole with", r"spade"),
    ("an animal that lives in a pouch when young", r"kangaroo|koala|wombat|marsupial"),
    ("something to boil water in", r"kettle|pasta_pot|pressure_cooker|teapot"),
    ("a tool for loosening nuts and bolts", r"wrench|plyers"),
    ("something to put rubbish in", r"garbagecan|wheelie_bin|compost_bin"),
    ("a device for crushing seeds of pepper", r"pepper_grinder"),
    ("something that gives light in the dark", r"Lightbulb|candle|lamp\b|menorah"),
    ("a vehicle that puts out fires", r"fire_?(engine|truck)"),
    ("something to cover a small wound", r"bandage"),
    ("a thing to tell the time by", r"clockface"),
    (
        "an animal with stripes",
        r"zebra|tiger|stripedfish|badger|moonwrasse|\bbee\b|hornet|hoverfly",
    ),
    ("something to hit a ball with", r"tennis_racket|cricket.*bat|\bbat\b"),
    ("a building to pray in", r"cathedral|church|temple|mosque"),
    ("something to lift into the air with", r"balloon360|Copter|747|planes/|f22"),
    ("a creature with eight legs", r"spider"),
    ("something that protects the head of a knight", r"knight_helmet"),
    ("an animal that builds dams", r"beaver"),
    ("something to hang up washing with", r"clothespin"),
    ("a ship that travels under water", r"bathyscape|submarine"),
    ("something that makes you cry when you cut it", r"onion"),
)
"""The text that is asked, and the pattern of a right answer."""

FURTHER_KIND_QUERIES: tuple[tuple[str, str], ...] = (
    ("something to hammer a nail with", r"tools/(hammer|mallet)"),
    ("a device for listening to the heart", r"stethoscope"),
    ("an animal that cannot see well and flies at night", r"bat_left|\bbat\b(?!.*cricket)"),
    ("something to sit on the head of a king", r"crown(?!ed)|king"),
    ("a device for giving injections", r"syringe"),
    ("something to paint a wall with", r"paintbrush"),
    ("an animal that gives wool", r"sheep|lamb|ram\b"),
    ("something to crack nuts with", r"nutcracker"),
    ("a vehicle for a small child", r"tricycle"),
    ("something to keep the neck warm", r"scarf"),
    ("a machine that mixes concrete", r"cement_?mixer"),
    ("a bird that is awake at night", r"\bowl"),
    ("something to eat soup from", r"dishes/|bowl"),
    ("an insect that makes honey", r"\bbee\b"),
    ("something to put a letter into", r"mailbox|post_box"),
    ("a device for measuring length", r"measuring_tape"),
    ("something to wash yourself in or play with in the bath", r"rubberduck"),
    ("an animal that changes into a butterfly", r"caterpillar|butterfly"),
    ("a sign that tells drivers to halt", r"roadsigns/stop"),
    ("something to blow into to make music", r"trumpet|bassoon|wind/|party-horn|brass/"),
    ("a fruit that monkeys like", r"banana"),
    ("something that tells ships and kings of danger from above", r"watch_tower|tower"),
    ("an animal with a very long neck", r"giraffe"),
    ("a thing that brings people down safely from an aeroplane", r"paratrooper|parachut"),
    ("something to make tea in", r"teapot|kettle"),
    ("a house that can be carried on a journey", r"tent|tepee"),
    ("something to saw wood with", r"tools/saw"),
    ("an animal that swims but is no fish", r"aquatic/|whale|dolphin|otter|orca|sea_lion|penguin"),
    ("a prize for the winner", r"trophy"),
    ("something to throw old paper into", r"garbagecan|wheelie_bin|recycle|compost"),
)
"""Thirty more, written in the same way before any was asked; even places may choose, too."""
