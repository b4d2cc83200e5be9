"""What cameras, phones and programs call pictures, in the languages that they speak."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_SHOTS: Final = """
screenshot | screen shot | screen capture | screencapture | screencap | screen recording | snip
bildschirmfoto | bildschirmaufnahme | capture d'écran | copie d'écran | capture plein écran
captura de pantalla | captura de tela | captura de ecrã | captura de ecra | captura
schermata | istantanea schermo | cattura schermo | cattura | schermafbeelding | schermopname
schermafdruk | skärmavbild | skärmbild | skärmklipp | skærmbillede | skærmdump | skjermbilde
skjermdump | näyttökuva | kuvakaappaus | näyttökaappaus | zrzut ekranu | snímek obrazovky
snímka obrazovky | képernyőfotó | képernyőkép | képernyőfelvétel | captură de ecran
captură ecran | ekran görüntüsü | ekran resmi | ekran al\u0131nt\u0131s\u0131
снимок экрана | скриншот | знімок екрана | знімок екрану | екранна снимка | снимак екрана
snimka zaslona | posnetek zaslona | zaslonska slika
kuvatõmmis | ekraanipilt | ekrāna uzņēmums | ekrano kopija
στιγμιότυπο οθόνης | στιγμιότυπο
スクリーンショット | スクリーンキャプチャ | 画面キャプチャ | 画面収録 | スクショ
屏幕截图 | 屏幕快照 | 屏幕截屏 | 截屏 | 截图 | 螢幕截圖 | 螢幕快照 | 螢幕擷取畫面
截圖 | 擷取 | 微信截图 | 企业微信截图 | qq截图 | 스크린샷 | 화면 캡처 | 캡처
لقطة شاشة | لقطة الشاشة | نماگرفت | צילום מסך | स्क्रीनशॉट
ภาพหน้าจอ | สกรีนช็อต | ảnh chụp màn hình | ảnh màn hình | cuplikan layar | tangkapan layar
tangkap layar
"""
"""Screenshots. What stands alone behind their date is the program that was on the screen."""

_BRANDS: Final = """
whatsapp | signal | telegram cloud photo size | telegram cloud document | telegram | viber image
viber | line album | line | kakaotalk photo | kakaotalk | mmexport | wx camera | weixin | 微信图片
微信圖片 | 企业微信 | qq图片 | messenger creation | received | snapchat | instagram
facebook | fb img | tiktok | reddit | imgur | discord | picsart | inshot | camscanner | adobe scan
snapseed | photogrid | photoroom | faceapp | remini | b612 | beautyplus | meitu | collage | polish
dall·e | dall-e | chatgpt image | gemini generated image
copilot | grok image | comfyui temp | comfyui
stable diffusion | midjourney | firefly | flux | vlcsnap | wallhaven | fullsizerender
rendered image | burst cover gif action | scan | scanned document
"""
"""Programs: many are words, too, so that only a date or a long counter behind one tells."""

_UNTITLED: Final = """
ohne titel | neues dokument | sans titre | nouveau document | sin título | sem título | documento
senza titolo | zonder titel | bez názvu | bez nazwy | bez tytułu | без названия | без имени
без назви | fără titlu | uden titel | uten tittel | nimetön | névtelen | 名称未設定 | 無題 | 未命名
无标题 | 제목 없음 | بدون عنوان | ללא שם | ไม่มีชื่อ | không có tiêu đề | tanpa judul | new document
"""
"""What they call a picture without a name."""

_GENERIC: Final = """
img imgp imag dsc dscn dscf pict pic pxl mvimg vid pano cimg sam sdc gopr gp gh dji mg p hpim kif wp
fb received snapchat screenshot screen shot scan image images photo photos picture pictures whatsapp
telegram untitled unnamed unknown download downloads at am pm wa temp tmp output render
attachment fullsizerender spoiler clipboard noname
file video capture bitmap new pasted resized win pro th oip grab cleanshot xnapper ksnip flameshot
lightshot gyazo snipaste microsoftteams wechat tumblr giphy tenor ezgif maxresdefault sddefault
hqdefault mqdefault neue neues nouvelle nouveau nueva nuevo nuova nuovo
erfassen knipsel fånga capturar kaappaa výstřižek yakala udklip utklipp przechwytywanie לכידה
bild bilder foto fotos fotografie grafik datei anhang unbenannt zwischenablage
imagen imágenes imagem imagens immagine immagini afbeelding afbeeldingen bilde bilder billede
billeder kuva kuvat valokuva obraz obrazy zdjęcie zdjęcia obrázek obrázky obrázok fotka kép fénykép
fotoğraf resim görsel imagine poză fotografia fotografía fotografija slika
изображение изображения фото фотография картинка рисунок снимок зображення світлина
εικόνα φωτογραφία 画像 写真 イメージ 名称未設定 图片 图像 照片 圖片 圖像 相片 이미지 사진 그림
صورة صور تصویر عکس תמונה ภาพ รูป รูปภาพ ảnh hình gambar छवि चित्र फोटो
téléchargement descarga descargas transferência scaricato hämtad letöltés pobrane загрузка скачать
ダウンロード 下载 下載 다운로드 تنزيل indir unduhan
"""
"""Words that are no caption where a name has no others."""

_EDITS: Final = """
edited edit bearbeitet modifié modifie modifiée modificado modificada editado editada modificato
modificata bewerkt redigerad redigeret redigert muokattu edytowane edytowany upravené upraveno
szerkesztve szerkesztett editat düzenlendi изменено измененный отредактировано змінено відредаговано
επεξεργασμένο 編集済み 編集 已编辑 已編輯 已修改 编辑 수정됨 편집됨 معدل معدلة נערך แก้ไขแล้ว diedit
copy kopie copie copia cópia kopia kopi kopio kópia kopija másolat kopya копия копія αντίγραφο
コピー 副本 拷贝 複本 사본 نسخة עותק สำเนา salinan
"""
"""What programs put behind the name of what they changed or copied."""

_COPIES: Final = """
copy of | kopie von | copie de | copia de | copia di | cópia de | kopie van | kopia | kopi af
kopi av | копия | копія
"""

_NOT_LETTERS: Final = r"(?![^\W\d_])"


def _phrases(text: str) -> str:
    phrases = sorted((each.strip() for each in re.split(r"[|\n]", text)), key=len, reverse=True)
    return "|".join(
        re.escape(each).replace(r"\ ", r"[\s_-]+").replace("'", "['\u2019\u00b4`]")
        for each in phrases
        if each
    )


def _words(text: str) -> frozenset[str]:
    return frozenset(unicodedata.normalize("NFC", text).casefold().split())


SHOT: Final = re.compile(rf"(?:{_phrases(_SHOTS)}){_NOT_LETTERS}", re.IGNORECASE)
"""The beginning of a screenshot's name."""

