"""What made memes say, and the same in other words: written before anything was searched by it.

A meme has one opening, one who and one what of its language; its paraphrase has theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Said = Mapping[str, str]
"""Words of a meme, with a paraphrase of each in the same language."""

Sentences = Mapping[str, tuple[Said, Said, Said]]
"""Of each language the openings, the whos and the whats."""

TUNED: Final[Sentences] = {
    "en": (
        {"when the tests": "as soon as the checks", "one does not simply": "you cannot just let",
         "nobody told me": "no one ever said to me",
         "still waiting until": "hoping for the day when"},
        {"kittens": "baby cats", "engineers": "technicians", "pirates": "sea robbers",
         "neighbours": "the people next door", "robots": "machines", "penguins": "polar birds",
         "teachers": "school staff"},
        {"deploy on Friday": "release before the weekend",
         "forget the password": "cannot remember the login code",
         "dance in the kitchen": "move to music beside the stove",
         "drink cold coffee": "sip an iced espresso"},
    ),
    "de": (
        {"wenn plötzlich": "falls auf einmal", "niemand glaubt dass": "keiner denkt, dass",
         "gestern haben": "am Tag zuvor sollen",
         "ich wusste nicht dass": "mir war unbekannt, dass"},
        {"Katzen": "Stubentiger", "Nachbarn": "die Leute von nebenan", "Köche": "Küchenchefs",
         "Lehrer": "Pädagogen", "Gärtner": "Leute, die Blumen pflanzen", "Roboter": "Maschinen",
         "Flöhe": "kleine springende Insekten"},
        {"früh aufstehen müssen": "zeitig aus dem Bett sollen",
         "Käse stehlen": "Gouda klauen", "über Brücken laufen": "zu Fuß den Fluss überqueren",
         "Türen zählen": "nachrechnen, wie viele Eingänge es gibt"},
    ),
    "es": (
        {"cuando todavía": "mientras aún", "nadie imagina que": "ninguno piensa que",
         "mañana dicen que": "cuentan que al día siguiente", "resulta que": "al final"},
        {"gatos": "felinos", "vecinos": "los de la casa de al lado", "piratas": "ladrones del mar",
         "niños": "los pequeños", "pingüinos": "aves polares", "abuelos": "personas mayores",
         "ratones": "roedores"},
        {"bailan en el baño": "se mueven con música junto a la ducha",
         "pierden la contraseña": "olvidan la clave de acceso",
         "comen piñas": "toman fruta tropical", "duermen después": "luego se van a la cama"},
    ),
    "pt": (
        {"quando finalmente": "assim que por fim", "ninguém esperava que": "foi surpresa que",
         "amanhã talvez": "quem sabe no dia seguinte", "até parece que": "dá a impressão de que"},
        {"gatos": "felinos", "vizinhos": "os da casa ao lado", "irmãos": "filhos dos mesmos pais",
         "cães": "cachorros", "professores": "docentes", "aviões": "aeronaves",
         "leões": "reis da selva"},
        {"tomam café frio": "bebem um expresso gelado",
         "esquecem a reunião": "não se lembram do encontro de trabalho",
         "dançam na cozinha": "mexem-se com música perto do fogão",
         "comem pão": "se alimentam de torradas"},
    ),
    "pl": (
        {"kiedy nagle": "gdy niespodziewanie", "nikt nie wierzy że": "nie do wiary, że",
         "podobno jutro": "mówią, że następnego dnia",
         "zawsze myślałem że": "od dawna sądziłem, iż"},
        {"koty": "mruczki", "sąsiedzi": "ludzie z mieszkania obok",
         "żółwie": "gady ze skorupą", "święci": "aniołowie", "źrebięta": "młode konie",
         "łabędzie": "białe ptaki wodne", "bracia": "rodzeństwo"},
        {"jedzą pączki": "zajadają słodkie ciastka z lukrem",
         "gubią hasło": "zapominają kodu do logowania",
         "śpią w łóżku": "drzemią pod kołdrą", "piją zimną kawę": "popijają mrożone espresso"},
    ),
    "ja": (
        {"月曜日の朝に": "週の初めの午前中", "誰も知らない": "みんなに内緒で",
         "まさか今夜も": "信じられないが今晩また", "会議の途中で": "ミーティングの最中に"},
        {"子猫が": "小さなネコちゃんが", "隣人が": "となりの家の人が", "海賊が": "海の盗賊が",
         "先生が": "教師が", "ロボットが": "機械が", "恐竜が": "大昔の巨大な爬虫類が",
         "忍者が": "黒装束のスパイが"},
        {"冷たい珈琲を飲む": "アイスコーヒーを口にする", "電車に乗り遅れる": "列車に間に合わない",
         "洗濯物を忘れる": "干した服を取り込まない", "宿題を食べる": "学校の課題をかじる"},
    ),
}  # fmt: skip
"""Those by which how words are read, compared and ranked was chosen."""

HELD_OUT: Final[Sentences] = {
    "en": (
        {"my face when": "how I look if", "it turns out that": "as we found,",
         "every Monday morning": "at the start of each week", "breaking news": "this just in"},
        {"grandmothers": "old ladies", "doctors": "physicians", "wolves": "wild dogs of the woods",
         "students": "college kids", "bakers": "people who make bread",
         "astronauts": "space travellers", "toddlers": "very small children"},
        {"lose the car keys": "cannot find what starts the vehicle",
         "sing in the shower": "make music while washing",
         "steal the last pizza": "take the final slice without asking",
         "miss the train": "arrive too late at the station"},
    ),
    "de": (
        {"mein Gesicht wenn": "so schaue ich, falls", "angeblich können": "es heißt, dass",
         "jeden Montag wollen": "zu Beginn der Woche möchten",
         "endlich dürfen": "jetzt ist erlaubt, dass"},
        {"Großmütter": "Omas", "Ärzte": "Mediziner", "Wölfe": "wilde Raubtiere des Waldes",
         "Bäcker": "Leute, die Brot machen", "Schüler": "Kinder in der Klasse",
         "Könige": "Herrscher mit Krone", "Mäuse": "kleine Nagetiere"},
        {"den Schlüssel verlieren": "nicht mehr finden, was die Tür öffnet",
         "unter der Dusche singen": "beim Waschen Lieder anstimmen",
         "das Frühstück überspringen": "morgens nichts essen",
         "den Zug verpassen": "zu spät am Bahnhof sein"},
    ),
    "es": (
        {"mi cara cuando": "así me quedo si", "por fin los": "ya era hora de que los",
         "cada lunes los": "al empezar la semana los", "última hora": "noticia reciente"},
        {"médicos": "doctores", "lobos": "animales salvajes del bosque",
         "panaderos": "los que hacen pan", "alumnos": "estudiantes", "reyes": "monarcas",
         "bebés": "recién nacidos", "dragones": "monstruos que echan fuego"},
        {"pierden las llaves": "no encuentran con qué abrir la puerta",
         "cantan en la ducha": "hacen música mientras se lavan",
         "roban la última pizza": "se llevan el trozo final sin permiso",
         "llegan tarde al avión": "no alcanzan el vuelo"},
    ),
    "pt": (
        {"minha cara quando": "assim fico se", "toda segunda os": "no começo da semana os",
         "dizem por aí que": "corre o boato de que", "só hoje": "apenas neste dia"},
        {"médicos": "doutores", "lobos": "animais selvagens da floresta",
         "padeiros": "os que fazem pão", "alunos": "estudantes", "avós": "pessoas idosas",
         "bebês": "recém-nascidos", "dragões": "monstros que cospem fogo"},
        {"perdem as chaves": "não acham com que abrir a porta",
         "cantam no chuveiro": "fazem música enquanto se lavam",
         "roubam a última pizza": "levam o pedaço final sem pedir",
         "chegam atrasados ao voo": "não conseguem pegar o avião"},
    ),
    "pl": (
        {"moja mina gdy": "tak wyglądam, jeśli", "w każdy poniedziałek": "na początku tygodnia",
         "okazuje się że": "jak się dowiedzieliśmy,", "z ostatniej chwili": "najnowsze wieści"},
        {"babcie": "starsze panie", "lekarze": "medycy", "wilki": "dzikie drapieżniki z lasu",
         "piekarze": "ludzie robiący chleb", "uczniowie": "dzieci w szkole",
         "królowie": "władcy w koronie", "myszy": "małe gryzonie"},
        {"gubią klucze": "nie mogą znaleźć, czym otworzyć drzwi",
         "śpiewają pod prysznicem": "nucą piosenki podczas mycia",
         "kradną ostatnią pizzę": "zabierają końcowy kawałek bez pytania",
         "spóźniają się na pociąg": "za późno docierają na dworzec"},
    ),
    "ja": (
        {"実は昨日": "本当は前の日に", "毎週金曜日に": "週末の前になると",
         "やっと今日": "ついに本日",
         "噂によると": "みんなの話では"},
        {"祖母が": "おばあちゃんが", "医者が": "病院のドクターが", "狼が": "森の野生の犬が",
         "学生が": "大学に通う若者が", "王様が": "冠をかぶった支配者が",
         "赤ちゃんが": "生まれたばかりの子が", "宇宙人が": "他の星から来た者が"},
        {"鍵を失くす": "ドアを開ける物が見つからない", "風呂で歌う": "お湯につかって音楽を口ずさむ",
         "最後の寿司を盗む": "残り一つの握りを勝手に取る",
         "飛行機に遅れる": "フライトに間に合わない"},
    ),
}  # fmt: skip
"""Others, by which nothing was chosen."""
