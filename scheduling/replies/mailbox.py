"""A mailbox on an IMAP server, by the address in INBOX_URL."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from urllib.parse import unquote, urlsplit

from imapclient import SEEN, IMAPClient
from imapclient.exceptions import IMAPClientError

PATIENCE = 20  # seconds for each step of the server
BROKEN = (OSError, IMAPClientError)  # what a dead, refusing or confused server raises


@dataclass(frozen=True)
class Account:
    host: str
    port: int | None
    user: str
    password: str
    folder: str
    has_tls: bool

    @property
    def mark(self) -> str:
        """Tells one folder from another, and says nothing of whose it is."""
        return hashlib.sha256(f"{self.user}@{self.host}/{self.folder}".encode()).hexdigest()[:12]


def read_account(url: str) -> Account:
    parts = urlsplit(url)
    return Account(
        host=parts.hostname or "",
        port=parts.port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        folder=unquote(parts.path.strip("/")) or "INBOX",
        has_tls=parts.scheme == "imaps",
    )


class Folder:
    """One folder, opened. Nothing here changes a message but `mark_seen`."""

    def __init__(self, client: IMAPClient, account: Account) -> None:
        self.client = client
        validity = client.select_folder(account.folder)[b"UIDVALIDITY"]
        self.prefix = f"imap:{account.mark}:{validity}:"

    def key(self, uid: int) -> str:
        """RFC 3501 2.3.1.1: UID and UIDVALIDITY name a message for ever, before a byte of it is read."""
        return f"{self.prefix}{uid}"

    def list_since(self, day: date) -> list[int]:
        """Also what somebody has read already: people and other programs look into this mailbox, too."""
        return sorted(self.client.search(["SINCE", day]))

    def list_unseen_since(self, day: date) -> list[int]:
        return sorted(self.client.search(["UNSEEN", "SINCE", day]))

    def size_of(self, uid: int) -> int:
        """Zero for a message that is gone."""
        return int(self.client.fetch([uid], ["RFC822.SIZE"]).get(uid, {}).get(b"RFC822.SIZE", 0))

    def read(self, uid: int) -> bytes:
        """PEEK leaves it unseen."""
        return bytes(self.client.fetch([uid], ["BODY.PEEK[]"]).get(uid, {}).get(b"BODY[]", b""))

    def mark_seen(self, uids: list[int]) -> None:
        if uids:
            self.client.add_flags(uids, [SEEN], silent=True)


@contextmanager
def open_folder(account: Account) -> Iterator[Folder]:
    context = ssl.create_default_context() if account.has_tls else None
    client = IMAPClient(
        account.host, port=account.port, ssl=account.has_tls, ssl_context=context, timeout=PATIENCE, use_uid=True
    )
    try:
        client.login(account.user, account.password)
        yield Folder(client, account)
    finally:
        hang_up(client)


def hang_up(client: IMAPClient) -> None:
    """Politely, or else at once."""
    try:
        client.logout()
    except BROKEN:
        with suppress(OSError):
            client.shutdown()
