"""What a secret looks like wherever a tool quotes or encodes it: recording keeps out what redaction takes out."""

from __future__ import annotations

import base64
import html
import json
import os
import quopri
import random
import re
import shlex
import string
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, quote_plus, urlencode
from xml.sax.saxutils import escape, quoteattr

import pytest

from footage.recorder.kept_out import Secrets
from footage.recorder.recording import record
from footage.secrets import Replacer
from footage.storage import open_store
from footage.storage.redaction.byte_search import count_in
from footage.storage.redaction.values import Hider
from recording import call, reply, request, text, user

SECRETS = [
    'pear&"plum42',
    'Kä"se/&77x',
    "correct horse battery",
    "p'lum\\back\\\\slash",
    "<tag attr='1'>&amp;",
    "100%zebra+quince",
    "Zoë-Åström-\u0041\u030a",
    "emoji 🔑 lock",
    "x9Q4",
    "first line\nsecond line\ttab",
    "k" * 2000 + "0123456789" * 200,
]
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda word: f"x {word} y",
    "JSON": json.dumps,
    "JSON with all of Unicode": lambda word: json.dumps({"password": word}, ensure_ascii=False),
    "JSON in JSON": lambda word: json.dumps(json.dumps({"password": word})),
    "JSON in JSON in JSON": lambda word: json.dumps(json.dumps(json.dumps({"password": word}))),
    "JSON with escaped slashes": lambda word: json.dumps(word).replace("/", "\\/"),
    "HTML": html.escape,
    "HTML without quotes": lambda word: html.escape(word, quote=False),
    "HTML in numbers": lambda word: html.escape(word).encode("ascii", "xmlcharrefreplace").decode(),
    "XML": escape,
    "an attribute in XML": lambda word: quoteattr(word) if "\n" not in word and '"' not in word else escape(word),
    "JSON in HTML": lambda word: f'<div data-state="{html.escape(json.dumps({"a": word}))}">',
    "HTML in JSON": lambda word: json.dumps({"page": f"<p>{html.escape(word)}</p>"}),
    "an address": lambda word: f"/login?p={quote(word, safe='')}&q=1",
    "an address in lower case": lambda word: lower(quote(word, safe="")),
    "a form": lambda word: urlencode({"user": "me", "password": word}),
    "a form with plus signs": quote_plus,
    "an address in an address": lambda word: quote(quote(word, safe=""), safe=""),
    "JSON in an address": lambda word: quote(json.dumps({"a": word}), safe=""),
    "a shell": lambda word: f"echo {shlex.quote(word)}",
    "repr": repr,
    "composed": lambda word: unicodedata.normalize("NFC", word),
    "decomposed": lambda word: unicodedata.normalize("NFD", word),
    "JSON four deep": lambda word: json.dumps(json.dumps(json.dumps(json.dumps(word)))),
    "JSON with digits in capitals": lambda word: capitals(json.dumps(word)),
    "every character a reference": lambda word: "".join(f"&#{ord(one)};" for one in word),
    "every character a reference in hexadecimal": lambda word: "".join(f"&#x{ord(one):x};" for one in word),
    "an address in mixed case": lambda word: mixed(quote(word, safe="")),
    "JSON in HTML in JSON": lambda word: json.dumps(html.escape(json.dumps(word))),
    "every byte a percent escape": lambda word: "".join(f"%{byte:02X}" for byte in word.encode()),
    "every character escaped for JSON": lambda word: json_units(word),  # noqa: PLW0108 - defined below
    "hexadecimal with colons": lambda word: word.encode().hex(":"),
    "hexadecimal with blanks": lambda word: word.encode().hex(" "),
    "bytes as Python writes them": lambda word: "".join(f"\\x{byte:02x}" for byte in word.encode()),
    "HTML in HTML": lambda word: html.escape(html.escape(word)),
    "hexadecimal": lambda word: word.encode().hex(),
    "HEXADECIMAL": lambda word: word.encode().hex().upper(),
    "base64": lambda word: base64.b64encode(word.encode()).decode(),
    "base64 after a user's name": lambda word: base64.b64encode(f"me:{word}".encode()).decode(),
    "base64 amid": lambda word: base64.b64encode(f'{{"a": "{word}", "b": 1}}'.encode()).decode(),
    "base64 of an address": lambda word: base64.urlsafe_b64encode(f"??{word}>>".encode()).decode(),
    "base64 of UTF-16": lambda word: base64.b64encode(f"echo {word}".encode("utf-16-le")).decode(),
}
SPELLINGS |= {
    "octal, every byte": lambda word: octal(word),  # noqa: PLW0108 - defined below, as the others
    "octal, in JSON": lambda word: json.dumps(octal(word)),
    "octal, what is no letter": lambda word: "".join(one if is_letter(one) else octal(one) for one in word),
    "octal, what is not ASCII": lambda word: "".join(one if one.isascii() else octal(one) for one in word),
    "bytes of Python": lambda word: repr(word.encode()),
    "quoted-printable": lambda word: printable(word.encode()),
    "quoted-printable of Latin-1": lambda word: printable(word.encode("latin-1" if is_latin(word) else "utf-8")),
    "quoted-printable in JSON": lambda word: json.dumps(printable(word.encode())),
    "quoted-printable, every byte": lambda word: "".join(f"={byte:02X}" for byte in word.encode()),
    "quoted-printable with a break at each place": lambda word: "=\r\n".join(printable(one.encode()) for one in word),
    "percent escapes of Latin-1": lambda word: quote(word, safe="", encoding="latin-1") if is_latin(word) else word,
    "percent escapes of Windows-1252": lambda word: quote(word.encode("cp1252"), safe="") if is_latin(word) else word,
    "percent escapes of JavaScript": lambda word: "".join(
        one if is_letter(one) else f"%{ord(one):02X}" if is_latin(one) else json_units(one).replace("\\", "%")
        for one in word
    ),
    "base64 in lines": lambda word: base64.encodebytes(f"{'x' * 44}: {word} {'y' * 99}".encode()).decode(),
    "base64 in lines of 64": lambda word: in_lines(f"{'x' * 37}{word}{'y' * 99}", 64, "\n"),
    "base64 in lines, indented": lambda word: in_lines(f"{'x' * 40}{word}{'y' * 99}", 76, "\n    "),
    "base64 in lines, in JSON": lambda word: json.dumps(in_lines(f"{'x' * 50}{word}{'y' * 99}", 76, "\r\n")),
    "base64 in lines, in JSON in JSON": lambda word: json.dumps(json.dumps(in_lines(f"{'x' * 51}{word}", 76, "\n"))),
    "base64 in lines, in an address": lambda word: quote(in_lines(f"{'x' * 52}{word}{'y' * 99}", 76, "\r\n")),
    "base64 in an address": lambda word: quote(base64.b64encode(f"??{word}>>".encode()).decode(), safe=""),
    "base64 in an address that keeps slashes": lambda word: quote(base64.b64encode(f"??{word}>>".encode()).decode()),
    "base64 in JSON that escapes slashes": lambda word: base64.b64encode(word.encode()).decode().replace("/", "\\/"),
    "base64 of base64": lambda word: base64.b64encode(base64.b64encode(f"me:{word}".encode())).decode(),
    "base64 of base64 amid": lambda word: base64.b64encode(b'{"a":"' + base64.b64encode(word.encode())).decode(),
    "base64 of JSON": lambda word: base64.b64encode(json.dumps({"password": word}).encode()).decode(),
    "base64 of JSON with all of Unicode": lambda word: base64.b64encode(
        json.dumps({"password": word}, ensure_ascii=False).encode()
    ).decode(),
    "base64 of Windows-1252": lambda word: base64.b64encode(
        f"me:{word}".encode("cp1252") if is_latin(word) else word.encode()
    ).decode(),
    "JSON in JSON in an address": lambda word: quote(json.dumps({"b": json.dumps({"a": word})}), safe=""),
    "JSON in an address in JSON": lambda word: json.dumps({"url": "/x?q=" + quote(json.dumps({"a": word}))}),
    "an address in HTML in JSON": lambda word: json.dumps(f'<a href="/x?p={html.escape(quote(word))}">'),
    "HTML in an address": lambda word: quote(html.escape(word), safe=""),
    "HTML in JSON in an address": lambda word: quote_plus(json.dumps({"page": html.escape(word)})),
    "HTML in JSON in a page": lambda word: json.dumps(html.escape(word)).replace("&", "\\u0026"),
    "every character escaped, twice in JSON": lambda word: json.dumps(json.dumps(json_units(word))),
    "every character escaped, in an address": lambda word: quote(json_units(word), safe=""),
    "every character a reference, in HTML": lambda word: html.escape("".join(f"&#{ord(one)};" for one in word)),
    "some letters escaped": lambda word: "".join(
        json_units(one) if number % 3 else one for number, one in enumerate(word)
    ) if re.fullmatch(r"[A-Za-z0-9 ]+", word) else word,
}  # fmt: skip
NOT_ENCODED = {"x9Q4"}
"""Too short for base64: its four digits are found everywhere."""


