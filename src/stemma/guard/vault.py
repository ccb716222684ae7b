"""The vault: texts as tokens that only it turns back, and that nothing turns back once their key is erased.

A token is the text itself, encrypted: nothing is kept for it, and whatever carries it (a message, a memory, the audit log)
stays as it is. Its key is random, kept in the store, and wrapped by a key that follows from one in a file. To erase a key is
to erase every text behind its tokens, wherever they have gone, while signatures and hashes over them still hold.

AES-SIV (RFC 5297) makes a token both deterministic, so that equal texts have equal tokens, and authenticated: one that was
altered, or is another tenant's, is not turned back. HKDF is RFC 5869.
"""

import base64
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkstemp
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, Row, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from stemma.core.errors import InvalidName, NotConfigured, NotFound
from stemma.guard.text.finding import nodes, rewritten
from stemma.guard.text.protection import TOKEN
from stemma.ledger.authority import Action
from stemma.ledger.scope import Scope
from stemma.store.schema import vault_keys

KEY_FILE = "vault.key"
_PREFIX = "STEMMA+VAULT+"
_ID, _KEY = 5, 64  # bytes of a key's id, which leads each token, and of a key: AES-256-SIV
_KIND = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,127}")


@dataclass(frozen=True, slots=True)
class Revealed:
    """A value with its tokens turned back; `erased` could not be, as their key is gone, `strange` are not this tenant's.

    `texts` are those behind tokens, by token; `gone` are the tokens that could not be.
    """

    value: Any = field(repr=False)
    revealed: int = 0
    erased: int = 0
    strange: int = 0
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    gone: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TenantTokens:
    """Gives tokens under one key. Keep it for one value: a key that is erased meanwhile would go on in it."""

    key_id: bytes
    _key: bytes

    def token(self, kind: str, text: str) -> str:
        """The token of `text`, always the same under this key. Raises InvalidInput for a kind that cannot be part of one."""
        if _KIND.fullmatch(kind) is None:
            raise InvalidName("kind", kind, "lower-case letters, digits and hyphens, at most 64")
        # RFC 5297 has no empty text in this implementation: a byte before it says that there is one.
        sealed = AESSIV(self._key).encrypt(b"\0" + text.encode("utf-8", "surrogatepass"), [kind.encode()])
        return f"pii_{kind}_{base64.b32encode(self.key_id + sealed).decode().rstrip('=').lower()}"


