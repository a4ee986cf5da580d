"""The words around what a notification says, in the languages of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tocsin.connectors.catalogue.languages import DEFAULT, negotiate

SIGNS = {"error": "🔴", "warning": "🟠", "unknown": "⚪", "resolved": "✅", "timeout": "⏳", "page": "🚨", "ping": "🔔"}
"""What stands before a title: the severity at a glance, also for those who do not read the language."""

_WORDS: dict[str, tuple[str, str, str, str, str]] = {
    "error": ("Error", "Fehler", "Erreur", "Error", "오류"),
    "warning": ("Warning", "Warnung", "Avertissement", "Advertencia", "경고"),
    "unknown": ("Problem", "Problem", "Problème", "Problema", "문제"),
    "resolved": ("Resolved", "Gelöst", "Résolu", "Resuelto", "해결됨"),
    "timeout": ("No reply", "Keine Antwort", "Pas de réponse", "Sin respuesta", "응답 없음"),
    "digest": ("Digest", "Zusammenfassung", "Récapitulatif", "Resumen", "요약"),
    "reminder": ("Still open", "Noch offen", "Toujours ouvert", "Sigue abierto", "미해결"),
    "again": ("Again", "Wieder", "De nouveau", "Otra vez", "재발생"),
    "ping": ("Test", "Test", "Test", "Prueba", "시험"),
    "pinged": (
        "Nothing has happened: somebody looks whether you are reached here.",
        "Es ist nichts geschehen: Jemand prüft, ob Sie hier erreicht werden.",
        "Il ne s'est rien passé : quelqu'un vérifie que l'on vous joint ici.",
        "No ha pasado nada: alguien comprueba si se le encuentra aquí.",
        "아무 일도 없었습니다. 여기로 연락이 닿는지 확인하는 시험입니다.",
    ),
    "page": ("Step", "Stufe", "Étape", "Paso", "단계"),
    "hint": ("What helps", "Was hilft", "Que faire", "Qué hacer", "조치"),
    "said": ("Reported", "Gemeldet", "Signalé", "Informado", "보고 내용"),
    "code": ("Code", "Code", "Code", "Código", "코드"),
    "service": ("Service", "Dienst", "Service", "Servicio", "서비스"),
    "side": ("Side", "Seite", "Côté", "Lado", "쪽"),
    "side_own": ("our own", "die eigene", "le nôtre", "el nuestro", "우리 쪽"),
    "side_peer": ("the other", "die andere", "l'autre", "el otro", "상대 쪽"),
    "sender": ("Sender", "Absender", "Expéditeur", "Remitente", "보낸 쪽"),
    "wallet": ("Wallet", "Wallet", "Portefeuille", "Cartera", "지갑"),
    "connection": ("Connection", "Verbindung", "Connexion", "Conexión", "연결"),
    "thread": ("Thread", "Thread", "Fil", "Hilo", "스레드"),
    "record": ("Record", "Datensatz", "Enregistrement", "Registro", "레코드"),
    "job": ("Job", "Job", "Tâche", "Tarea", "작업"),
    "protocol": ("Protocol", "Protokoll", "Protocole", "Protocolo", "프로토콜"),
    "state": ("State", "Zustand", "État", "Estado", "상태"),
    "count": ("Count", "Anzahl", "Nombre", "Cantidad", "횟수"),
    "since": ("since", "seit", "depuis", "desde", "최초"),
    "policy": ("Escalation", "Eskalation", "Escalade", "Escalada", "에스컬레이션"),
    "repeat": ("repeat", "Wiederholung", "répétition", "repetición", "반복"),
    "cycle": ("cycle", "Durchgang", "cycle", "ciclo", "회차"),
    "by": ("By", "Von", "Par", "Por", "처리자"),
    "why": ("Why", "Warum", "Pourquoi", "Motivo", "이유"),
    "waited": ("Waited", "Gewartet", "Attendu", "Esperado", "대기 시간"),
    "choice": ("Decided", "Entschieden", "Décidé", "Decidido", "결정"),
    "wait": ("wait longer", "länger warten", "attendre encore", "esperar más", "더 기다림"),
    "retry": ("try again", "erneut versuchen", "réessayer", "reintentar", "재시도"),
    "give_up": ("give up", "aufgeben", "abandonner", "abandonar", "포기"),
    "more": ("more", "weitere", "autres", "más", "그 외"),
    "claimed": ("not proven", "nicht belegt", "non prouvé", "no probado", "입증되지 않음"),
    "replayed": ("Sent again by replay", "Erneut gesendet", "Renvoyé", "Reenviado", "재전송됨"),
    "tenant": ("Tenant", "Mandant", "Locataire", "Inquilino", "테넌트"),
    "case": ("Case", "Fall", "Dossier", "Caso", "케이스"),
    "acknowledge": ("Acknowledge", "Übernehmen", "Prendre en charge", "Atender", "확인"),
    "resolve": ("Resolve", "Lösen", "Résoudre", "Resolver", "해결"),
    "snooze": ("Snooze 1 h", "1 h ruhen lassen", "Reporter d'1 h", "Posponer 1 h", "1시간 미루기"),
    "open": ("Open", "Öffnen", "Ouvrir", "Abrir", "열기"),
}  # fmt: skip

LANGUAGES = ("en", "de", "fr", "es", "ko")
"""The languages of the words, in the order of each row."""

Words = Mapping[str, str]
"""Key -> word in one language."""

_BY_LANGUAGE: dict[str, Words] = {
    language: {key: row[place] for key, row in _WORDS.items()} for place, language in enumerate(LANGUAGES)
}


def language_of(wanted: Sequence[str]) -> str:
    """The first of these languages that there is (RFC 4647), else English."""
    return negotiate(wanted, LANGUAGES) or DEFAULT


def words_in(wanted: Sequence[str]) -> Words:
    """The words in that language."""
    return _BY_LANGUAGE[language_of(wanted)]
