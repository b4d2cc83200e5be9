"""Words that nearly every sentence has, whatever it is about."""

from __future__ import annotations

from typing import Final

SAID_OFTEN: Final = """
a an and are as at be but by do for from how i in is it me my no not of on or so that the this to
was we what when who with you your
das dass dem den der des die ein eine einen er es ich im ist mit nicht sie und von wenn wie wir zu
zum zur
al como con cuando de del e el en eu la las lo los mas mi nao o os para pela pelo por porque quando
que se si su sua te tu um uma un una y
bo byc co jak jest lub ma na nie od po sie ta tak w z za ze
"""
"""Those that a picture may show in the middle of a line, without accents."""

SAID_OF_ANYTHING: Final = """
about after again all any anybody been before can could did does every had has have he her him his
if into just more most our out please she some somebody somewhere than their them then there they
too very were where which while why will would
aber alle auf aus bei bis dein einem einer fur hat hier kein mein meine nach noch oder sein sind so
uber um unser vom vor war was wer wo
au aux avec ce cette dans des du elle est et il ils je le les leur mais mes mon nous ou par pas pour
qui sans ses son sont sur ton une vous
alla anche che chi della delle di da dal dei gli il nel nella sono sul
aan bij dat die een het ik met niet op te van voor
bir bu da icin ile ve
в во и из к на не о от по с со у что это
image images photo photos pic pics picture pictures
bild bilder foto fotos immagine immagini imagem imagens imagen imagenes plaatje resim
zdjecie zdjecia фото картинка 写真 画像 照片 图片 사진
"""
"""Further ones, and the words for any picture, which say nothing about one either."""