class Vault:
    """Keys of tenants, and of single subjects of theirs, each made when it is first needed."""

    def __init__(self, scope: Scope, folder: Path | None) -> None:
        """The file's key is kept in `folder`, made on first use; with None it ends with this object."""
        self._scope = scope
        self._folder = folder
        self._fleeting = os.urandom(32)

    def tokens(self, tenant: str, *, subject: str = "") -> TenantTokens:
        """The tokens of `tenant`, or of one `subject` (a customer, a patient) whose data may have to be erased alone.

        Makes the key when there is none, which is event ``vault.created``. Raises InvalidName, NotConfigured when the
        vault's own key is missing or open to others, and Unauthorized.
        """
        _check_names(tenant, subject)
        live = _LIVE.where(vault_keys.c.tenant == tenant, vault_keys.c.subject == subject)
        with self._scope.read() as connection:
            # Who makes tokens can find out what stands behind one: by guessing, since equal texts have equal tokens.
            self._scope.require(Action.USE, f"vault:/{tenant}", connection)
            row = connection.execute(live).first()
        if row is None:
            row = self._made(tenant, subject)
        return TenantTokens(row.id, self._unwrapped(row))

    def reveal(
        self,
        value: Any,
        tenant: str,
        *,
        wanted: Callable[[str], bool] = lambda kind: True,
        purpose: Mapping[str, Any] | None = None,
    ) -> Revealed:
        """`value`, a text or a JSON value, with the tokens of `tenant`, and of its subjects, turned back in all its texts.

        Only tokens of kinds that are `wanted`. Event ``vault.revealed`` when there are any; `purpose` is what it says of why.
        Raises NotConfigured as `tokens` does, InvalidInput for a value that is nested too deep, and Unauthorized.
        """
        _check_names(tenant, "")
        found = {match.group(): match for match in _tokens_in(value) if wanted(match["kind"].lower())}
        if not found:
            self._scope.require(Action.APPROVE, f"vault:/{tenant}")
            return Revealed(value)
        with self._scope.write() as tx:
            tx.require(Action.APPROVE, f"vault:/{tenant}")
            opening = _Opening(self._unwrapped, _keys_of(tx.connection, tenant, found.values()))
            opened = {token: opening.opened(match) for token, match in found.items()}
            erased, strange = len(opening.gone), opening.strange
            counts = {"revealed": len(found) - erased - strange, "erased": erased, "strange": strange}
            tx.record("vault.revealed", subject=tenant, data={**counts, **(purpose or {})})
        plain = {token: text for token, text in opened.items() if text is not None}
        shown = rewritten(value, lambda text, _: TOKEN.sub(lambda one: plain.get(one.group(), one.group()), text))
        return Revealed(shown, **counts, texts=plain, gone=frozenset(opening.gone))

    def own(self, value: Any, tenant: str) -> frozenset[str]:
        """The tokens in `value` that say of themselves that they were made with a key of `tenant`, erased ones included."""
        found = {match.group(): match for match in _tokens_in(value)}
        if not found:
            return frozenset()
        with self._scope.read() as connection:
            known = _keys_of(connection, tenant, found.values())
        return frozenset(token for token, match in found.items() if _taken_apart(match)[0] in known)

    def erase(self, tenant: str, *, subject: str | None = None) -> int:
        """Drops the keys of `tenant` and of all its subjects, or of one `subject` alone; gives back how many.

        Their tokens can never be turned back, here. A backup of the store that was taken before still has the keys, wrapped:
        it has to go too. Event ``vault.erased``. Raises NotFound when there is no such key, Unauthorized.
        """
        _check_names(tenant, subject or "")
        wanted = (vault_keys.c.tenant == tenant) & vault_keys.c.erased_at.is_(None)
        if subject is not None:
            wanted &= vault_keys.c.subject == subject
        with self._scope.write() as tx:
            tx.require(Action.WRITE, f"vault:/{tenant}")
            if (
                self._scope.store.is_sqlite
            ):  # else the bytes would stay in the file until something is written over them
                tx.connection.exec_driver_sql("PRAGMA secure_delete = ON")
            dropping = update(vault_keys).where(wanted).values(wrapped=None, erased_at=tx.at).returning(vault_keys.c.id)
            gone = [row.id.hex() for row in tx.connection.execute(dropping)]
            if not gone:
                whose = f"tenant {tenant!r}" + (f", subject {subject!r}" if subject else "")
                raise NotFound(f"{whose} has no key in the vault, so there is nothing to erase; check the name")
            tx.record("vault.erased", subject=tenant, data={"keys": sorted(gone)})
        return len(gone)

    def _made(self, tenant: str, subject: str) -> Row[Any]:
        id = os.urandom(_ID)
        wrapped = self._wrapping(tenant).encrypt(os.urandom(_KEY), _bound(tenant, subject, id))
        of_same = (vault_keys.c.tenant == tenant) & (vault_keys.c.subject == subject)
        with self._scope.write() as tx:
            tx.require(Action.USE, f"vault:/{tenant}")
            counting = select(func.coalesce(func.max(vault_keys.c.generation), 0)).where(of_same)
            live = tx.connection.execute(_LIVE.where(of_same)).first()
            if live is not None:
                return live
            row = {"id": id, "tenant": tenant, "subject": subject, "wrapped": wrapped, "created_at": tx.at}
            generation = tx.connection.execute(counting).scalar_one() + 1
            inserting = (sqlite if self._scope.store.is_sqlite else postgresql).insert(vault_keys)
            adding = inserting.on_conflict_do_nothing(index_elements=["tenant", "subject", "generation"])
            made = tx.connection.execute(adding.values(**row, generation=generation)).rowcount
            if made:
                tx.record("vault.created", subject=tenant, data={"key": id.hex(), "of_subject": bool(subject)})
            return tx.connection.execute(_LIVE.where(of_same)).one()

    def _unwrapped(self, row: Row[Any]) -> bytes:
        try:
            return self._wrapping(row.tenant).decrypt(row.wrapped, _bound(row.tenant, row.subject, row.id))
        except InvalidTag:
            raise NotConfigured(
                f"the vault's key file does not fit the keys of tenant {row.tenant!r} in the store; put back the "
                f"{KEY_FILE} that they were made with"
            ) from None

    def _wrapping(self, tenant: str) -> AESSIV:
        secret = self._fleeting if self._folder is None else _kept(self._folder)
        return AESSIV(HKDF(SHA256(), 64, None, b"stemma vault: wrapping keys of " + tenant.encode()).derive(secret))


