"""
What of a text is another each time: dates, times, time zones, durations, ids, temporary folders, ports, token counts.

Harnesses put such things into system prompts, blocks, messages and descriptions of tools. There they are told apart by
their form. A task may hold a date or a folder as well, and means it: in what a user says, a date or a time is taken for
volatile only where the words around it tell the present, and a folder's name only where it looks made at random.
"""

from __future__ import annotations

import re

__all__ = ["differs_only_in", "scrubbed", "scrubbed_task"]

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
_DAY = r"(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?\b,?"
_MONTH_ABROAD = (
    r"(?i:j[aä]nn?er|januar[iy]?|janvier|enero|gennaio|janeiro|februar[iy]?|février|febrero|febbraio|fevereiro"
    r"|märz|maart|mars|marzo|março|avril|abril|aprile|mai|maggio|mayo|maio|mei|jun[io]|juin|junho|giugno|juli|juillet"
    r"|julio|julho|luglio|août|agosto|augustus|septembre|septiembre|setembro|settembre|o[kc]tober|octobre|octubre"
    r"|outubro|ottobre|novembre|noviembre|novembro|de[zc]ember|décembre|diciembre|dezembro|dicembre"
    r"|august|september|november|april)\b"
)
_DAY_ABROAD = (
    r"(?i:\b(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag|lundi|mardi|mercredi|jeudi"
    r"|vendredi|samedi|dimanche|lunes|martes|miércoles|jueves|viernes|sábado|domingo|lunedì|martedì|mercoledì"
    r"|giovedì|venerdì|sabato|domenica|maandag|dinsdag|woensdag|donderdag|vrijdag|zaterdag|zondag"
    r"|(?:segunda|terça|quarta|quinta|sexta)-feira)\b)"
)
_CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d"
_SECONDS = r":[0-5]\d(?:[.,]\d+)?"
_HALF = r"(?:\s?[AaPp]\.?[Mm]\b\.?)"
_ZONE = (
    r"(?:UTC|GMT|Z|CES?T|WES?T|EES?T|BST|IST|JST|KST|MSK|AES?T|AEDT|[ECMP][SD]T)(?:\s?[+-]\d{1,2}(?::?\d{2})?)?\b"
    r"|[+-]\d{2}:?\d{2}\b"
    r"|(?:Africa|America|Antarctica|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc)/[A-Z]\w+(?:/[A-Z]\w+)?"
)
_NAMED = (
    r"(?:session|request|trace|span|conversation|thread|container|message|run|correlation|invocation|tenant|device)"
)

