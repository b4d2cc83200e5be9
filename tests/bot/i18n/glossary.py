"""One word for one thing: what each language calls what the program speaks of most."""

from __future__ import annotations

from collections.abc import Mapping

TERMS = (
    "collection",
    "caption",
    "score",
    "index",
    "label",
    "administrator",
    "operator",
    "community",
)

# A new language stands at the end.
GLOSSARY: Mapping[str, Mapping[str, str]] = {
    "de": {
        "collection": "Sammlung",
        "caption": "Bildtext",
        "score": "Ähnlichkeit",
        "index": "indexier|Index",
        "label": "Label",
        "administrator": "Admin",
        "operator": "Betreiber",
        "community": "Community",
    },
    "es": {
        "collection": "colecci",
        "caption": "leyenda",
        "score": "puntuaci",
        "index": "índice|index",
        "label": "etiqueta",
        "administrator": "administrador",
        "operator": "operador",
        "community": "comunidad",
    },
    "ja": {
        "collection": "コレクション",
        "caption": "キャプション",
        "score": "スコア",
        "index": "インデックス",
        "label": "ラベル",
        "administrator": "管理者",
        "operator": "運営者",
        "community": "コミュニティ",
    },
    "pt": {
        "collection": "coleç",
        "caption": "legenda",
        "score": "pontuaç",
        "index": "índice|index",
        "label": "rótulo",
        "administrator": "administrador",
        "operator": "operador",
        "community": "comunidade",
    },
    "ar": {
        "collection": "مجموع",
        "caption": "وصف|أوصاف",
        "score": "درج",
        "index": "فُ?هرس",
        "label": "وسم|وسوم",
        "administrator": "مشرف",
        "operator": "مشغ",
        "community": "مجتمع",
    },
    "ko": {
        "collection": "컬렉션",
        "caption": "캡션",
        "score": "점수",
        "index": "색인",
        "label": "라벨",
        "administrator": "관리자",
        "operator": "운영자",
        "community": "커뮤니티",
    },
    "tr": {
        "collection": "koleksiyon",
        "caption": "açıklama",  # noqa: RUF001 - Turkish
        "score": "puan",
        "index": "dizin",
        "label": "etiket",
        "administrator": "yönetici",
        "operator": "operatör",
        "community": "toplulu[kğ]",
    },
}
"""By language and English term: a pattern, whatever its case, for each form that it takes."""
