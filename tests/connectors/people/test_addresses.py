"""Apprise's URLs: what is taken, what is refused and why, and that none is quoted."""

from __future__ import annotations

import sys

import pytest

from tocsin.connectors.people.addresses import Unusable, checked, without_secrets
from tocsin.connectors.sinks import SinkMisconfigured, make_sink

# what docs/people.md shows -> the room for a message
USUAL: dict[str, tuple[str, int, bool]] = {
    "mail": ("mailtos://bus:s3cret@mail.example.org?from=bus@example.org&to=ann@example.org", 32768, True),
    "Slack": ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops", 35000, True),
    "Teams": ("workflows://prod-1.example.org:443/643e4f/s1gnature", 1000, True),
    "Matrix": ("matrixs://bus:s3cret@matrix.example.org/#ops", 40000, True),
    "Telegram": ("tgram://123456789:abcdefg_hijklmnop/12315544", 4096, False),
    "ntfy": ("ntfys://tk_s3cret@ntfy.example.org/ops", 7800, True),
    "PagerDuty": ("pagerduty://integrationkey@apikey", 1024, False),
    "SMS": ("twilio://AC" + "a" * 32 + ":" + "b" * 32 + "@12025550100/12025550101", 160, False),
    "Discord": ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", 2000, True),
    "Mattermost": ("mmosts://chat.example.org/3ccdd113474722377935511fc85d3dd4", 4000, False),
}


@pytest.mark.parametrize(("url", "room", "titled"), USUAL.values(), ids=list(USUAL))
def test_usual_ones_are_taken(url: str, room: int, titled: bool) -> None:
    found = checked(url, private=False)
    assert found.room.body == room
    assert bool(found.room.title) is titled
    assert url not in repr(found)


# what is refused -> what is said
REFUSED: dict[str, tuple[str, str]] = {
    "nothing": ("", "not a URL"),
    "a token by itself": ("xoxb-s3cret", "not a URL"),
    "a service that there is not": ("s3cret://s3cret/s3cret", "knows no service"),
    "a webhook's own URL": ("https://s3cret.example/s3cret", "knows no service"),
    "not enough of it": ("slack://s3cret", "something is missing in the slack:// URL"),
    "no channel": ("tgram://s3cret", "something is missing in the tgram:// URL"),
    "what no parser takes": ("json://s3cret:s3cret@[/", "something is missing in the json:// URL"),
    "the log of this machine": ("syslog://s3cret", "syslog:// is of this machine"),
    "the loopback": ("json://127.0.0.1/s3cret", "not public"),
    "the loopback by name": ("ntfy://localhost/s3cret", "not public"),
    "the loopback of IPv6": ("json://[::1]/s3cret", "not public"),
    "a private network": ("mailto://10.0.0.5?from=a@example.org&to=s3cret@example.org", "not public"),
    "a mail server inside": ("mailto://a:s3cret@example.org?smtp=192.168.0.1", "not public"),
    "the metadata of a cloud": ("json://169.254.169.254/s3cret", "not public"),
}


@pytest.mark.parametrize(("url", "why"), REFUSED.values(), ids=list(REFUSED))
def test_others_are_refused_with_the_reason_and_never_quoted(url: str, why: str) -> None:
    with pytest.raises(Unusable, match=why) as refusal:
        checked(url, private=False)
    assert "s3cret" not in str(refusal.value)
    with pytest.raises(SinkMisconfigured, match=why) as misconfigured:
        make_sink("notify", {"urls": ["json://example.org", url]})
    assert misconfigured.value.field == "urls"
    assert "s3cret" not in f"{misconfigured.value!r} {misconfigured.value}"


@pytest.mark.parametrize("name", [name for name, (_, why) in REFUSED.items() if why == "not public"])
def test_private_ones_are_taken_where_the_operator_says_so(name: str) -> None:
    assert checked(REFUSED[name][0], private=True)


def test_without_apprise_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(SinkMisconfigured, match=r"pip install 'tocsin\[notify\]'"):
        make_sink("notify", {"url": USUAL["mail"][0]})


def test_what_is_logged_has_no_part_of_the_url() -> None:
    url = "mailtos://bus%40x:p%2Fw0rd@mail.example.org/hook/t0ken?to=ann@example.org&key=k3y"
    line = f"cannot send to {url}: bus@x, p/w0rd and p%2Fw0rd at mail.example.org, t0ken, k3y, error=503"
    shown = without_secrets(line, url)
    assert not [part for part in ("bus@x", "p/w0rd", "p%2Fw0rd", "t0ken", "k3y", "ann") if part in shown], shown
    assert shown.endswith("error=503")


@pytest.mark.parametrize(
    ("url", "marked"),
    [(USUAL["mail"][0], True), (USUAL["Slack"][0], True), (USUAL["ntfy"][0], False), (USUAL["SMS"][0], False),
     (f"{USUAL['Mattermost'][0]}?format=markdown", True)],
)  # fmt: skip
def test_a_service_that_takes_text_alone_is_sent_no_markdown(url: str, marked: bool) -> None:
    assert checked(url, private=False).marked is marked