_OTHER_ORDER: Final = (
    # "Imagem do WhatsApp de ...", "Изображение WhatsApp ..."; Photo Booth: "Photo on 5-1-24".
    r"[^\W\d_]{3,}[\s_-]+(?:[^\W\d_]{1,3}[\s_-]+)?whatsapp|photo on(?=[\s_-]+\d)"
)

BRAND: Final = re.compile(
    rf"(?:comfyui_temp_[a-z]{{5}}|{_phrases(_BRANDS)}|{_OTHER_ORDER}){_NOT_LETTERS}", re.IGNORECASE
)
"""The beginning of a name that a program made."""

UNTITLED: Final = re.compile(rf"(?:{_phrases(_UNTITLED)}){_NOT_LETTERS}", re.IGNORECASE)
"""The beginning of what programs call a picture without a name."""

COPY_OF: Final = re.compile(rf"(?:{_phrases(_COPIES)})[\s_-]+", re.IGNORECASE)
GENERIC: Final = _words(_GENERIC)
EDITS: Final = _words(_EDITS)

_PACKAGE: Final = re.compile(r"(?<![^\W_])(?:com|org|net|io|jp|cn|ru|air|app)(?:\.[A-Za-z]\w*)+")
"""An Android program, as some phones put it behind a screenshot: com.android.chrome."""

_SIZE: Final = re.compile(r"\d+x\d+$")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_FILE_TYPE: Final = re.compile(
    r"(?:\.(?:jpe?g|png|gif|webp|heic|heif|avif|tiff?|bmp))+$", re.IGNORECASE
)
_SPOILER: Final = re.compile(r"^SPOILER_")
_CAMERA_MODE: Final = re.compile(
    r"(?<=[\d._-])(?:LONG_EXPOSURE|ACTION_PAN|ORIGIN(?:AL?)?|MOTION|BURST\d*|TOP|MAIN|VB|TS|MP)"
    r"(?=[._~-]|$)"
)
_STOCK: Final = re.compile(
    r"(?:pexels-.*-\d+|.*-[\w-]{11}-unsplash|photo-\d{10,}-[0-9a-f]{12}"
    r"|\d{5}[A-Za-z]*_\d{5}_BURST\d+\w*)"
)
"""Downloads of stock photos (the photographer's name and an identifier), and Android's bursts."""

