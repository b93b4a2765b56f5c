"""What a text is made of, as far as tokens depend on it: words by length and language, signs, numbers, scripts.

    text ─▶ words · numbers · punctuation · line ends · indents · letters of other scripts ─▶ counts in a fixed order

The language of Latin letters is told by its commonest words: a vocabulary holds most English words whole, and cuts
those of its neighbours into pieces. Nothing here knows a tokenizer; `vocabularies` says what each count costs in one.
"""

from __future__ import annotations

import re
from collections import Counter

_WORD = re.compile("[A-ZÀ-ÖØ-Þ]?[a-zß-öø-ÿĀ-ɏ]+|[A-ZÀ-ÖØ-Þ]+")
_NUMBER = re.compile(r"\d{1,3}")
_DIGIT = re.compile(r"\d")
_SIGNS = re.compile("[!-/:-@\\[-`{-~\u2010-\u2027\u00a1-\u00bf]+")
_LINES = re.compile(r"\n[\n\r]*")
_INDENT = re.compile(r"(?<=\n)[ \t]+|[ \t]{2,}")

# ruff: noqa: SIM905  (words are read as text)
_ENGLISH = frozenset(
    "the of and to in is that for it with as was on be are this by from at or an have not you but which we can if they "
    "has will all one been would their there more when no so what out about up its may only other do time some than "
    "should could into any new these two must your my he she his her".split()
)
_NEAR = frozenset(
    "der die und das den ist nicht ein eine mit sich auf dem des für von zu im werden auch als wird oder bei sind sie "
    "wenn dass kann nach einer hat nur aus um noch wie es wir haben einen einem zum zur durch ihr ich er war vor über "
    "bis dann le la les de du et une est que qui dans pour pas sur au par plus ce il elle ou avec son sa ses nous vous "
    "sont aux cette dont el los las del en y con se su lo más pero al sus este era había di che non per gli della dei "
    "sono alla è nel più da não uma os com em dos na het een van niet zijn voor met aan ook maar deze naar "
    "op te".split()
)
_FAR = frozenset(
    "w z się nie jest że oraz przez dla od och att det som på är av för inte har ett till ve bir bu için ile olarak "
    "olan az és nem hogy egy ja että ei si în nu cu să pe yang dan untuk dengan dari pada ini itu tidak je jako và của "
    "là có được trong cho không với một k".split()
)
"""The commonest words of English; of German and the Romance languages and Dutch; of others in Latin letters."""

_HAN_COMMON = re.compile(
    "我们|他们|没有|可以|这个|一个|什么|自己|因为|所以|如果|但是|时间|问题|需要|使用|进行|公司|工作|系统|用户|数据|信息|文件|程序|服务|请求|错误|会议|提供|通过|"
    "以及|已经|或者|其他|相关|可能|不能|必须|应该|部门|项目|计划|报告|发展|管理|技术|中国|国家|社会|经济|人民|权利|自由|任何|人人|世界|生活|学习|学校|学生|今天|"
    "现在|开始|之后|之前|然后|还是|就是|不是|那个|这些|这样|怎么|知道|觉得|喜欢|看到|方法|情况|结果|内容|部分|方式|功能|设置|选项|参数|命令|目录|网络|连接|支持|"
    "包括|例如|以下|所有|每个|第一|同时|由于|根据|关于|对于|其中|不同|主要|重要|一般|影响|产生|处理|返回|时候|地方|朋友|孩子|东西|事情|安装|更新|软件|版本|运行|"
    "配置|操作|完成|联系|安排|人员|代表|欢迎|谢谢|大家|年度|方面"
)
"""Common Chinese words of two characters, which many vocabularies hold whole."""

_HAN_USUAL = re.compile(
    "["
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心"
    "她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给"
    "世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社"
    "便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运"
    "]"
)
"""The commonest Chinese characters; the rest takes more tokens."""

