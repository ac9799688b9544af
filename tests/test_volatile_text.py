"""What of a text is another each time, and what somebody means."""

import pytest

from footage.analysis.volatile_text import scrubbed, scrubbed_task

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
]
MEANT = [
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
