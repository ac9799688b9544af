"""What a secret looks like wherever a tool quotes or encodes it: recording keeps out what redaction takes out."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, quote_plus, urlencode
from xml.sax.saxutils import escape, quoteattr

import pytest

from footage.recorder.secrets import Secrets
from footage.recorder.session import record
from footage.secrets import Replacer
from footage.storage import open_store
from footage.storage.redaction.secrets import Hider
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
NOT_ENCODED = {"x9Q4"}
"""Too short for base64: its four digits are found everywhere."""


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