_LETTERS = (
    ("accented", "\u0080-\u024f"),
    ("cyrillic", "\u0400-\u052f"),
    ("greek", "\u0370-\u03ff"),
    ("arabic", "\u0600-\u06ff\u0750-\u077f"),
    ("hebrew", "\u0590-\u05ff"),
    ("devanagari", "\u0900-\u097f"),
    ("indic", "\u0980-\u0dff"),
    ("thai", "\u0e00-\u0eff"),
    ("han", "\u3400-\u9fff\uf900-\ufaff"),
    ("kana", "\u3040-\u30ff"),
    ("hangul", "\uac00-\ud7af\u1100-\u11ff"),
    ("wide", "\u3000-\u303f\uff00-\uffef"),
    ("symbols", "\u2028-\u25ff\u27c0-\u2fff\u1f00-\u1fff"),
    ("pictures", "\U00010000-\U0010ffff\u2600-\u27bf"),
    ("joiners", "\u200d\ufe0f"),
)
_SPACED = ("cyrillic", "greek", "arabic", "hebrew", "devanagari", "hangul")
"""Scripts whose words count beside their letters, since they stand between blanks."""

_HAN = [name for name, _ in _LETTERS].index("han")
_SCRIPTS = [re.compile(f"[{letters}]") for _, letters in _LETTERS]
_WORDS_OF = [re.compile(f"[{dict(_LETTERS)[name]}]+") for name in _SPACED]

ASCII = (
    "english_3", "english_5", "english_7", "english_8", "english_beyond_7", "near_3", "near_5", "near_7", "near_8",
    "near_beyond_7", "far_words", "far_letters", "terse_3", "terse_7", "terse_beyond_7", "capitals", "capitalised",
    "numbers", "digits", "runs_of_signs", "more_signs", "line_ends", "indents", "blanks",
)  # fmt: skip
"""What is counted in every text. `english_5`: words of at most five letters in an English text; `beyond_7`: the letters
of longer words after the seventh; `terse`: words of a text that is no prose, such as a program."""
OTHERS = (
    *(name for name, _ in _LETTERS),
    *(f"{name}_words" for name in _SPACED),
    "han_common",
    "han_rare",
)
"""What is counted only where a text has more than ASCII."""


def pieces_of(text: str) -> list[float]:
    """How many there are of everything in `ASCII`, and of what is in `OTHERS` where the text has any."""
    words = Counter(_WORD.findall(text))
    signs = _SIGNS.findall(text)
    indents = _INDENT.findall(text)
    found = _of_words(words)
    found += (
        len(_NUMBER.findall(text)),
        len(_DIGIT.findall(text)),
        len(signs),
        sum(map(len, signs)) - len(signs),
        len(_LINES.findall(text)),
        len(indents),
        sum(map(len, indents)),
    )
    if not text.isascii():
        found += _of_scripts(text)
    return found


def _of_words(words: Counter[str]) -> list[float]:
    """The counts that words make: by language and length, and how they are written."""
    lengths = [0, 0, 0, 0]
    beyond = letters = capitals = capitalised = 0
    many = english = near = far = 0
    for word, times in words.items():
        size = len(word)
        lengths[0 if size <= 3 else 1 if size <= 5 else 2 if size <= 7 else 3] += times
        beyond += (size - 7) * times if size > 7 else 0
        letters += size * times
        many += times
        plain = word
        if word[0].isupper():
            plain = word.lower()
            if size > 1:
                if word[1].isupper():
                    capitals += (size - 1) * times
                else:
                    capitalised += times
        if plain in _ENGLISH:
            english += times
        elif plain in _NEAR:
            near += times
        elif plain in _FAR:
            far += times
    known = english + near + far
    shares = _shares(near, far, known)
    terse = 1.0 - min(1.0, known / many / 0.3) if many else 0.0
    found = [part * share for share in shares[:2] for part in (*lengths, beyond)]
    found += (many * shares[2], letters * shares[2])
    found += (lengths[0] * terse, (lengths[1] + lengths[2] + lengths[3]) * terse, beyond * terse)
    found += (capitals, capitalised)
    return found


def _shares(near: int, far: int, known: int) -> tuple[float, float, float]:
    """Of what the text is: English, a neighbour, another in Latin letters; a few words of one make no language."""
    if not known:
        return 1.0, 0.0, 0.0
    close = near / known if near >= 0.2 * known else 0.0
    distant = far / known if far >= 0.2 * known else 0.0
    return 1.0 - close - distant, close, distant


def _of_scripts(text: str) -> list[float]:
    """The letters of each script, and its words."""
    found: list[float] = [len(script.findall(text)) for script in _SCRIPTS]
    found += [len(words.findall(text)) for words in _WORDS_OF]
    rare = found[_HAN] - len(_HAN_USUAL.findall(text)) if found[_HAN] else 0
    found += (len(_HAN_COMMON.findall(text)), rare)
    return found
