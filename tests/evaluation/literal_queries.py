"""Captions as members write them, with words of theirs that no picture shows.

All of it was written down before any result was looked at. Of the captions those with even places
may choose what is changed; the others are looked at once.
"""

from __future__ import annotations

LITERAL_QUERIES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("my car in Lisbon", ("Lisbon", "lisbon", "car Lisbon"), ("pictures of Lisbon",)),
    ("Anna's birthday", ("Anna", "birthday of Anna"), ("where is Anna",)),
    ("Oma im Garten", ("Oma", "garten"), ("Fotos von Oma",)),
    ("receipt 4711 from IKEA", ("4711", "ikea receipt"), ("what did we buy at IKEA",)),
    ("Bella after her bath", ("Bella", "bella bath"), ("a photo of Bella",)),
    ("concert of Radiohead, row 12", ("RADIOHEAD", "radiohead concert"), ("Radiohead live",)),
    ("the new office of Zylon", ("zylon", "Zylon office"), ("Zylon building",)),
    ("Käsespätzle bei Tante Frieda", ("kasespatzle", "Tante Frieda"), ("Frieda kocht",)),
    ("boarding pass to Reykjavík", ("Reykjavik", "boarding pass"), ("our trip to Reykjavik",)),
    ("team offsite, day two", ("offsite", "the offsite"), ("offsite photos",)),
    ("渋谷の夜", ("渋谷", "渋谷の夜"), ("渋谷 写真",)),
    ("мой кот Барсик", ("Барсик", "кот Барсик"), ("фото Барсик",)),
    (
        "Sunset over Lake Bled with Tom and Ruth, just before the storm came",
        ("Bled", "Tom and Ruth"),
        ("Bled 2019",),
    ),
    ("whiteboard after sprint 42", ("sprint 42", "whiteboard"), ("whiteboard drawing",)),
    ("lunch at Nonna Lucia's", ("Nonna Lucia", "nonna"), ("pizza at Nonna",)),
    ("error on the build server", ("build server", "the error"), ("server problems",)),
    (
        "Grandpa's old radio, needs a new tube and somebody who still knows how to solder",
        ("solder", "radio tube"),
        ("radio repair",),
    ),
    ("first snow in Kraków", ("krakow", "Kraków snow"), ("Kraków winter",)),
    ("vor dem Umzug nach Köln", ("Umzug", "Köln"), ("Köln Wohnung",)),
    ("passport photo of Mehmet", ("mehmet", "passport photo"), ("Mehmet passport",)),
)
"""A caption, what is certain to ask for it, and what asks for it with words that it lacks."""

COMMON_WORDS = ("the", "my", "of the", "in", "with and", "im", "to be", "and so on", "who", "at")
"""Words that nearly every sentence has ask for nothing, whichever captions hold them."""

PARTS_OF_WORDS = ("bon", "kya", "ann", "dio", "ella", "office365", "birth", "board", "umz", "met")
"""Letters that begin, end or lie in a word of a caption are no word of it."""

ONE_OF_MANY = (
    "how do I get my money back for a cancelled flight to Lisbon",
    "could somebody please tell me when the radio license has to be paid",
    "is it legal to record a concert without asking the band first",
    "the average cost of a server in a data centre per year",
    "which documents do I need for a new passport after a wedding",
    "why does the price of snow tyres rise every single November",
    "my opinion on the role of the office of the president",
    "reset the password of the account that belongs to Anna please",
)
"""Questions about nothing in a picture, of whose words a caption holds one."""

IN_EVERY_CAPTION = ("photo of", "photo", "a photo", "photo album")
"""Asked where "photo of" stands before every caption."""