_ALWAYS = (
    ("id", r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"),
    ("id", r"\b(?:toolu|srvtoolu|msg|req|call|chatcmpl|resp|sess|session|run|file|container|thread|asst)_\w{8,}\b"),
    ("id", rf"(?i:\b{_NAMED}(?:[ _-]?id)?\s?[=:#]\s?[\"']?)(?=[\w-]{{0,64}}?\d)[\w-]{{4,}}"),
    ("id", r"\b(?=[0-9a-f]{0,64}?\d)(?=[0-9a-f]{0,64}?[a-f])[0-9a-f]{16,}\b"),
    ("id", r"(?<![\w+/-])(?=[\w+-]{0,64}?\d)(?=[\w+-]{0,64}?[a-z])(?=[\w+-]{0,64}?[A-Z])[\w+-]{20,}={0,2}(?![\w/])"),
    ("id", r"\b(?=\w{0,26}?\d)(?=\w{0,26}?[A-Z])[0-9A-HJKMNP-TV-Z]{26}\b"),
    ("date", rf"\b\d{{4}}-\d{{2}}-\d{{2}}[T ]{_CLOCK}{_SECONDS}(?:\s?(?:{_ZONE}))?"),
    ("time", rf"(?<![\d:.]){_CLOCK}{_SECONDS}{_HALF}?(?:\s?(?:{_ZONE}))?"),
    (
        "date",
        r"\b(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[T_-](?:[01]\d|2[0-3])[0-5]\d[0-5]\d(?:Z|\b)",
    ),
    ("address", r"\b0x(?=[0-9a-fA-F]{0,15}?\d)[0-9a-fA-F]{7,16}\b"),
    ("duration", r"\b(?:\d+h ?)?\d+m ?\d+(?:\.\d+)?s\b"),
    ("duration", r"\b\d+\.\d+\s?(?:ns|µs|us|ms|s|secs?|seconds)\b"),
    (
        "duration",
        r"(?i:(?<=\btook )|(?<=\belapsed: )|(?<=\bfinished in )|(?<=\bran for )|(?<=\bdone in ))\d+\s?\w*s\b",
    ),
    ("duration", r"(?<=\bin )\d+ ?ms\b|(?<=ompleted in )\d+\s?s\b"),
    ("number", r"\b(?:pid|PID)[ =:]\s?\d+"),
    ("instant", r"\b1[5-9]\d{8}(?:\d{3}(?:\d{3}){0,2})?\b(?:\.\d+)?"),
    (
        "port",
        r"(?<=localhost:)\d{2,5}\b|(?<=\b127\.0\.0\.1:)\d{2,5}\b|(?<=0\.0\.0\.0:)\d{2,5}\b|(?<=\[::1\]:)\d{2,5}\b",
    ),
    ("port", r"(?<=host\.docker\.internal:)\d{2,5}\b|(?i:(?<=\bport )|(?<=\bport=)|(?<=\bport: ))\d{4,5}\b"),
    ("display", r"(?<=\bDISPLAY=):\d+(?:\.\d+)?|(?<=\bDISPLAY: ):\d+(?:\.\d+)?"),
    ("tokens", r"(?i:\btoken usage: )\d[\d,]*/\d[\d,]*(?:; \d[\d,]* remaining)?"),
)
_DATES = (
    (
        "date",
        r"\d{4}年\d{1,2}月\d{1,2}日(?:\s?[(\uff08]?(?:星期|周|週)?[日一二三四五六月火水木金土](?:曜日?)?[)\uff09]?)?",
    ),
    (
        "date",
        (
            rf"(?:{_DAY_ABROAD},?\s+)?(?:(?:der|den|dem|le|el)\s+)?\b\d{{1,2}}(?:er|º|°)?\.?\s+(?:de\s+)?"
            rf"{_MONTH_ABROAD}(?:\s+(?:de\s+)?\d{{4}}\b)?"
        ),
    ),
    ("date", r"\b\d{4}([-/.])\d{2}\1\d{2}\b"),
    ("date", r"\b\d{1,2}([/.])\d{1,2}\1(?:\d{4}|\d{2})\b(?!\.\d)"),
    ("date", rf"(?:\b{_DAY}\s+)?\b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?\b(?:,?\s+\d{{4}}\b)?(?!:)"),
    (
        "date",
        rf"(?:\b{_DAY}\s+(?:the\s+)?)?\b\d{{1,2}}(?:st|nd|rd|th)?\.?\s+(?:of\s+)?{_MONTH}(?:,?\s+\d{{4}}\b)?(?!:)",
    ),
    ("date", rf"\b{_MONTH},?\s+\d{{4}}\b"),
    ("date", rf"{_DAY_ABROAD},?\s+(?:(?:der|den|dem|le|el)\s+)?(?=<date>)"),
    ("date", rf"\b{_DAY}\s+(?=<date>)|(?<=<date>),?\s+\(?{_DAY}\)?"),
    ("date", rf"(?i:\b(?:today|now|day|weekday)(?:'s date)?(?: is|:| it is)\s+)\b{_DAY}"),
    ("time", rf"(?<![\d:.]){_CLOCK}(?![\d:]){_HALF}?(?:\s?(?:{_ZONE}))?"),
    ("time", rf"\b\d{{1,2}}{_HALF}(?!\w)"),
    ("date", r"<date>(?:(?:,|\s+at|T)?\s*(?:<time>|<date>))*(?:\s+\d{4}\b)?"),
    ("zone", r"(?i:\btime ?zone(?: is|:|=)?\s*)(?<=[\s=:])[\w/+:-]+(?: \([^)]*\))?"),
    ("zone", r"\b(?:Africa|America|Asia|Atlantic|Australia|Europe|Indian|Pacific)/[A-Z]\w+(?:/[A-Z]\w+)?\b"),
    ("zone", rf"(?<=<time>)\s?\(?(?:{_ZONE})\)?"),
)
_FOLDERS = (
    ("folder", r"(?:/private)?/(?:tmp|var/tmp|var/folders|dev/shm|run/user)/[^\s\"'<>:,;)]*[^\s\"'<>:,;).]"),
    ("folder", r"(?i:\b[A-Z]:\\(?:Users\\[^\\\s]+\\AppData\\Local\\Temp|Windows\\Temp|Temp|Tmp)\\)[^\s\"'<>:,;)]+"),
)
_RANDOM_FOLDERS = (
    ("folder", r"(?<=/tmp/)(?:tmp\w+|(?=[\w.-]{0,64}?\d)(?=[\w.-]{0,64}?[a-z])[\w-]{4,})(?=/|\b(?!\.\w))"),
    ("folder", r"(?:/private)?/var/folders/[^\s\"'<>:,;)]+"),
    ("folder", r"(?i:\\AppData\\Local\\Temp\\)[^\s\"'<>:,;)\\]+"),
)


def _compiled(*rules: tuple[str, str]) -> list[tuple[str, re.Pattern[str]]]:
    return [(f"<{name}>", re.compile(pattern)) for name, pattern in rules]


_EVERYWHERE = _compiled(*_ALWAYS[:6], *_FOLDERS, *_ALWAYS[6:], *_DATES)
_IN_A_TASK = _compiled(*_ALWAYS[:6], *_RANDOM_FOLDERS, *_ALWAYS[6:])
_DATED = _compiled(*_DATES)
_PRESENT = re.compile(
    r"(?i)\b(?:today|current(?:ly)?|now|as of|timestamp|local time|system time|it is|it's)\b"
    r"|\b(?:heute|aujourd'hui|nous sommes|hoy es|oggi|hoje|vandaag|datum:|fecha:|data:)"
    r"|今天|今日|現在|当前"
    r"|\b(?:date|time|day)(?: is\b|:)|<(?:date|time|env|environment|system-reminder)\b|\btime ?zone\b"
)
_ALONE = re.compile(r"[\s\[\](){}<>*#|,.:;-]*(?:<(?:date|time|zone)>[\s\[\](){}*#|,.:;-]*)+")


_SENTENCES = re.compile(rf"(\n|(?<=[.!?;])\s+(?!{_MONTH_ABROAD}))")


def scrubbed(text: str) -> str:
    """
    Return a text of a harness with what is another each time replaced by its kind.

    >>> scrubbed("Today is Sunday, November 22, 2026; took 1.3 s")
    'Today is <date>; took <duration>'
    """
    return _replaced(text, _EVERYWHERE)


def differs_only_in(a: str, b: str, *, task: bool = False) -> tuple[str, ...]:
    """
    Return the kinds of what is another each time in which two texts differ; none where they differ in more, or not.

    `task`: a user said them.

    >>> differs_only_in("Today is 2026-11-22, 9:30", "Today is 2026-11-23, 9:30")
    ('date',)
    """
    told = scrubbed_task if task else scrubbed
    if a == b or told(a) != told(b):
        return ()
    found = [{kind for kind, pattern in _EVERYWHERE if pattern.search(text)} for text in (a, b)]
    kinds = sorted(found[0] | found[1])
    alone = [kind for kind in kinds if _without(a, kind) != _without(b, kind)]
    return tuple(kind.strip("<>") for kind in alone or kinds[:1])


def _without(text: str, kind: str) -> str:
    """Return a text with all replaced but one kind."""
    return _replaced(text, [rule for rule in _EVERYWHERE if rule[0] != kind])


def scrubbed_task(text: str) -> str:
    """
    Return what a user said, with what is another each time replaced by its kind: what a task may mean stays.

    >>> scrubbed_task("Today is 2026-11-22. Session id: 7f3k9x2m")
    'Today is <date>. <id>'
    >>> scrubbed_task("Book a flight for 2026-11-22 at 14:30")
    'Book a flight for 2026-11-22 at 14:30'
    """
    pieces = _SENTENCES.split(_replaced(text, _IN_A_TASK))
    return "".join(_present(piece) for piece in pieces)


def _present(sentence: str) -> str:
    """Replace the dates of a sentence that tells the present, or of a line that holds nothing else."""
    dated = _replaced(sentence, _DATED)
    return dated if _PRESENT.search(sentence) or _ALONE.fullmatch(dated) else sentence


def _replaced(text: str, patterns: list[tuple[str, re.Pattern[str]]]) -> str:
    for kind, pattern in patterns:
        text = pattern.sub(kind, text)
    return text
