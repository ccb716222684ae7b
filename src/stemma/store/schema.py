"""Every table, in one place. A change here needs a migration beside it; a test holds the two together."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

REVISION = "0001"
"""The migration this code expects; compared with the database's at every opening, without loading Alembic."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite keeps a 64-bit key inside the row's own id only when the type reads INTEGER.
_Key = BigInteger().with_variant(Integer, "sqlite")

# --- ledger -----------------------------------------------------------------------------------------------------------

ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("seq", _Key, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),  # canonical JSON, hashed as it stands
    Column("leaf", LargeBinary, nullable=False),  # RFC 6962 leaf hash, 32 bytes
)

ledger_head = Table(
    "ledger_head",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),  # one row; locking it puts appends in line
    Column("size", BigInteger, nullable=False),
    Column("frontier", LargeBinary, nullable=False),  # roots of the perfect subtrees, largest first, 32 bytes each
    Column("tip", LargeBinary, nullable=False),  # leaf hash of the last entry: the next body carries it
    CheckConstraint("id = 1", name="one_row"),
)

ledger_checkpoints = Table(
    "ledger_checkpoints",
    metadata,
    Column("size", _Key, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),  # a C2SP signed note; nothing unsigned stands beside it
)

# --- registry ---------------------------------------------------------------------------------------------------------

contents = Table(
    "contents",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),  # SHA-256, 32 bytes
    Column("base_id", _Key, ForeignKey("contents.id")),  # the text whose bytes are the compression dictionary
    Column("depth", SmallInteger, nullable=False),  # texts to read before this one can be
    Column("payload", LargeBinary, nullable=False),  # Zstandard frame of the canonical JSON
)

prompts = Table(
    "prompts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("latest", Integer, nullable=False),
    Column("created_at", Text, nullable=False),
)

