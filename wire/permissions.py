"""The one table of permissions: who may publish and subscribe what.

The server's configuration, ``docs/permissions.md`` and the tests are made from it. A role's rows become the template of
a scoped signing key (NATS ADR-14), in which the server itself puts the user's name for ``{{name()}}``; so a user
cannot even spell what belongs to somebody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from wire import subjects
from wire.subjects import Subject

ME = "{{name()}}"
"""What the server replaces by the user's name."""


class Role(StrEnum):
    """What a user is to the cluster."""

    AGENT = "agent"
    CONTROLLER = "controller"
    OPERATOR = "operator"
    VIEWER = "viewer"
    PUBLISHER = "publisher"
    WITNESS = "witness"
    LEAF = "leaf"


ABOUT: dict[Role, str] = {
    Role.AGENT: "a node: serves what it is assigned, and speaks for itself only; its name is the node's",
    Role.CONTROLLER: "takes in cameras, sends frames, keeps the cluster's state",
    Role.OPERATOR: "a person or a program that changes cameras, models and nodes",
    Role.VIEWER: "a person or a program that looks, and asks models about pictures of its own; changes nothing",
    Role.PUBLISHER: "a camera that pushes its pictures, and nothing else; its name is the camera's",
    Role.WITNESS: "tells the record what the server on its machine refused, and nothing else",
    Role.LEAF: "the server of another site, and no client: carries what its own users do, whom it checks itself",
}

RESPONDERS = frozenset({Role.CONTROLLER})
"""Who may answer once wherever a request that reached it says. Whoever asks himself may so say anything to anybody:
that is for those who are trusted with everything."""

RESPOND_WITHIN_S = 660
"""How long an answer is allowed: longer than the longest deadline of a request."""

EVERYBODY = frozenset(Role)
_PEOPLE = frozenset({Role.OPERATOR, Role.VIEWER})
_WATCHERS = _PEOPLE | {Role.CONTROLLER}


@dataclass(frozen=True, slots=True)
class Row:
    """One subject pattern, and the roles that may use it. ``denied`` wins over every allowing row."""

    pattern: str
    why: str
    publish: frozenset[Role] = frozenset()
    subscribe: frozenset[Role] = frozenset()
    denied: frozenset[Role] = frozenset()  # to publish


@dataclass(frozen=True, slots=True)
class Permissions:
    """A role's part of the table, as the server wants it."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    deny_publish: tuple[str, ...]
    responds: bool
    connects_as: str = ""  # LEAFNODE: only a server may use it; empty: any client

    def may_publish(self, subject: str) -> bool:
        """Tell whether a subject without wildcards may be published; answers to requests are apart."""
        return any(matches(each, subject) for each in self.publish) and not any(
            matches(each, subject) for each in self.deny_publish
        )

    def may_subscribe(self, subject: str) -> bool:
        """Tell whether a subject, which may have wildcards, may be subscribed."""
        return any(matches(each, subject) for each in self.subscribe)

    def of(self, name: str) -> Permissions:
        """Return them with the user's name filled in, as the server does."""
        return Permissions(
            tuple(each.replace(ME, name) for each in self.publish),
            tuple(each.replace(ME, name) for each in self.subscribe),
            tuple(each.replace(ME, name) for each in self.deny_publish),
            self.responds,
            self.connects_as,
        )


def permissions_of(role: Role) -> Permissions:
    """Return a role's part of the table."""
    return Permissions(
        publish=_patterns(row for row in TABLE if role in row.publish),
        subscribe=_patterns(row for row in TABLE if role in row.subscribe),
        deny_publish=_patterns(row for row in TABLE if role in row.denied),
        responds=role in RESPONDERS,
        connects_as="LEAFNODE" if role is Role.LEAF else "",
    )


def matches(pattern: str, subject: str) -> bool:
    """Tell whether a pattern covers a subject, as NATS sees it; the subject may have wildcards itself."""
    wanted, found = pattern.split("."), subject.split(".")
    for position, want in enumerate(wanted):
        if want == ">":
            return len(found) > position
        if position >= len(found) or found[position] == ">" or want not in ("*", found[position]):
            return False
    return len(found) == len(wanted)