def octal(word: str | bytes) -> str:
    return "".join(f"\\{byte:03o}" for byte in (word.encode() if isinstance(word, str) else word))


def printable(data: bytes) -> str:
    return quopri.encodestring(data, quotetabs=True).decode()


def is_letter(one: str) -> bool:
    return one.isascii() and one.isalnum()


def is_latin(word: str) -> bool:
    return word.encode("latin-1", "ignore").decode("latin-1") == word


def in_lines(said: str, length: int, end: str) -> str:
    encoded = base64.b64encode(said.encode()).decode()
    return end.join(encoded[at : at + length] for at in range(0, len(encoded), length))


def generated(count: int) -> list[str]:
    """Return secrets of each alphabet, and of all of them."""
    chosen = random.Random(11)  # the same ones each time
    alphabets = [
        string.ascii_letters + string.digits,
        "abc'\"`",
        "ab1\\/",
        "aeöüßÄé",
        "ab🔑👩😀",
        "ab cd",
        "ab%412F",
        "ab&;#<>amp",
        "ab\n\t=",
        "a$!*()[]{}~+=?:@,.-_|^",
    ]
    alphabets.append("".join(alphabets))
    made = ("".join(chosen.choices(one, k=chosen.randint(8, 24))) for _ in range(count) for one in alphabets)
    return [word for word in made if word.strip() == word]