class _Opening:
    """Turns tokens back by the keys of one tenant, each unwrapped once."""

    def __init__(self, unwrapped: Callable[[Row[Any]], bytes], rows: Mapping[bytes, Row[Any]]) -> None:
        self._unwrapped = unwrapped
        self._rows = rows
        self._keys: dict[bytes, bytes] = {}
        self.gone = set[str]()
        self.strange = 0

    def opened(self, match: re.Match[str]) -> str | None:
        id, sealed = _taken_apart(match)
        row = self._rows.get(id)
        if row is None:
            self.strange += 1
            return None
        if row.wrapped is None:
            self.gone.add(match.group())
            return None
        if id not in self._keys:
            self._keys[id] = self._unwrapped(row)
        try:
            return (
                AESSIV(self._keys[id])
                .decrypt(sealed, [match["kind"].lower().encode()])[1:]
                .decode("utf-8", "surrogatepass")
            )
        except InvalidTag:
            self.strange += 1
            return None


_KEYS = select(*(vault_keys.c[name] for name in ("id", "tenant", "subject", "wrapped")))
_LIVE = _KEYS.where(vault_keys.c.erased_at.is_(None))
_AT_ONCE = 500  # values of one query, which every database takes


def _tokens_in(value: Any) -> Iterable[re.Match[str]]:
    for node in nodes(value):
        if isinstance(node.value, str):
            yield from TOKEN.finditer(node.value)


def _keys_of(connection: Connection, tenant: str, tokens: Iterable[re.Match[str]]) -> dict[bytes, Row[Any]]:
    """Those of the tenant's keys that the tokens say they were made with, by id."""
    ids = sorted({_taken_apart(match)[0] for match in tokens})
    found: dict[bytes, Row[Any]] = {}
    for start in range(0, len(ids), _AT_ONCE):
        among = vault_keys.c.id.in_(ids[start : start + _AT_ONCE])
        found |= {row.id: row for row in connection.execute(_KEYS.where(vault_keys.c.tenant == tenant, among))}
    return found


def _taken_apart(match: re.Match[str]) -> tuple[bytes, bytes]:
    """The id of a token's key, and what is sealed with it; nothing of what only looks like a token."""
    body = match["body"].upper()
    try:
        raw = base64.b32decode(body + "=" * (-len(body) % 8))
    except ValueError:
        return b"", b""
    return raw[:_ID], raw[_ID:]


def _bound(tenant: str, subject: str, id: bytes) -> list[bytes]:
    """What a wrapped key belongs to, so that no row can stand in for another."""
    return [tenant.encode(), subject.encode() or b"\0", id]


def _check_names(tenant: str, subject: str) -> None:
    for kind, name in (("tenant", tenant), ("subject", subject)):
        if (name or kind == "tenant") and _TENANT.fullmatch(name) is None:
            raise InvalidName(kind, name, "letters, digits and ._:@/+- , at most 128, beginning with a letter or digit")


def _kept(folder: Path) -> bytes:
    """The vault's own key, made in `folder` on first use, readable by its owner alone."""
    path = folder / KEY_FILE
    try:
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _create(path, os.urandom(32))
        if path.stat().st_mode & 0o077:
            raise NotConfigured(f"vault key {str(path)!r} can be read by others; close it with: chmod 600 {path}")
        encoded = path.read_text("ascii").strip().removeprefix(_PREFIX)
        secret = base64.b64decode(encoded, validate=True)
    except OSError as error:
        raise NotConfigured(f"vault key {str(path)!r} cannot be used: {error.strerror}; check the folder") from error
    except ValueError:
        secret = b""
    if len(secret) != 32:
        raise NotConfigured(f"vault key {str(path)!r} is damaged; put it back from a copy: no other opens its tokens")
    return secret


def _create(path: Path, secret: bytes) -> None:
    """Writes a new file whole or not at all; somebody else's that came first is left as it is."""
    descriptor, temporary = mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(f"{_PREFIX}{base64.b64encode(secret).decode()}\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)  # never replaces a key that another process made meanwhile
    except FileExistsError:
        return
    finally:
        os.unlink(temporary)
