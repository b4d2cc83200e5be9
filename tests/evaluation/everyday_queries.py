r"""Twenty everyday queries over the stamps, with what counts as a right picture.

They were written down with the list of file names in view, but before any result was looked at,
and are not tuned to results. Each pattern is searched for, whatever the case, in
"<path below the stamps' folder> <caption>"; ``\b`` keeps "cat" from matching "cattle".
"""

from __future__ import annotations

EVERYDAY_QUERIES: tuple[tuple[str, str], ...] = (
    # animals
    ("a big wild cat", r"mammals/cats/.*(lion|tiger)"),
    (
        "a bird that swims",
        r"birds/.*\b(penguin|pengwin|tux|duck|drake|gander|goose|swan|pelican|gull|seagull)",
    ),
    ("an insect with wings", r"\b(bee|butterfly|dragonfly|fly|hornet|hoverfly|ladybug|wings)\b"),
    (
        "farm animals",
        r"animals/.*\b(cows?|pig|sheep|lamb|goat|hen|chicken|rooster|horse|donkey|bull|ram|turkey)\b",
    ),
    ("a fish in the sea", r"animals/fish/"),
    # food
    ("orange fruits", r"food/fruit/.*(orange|mandarin)"),
    ("fresh vegetables", r"food/vegetables/"),
    ("something sweet to eat", r"(dessert/|cake|candy|chocolate|pudding|mince_pie|lollipop)"),
    # vehicles
    ("an aeroplane", r"vehicles/.*(planes/|f22)"),
    # tools and instruments
    ("a tool for repairing things", r"household/tools/"),
    ("an instrument with strings", r"music/string/"),
    # buildings
    ("an old castle", r"town/.*(castle|fort\b|fortress|tower|cathedral|ruins)"),
    ("somewhere to live", r"town/houses/.*(home|house|cottage|igloo|tepee|farm|city)"),
    # nature
    ("a flower in bloom", r"(plants/flowers/|\bflower)"),
    ("trees in a forest", r"(plants/trees/|christmas.*tree|\btree)"),
    # things
    ("coins", r"money/.*coins/|japanese/yen"),
    # abstract
    ("something to travel in", r"vehicles/"),
    (
        "something to wear on your head",
        r"hats/|santahat|(\b|_)(hat|cap)\b|baseballcap|helmet|\bcrown",
    ),
    ("the night sky", r"space/"),
    ("Christmas decorations", r"seasonal/christmas/"),
)
"""The text that is asked, and the pattern of a right answer."""
