"""What people look for in any collection, as they would type it in their language."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

from core.domain.plain_text import folded

EVERYDAY: Mapping[str, tuple[str, ...]] = {
    language: tuple(words.split(", "))
    for language, words in {
        "ar": (
            "كلب, قطة, طائر, حصان, سمكة, فراشة, زهرة, شجرة, فاكهة, طعام, سيارة حمراء, قارب, "
            "طائرة, قطار, بيت, جبل, البحر, ثلج, قبعة, حذاء, كرة, كتاب, آلة موسيقية, شخص"
        ),
        "de": (
            "Hund, Katze, Vogel, Pferd, Fisch, Schmetterling, Blume, Baum, Obst, Essen, "
            "rotes Auto, Boot, Flugzeug, Zug, Haus, Berg, Meer, Schnee, Hut, Schuh, Ball, Buch, "
            "Musikinstrument, Mensch"
        ),
        "es": (
            "perro, gato, pájaro, caballo, pez, mariposa, flor, árbol, fruta, comida, "
            "coche rojo, barco, avión, tren, casa, montaña, mar, nieve, sombrero, zapato, "
            "pelota, libro, instrumento musical, persona"
        ),
        "fr": (
            "chien, chat, oiseau, cheval, poisson, papillon, fleur, arbre, fruits, nourriture, "
            "voiture rouge, bateau, avion, train, maison, montagne, mer, neige, chapeau, "
            "chaussure, ballon, livre, instrument de musique, personne"
        ),
        "it": (
            "cane, gatto, uccello, cavallo, pesce, farfalla, fiore, albero, frutta, cibo, "
            "auto rossa, barca, aereo, treno, casa, montagna, mare, neve, cappello, scarpa, "
            "palla, libro, strumento musicale, persona"
        ),
        "ja": (
            "犬, 猫, 鳥, 馬, 魚, 蝶, 花, 木, 果物, 食べ物, 赤い車, 船, 飛行機, 電車, 家, 山, 海, "
            "雪, 帽子, 靴, ボール, 本, 楽器, 人"
        ),
        "ko": (
            "개, 고양이, 새, 말, 물고기, 나비, 꽃, 나무, 과일, 음식, 빨간 자동차, 배, 비행기, "
            "기차, 집, 산, 바다, 눈, 모자, 신발, 공, 책, 악기, 사람"
        ),
        "nl": (
            "hond, kat, vogel, paard, vis, vlinder, bloem, boom, fruit, eten, rode auto, boot, "
            "vliegtuig, trein, huis, berg, zee, sneeuw, hoed, schoen, bal, boek, "
            "muziekinstrument, mens"
        ),
        "pl": (
            "pies, kot, ptak, koń, ryba, motyl, kwiat, drzewo, owoce, jedzenie, "
            "czerwony samochód, łódź, samolot, pociąg, dom, góra, morze, śnieg, kapelusz, but, "
            "piłka, książka, instrument muzyczny, człowiek"
        ),
        "pt": (
            "cachorro, gato, pássaro, cavalo, peixe, borboleta, flor, árvore, frutas, comida, "
            "carro vermelho, barco, avião, trem, casa, montanha, mar, neve, chapéu, sapato, "
            "bola, livro, instrumento musical, pessoa"
        ),
        "ru": (
            "собака, кошка, птица, лошадь, рыба, бабочка, цветок, дерево, фрукты, еда, "
            "красная машина, лодка, самолёт, поезд, дом, гора, море, снег, шляпа, ботинок, мяч, "
            "книга, музыкальный инструмент, человек"
        ),
        "tr": (
            "köpek, kedi, kuş, at, balık, kelebek, çiçek, ağaç, meyve, yemek, kırmızı araba, "
            "tekne, uçak, tren, ev, dağ, deniz, kar, şapka, ayakkabı, top, kitap, müzik aleti, "
            "insan"
        ),
        "zh": (
            "狗, 猫, 鸟, 马, 鱼, 蝴蝶, 花, 树, 水果, 食物, 红色汽车, 船, 飞机, 火车, 房子, 山, "
            "大海, 雪, 帽子, 鞋子, 球, 书, 乐器, 人"
        ),
    }.items()
}
"""By language, English left out: its words are those of :mod:`core.search.zero_shot`."""

# Small words that stand in captions of a language and are rare in those of the others.
_SMALL_WORDS: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "de": "ein eine einem einer der die das und mit auf im ist",
        "en": "a an the and with on of is",
        "es": "un una el los las con y en del",
        "fr": "un une le les des du avec et sur dans au",
        "it": "un una il gli con e di su nel della sul",
        "nl": "een de het met en op van",
        "pl": "na w z i ze się jest do",
        "pt": "um uma o os as com e em do da no na",
        "tr": "bir ve ile bu üzerinde için",
    }.items()
}
_SCRIPTS = {"HANGUL": "ko", "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "zh", "ARABIC": "ar"}
_SCRIPTS |= {"CYRILLIC": "ru", "THAI": "th", "LATIN": ""}
_LOOKED_AT = 400
_WORD = re.compile(r"\w+")


def scripts_of(text: str) -> Counter[str]:
    """How many letters of each script a text has, by the first word of their Unicode names."""
    names = (unicodedata.name(letter, "") for letter in text if letter.isalpha())
    return Counter(name.partition(" ")[0] for name in names if name)


def language_by_script(text: str) -> str | None:
    """The language that a script stands for; "" of Latin letters and of none, None of others.

    Of the languages that share a script, the most spoken one.
    """
    scripts = scripts_of(text)
    if not scripts:
        return ""
    # A Japanese sentence has more Chinese letters than own ones.
    if scripts["HIRAGANA"] + scripts["KATAKANA"] > scripts["CJK"] / 10:
        scripts["HIRAGANA"] += scripts.pop("CJK", 0)
    [(script, _)] = scripts.most_common(1)
    return _SCRIPTS.get(script)


def language_of(captions: Iterable[str]) -> str | None:
    """The language that most of the captions seem to be in; None where nothing tells.

    By its script (:func:`language_by_script`), else by its small words. ISO 639-1.
    """
    text = folded(
        " ".join(caption for caption, _ in zip(captions, range(_LOOKED_AT), strict=False))
    )
    script = language_by_script(text)
    if script != "":
        return script
    counted = Counter(_WORD.findall(text))
    found = {
        language: sum(counted[folded(word)] for word in words)
        for language, words in _SMALL_WORDS.items()
    }
    best, *others = sorted(found, key=lambda language: -found[language])
    return best if found[best] > found[others[0]] else None
