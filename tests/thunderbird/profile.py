"""A profile of one patient: her address, an empty calendar of her own, and a mail server that is ours."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ADDRESS = "ada@mail.example"


@dataclass(frozen=True)
class Row:
    """What the calendar's own store holds of one event."""

    uid: str
    start: datetime
    sequence: int
    status: str
    partstat: str


def write_profile(folder: Path, *, marionette: int, smtp: int) -> None:
    folder.mkdir(parents=True)
    lines = [
        f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in preferences(marionette, smtp).items()
    ]
    (folder / "user.js").write_text("\n".join(lines))


def preferences(marionette: int, smtp: int) -> dict[str, Any]:
    return {
        "mail.accountmanager.accounts": "account1,account2",
        "mail.accountmanager.defaultaccount": "account1",
        "mail.accountmanager.localfoldersserver": "server2",
        "mail.account.account1.identities": "id1",
        "mail.account.account1.server": "server1",
        "mail.account.account2.server": "server2",
        "mail.identity.id1.fullName": "Ada",
        "mail.identity.id1.useremail": ADDRESS,
        "mail.identity.id1.smtpServer": "smtp1",
        "mail.identity.id1.valid": True,
        "mail.identity.id1.fcc": False,
        "mail.server.server1.type": "pop3",
        "mail.server.server1.hostname": "127.0.0.1",
        "mail.server.server1.port": 9,
        "mail.server.server1.userName": "ada",
        "mail.server.server1.name": ADDRESS,
        "mail.server.server1.login_at_startup": False,
        "mail.server.server1.check_new_mail": False,
        "mail.server.server2.type": "none",
        "mail.server.server2.hostname": "Local Folders",
        "mail.server.server2.name": "Local Folders",
        "mail.server.server2.userName": "nobody",
        "mail.smtpservers": "smtp1",
        "mail.smtp.defaultserver": "smtp1",
        "mail.smtpserver.smtp1.hostname": "127.0.0.1",
        "mail.smtpserver.smtp1.port": smtp,
        "mail.smtpserver.smtp1.authMethod": 1,
        "mail.smtpserver.smtp1.try_ssl": 0,
        "calendar.list.sortOrder": "home",
        "calendar.registry.home.name": "Home",
        "calendar.registry.home.type": "storage",
        "calendar.registry.home.uri": "moz-storage-calendar://",
        "calendar.registry.home.imip.identity.key": "id1",
        "calendar.registry.home.calendar-main-in-composite": True,
        "calendar.timezone.local": "America/New_York",
        "calendar.timezone.useSystemTimezone": False,
        "marionette.port": marionette,
        # No first-run pages, no questions, no calls home.
        "app.donation.eoy.version.viewed": 999,
        "app.normandy.enabled": False,
        "app.update.enabled": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "datareporting.policy.dataSubmissionPolicyBypassNotification": True,
        "extensions.update.enabled": False,
        "mail.provider.suppress_dialog_on_startup": True,
        "mail.rights.version": 1,
        "mail.shell.checkDefaultClient": False,
        "mail.spotlight.firstRunDone": True,
        "mail.winsearch.firstRunDone": True,
        "mailnews.start_page.enabled": False,
        "mailnews.start_page_override.mstone": "ignore",
        "toolkit.telemetry.enabled": False,
    }


def read_store(folder: Path) -> list[Row]:
    """From a copy of the file that Thunderbird keeps its calendars in, and locks while it runs."""
    files = list((folder / "calendar-data").glob("local.sqlite*"))
    if not files:
        return []
    with tempfile.TemporaryDirectory() as place:
        for file in files:
            shutil.copy(file, place)
        return read_copy(Path(place) / "local.sqlite")


def read_copy(file: Path) -> list[Row]:
    with closing(sqlite3.connect(file)) as store:
        events = store.execute("select id, event_start, ical_status from cal_events order by event_start").fetchall()
        return [
            Row(
                uid=uid,
                start=datetime.fromtimestamp(start / 1_000_000, tz=UTC),
                sequence=int(read_property(store, uid, "SEQUENCE") or 0),
                status=status or "",
                partstat=read_partstat(store, uid),
            )
            for uid, start, status in events
        ]


def read_property(store: sqlite3.Connection, uid: str, key: str) -> str:
    row = store.execute("select value from cal_properties where item_id = ? and key = ?", [uid, key]).fetchone()
    return (row[0].decode() if isinstance(row[0], bytes) else str(row[0])) if row else ""


def read_partstat(store: sqlite3.Connection, uid: str) -> str:
    for (line,) in store.execute("select icalString from cal_attendees where item_id = ?", [uid]):
        for part in line.replace("\r\n ", "").split(":")[0].split(";"):
            if part.startswith("PARTSTAT="):
                return str(part.removeprefix("PARTSTAT="))
    return ""