def _patterns(rows: Iterable[Row]) -> tuple[str, ...]:
    return tuple(sorted({row.pattern for row in rows}))


def _row(
    family: Subject,
    why: str,
    *,
    publish: Iterable[Role] = (),
    subscribe: Iterable[Role] = (),
    own: str = "",
    **tokens: str,
) -> Row:
    """A family's row: the field ``own`` is the user's name, ``tokens`` are fixed, and all others may be anything."""
    if unknown := ({own, *tokens} - {"", *family.fields}):
        raise TypeError(f"{family.pattern} has no field {unknown}")
    pattern = family.pattern.format(**{name: ME if name == own else tokens.get(name, "*") for name in family.fields})
    return Row(pattern, why, frozenset(publish), frozenset(subscribe))


def _bucket(
    bucket: str, key: Subject, why: str, *, read: Iterable[Role] = (), write: Iterable[Role] = (), own: str = ""
) -> Iterator[Row]:
    """The rows for some keys of a bucket.

    Readers get values one by one and hear of changes as they are published: JetStream's consumers would be the usual
    way, but whoever may create one may have the server deliver to any subject in its name.
    """
    readers, writers = frozenset(read), frozenset(write)
    keys = key.pattern.format(**{name: ME if name == own else "*" for name in key.fields})
    for api, who in _ask(readers):
        yield Row(f"{api}.STREAM.INFO.KV_{bucket}", f"list the keys of {bucket}", publish=who)
        yield Row(f"{api}.DIRECT.GET.KV_{bucket}.$KV.{bucket}.{keys}", f"read {why}", publish=who)
    if readers or writers:
        yield Row(f"$KV.{bucket}.{keys}", f"hear of changes to, or write, {why}", publish=writers, subscribe=readers)


def _ask(who: frozenset[Role]) -> Iterator[tuple[str, frozenset[Role]]]:
    """Tell whom they ask: nodes ask controllers, since JetStream's answers would go wherever they like."""
    for api, those in ((subjects.STORE_API, who - {Role.AGENT}), (f"{subjects.READ}.{ME}", who & {Role.AGENT})):
        if those:
            yield api, those


def _stream(stream: str, why: str, *, read: Iterable[Role]) -> Iterator[Row]:
    """The rows for reading a whole stream. Its consumers could deliver anywhere: only for those who are trusted."""
    readers = frozenset(read)
    for verb in ("STREAM.INFO", "DIRECT.GET", "CONSUMER.CREATE"):
        yield Row(f"$JS.API.{verb}.{stream}", f"read {why}", publish=readers)
    yield Row(f"$JS.API.DIRECT.GET.{stream}.>", f"read {why}, one by one", publish=readers)
    for verb in ("MSG.NEXT", "INFO", "DELETE"):
        yield Row(f"$JS.API.CONSUMER.{verb}.{stream}.*", f"read {why}, in order", publish=readers)


def _store(store: str, why: str, *, read: Iterable[Role], write: Iterable[Role]) -> Iterator[Row]:
    """The rows for an object store: chunks of bytes, and what is known about each object."""
    readers, writers = frozenset(read), frozenset(write)
    for api, who in _ask(readers | writers):
        yield Row(f"{api}.STREAM.INFO.OBJ_{store}", f"open the store of {why}", publish=who)
        yield Row(f"{api}.DIRECT.GET.OBJ_{store}", f"read {why}, chunk by chunk", publish=who)
        yield Row(f"{api}.DIRECT.GET.OBJ_{store}.$O.{store}.M.*", f"find {why}", publish=who)
    yield Row(f"$JS.API.STREAM.MSG.GET.OBJ_{store}", f"find {why} before replacing them", publish=writers)
    yield Row(f"$JS.API.STREAM.PURGE.OBJ_{store}", f"take back a half upload of {why}", publish=writers)
    yield Row(f"$O.{store}.*.*", f"upload {why}", publish=writers)


_AGENT, _CONTROLLER = frozenset({Role.AGENT}), frozenset({Role.CONTROLLER})
_OPERATOR, _VIEWER = frozenset({Role.OPERATOR}), frozenset({Role.VIEWER})
_LEAF = frozenset({Role.LEAF})