_TIMED: Final = re.compile(
    r"\d{8}[-_T ]?\d{4}|\d{10}|[0-9a-f]{16}"
    r"|(?:\d{4}([-_.])\d{2}\1\d{2}|\d{2}([-_.])\d{2}\2\d{4})\D{1,12}\d{1,2}[-_.:h]?\d{2}",
    re.IGNORECASE,
)
_COUNTER: Final = re.compile(r"(?<!\d)(?!(?:19|20)\d\d(?:\d{4})?(?!\d))\d{4}")
"""Four digits and more that are neither a year nor a date."""

_RANDOM: Final = 8
"""Letters and digits from which an identifier is told from a word."""

_RUNS_OF_A_WORD: Final = 3
"""Runs of letters and of digits that words have at most: "iphone14pro"."""

_CHANGES: Final = 0.7
"""Runs of capitals, small letters and digits for each character: "OrangeSlice2Go" has 0.5."""

_WORD: Final = 5
_VOWEL: Final = re.compile("[aeiouy]", re.IGNORECASE)
"""Letters in a row with a vowel among them that no identifier is likely to have."""


def without_stamps(stem: str) -> str:
    """A name without identifiers, names of programs, modes of cameras and file types."""
    stem = _FILE_TYPE.sub("", _SPOILER.sub("", stem))
    if _STOCK.fullmatch(stem):
        return ""
    stem = _PACKAGE.sub(" ", _UUID.sub(" ", stem))
    return COPY_OF.sub("", _CAMERA_MODE.sub(" ", stem), count=1)


def is_random(chunk: str) -> bool:
    """Whether letters and digits are an identifier that a program drew (``dQw4w9WgXcQ``)."""
    chunk = _SIZE.sub("", chunk)
    if len(chunk) < _RANDOM or not (chunk.isascii() and chunk.isalnum()):
        return False
    kinds = "".join("0" if c.isdigit() else "a" if c.islower() else "A" for c in chunk)
    runs = len(re.findall(r"(.)\1*", kinds.casefold()))
    if "0" in kinds:
        if len(re.findall(r"(.)\1*", kinds)) > _CHANGES * len(chunk):
            return True
        longest = max(re.findall("[a-z]*", chunk, re.IGNORECASE), key=len)
        is_word = len(longest) >= _WORD and bool(_VOWEL.search(longest))
        return runs > _RUNS_OF_A_WORD and not is_word
    capitals = len(re.findall("A+", kinds))
    if 3 * capitals > len(chunk):
        return True
    return not _VOWEL.search(chunk)


def is_timed(stem: str) -> bool:
    """Whether a name holds a date with its time, or an identifier: no two are alike."""
    return bool(_TIMED.search(stem)) or any(map(is_random, re.split(r"[\W_]+", stem)))


def is_counted(stem: str) -> bool:
    """Whether a name holds a counter of four digits and more, as programs write it."""
    return bool(_COUNTER.search(stem))


def behind_program(stem: str) -> str | None:
    """What somebody wrote behind a program's name and its date, None where no program named it.

    ``Screenshot_20240501-101010_Chrome`` says nothing, ``DALL·E 2024-05-01 10.10.10 - A cat`` says
    " - A cat"; ``Screenshot of a cat`` is somebody's own.
    """
    shot = SHOT.match(stem)
    brand = BRAND.match(stem)
    lead = shot or brand or UNTITLED.match(stem)
    if lead is None:
        return None
    rest = stem[lead.end() :]
    digits = sum(character.isdigit() for character in rest)
    if brand and digits < len("00012"):
        return None
    if digits < len("240501"):
        own = re.sub(r"[\W\d_]+", " ", rest).casefold().split()
        return "" if all(word in GENERIC | EDITS for word in own) else None
    tail = re.split(r"\d", rest)[-1]
    own = [word for word in re.findall(r"[^\W\d_]+", tail) if word.casefold() not in GENERIC]
    # "10.10.10 Uhr" and "10.10 п. п." go on with what belongs to the time.
    return "" if len(own) <= (1 if shot else 0) or max(map(len, own)) == 1 else tail
