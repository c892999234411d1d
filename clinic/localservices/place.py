"""Where the embedded servers keep their data, and as whom they run."""

import hashlib
import os
import pwd
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

BASE_DIR = Path(__file__).resolve().parent.parent.parent
# The path of a Unix socket ends at 107 bytes; PostgreSQL's own name in the folder takes 14.
LONGEST_SOCKET_DIR = 90


class ServiceError(Exception):
    """Why the embedded servers cannot run here, in one sentence for the person at the keyboard."""


class PopenOptions(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """An unprivileged account; PostgreSQL refuses to run as root."""

    uid: int
    gid: int

    def popen_options(self) -> PopenOptions:
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_enter(self, path: Path) -> bool:
        """Whether every folder above `path` lets this account through."""
        return all(self._may_pass(parent) for parent in path.parents if parent.exists())

    def _may_pass(self, folder: Path) -> bool:
        found = folder.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        if found.st_gid == self.gid:
            return bool(found.st_mode & stat.S_IXGRP)
        return bool(found.st_mode & stat.S_IXOTH)


@dataclass(frozen=True)
class Place:
    """The folder of one copy's data, and the account its servers run as (None: whoever calls)."""

    state: Path
    account: Account | None

    @property
    def pgdata(self) -> Path:
        return self.state / "pgdata"

    @property
    def valkey(self) -> Path:
        return self.state / "valkey"

    @property
    def sockets(self) -> Path:
        inside = self.state / "run"
        if len(str(inside)) <= LONGEST_SOCKET_DIR:
            return inside
        return Path(tempfile.gettempdir()) / f"cadence-{_digest(self.state)}"

    def popen_options(self) -> PopenOptions:
        return self.account.popen_options() if self.account else {}

    def hand_over(self, path: Path) -> None:
        """Give a folder of ours, never one above it, to the account."""
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)

    def make_folder(self, path: Path) -> None:
        path.mkdir(mode=0o700, exist_ok=True)
        self.hand_over(path)
        owner = self.account.uid if self.account else os.geteuid()
        if path.is_symlink() or path.stat().st_uid != owner:
            raise ServiceError(f"{path} belongs to another account: run Cadence as that account, or move it away.")
        path.chmod(0o700)

    def prepare(self) -> None:
        try:
            self.state.mkdir(parents=True, exist_ok=True)
        except OSError:
            raise ServiceError(
                f"Cadence cannot make the folder {self.state}: name another as CADENCE_STATE_DIR."
            ) from None
        if os.geteuid() not in (0, self.state.stat().st_uid):
            raise ServiceError(f"{self.state} belongs to another account: run Cadence as that account.")
        # Patients' mail and logs lie here. The servers' account has to pass through, whatever the umask was.
        self.state.chmod(0o711 if self.account else 0o700)
        if self.account and not self.account.can_enter(self.pgdata):
            raise ServiceError(
                f"PostgreSQL cannot run as root, and its account cannot enter {self.state}: "
                "set CADENCE_STATE_DIR to a folder that others may pass through, such as /var/lib/cadence."
            )
        self.make_folder(self.sockets)


def find_place(named: Path | None = None) -> Place:
    """The place that is named, here or in the environment; else var/ beside the code; else, where PostgreSQL cannot
    enter that because root works below a private home directory, a lasting folder outside."""
    if named is None and (variable := os.environ.get("CADENCE_STATE_DIR")):
        named = Path(variable)
    wanted = (named or BASE_DIR / "var").absolute()
    if os.geteuid() != 0:
        return Place(wanted, None)
    account = _find_account(wanted / "pgdata")
    if account.can_enter(wanted / "pgdata") or named is not None:
        return Place(wanted, account)
    elsewhere = Path("/var/lib") / f"cadence-{_digest(BASE_DIR)}"
    return Place(elsewhere, _find_account(elsewhere / "pgdata"))


def _find_account(pgdata: Path) -> Account:
    """Whoever owns the data already, so that root can carry on what a user began; else nobody."""
    if pgdata.exists() and (found := pgdata.stat()).st_uid != 0:
        return Account(found.st_uid, found.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise ServiceError("PostgreSQL cannot run as root, and this machine has no account nobody.") from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def _digest(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:10]
