"""What of a text is another each time, and what somebody means."""

import pytest

from footage.analysis.requests.volatile_text import differs_only_in, scrubbed, scrubbed_task

TOLD = [
    ("Today is Sunday, November 22, 2026.", "Today is Monday, November 23, 2026."),
    ("Today is 2026-11-01.", "Today is 2026-11-02."),
    ("The current date is Sunday, November 1, 2026.", "The current date is Wednesday, December 30, 2026."),
    ("Today's date: 2026-11-22 (Sunday)", "Today's date: 2026-11-23 (Monday)"),
    ("Date: 22.11.2026 14:03 CET", "Date: 23.11.2026 09:12 CEST"),
    ("It is now Sun, 22 Nov 2026 14:03:21 +0100", "It is now Mon, 23 Nov 2026 09:03:22 +0000"),
    ("date is Sun Nov 22 14:03:21 UTC 2026", "date is Mon Nov 23 04:13:21 CET 2026"),
    ("[2026-11-22T14:03:05Z] go", "[2026-11-23T15:03:05.250+01:00] go"),
    ("The current time is 2:03 PM.", "The current time is 11:44 AM."),
    ("Time zone: Europe/Berlin", "Time zone: America/New_York"),
    ("timezone=UTC", "timezone=CET"),
    ("Today is Sunday.", "Today is Monday."),
    ("Now it is 3pm.", "Now it is 4pm."),
    ("as of November 2026", "as of December 2026"),
    ("timestamp 1764500000", "timestamp 1764600123.55"),
    ("session_id=ab12cd34ef", "session_id=zz99cd34ef"),
    ("Run id: 7f3k9x2m", "Run id: 8f3k9x2a"),
    ("trace 3f2504e0-4f89-11d3-9a0c-0305e82c3301", "trace 9b2504e0-4f89-11d3-9a0c-0305e82c3302"),
    ("see toolu_01A6S1ocAPNdWeWeFCFVymyH", "see toolu_01BJKmWXYyeGTYHMRFSLMWxt"),
    ("nonce V1StGXR8_Z5jdHi6B-myT", "nonce K2StGXR8_Z5jdHi6B-abC"),
    ("Work in /tmp/ab12/x.", "Work in /tmp/cd34/x."),
    ("Work in /tmp/tmpk3j_9a/out", "Work in /tmp/tmpzz1bx0/out"),
    ("/var/folders/x1/y2/T/abc", "/var/folders/x9/y8/T/def"),
    (r"C:\Users\me\AppData\Local\Temp\a1", r"C:\Users\me\AppData\Local\Temp\b2"),
    ("The app is at http://localhost:43121/x", "The app is at http://localhost:5123/x"),
    ("Listens on 127.0.0.1:8080", "Listens on 127.0.0.1:49152"),
    ("DISPLAY=:99", "DISPLAY=:1"),
    ("Token usage: 100/200000; 199900 remaining", "Token usage: 4,100/200000; 195900 remaining"),
    ("Heute ist Sonntag, 22. November 2026.", "Heute ist Montag, der 23. Dezember 2026."),
    ("Heute ist Dienstag, den 3. März 2026", "Heute ist Mittwoch, den 4. März 2026"),
    ("Nous sommes le dimanche 22 novembre 2026", "Nous sommes le lundi 1er décembre 2026"),
    ("Hoy es domingo, 22 de noviembre de 2026.", "Hoy es lunes, 23 de diciembre de 2026."),
    ("今天是2026年11月22日", "今天是2026年12月1日"),
    ("現在の日時: 2026年11月22日(日) 14:03", "現在の日時: 2026年11月23日(月) 15:04"),
    ("Timestamp: 20261122T140300Z", "Timestamp: 20261123T150401Z"),
    ("now 20261122-140300", "now 20261123-150401"),
    ("<Window object at 0x7f3c2a1b9d60>", "<Window object at 0x7f11ff00aa10>"),
    ("real 0m3.214s", "real 0m4.011s"),
    ("Completed in 1m 12s", "Completed in 2m 03s"),
    ("loaded in 312 ms", "loaded in 1045 ms"),
]
MEANT = [
    ("Use 3 of 0x10", "Use 3 of 0x20"),
    ("Save it in 312 files", "Save it in 400 files"),
    ("Wait 300 ms after a click", "Wait 500 ms after a click"),
    ("The colour is 0xff00aa", "The colour is 0xff00bb"),
    ("Be quick.", "Be slow."),
    ("Use claude-3-5-sonnet-20241022", "Use claude-3-7-sonnet-20250219"),
    ("The screen is 16:9", "The screen is 4:3"),
    ("You may take 5 steps", "You may take 6 steps"),
    ("Answer in 200 tokens", "Answer in 300 tokens"),
    ("Wait 2 s after a click", "Wait 5 s after a click"),
    ("version 1.2.3", "version 1.2.4"),
    ("Work in /home/me/a", "Work in /home/me/b"),
    ("https://example.com:8443/", "https://example.com:9443/"),
    ("May I help?", "March I help?"),
]
A_TASK = [
    ("Book a flight for 2026-11-22", "Book a flight for 2026-11-25"),
    ("Find flights on Nov 22", "Find flights on Nov 24"),
    ("Set the alarm to 7:30 am", "Set the alarm to 8 am"),
    ("Invite them for 14:30", "Invite them for 15:00"),
    ("Write about May 2024", "Write about June 2024"),
    ("Save it as /tmp/report.txt", "Save it as /tmp/summary.txt"),
    ("Save it as /tmp/report_v2.txt", "Save it as /tmp/report_v3.txt"),
    ("Today is 2026-11-01. Book a flight for 2026-12-01", "Today is 2026-11-02. Book a flight for 2026-12-05"),
]


@pytest.mark.parametrize(("one", "two"), TOLD)
def test_what_tells_the_present_is_volatile_wherever_it_stands(one: str, two: str) -> None:
    assert scrubbed(one) == scrubbed(two)
    assert scrubbed_task(one) == scrubbed_task(two)


@pytest.mark.parametrize(("one", "two"), MEANT)
def test_what_is_meant_is_not_volatile(one: str, two: str) -> None:
    assert scrubbed(one) != scrubbed(two)
    assert scrubbed_task(one) != scrubbed_task(two)


@pytest.mark.parametrize(("one", "two"), A_TASK)
def test_a_date_or_a_folder_that_a_task_means_is_not_volatile(one: str, two: str) -> None:
    assert scrubbed_task(one) != scrubbed_task(two)


def test_a_long_text_takes_no_long_time() -> None:
    for text in ("a1" * 50_000, "/tmp/" * 20_000, "1:" * 50_000, "Mon " * 25_000, "aA1-/" * 20_000):
        scrubbed(text)
        scrubbed_task(text)


@pytest.mark.parametrize(
    ("a", "b", "kinds"),
    [
        ("Today is 2026-11-22, 9:30.", "Today is 2026-11-23, 9:30.", ("date",)),
        ("Today is Sunday, November 22, 2026.", "Today is Monday, November 23, 2026.", ("date",)),
        ("Work in /tmp/ab12/x on :99.", "Work in /tmp/cd34/x on :99.", ("folder",)),
        ("at 10:31:02 in /tmp/ab12", "at 10:44:09 in /tmp/cd34", ("folder", "time")),
        ("Today is 2026-11-22.", "Today is 2026-11-22.", ()),
        ("Today is 2026-11-22.", "Today is 2026-11-23. Be quick.", ()),
    ],
)
def test_it_is_told_in_what_two_texts_differ_only(a: str, b: str, kinds: tuple[str, ...]) -> None:
    assert differs_only_in(a, b) == kinds
