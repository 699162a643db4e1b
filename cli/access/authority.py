"""The operator's directory: the keys that sign, who was let in, and the claims that servers are given.

Whoever has this directory decides who may do what, so only its owner can read it. Servers get none of it but public
halves and signed claims. Losing it costs no running cluster anything, but nobody can be added or revoked any more.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from cli.access.claims import Scope, encode_account, encode_operator, encode_user
from wire.context import ANONYMOUS
from wire.errors import BadRequestError
from wire.identity import KeyPair, Kind, check_public_key, read_key_pair, write_private
from wire.ids import Token, check_token
from wire.permissions import Role, permissions_of

ACCOUNT = "BRAMBLE"
SYSTEM = "SYS"
BRIEF_S = 600
_RECORD = "access.json"
_OPERATOR, _ACCOUNT, _SYSTEM = "operator", "account", "system"


class User(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who was let in."""

    name: Token
    role: Role
    public_key: str
    issued_at: int  # seconds since the epoch
    revoked_at: Annotated[int, msgspec.Meta(ge=0)] = 0  # 0: not revoked


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody was let in or shut out."""

    action: Literal["access.add", "access.revoke"]
    target: Token
    role: Role
    at: int  # seconds since the epoch


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is written down; no secret is in it."""

    cluster: Token
    url: str = ""  # of the servers, separated by commas
    ca: str = ""  # path of the certificate authority's file; empty: connections are in plain text
    leaves: tuple[str, ...] = ()  # URLs of other sites' servers, which hear of revocations from nobody else
    made_at: int  # seconds since the epoch
    users: tuple[User, ...] = ()
    account_issued_at: int = 0
    account_digest: str = ""  # of what the account says: while that is the same, so is its claim
    untold: tuple[Change, ...] = ()  # not on the cluster's record yet, oldest first

    def find(self, name: str) -> User | None:
        """Return the user of that name who is not revoked."""
        return next((user for user in self.users if user.name == name and not user.revoked_at), None)

    def revocations(self) -> dict[str, int]:
        """Return the public keys that are refused, and until which second of issue."""
        return {user.public_key: user.revoked_at for user in self.users if user.revoked_at}