def lower(address: str) -> str:
    first, *escaped = address.split("%")
    return "%".join([first, *(part[:2].lower() + part[2:] for part in escaped)])


def json_units(word: str) -> str:
    units = word.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def capitals(escaped: str) -> str:
    return re.sub(r"\\u([0-9a-f]{4})", lambda found: f"\\u{found[1].upper()}", escaped)


def mixed(address: str) -> str:
    return re.sub(r"%(.)(.)", lambda found: f"%{found[1].lower()}{found[2]}", re.sub("%E", "%e", address))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_recording_keeps_out_every_spelling_that_redaction_finds(spelling: str) -> None:
    for secret in SECRETS:
        if "base64" in spelling and secret in NOT_ENCODED:
            continue
        said = SPELLINGS[spelling](secret)
        assert Secrets([secret]).clean(said) != said, secret
        assert Hider([secret], [1]).text(said) != said, secret


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_recording_redaction_and_its_proof_find_the_same_whatever_the_secret(spelling: str, tmp_path: Path) -> None:
    for secret in generated(3):
        said = f"x {SPELLINGS[spelling](secret)} y"
        assert Secrets([secret]).clean(said) != said, (secret, said)
        assert Hider([secret], [1]).text(said) != said, (secret, said)
        data = said.encode()
        assert Secrets([secret]).clean_body(data) != data, (secret, said)
        file = tmp_path / "file"
        file.write_bytes(os.urandom(1000) + data + os.urandom(1000))
        assert count_in(file, [], Replacer({secret: "-"}))[1] > 0, (secret, said)