TABLE: tuple[Row, ...] = (
    Row(f"{subjects.INBOXES}{ME}.>", "answers to one's own requests", subscribe=EVERYBODY),
    _row(subjects.INFER, "ask a model about a picture", publish=_PEOPLE, subscribe=_CONTROLLER),
    _row(subjects.WORK, "send a frame to a node, or on to the next stage", publish=_CONTROLLER | _AGENT),
    _row(subjects.WORK, "take the frames that are sent to it", own="node", subscribe=_AGENT),
    _row(subjects.ANSWER, "hear what nodes answer", own="user", subscribe=_WATCHERS | _AGENT),
    _row(subjects.ANSWER, "answer, under its own name", own="node", publish=_AGENT),
    _row(subjects.FRAMES, "take pushed pictures; push for any camera", publish=_OPERATOR, subscribe=_CONTROLLER),
    _row(subjects.FRAMES, "push its own pictures", own="camera", publish={Role.PUBLISHER}),
    _row(subjects.RESULTS, "tell and hear results", publish=_CONTROLLER, subscribe=_PEOPLE),
    _row(subjects.JOBS, "submit jobs", publish=_OPERATOR),
    _row(subjects.BATCH_JOBS, "submit the jobs of a batch", publish=_OPERATOR | _CONTROLLER),
    _row(subjects.OUTCOMES, "tell what became of jobs", publish=_CONTROLLER),
    _row(subjects.DEAD_LETTERS, "keep pictures that failed", publish=_CONTROLLER),
    *_stream(subjects.OUTCOMES_STREAM, "what became of jobs", read=_OPERATOR),
    _row(subjects.AUDIT, "put on the record", publish=_CONTROLLER),
    *_stream(subjects.AUDIT_STREAM, "the record", read=_OPERATOR),
    _row(subjects.REFUSED, "hear what servers refused that no controller watches", subscribe=_CONTROLLER),
    _row(subjects.REFUSED, "tell what its server refused", own="witness", publish={Role.WITNESS}),
    _row(subjects.WITNESS_HEARTBEAT, "see that every witness is there", subscribe=_CONTROLLER),
    _row(subjects.WITNESS_HEARTBEAT, "tell that it is there", own="witness", publish={Role.WITNESS}),
    _row(subjects.HEARTBEAT, "follow the nodes' health", subscribe=_WATCHERS),
    _row(subjects.HEARTBEAT, "tell its own health", own="node", publish=_AGENT),
    _row(subjects.NODE_EVENT, "follow what happens on nodes", subscribe=_WATCHERS),
    _row(subjects.NODE_EVENT, "tell what happens on it", own="node", publish=_AGENT),
    _row(subjects.NODE_COMMAND, "command nodes, also on operators' behalf", publish=_CONTROLLER),
    _row(subjects.NODE_COMMAND, "have a node examine itself", publish=_OPERATOR, verb="examine"),
    _row(subjects.NODE_COMMAND, "take commands", own="node", subscribe=_AGENT),
    _row(subjects.NODE_PROBE, "time the links to nodes", publish=_CONTROLLER),
    _row(subjects.NODE_PROBE, "answer probes", own="node", subscribe=_AGENT),
    _row(subjects.NODE_LOGS, "read nodes' logs", publish=_OPERATOR),
    _row(subjects.NODE_LOGS, "tell its own log to who asks", own="node", subscribe=_AGENT),
    _row(subjects.CAMERA_STATUS, "tell and follow the cameras' state", publish=_CONTROLLER, subscribe=_WATCHERS),
    _row(subjects.CAMERA_SNAPSHOT, "ask one another for pictures", publish=_CONTROLLER, subscribe=_CONTROLLER),
    _row(subjects.CAMERA_EVENT, "tell and follow what happens to cameras", publish=_CONTROLLER, subscribe=_PEOPLE),
    _row(subjects.MODEL_EVENT, "tell and follow what happens to models", publish=_CONTROLLER, subscribe=_PEOPLE),
    _row(subjects.CONTROLLER_HEARTBEAT, "live signs to one another", publish=_CONTROLLER, subscribe=_CONTROLLER),
    _row(subjects.CONTROLLER_STATUS, "tell and follow the ledgers", publish=_CONTROLLER, subscribe=_WATCHERS),
    _row(subjects.CONTROLLER_EVENT, "what happens to controllers", publish=_CONTROLLER, subscribe=_WATCHERS),
    _row(subjects.CONTROLLER_LOGS, "read controllers' logs; tell them", publish=_OPERATOR, subscribe=_CONTROLLER),
    _row(subjects.CONTROL, "take requests of people; the subject says whose", subscribe=_CONTROLLER),
    _row(subjects.CONTROL, "ask for changes, in one's own name", own="user", publish=_OPERATOR),
    _row(subjects.CONTROL, "ask how all is", own="user", publish=_VIEWER, noun="cluster", verb="status"),
    _row(subjects.CONTROL, "see how jobs are", own="user", publish=_VIEWER, noun="jobs", verb="list"),
    _row(subjects.CONTROL, "see a last picture", own="user", publish=_VIEWER, noun="camera", verb="snapshot"),
    Row("$SRV.>", "find the services (`nats micro`)", publish=_PEOPLE, subscribe=_CONTROLLER),
    *_bucket(subjects.CONFIG_BUCKET, subjects.MODEL_KEY, "the models' manifests", read=_AGENT | _OPERATOR),
    *_bucket(subjects.CONFIG_BUCKET, subjects.VERSIONS_KEY, "the versions kept", read=_CONTROLLER, write=_CONTROLLER),
    *_bucket(subjects.CONFIG_BUCKET, subjects.CAMERA_KEY, "the cameras' configuration", read=_OPERATOR),
    *_bucket(subjects.CONFIG_BUCKET, subjects.POLICY_KEY, "who is primary for a model", read=_OPERATOR),
    *_bucket(subjects.ASSIGNMENTS_BUCKET, subjects.ASSIGNMENT_KEY, "its assignment", read=_AGENT, own="node"),
    *_bucket(subjects.CONFIG_BUCKET, subjects.PLAN_KEY, "the plans", read=_CONTROLLER, write=_CONTROLLER),
    *_bucket(subjects.PROFILES_BUCKET, subjects.PROFILE_KEY, "the profiles", read=_CONTROLLER, write=_CONTROLLER),
    *_bucket(subjects.LINKS_BUCKET, subjects.LINK_KEY, "the links", read=_CONTROLLER, write=_CONTROLLER),
    *_bucket(subjects.LEASES_BUCKET, subjects.SESSION_KEY, "the sessions", read=_CONTROLLER, write=_CONTROLLER),
    *_bucket(subjects.LEASES_BUCKET, subjects.CLAIM_KEY, "the claims", read=_CONTROLLER, write=_CONTROLLER),
    *_bucket(subjects.SIGHT_BUCKET, subjects.SIGHT_KEY, "the blindness kept", read=_CONTROLLER, write=_CONTROLLER),
    *_bucket(subjects.FENCES_BUCKET, subjects.FENCE_KEY, "the fences", read=_CONTROLLER, write=_CONTROLLER),
    *_store(subjects.MODELS_STORE, "models' files", read=_AGENT, write=_OPERATOR),
    Row(f"{subjects.READ}.*.>", "read for those who ask in their own name", subscribe=_CONTROLLER),
    Row(f"{subjects.READ}.{ME}.INFO", "ask how full the store is", publish=_PEOPLE),
    Row("$JS.API.INFO", "ask the server how full the store is", publish=_OPERATOR),
    Row("$JS.API.>", "keep the cluster's state", publish=_CONTROLLER),
    Row("$JS.API.STREAM.DELETE.*", "what is stored is never deleted as a whole", denied=_CONTROLLER | _LEAF),
    Row("$JS.ACK.>", "acknowledge what was read", publish=_CONTROLLER),
    Row("$JS.FC.>", "let the server send on", publish=_CONTROLLER),
    Row("$KV.>", "write and follow buckets", publish=_CONTROLLER, subscribe=_CONTROLLER),
    Row("$O.>", "write object stores", publish=_CONTROLLER),
    Row(">", "carry what users of another site do, as far as its server lets them", publish=_LEAF, subscribe=_LEAF),
)