class Authority:
    """The keys and the record of one cluster."""

    def __init__(self, directory: Path, record: Record, clock: Callable[[], float] = time.time) -> None:
        self.directory = directory
        self.record = record
        self._clock = clock
        self._pairs: dict[str, KeyPair] = {}

    @classmethod
    def create(cls, directory: Path, *, cluster: str, url: str = "", ca: str = "") -> Authority:
        """Make all keys.

        Args:
            directory: where they go; made if it is not there.
            cluster: what people call it.
            url: how users reach its servers, as far as it is known yet.
            ca: path of the certificate authority's file.

        Raises:
            BadRequestError: there is one already, or the name is not valid.

        """
        if (directory / _RECORD).exists():
            raise BadRequestError(
                f"{directory} holds the keys of a cluster already", remedy="choose another directory with --access"
            )
        record = Record(cluster=check_token(cluster, "cluster"), url=url, ca=ca, made_at=int(time.time()))
        authority = cls(directory, record)
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        directory.chmod(0o700)
        for name, kind in ((_OPERATOR, Kind.OPERATOR), *((each, Kind.ACCOUNT) for each in _account_keys())):
            pair = KeyPair.make(kind)
            write_private(directory / f"{name}.nk", pair.reveal_seed() + "\n")
            authority._pairs[name] = pair
        authority._write()
        return authority

    @classmethod
    def open(cls, directory: Path) -> Authority:
        """Read the directory.

        Raises:
            BadRequestError: it holds no cluster's keys, or others can read them.

        """
        try:
            record = msgspec.json.decode((directory / _RECORD).read_bytes(), type=Record)
        except FileNotFoundError as error:
            raise BadRequestError(
                f"{directory} holds no cluster's keys",
                remedy="make them with `bramble access init`, or say with --access where they are",
            ) from error
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadRequestError(f"{directory / _RECORD} cannot be read: {error}") from error
        if directory.stat().st_mode & 0o077:
            raise BadRequestError(f"others may enter {directory}", remedy=f"chmod 700 {directory}")
        return cls(directory, record)

    def serve_at(self, url: str, *, ca: str | None = None) -> None:
        """Write down how users reach the servers, and where they have the certificate authority's file."""
        self._replace(url=url, ca=self.record.ca if ca is None else ca)

    def keep_leaves(self, urls: Iterable[str]) -> None:
        """Write down which servers of other sites are to be told of changes, too."""
        self._replace(leaves=tuple(sorted({*urls})))

    @property
    def account(self) -> str:
        """The public key of the account in which everything happens."""
        return self._pair(_ACCOUNT).public

    @property
    def system_account(self) -> str:
        """The public key of the servers' own account."""
        return self._pair(_SYSTEM).public

    def operator_claim(self) -> str:
        """Return the claim that servers trust."""
        return encode_operator(
            self._pair(_OPERATOR),
            name=self.record.cluster,
            system_account=self.system_account,
            issued_at=self.record.made_at,
        )

    def account_claim(self) -> str:
        """Return the account as it is now: the roles' permissions, and who is revoked.

        Servers keep the newest, so each change is issued later than the last, whatever the clock says.
        """
        scopes = [Scope(self._role_pair(role).public, role, permissions_of(role)) for role in Role]
        said = hashlib.sha256(repr((scopes, sorted(self.record.revocations().items()))).encode()).hexdigest()
        if said != self.record.account_digest:
            issued_at = max(int(self._clock()), self.record.account_issued_at + 1)
            self._replace(account_issued_at=issued_at, account_digest=said)
        return encode_account(
            self._pair(_OPERATOR),
            self.account,
            name=ACCOUNT,
            issued_at=self.record.account_issued_at,
            scopes=scopes,
            revoked=self.record.revocations(),
        )

    def system_claim(self) -> str:
        """Return the claim of the servers' own account."""
        return encode_account(
            self._pair(_OPERATOR), self.system_account, name=SYSTEM, issued_at=self.record.made_at, storage=False
        )

    def add(self, name: str, role: Role, public_key: str) -> str:
        """Let somebody in; return the signed claim.

        The same name, role and key once more give the very same claim.

        Raises:
            BadRequestError: the name is taken by another key or role, or was never valid.

        """
        if check_token(name, "name") == ANONYMOUS:
            raise BadRequestError(f"{ANONYMOUS} stands for users of servers without users", remedy="take another name")
        check_public_key(public_key, Kind.USER)
        known = self.record.find(name)
        if known is not None and (known.role, known.public_key) != (role, public_key):
            raise BadRequestError(
                f"{name} is {known.role} with the key {known.public_key}",
                remedy=f"choose another name, or first `bramble access revoke {name}`",
            )
        other = next((each for each in self.record.users if each.public_key == public_key and each.name != name), None)
        if other is not None:
            raise BadRequestError(f"{other.name} has that key", remedy="make a new key: each is one user's")
        issued_at = known.issued_at if known else int(self._clock())
        if public_key in self.record.revocations():
            raise BadRequestError(f"the key {public_key} was revoked", remedy="make a new one")
        if known is None:
            user = User(name=name, role=role, public_key=public_key, issued_at=issued_at)
            change = Change(action="access.add", target=name, role=role, at=issued_at)
            self._replace(users=(*self.record.users, user), untold=(*self.record.untold, change))
        return encode_user(self._role_pair(role), public_key, name=name, account=self.account, issued_at=issued_at)

    def revoke(self, name: str) -> User:
        """Shut somebody out; it takes effect when servers have the account's new claim.

        Raises:
            BadRequestError: there is nobody of that name.

        """
        known = self.record.find(name)
        if known is None:
            raise BadRequestError(f"nobody is called {name}", remedy="see `bramble access list`")
        revoked = msgspec.structs.replace(known, revoked_at=max(int(self._clock()), known.issued_at))
        change = Change(action="access.revoke", target=name, role=known.role, at=int(self._clock()))
        self._replace(
            users=tuple(revoked if each is known else each for each in self.record.users),
            untold=(*self.record.untold, change),
        )
        return revoked

    def tick_off(self) -> None:
        """Write down that the oldest of the changes that were not told is on the cluster's record now."""
        self._replace(untold=self.record.untold[1:])

    def system_user(self) -> tuple[str, KeyPair]:
        """Return a claim and its key, made for the moment, for speaking to the servers themselves."""
        return self._admit_briefly(_SYSTEM, self.system_account)

    def storage_user(self) -> tuple[str, KeyPair]:
        """Return the same for everything that is stored, which backups need and no role may have."""
        return self._admit_briefly(_ACCOUNT, self.account)

    def _admit_briefly(self, signer: str, account: str) -> tuple[str, KeyPair]:
        pair = KeyPair.make(Kind.USER)
        claim = encode_user(
            self._pair(signer),
            pair.public,
            name="access",
            account=account,
            issued_at=int(self._clock()),
            lasts_s=BRIEF_S,
            scoped=False,
        )
        return claim, pair

    def passing_user(self, name: str, role: Role) -> tuple[str, KeyPair]:
        """Return a claim and its key, made for the moment and written down nowhere."""
        pair = KeyPair.make(Kind.USER)
        claim = encode_user(
            self._role_pair(role),
            pair.public,
            name=name,
            account=self.account,
            issued_at=int(self._clock()),
            lasts_s=BRIEF_S,
        )
        return claim, pair

    def _role_pair(self, role: Role) -> KeyPair:
        """Return the key that signs a role's users; made where the directory is older than the role."""
        path = self.directory / f"{_role_key(role)}.nk"
        if not path.exists() and all(user.role is not role for user in self.record.users):
            write_private(path, KeyPair.make(Kind.ACCOUNT).reveal_seed() + "\n")
        return self._pair(_role_key(role))

    def _pair(self, name: str) -> KeyPair:
        if name not in self._pairs:
            self._pairs[name] = read_key_pair(self.directory / f"{name}.nk")
        return self._pairs[name]

    def _replace(self, **changes: Any) -> None:
        self.record = msgspec.structs.replace(self.record, **changes)
        self._write()

    def _write(self) -> None:
        text = msgspec.json.format(msgspec.json.encode(self.record), indent=2).decode()
        write_private(self.directory / _RECORD, text + "\n")


def _account_keys() -> Iterator[str]:
    yield from (_ACCOUNT, _SYSTEM)
    yield from map(_role_key, Role)


def _role_key(role: Role) -> str:
    return f"role-{role}"
