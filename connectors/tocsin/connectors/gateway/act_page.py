"""The page behind a link: what it does, a button for it, and what came of it. Plain HTML for a phone, no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import quote

from msgspec import Struct

from tocsin.connectors.people.action_links import Answer
from tocsin.connectors.people.neutral import neutral
from tocsin.connectors.people.words import LANGUAGES, language_of, words_in
from tocsin.connectors.printable import clipped

MAX_SHOWN = 200
"""Characters of a name, or of a reason."""


class Outcome(Struct, frozen=True):
    """What the page says instead of a button: a key of the texts, the status of HTTP, and more for a person."""

    says: str
    status: int
    detail: str = ""


class KnownCase(Struct, frozen=True, kw_only=True):
    """What is known of the case of a link: where it stands, who has it if it is acknowledged, and its last report."""

    status: str
    held_by: str = ""
    title: str = ""
    severity: str = ""
    code: str = ""
    at: str = ""


_TEXTS: dict[str, tuple[str, str, str, str, str]] = {
    "ask": (
        "Nothing has been done yet: press the button.",
        "Noch ist nichts geschehen: Bitte auf den Knopf drücken.",
        "Rien n'est encore fait : appuyez sur le bouton.",
        "Aún no se ha hecho nada: pulse el botón.",
        "아직 아무 일도 하지 않았습니다. 버튼을 누르세요.",
    ),
    "held": (
        "{} has it already.",
        "{} hat es schon übernommen.",
        "{} s'en occupe déjà.",
        "{} ya se ocupa de ello.",
        "{} 님이 이미 맡았습니다.",
    ),
    "over": (
        "It is resolved: there is nothing to do.",
        "Es ist gelöst: Es gibt nichts zu tun.",
        "C'est résolu : il n'y a rien à faire.",
        "Está resuelto: no hay nada que hacer.",
        "해결되었습니다. 할 일이 없습니다.",
    ),
    "take_over": (
        "Take it over from {}",
        "Von {} übernehmen",
        "Prendre la relève de {}",
        "Relevar a {}",
        "{} 님에게서 넘겨받기",
    ),
    "done": ("Done.", "Erledigt.", "C'est fait.", "Hecho.", "완료했습니다."),
    "already_so": (
        "It was so already: nothing had to be done.",
        "Das war schon so: Es gab nichts zu tun.",
        "C'était déjà le cas : il n'y avait rien à faire.",
        "Ya era así: no había nada que hacer.",
        "이미 그런 상태입니다. 할 일이 없었습니다.",
    ),
    "kept": (
        "The case is not known yet. It will be done when the case comes, within a day.",
        "Der Fall ist noch nicht bekannt. Es geschieht, sobald er kommt, innerhalb eines Tages.",
        "Le dossier n'est pas encore connu. Ce sera fait dès son arrivée, dans la journée.",
        "El caso aún no se conoce. Se hará cuando llegue, en el plazo de un día.",
        "아직 알려지지 않은 케이스입니다. 하루 안에 케이스가 오면 처리합니다.",
    ),
    "not_found": (
        "Nothing was done: nothing is known of this case any more.",
        "Nichts wurde getan: Dieser Fall ist nicht mehr bekannt.",
        "Rien n'a été fait : ce dossier n'est plus connu.",
        "No se hizo nada: ya no se conoce este caso.",
        "아무 일도 하지 않았습니다. 더 이상 알려진 케이스가 아닙니다.",
    ),
    "refused": (
        "Nothing was done: it cannot be carried out.",
        "Nichts wurde getan: Es ist nicht möglich.",
        "Rien n'a été fait : c'est impossible.",
        "No se hizo nada: no es posible.",
        "아무 일도 하지 않았습니다. 처리할 수 없습니다.",
    ),
    "no_answer": (
        "It is not known yet whether it was done. Press again in a moment: that does no harm.",
        "Noch ist nicht bekannt, ob es geschehen ist. Bitte gleich noch einmal drücken: Das schadet nicht.",
        "On ne sait pas encore si c'est fait. Appuyez de nouveau dans un instant : c'est sans risque.",
        "Aún no se sabe si se ha hecho. Pulse otra vez dentro de un momento: no hace daño.",
        "처리되었는지 아직 알 수 없습니다. 잠시 후 다시 눌러도 문제가 되지 않습니다.",
    ),
    "not_stored": (
        "Nothing was done: the bus cannot be reached now. Please try again in a moment.",
        "Nichts wurde getan: Der Bus ist gerade nicht erreichbar. Bitte gleich noch einmal versuchen.",
        "Rien n'a été fait : le bus est injoignable pour le moment. Réessayez dans un instant.",
        "No se hizo nada: el bus no está accesible ahora. Inténtelo de nuevo en un momento.",
        "아무 일도 하지 않았습니다. 지금 버스에 연결할 수 없습니다. 잠시 후 다시 시도하세요.",
    ),
    "busy": (
        "Nothing was done: too much is going on just now. Please try again in a moment.",
        "Nichts wurde getan: Gerade ist zu viel los. Bitte gleich noch einmal versuchen.",
        "Rien n'a été fait : trop de demandes en ce moment. Réessayez dans un instant.",
        "No se hizo nada: hay demasiada actividad. Inténtelo de nuevo en un momento.",
        "아무 일도 하지 않았습니다. 지금은 요청이 너무 많습니다. 잠시 후 다시 시도하세요.",
    ),
    "expired": (
        "This link has expired. Nothing was done. A newer notification has a new one.",
        "Dieser Link ist abgelaufen. Nichts wurde getan. Eine neuere Benachrichtigung hat einen neuen.",
        "Ce lien a expiré. Rien n'a été fait. Une notification plus récente en contient un nouveau.",
        "Este enlace ha caducado. No se hizo nada. Una notificación más reciente tiene uno nuevo.",
        "만료된 링크입니다. 아무 일도 하지 않았습니다. 최근 알림에 새 링크가 있습니다.",
    ),
    "unknown": (
        "This is not a link of this bus, or it was cut off on its way. Nothing was done.",
        "Das ist kein Link dieses Busses, oder er wurde unterwegs abgeschnitten. Nichts wurde getan.",
        "Ce n'est pas un lien de ce bus, ou il a été tronqué. Rien n'a été fait.",
        "No es un enlace de este bus, o se cortó por el camino. No se hizo nada.",
        "이 버스의 링크가 아니거나 중간에 잘렸습니다. 아무 일도 하지 않았습니다.",
    ),
    "other": (
        "This link is for something else. Nothing was done.",
        "Dieser Link ist für etwas anderes. Nichts wurde getan.",
        "Ce lien sert à autre chose. Rien n'a été fait.",
        "Este enlace es para otra cosa. No se hizo nada.",
        "다른 용도의 링크입니다. 아무 일도 하지 않았습니다.",
    ),
}  # fmt: skip

_PAGE = """<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><style>
:root {{ color-scheme: light dark; background: Canvas; color: CanvasText }} a {{ color: inherit }}
body {{ font: 18px/1.5 system-ui, sans-serif; max-width: 30rem; margin: 2rem auto; padding: 0 1rem;
  overflow-wrap: anywhere }}