def test_a_secret_that_is_found_is_taken_out_whole_and_nothing_else_is() -> None:
    replacer = Replacer({'pear&"plum42': "-"})
    letters = "".join(f"\\x{byte:02x}" for byte in b'pear&"plum42')
    assert replacer.text(f"a {letters} b %41 c") == "a - b %41 c"
    assert replacer.data(f"ä {letters} ö %41 c".encode()) == "ä - ö %41 c".encode()
    assert replacer.text('a pear&"pl=\num42 b=\nc') == "a - b=\nc"
    assert replacer.text("one\ntwo pear\nplum42") == "one\ntwo pear\nplum42"
    encoded = in_lines(f'{"x" * 50}pear&"plum42{"y" * 60}', 76, "\n")
    assert replacer.text(f"To: me\n\n{encoded}\n\nBye") == "To: me\n\n-\n\nBye"


@pytest.mark.parametrize("at", [-30, -7, 0, 7])
def test_a_secret_is_found_where_two_parts_of_a_file_that_are_read_at_once_meet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setattr("footage.storage.redaction.byte_search._CHUNK", 1000)
    monkeypatch.setattr("footage.storage.redaction.byte_search._OVERLAP", 50)
    file = tmp_path / "file"
    for size in (1000 + at, 2000 + at, 960 + at):
        file.write_bytes(b"." * size + b"pear\\u0026plum42" + b"." * (4000 - size - 16))
        assert count_in(file, [b"plum42"], Replacer({"pear&plum42": "-"})) == (4000, 2)


def test_no_spelling_of_a_secret_reaches_the_store(tmp_path: Path) -> None:
    with open_store(tmp_path / "runs.db") as store:
        with record("Log in", store=store, secrets=SECRETS) as run:
            for number, secret in enumerate(SECRETS):
                said = [text(spell(secret)) for spell in SPELLINGS.values()]
                typed = call(f"c{number}", action="type", text=secret)
                run.turn(request(user(said)), reply(text(html.escape(secret)), typed, message_id=f"m{number}"))
                with suppress(ValueError), run.step("type", call=f"c{number}", text=secret):
                    raise ValueError(json.dumps({"typed": secret}))
        kept = json.dumps([store.request(turn.id) for turn in store.turns(run.id)], ensure_ascii=False)
        kept += repr([(step.action, step.result_text, step.error) for step in store.steps(run.id)])
        kept += repr([turn.content for turn in store.turns(run.id)])
    for secret in SECRETS:
        assert not Replacer({secret: "-"}).found_in(kept.encode("utf-8", "surrogatepass")), secret


def test_a_secret_in_another_alphabet_of_bytes_is_kept_out_of_bodies() -> None:
    for encoding in ("utf-16-le", "utf-16-be", "utf-16"):
        body = 'said: pear&"plum42'.encode(encoding)
        assert 'pear&"plum42'.encode("utf-16-le") not in Secrets(['pear&"plum42']).clean_body(body)
        assert 'pear&"plum42'.encode("utf-16-be") not in Secrets(['pear&"plum42']).clean_body(body)


def test_a_mark_is_never_changed_by_another_secret() -> None:
    replacer = Replacer({"secret": "[secret removed]", "removed": "[secret removed]"})
    assert replacer.text("a secret, removed") == "a [secret removed], [secret removed]"


@pytest.mark.parametrize("around", ["\\" * 200_000, "&amp;" * 50_000, "%25" * 100_000, '"' * 200_000])
def test_a_hostile_text_is_searched_in_a_time_that_grows_with_its_length(around: str) -> None:
    assert Replacer({'"#"!x': "-"}).text(around) is around


def test_text_without_a_secret_is_the_very_same_object() -> None:
    said = "nothing of the kind " * 100
    assert Replacer(dict.fromkeys(SECRETS, "-")).text(said) is said
