"""The one table of subjects. Nothing else in Bramble writes a subject by hand.

nats-py accepts ``a..b`` or ``.a`` and delivers them to nobody, so every token is checked here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from wire.ids import check_token

_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Subject:
    """A family of subjects: literal tokens and named fields, such as ``node.{node}.heartbeat``."""

    pattern: str
    purpose: str
    fields: tuple[str, ...] = field(init=False)
    _parser: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", tuple(_FIELD.findall(self.pattern)))
        parser = _FIELD.sub(r"(?P<\1>[A-Za-z0-9_-]{1,64})", self.pattern.replace(".", r"\."))
        object.__setattr__(self, "_parser", re.compile(parser))

    def build(self, **tokens: str) -> str:
        """Fill in every field.

        Raises:
            BadRequestError: a token is not a valid name.
            TypeError: a field is missing or unknown.

        """
        self._check_fields(tokens, set(self.fields))
        return self.pattern.format(**{name: check_token(value, name) for name, value in tokens.items()})

    def wildcard(self, **tokens: str) -> str:
        """Fill in some fields and match all values of the others with ``*``."""
        self._check_fields(tokens, set(tokens))
        checked = {name: check_token(value, name) for name, value in tokens.items()}
        return self.pattern.format(**{name: checked.get(name, "*") for name in self.fields})

    def parse(self, subject: str) -> dict[str, str] | None:
        """Read the fields back out of a subject; None when it is not of this family."""
        found = self._parser.fullmatch(subject)
        return found.groupdict() if found else None

    def _check_fields(self, tokens: dict[str, str], wanted: set[str]) -> None:
        if tokens.keys() != wanted or not wanted <= set(self.fields):
            raise TypeError(f"{self.pattern} takes {self.fields}, got {tuple(tokens)}")


INFER = Subject("infer.{model}", "a picture in, a JSON answer (or a picture) out; for people and any NATS client")
WORK = Subject("infer.{node}.{model}.{stage}", "one frame for one stage on one node; sent by controllers and stages")
FRAMES = Subject("frames.{camera}", "a picture from outside for a camera whose source is push:")
RESULTS = Subject("results.{camera}.{model}", "one JSON result a frame")
JOBS = Subject("jobs.{model}", "a picture as a durable job of its own; for any NATS client")
BATCH_JOBS = Subject("jobs.{model}.{batch}.{job}", "a picture as a durable job of a batch, named by its submitter")
OUTCOMES = Subject("outcomes.{batch}.{job}", "the one terminal result of a job, as JSON")
DEAD_LETTERS = Subject(
    "dead.{model}.{batch}.{job}", "the picture of a job that failed, kept so that it can be tried again"
)

HEARTBEAT = Subject("node.{node}.heartbeat", "a node's health, once a second")
NODE_EVENT = Subject("node.{node}.event.{kind}", "what happened on a node")
NODE_COMMAND = Subject("node.{node}.command.{verb}", "drain and undrain a node; have it time a model, or prove it anew")
NODE_PROBE = Subject("node.{node}.probe", "a payload of any kind, answered with as many bytes as asked: times a link")
NODE_LOGS = Subject("node.{node}.logs", "asked of a node: the last lines of its log")

CAMERA_STATUS = Subject("camera.{camera}.status", "a camera's state and ledger, once a second")
CAMERA_EVENT = Subject("camera.{camera}.event.{kind}", "what happened to a camera")

MODEL_EVENT = Subject("model.{model}.event.{kind}", "what happened to a model: cuts proved or refused, plans changed")
CONTROLLER_HEARTBEAT = Subject("controller.{controller}.heartbeat", "a controller's sign of life to the others")
CONTROLLER_STATUS = Subject("controller.{controller}.status", "a controller's duties and ledger, once a second")
CONTROLLER_EVENT = Subject("controller.{controller}.event.{kind}", "what happened to a controller or the cluster")
CONTROLLER_LOGS = Subject("controller.{controller}.logs", "asked of a controller: the last lines of its log")
CAMERA_SNAPSHOT = Subject("camera.{camera}.snapshot", "asked by controllers of the one that owns the camera")

ANSWER = Subject("answer.{user}.{node}.{connection}.{token}", "a node's answer to who asked it, under its own name")

AUDIT = Subject("audit.entry", "who did what and when, each entry tied to the one before it")
REFUSED = Subject("refused.{witness}", "what the server beside a witness refused, for the record")
WITNESS_HEARTBEAT = Subject("witness.{witness}.heartbeat", "a witness's sign of life, every two seconds")

CONTROL = Subject("control.{user}.{noun}.{verb}", "what somebody asks of the controllers, and who it is")

TABLE: tuple[Subject, ...] = (
    INFER,
    WORK,
    FRAMES,
    RESULTS,
    JOBS,
    BATCH_JOBS,
    OUTCOMES,
    DEAD_LETTERS,
    HEARTBEAT,
    NODE_EVENT,
    NODE_COMMAND,
    NODE_PROBE,
    NODE_LOGS,
    CAMERA_STATUS,
    CAMERA_EVENT,
    MODEL_EVENT,
    CAMERA_SNAPSHOT,
    CONTROLLER_HEARTBEAT,
    CONTROLLER_STATUS,
    CONTROLLER_EVENT,
    CONTROLLER_LOGS,
    ANSWER,
    AUDIT,
    REFUSED,
    WITNESS_HEARTBEAT,
    CONTROL,
)

INBOXES = "_INBOX_"
"""A user's answers come to ``_INBOX_<name>.>``, where nobody else may listen."""

STORE_API = "$JS.API"
"""What the server does about what is stored. It answers wherever it is told to, and is held against no permissions."""

READ = "read"
"""``read.<user>.<question>``: the same questions put to the controllers, which answer in that user's inbox alone."""

CONFIG_BUCKET = "config"
ASSIGNMENTS_BUCKET = "assignments"
PROFILES_BUCKET = "profiles"
LINKS_BUCKET = "links"
LEASES_BUCKET = "leases"
SIGHT_BUCKET = "sight"
FENCES_BUCKET = "fences"
MODELS_STORE = "models"
SIGNATURE_BLOB = Subject("signature-{manifest}", "name in the models store: the signature of a manifest, by its digest")

JOBS_STREAM = "jobs"
OUTCOMES_STREAM = "outcomes"
DEAD_LETTERS_STREAM = "dead"
AUDIT_STREAM = "audit"

MODEL_KEY = Subject("models.{model}", "key in the config bucket: a model's manifest as JSON")
VERSIONS_KEY = Subject("versions.{model}", "key in the config bucket: the versions of a model that are kept")
POLICY_KEY = Subject("policies.{model}", "key in the config bucket: which nodes are to serve a model")
CAMERA_KEY = Subject("cameras.{camera}", "key in the config bucket: a camera's configuration")
ASSIGNMENT_KEY = Subject("{node}", "key in the assignments bucket: the shards that a node is to serve")
PLAN_KEY = Subject("plans.{model}", "key in the config bucket: how a model is to be laid out over the nodes")
PROFILE_KEY = Subject("{node}.{digest}", "key in the profiles bucket: how long an artefact takes on a node")
LINK_KEY = Subject("{node}", "key in the links bucket: a node's way to the server")
SESSION_KEY = Subject("sessions.{controller}", "key in the leases bucket: a controller's session, renewed each second")
FENCE_KEY = Subject("{node}", "key in the fences bucket: the models that a node must not serve")
SIGHT_KEY = Subject("{controller}", "key in the sight bucket: how long its cameras have been blind")
CLAIM_KEY = Subject("claims.{duty}.{name}", "key in the leases bucket: which session has a camera or a task")