generators = Table(
    "generators",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("name", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Text, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("number", _Key, primary_key=True),  # what candidates carry: a few bytes a row instead of the id's thirty
    Column("id", Text, nullable=False, unique=True),
    Column("generator", LargeBinary, ForeignKey("generators.digest"), nullable=False),
    Column("prompt_name", Text),
    Column("model", Text),
    Column("parameters", Text, nullable=False),
    Column("code_version", Text, nullable=False),
    Column("seed", BigInteger),
    Column("data_digest", LargeBinary),
    Column("seen", LargeBinary),  # marks of the cases it learned from, sorted, one behind the other; never their words
    Column("actor", Text, nullable=False),
    Column("trust", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("result", Text),
    Column("started_at", Text, nullable=False),
    Column("finished_at", Text),
    Index("ix_sessions_prompt_name", "prompt_name"),
)

candidates = Table(
    "candidates",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("session", _Key, ForeignKey("sessions.number"), nullable=False),
    Column("content_id", _Key, ForeignKey("contents.id"), nullable=False),
    Column("operator", Text, nullable=False),
    Column("status", SmallInteger, nullable=False),  # registry.candidates.Status
    Column("reason", Text),
    Column("score", Float),
    Index("ix_candidates_content_id", "content_id"),
    Index("ix_candidates_session", "session"),
)

candidate_parents = Table(
    "candidate_parents",
    metadata,
    Column("candidate_id", _Key, ForeignKey("candidates.id"), primary_key=True, autoincrement=False),
    Column("position", SmallInteger, primary_key=True, autoincrement=False),  # 0: the parent that it resembles most
    Column("parent_id", _Key, ForeignKey("candidates.id"), nullable=False),
    sqlite_with_rowid=False,
)

prompt_versions = Table(
    "prompt_versions",
    metadata,
    Column("name", Text, ForeignKey("prompts.name"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("content_id", _Key, ForeignKey("contents.id"), nullable=False),
    Column("candidate_id", _Key, ForeignKey("candidates.id")),
    Column("author", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("trust", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Index("ix_prompt_versions_content_id", "content_id"),
    Index("ix_prompt_versions_candidate_id", "candidate_id"),
)

prompt_labels = Table(
    "prompt_labels",
    metadata,
    Column("name", Text, primary_key=True),
    Column("label", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("generation", Integer, nullable=False),  # counts moves; a writer names the one it read
    Column("actor", Text, nullable=False),
    Column("moved_at", Text, nullable=False),
    ForeignKeyConstraint(["name", "version"], ["prompt_versions.name", "prompt_versions.version"]),
)

# --- evaluate ---------------------------------------------------------------------------------------------------------

completions = Table(
    "completions",
    metadata,
    Column("key", LargeBinary, primary_key=True),  # SHA-256 of everything the answer may depend on
    Column("output", Text, nullable=False),
    Column("refusal", Text),  # the code, when the model declined; `output` is then its reason
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("cost", Float),
    Column("seconds", Float),
    Column("stand_in", Text),  # the model that answered in the place of the one asked, whose provider failed
    Column("created_at", Text, nullable=False),
    sqlite_with_rowid=False,
)

journal = Table(
    "journal",
    metadata,
    Column("session", _Key, ForeignKey("sessions.number"), primary_key=True, autoincrement=False),
    Column("key", LargeBinary, primary_key=True),
    Column("kind", Text, nullable=False),  # task, meta or judge
    Column("paid", Integer, nullable=False),  # calls this session made for it: 0 when the memo had the answer
    Column("missing", Text),  # why there is no answer, when the provider gave none
    sqlite_with_rowid=False,
)

session_steps = Table(
    "session_steps",
    metadata,
    Column("session", _Key, ForeignKey("sessions.number"), primary_key=True, autoincrement=False),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("state", LargeBinary, nullable=False),  # digest of the random state and the population: replay must meet it
    Column("summary", Text, nullable=False),
)

# --- release ----------------------------------------------------------------------------------------------------------

gate_verdicts = Table(
    "gate_verdicts",
    metadata,
    Column("subject", LargeBinary, primary_key=True),  # digest of the prompt that was judged
    Column("policy", LargeBinary, primary_key=True),  # digest of policy, incumbent, data, model and scorer together
    Column("verdict", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Text, nullable=False),
)

# --- network ----------------------------------------------------------------------------------------------------------

networks = Table(
    "networks",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("name", Text, nullable=False),
    Column("folder", Text, nullable=False),  # where its tools and files lie, on the machine that pinned it
    Column("body", Text, nullable=False),  # with every prompt and passage in it: what a resumed run goes by
    Column("created_at", Text, nullable=False),
    sqlite_with_rowid=False,
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("batch", Text, nullable=False),  # one `stemma run`: a network over one list of items
    Column("item", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("network", LargeBinary, ForeignKey("networks.digest"), nullable=False),
    Column("request", Text, nullable=False),
    Column("status", Text, nullable=False),  # network.run.RunStatus
    Column("owner", Text),  # executor that works on it; only its owner may write to a running run
    Column("breaks", Integer, nullable=False, server_default="0"),  # how often it broke while it was worked on
    Column("outcome", Text),
    Column("actor", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("started_at", Text),
    Column("finished_at", Text),
    # What the whole task has taken so far, held against the network's bounds.
    Column("messages", Integer, nullable=False, server_default="0"),
    Column("calls", Integer, nullable=False, server_default="0"),
    Column("tokens", BigInteger, nullable=False, server_default="0"),
    Column("microdollars", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("batch", "item"),
    Index("ix_runs_status", "status", "created_at"),
)

messages = Table(
    "messages",
    metadata,
    Column("seq", _Key, primary_key=True),  # the order of an inbox
    Column("id", Text, nullable=False, unique=True),
    Column("run", Text, ForeignKey("runs.id"), nullable=False),
    Column("sender", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("inbox", Text, nullable=False),  # network/agent; network/* while it is put up for several
    Column("replicas", Integer),  # how many of the inbox are worked on at once, wherever; null for any number
    Column("body", Text, nullable=False),
    Column("status", Text, nullable=False),  # network.message.MessageStatus
    Column("owner", Text),  # executor that works on it
    Column("deliveries", Integer, nullable=False, server_default="0"),
    Column("deadline", Text),  # not begun by then, it is a dead letter
    Column("sent_at", Text, nullable=False),
    Column("answered_at", Text),
    Column("answer", Text),
    Column("reason", Text),  # why it is a dead letter
    Index("ix_messages_run", "run", "seq"),
    Index("ix_messages_status", "status", "inbox", "seq"),
)

offers = Table(  # agents that may claim a message which is put up for whoever is free
    "offers",
    metadata,
    Column("message", Text, primary_key=True),
    Column("inbox", Text, primary_key=True),
    Column("rank", Integer, nullable=False),  # the fittest comes first
    Column("replicas", Integer),
    Column("body", Text, nullable=False),  # the message as this one gets it
    sqlite_with_rowid=False,
)

steps = Table(  # what workflows did: a replay reads it here
    "steps",
    metadata,
    Column("subject", Text, primary_key=True),  # a message, or a run
    Column("step", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("at", Text, nullable=False),
    sqlite_with_rowid=False,
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("network", Text, primary_key=True),
    Column("agent", Text, primary_key=True),
    sqlite_with_rowid=False,
)

questions = Table(
    "questions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run", Text, ForeignKey("runs.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("asked_at", Text, nullable=False),
    Column("deadline", Text),
    Column("decision", Text),
    Column("decided_by", Text),
    Column("decided_at", Text),
    Index("ix_questions_decided_at", "decided_at"),
    Index("ix_questions_run", "run"),
)

workspace = Table(
    "workspace",
    metadata,
    Column("run", Text, ForeignKey("runs.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("revision", Integer, nullable=False),  # counts writes; a writer names the one it read
    Column("writer", Text, nullable=False),
    Column("written_at", Text, nullable=False),
    sqlite_with_rowid=False,
)

memories = Table(
    "memories",
    metadata,
    Column("id", _Key, primary_key=True, autoincrement=False),  # that of its entry in the audit log
    Column("scope", Text, nullable=False),
    Column("source", Text, nullable=False),  # what it was learned from, a message and a name: remembered once
    Column("text", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("encoder", Text, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    Column("created_at", Text, nullable=False),
    UniqueConstraint("scope", "source"),
    Index("ix_memories_scope", "scope", "id"),
)

# --- alarms -----------------------------------------------------------------------------------------------------------

alarms = Table(
    "alarms",
    metadata,
    Column("id", Text, primary_key=True),  # of what was noticed, so that it is noticed once
    Column("kind", Text, nullable=False),  # guard.alarms.Kind
    Column("run", Text, nullable=False),  # empty for what happened in none
    Column("at", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_alarms_at", "at"),
    Index("ix_alarms_run", "run"),
)

alarm_watch = Table(  # what the watch has seen: measures of each run, and under "log" how far it has read
    "alarm_watch",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("network", Text, nullable=False),
    Column("through", BigInteger, nullable=False),  # number of the last entry of the audit log that counts in `seen`
    Column("ended", Integer, nullable=False),  # 1 for a run that was looked at whole
    Column("seen", Text, nullable=False),
    Index("ix_alarm_watch_network", "network", "ended", "through"),
)

# --- access -----------------------------------------------------------------------------------------------------------

access_state = Table(
    "access_state",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),  # one row; locking it puts changes in line
    Column("stamp", Text, nullable=False),  # new with every change: what a process has read is good while it stands
    Column("governed", SmallInteger, nullable=False),
    Column("protected", Text),  # labels, with spaces between; nobody has said which while absent
    CheckConstraint("id = 1", name="one_row"),
)

principals = Table(
    "principals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("description", Text, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("added_at", Text, nullable=False),
)

access_roles = Table(  # beside the built-in ones
    "access_roles",
    metadata,
    Column("name", Text, primary_key=True),
    Column("description", Text, nullable=False),
    Column("permissions", Text, nullable=False),
    Column("defined_by", Text, nullable=False),
    Column("defined_at", Text, nullable=False),
)

role_grants = Table(
    "role_grants",
    metadata,
    Column("principal", Text, ForeignKey("principals.id"), primary_key=True),
    Column("role", Text, primary_key=True),
    Column("resources", Text, primary_key=True),  # the pattern that the role is limited to
    Column("granted_by", Text, nullable=False),
    Column("granted_at", Text, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("principal", Text, ForeignKey("principals.id"), nullable=False),
    Column("hash", LargeBinary, nullable=False),  # SHA-256 of the secret, which is kept nowhere
    Column("actions", Text, nullable=False),
    Column("resources", Text, nullable=False),
    Column("issued_by", Text, nullable=False),
    Column("issued_at", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
    Column("revoked_at", Text),
)

# --- vault ------------------------------------------------------------------------------------------------------------

vault_keys = Table(
    "vault_keys",
    metadata,
    Column("id", LargeBinary, primary_key=True),  # five random bytes that lead every token of this key
    Column("tenant", Text, nullable=False),
    Column("subject", Text, nullable=False),  # whose data alone it is for; empty for the tenant's own
    Column("generation", Integer, nullable=False),  # counts the keys of the two, of which at most the last is live
    Column("wrapped", LargeBinary),  # null once it is erased
    Column("created_at", Text, nullable=False),
    Column("erased_at", Text),
    UniqueConstraint("tenant", "subject", "generation"),
    sqlite_with_rowid=False,
)