button {{ font: inherit; width: 100%; padding: 1rem; margin: .5rem 0; border-radius: .5rem; cursor: pointer }}
dt {{ font-weight: bold }} dd {{ margin: 0 0 .5rem }}
</style></head><body><h1>{title}</h1>{body}</body></html>"""

_BUTTON = """<form method="post" action="{path}"><input type="hidden" name="action" value="{action}">{more}
<button type="submit">{label}</button></form>"""


def page(
    languages: Sequence[str],
    answer: Answer | None,
    outcome: Outcome | None,
    buttons: Mapping[str, str],
    *,
    case_page: bool = False,
    known: KnownCase | None = None,
) -> str:
    """The page in the first of these languages that there is. `answer` is what the link does, None for one that is not
    known; `outcome` what came of it, None before anything was done; `buttons` are actions and their tokens.
    `known` is what is known of the case. With `case_page` the case leads to its page, which asks who wants to see it to
    sign in."""
    language = language_of(languages)
    words, place = words_in(languages), LANGUAGES.index(language)
    says = _TEXTS[_standing(known) if outcome is None else outcome.says][place]
    body = [*_about(known, words), f"<p>{escape(says.format(_holder(known)))}</p>"]
    if outcome is not None and outcome.detail:
        body.append(f"<p>{escape(neutral(outcome.detail, MAX_SHOWN))}</p>")
    if answer is not None:
        facts = ((words["case"], answer.case), (words["tenant"], answer.tenant), (words["by"], answer.by))
        said = [escape(neutral(value, MAX_SHOWN)) for _, value in facts]
        if case_page:
            said[0] = f'<a href="../cases/{quote(answer.case, safe="")}">{said[0]}</a>'
        names = [escape(name) for name, _ in facts]
        shown = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in zip(names, said, strict=True))
        body.append(f"<dl>{shown}</dl>")
    # relative, as the case: whatever proxy stands before the gateway, under whatever path, it is the one that was asked
    holder = _holder(known) if answer is not None else ""
    for action, token in buttons.items():
        label, more = words[action], ""
        if action == "acknowledge" and holder:
            label = _TEXTS["take_over"][place].format(holder)
            more = f'<input type="hidden" name="instead_of" value="{escape(known.held_by if known else "")}">'
        body.append(_BUTTON.format(path=escape(token), action=escape(action), label=escape(label), more=more))
    title = "Tocsin" if answer is None else f"Tocsin: {words[answer.action]}"
    return _PAGE.format(language=language, title=escape(title), body="".join(body))


def offered(actions: Sequence[str], by: str, known: KnownCase | None) -> list[str]:
    """Those of the actions that there is something to do by: none for a resolved case, and nobody takes what is
    theirs."""
    if known is None:
        return list(actions)
    if known.status == "resolved":
        return []
    return [action for action in actions if action != "acknowledge" or _holder(known) == "" or known.held_by != by]


def _standing(known: KnownCase | None) -> str:
    """The text for who looks."""
    if known is not None and known.status == "resolved":
        return "over"
    return "held" if _holder(known) else "ask"


def _holder(known: KnownCase | None) -> str:
    held = known is not None and known.status == "acknowledged"
    return neutral(known.held_by, MAX_SHOWN) if known is not None and held else ""


def _about(known: KnownCase | None, words: Mapping[str, str]) -> list[str]:
    if known is None:
        return []
    title = escape(neutral(known.title or known.code, MAX_SHOWN))
    said = (words.get(known.severity, words["unknown"]), known.code, known.at)
    more = escape(clipped(", ".join(one for one in said if one), MAX_SHOWN))
    return [f"<p><strong>{title}</strong><br>{more}</p>"]
