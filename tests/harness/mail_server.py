"""A mail server on 127.0.0.1 that keeps what it gets, and refuses it while it is told to."""

from __future__ import annotations

import asyncio
import email
import email.policy
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.smtp import SMTP


class MailServer:
    """SMTP inside `async with`. `refusal`: what it answers to a mail instead of taking it, such as `451 later`."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.attempts = 0
        self.refusal: str | None = None
        self.arrived = asyncio.Condition()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: SMTP(self, hostname="mail.example.org"), "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.attempts += 1
        if self.refusal is None:
            self.messages.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
            self.recipients.append(list(envelope.rcpt_tos))
        async with self.arrived:
            self.arrived.notify_all()
        return self.refusal or "250 taken"

    async def until(self, count: int) -> None:
        """Return when so many mails have arrived."""
        async with asyncio.timeout(90), self.arrived:
            await self.arrived.wait_for(lambda: len(self.messages) >= count)
