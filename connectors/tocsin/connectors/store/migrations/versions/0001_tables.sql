CREATE TABLE activity (
    tenant {text} NOT NULL, id {text} NOT NULL, at BIGINT NOT NULL, occurred_at BIGINT, kind {text} NOT NULL,
    message_id {text}, message_type {text}, thread_id {text}, parent_thread_id {text}, connection {text},
    trust {text}, record_type {text}, record_id {text}, record_state {text}, job {text}, detail {bytes},
    CONSTRAINT activity_pk PRIMARY KEY (tenant, id)
);
CREATE INDEX activity_at ON activity (tenant, at, id);
CREATE INDEX activity_connection_at ON activity (tenant, connection, at, id) WHERE connection IS NOT NULL;
CREATE INDEX activity_record_id_at ON activity (tenant, record_id, record_type, at, id) WHERE record_id IS NOT NULL;
CREATE INDEX activity_thread_id_at ON activity (tenant, thread_id, at, id) WHERE thread_id IS NOT NULL;

CREATE TABLE attempts (
    tenant {text} NOT NULL, delivery_id {text} NOT NULL, attempt INTEGER NOT NULL, endpoint {text},
    started_at BIGINT, ended_at BIGINT, duration BIGINT, retry_after BIGINT, outcome {text}, reason {text},
    status INTEGER, at BIGINT NOT NULL, CONSTRAINT attempts_pk PRIMARY KEY (tenant, delivery_id, attempt)
);
CREATE INDEX attempts_at ON attempts (tenant, at);

CREATE TABLE audit (
    tenant {text} NOT NULL, id {text} NOT NULL, at BIGINT NOT NULL, action {text}, credential {text}, who {text},
    "key" {text}, target {text}, address {text}, outcome {text}, reason {text}, request_id {text}, cause {text},
    status INTEGER, count INTEGER, CONSTRAINT audit_pk PRIMARY KEY (tenant, id)
);
CREATE INDEX audit_at ON audit (tenant, at, id);

CREATE TABLE case_events (
    tenant {text} NOT NULL, id {text} NOT NULL, case_id {text} NOT NULL, at BIGINT NOT NULL, kind {text} NOT NULL,
    report {text}, thread_id {text}, connection {text}, "by" {text}, why {text}, detail {bytes},
    CONSTRAINT case_events_pk PRIMARY KEY (tenant, id)
);
CREATE INDEX case_events_case_at ON case_events (tenant, case_id, at, id);
CREATE INDEX case_events_connection_at ON case_events (tenant, connection, at, id) WHERE connection IS NOT NULL;
CREATE INDEX case_events_thread_id_at ON case_events (tenant, thread_id, at, id) WHERE thread_id IS NOT NULL;

CREATE TABLE cases (
    tenant {text} NOT NULL, id {text} NOT NULL, opened_at BIGINT, reopened_at BIGINT, at BIGINT, resolved_at BIGINT,
    count BIGINT, code {text}, code_key {text}, severity {text}, title {text}, dialect {text}, first_report {text},
    last_report {text}, thread_id {text}, connection {text}, record_type {text}, record_id {text},
    resolved_by {text}, resolved_why {text}, policy {text}, escalation {text}, acknowledged_by {text},
    acknowledged_why {text}, snoozed_by {text}, step INTEGER, escalated_at BIGINT, acknowledged_at BIGINT,
    snoozed_at BIGINT, snoozed_until BIGINT, CONSTRAINT cases_pk PRIMARY KEY (tenant, id)
);
CREATE INDEX cases_at ON cases (tenant, at, id);
CREATE INDEX cases_open_at ON cases (tenant, at, id) WHERE resolved_at IS NULL;

CREATE TABLE commands (
    tenant {text} NOT NULL, id {text} NOT NULL, at BIGINT DEFAULT 0 NOT NULL, kind {text}, target {text},
    "by" {text}, why {text}, choice {text}, until BIGINT, since BIGINT, outcome {text}, case_id {text},
    detail {text}, answered_at BIGINT, CONSTRAINT commands_pk PRIMARY KEY (tenant, id)
);
CREATE INDEX commands_at ON commands (tenant, at, id);

CREATE TABLE connections (
    tenant {text} NOT NULL, id {text} NOT NULL, first_at BIGINT NOT NULL, at BIGINT NOT NULL,
    last_id {text} NOT NULL, trust {text}, peer {text}, CONSTRAINT connections_pk PRIMARY KEY (tenant, id)
);
CREATE INDEX connections_at ON connections (tenant, at, id);

CREATE TABLE counts (
    tenant {text} NOT NULL, kind {text} NOT NULL, hour BIGINT NOT NULL, name {text} NOT NULL, count BIGINT NOT NULL,
    CONSTRAINT counts_pk PRIMARY KEY (tenant, kind, hour, name)
);

CREATE TABLE dead_letters (
    tenant {text} NOT NULL, id {text} NOT NULL, partition INTEGER NOT NULL, "offset" BIGINT NOT NULL,
    at BIGINT NOT NULL, reason {text}, stage {text}, topic {text}, origin {text}, detail {text}, type {text},
    event_id {text}, endpoint {text}, bytes INTEGER NOT NULL, CONSTRAINT dead_letters_pk PRIMARY KEY (tenant, id)
);
CREATE INDEX dead_letters_at ON dead_letters (tenant, at, id);
CREATE INDEX dead_letters_event_id_at ON dead_letters (tenant, event_id, at, id) WHERE event_id IS NOT NULL;

CREATE TABLE deliveries (
    tenant {text} NOT NULL, id {text} NOT NULL, endpoint {text}, lane {text}, case_id {text}, about {text},
    content_type {text}, bytes INTEGER, replay INTEGER, at BIGINT DEFAULT 0 NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL, outcome {text}, reason {text}, status INTEGER, ended_at BIGINT,
    delivered_at BIGINT, CONSTRAINT deliveries_pk PRIMARY KEY (tenant, id)
);
CREATE INDEX deliveries_about_at ON deliveries (tenant, about, at, id) WHERE about IS NOT NULL;
CREATE INDEX deliveries_at ON deliveries (tenant, at, id);
CREATE INDEX deliveries_case_id_at ON deliveries (tenant, case_id, at, id) WHERE case_id IS NOT NULL;

CREATE TABLE erased (
    tenant {text} NOT NULL, id {text} NOT NULL, CONSTRAINT erased_pk PRIMARY KEY (tenant, id)
);

CREATE TABLE erasures (
    tenant {text} NOT NULL, subject {text} NOT NULL, "before" BIGINT NOT NULL, "by" {text} NOT NULL,
    CONSTRAINT erasures_pk PRIMARY KEY (tenant, subject)
);

CREATE TABLE offsets (
    topic {text} NOT NULL, partition INTEGER NOT NULL, next BIGINT NOT NULL, timestamp BIGINT NOT NULL,
    CONSTRAINT offsets_pk PRIMARY KEY (topic, partition)
);

CREATE TABLE problems (
    seq {serial} NOT NULL, tenant {text} NOT NULL, id {text} NOT NULL, known_by SMALLINT NOT NULL,
    at BIGINT NOT NULL, occurred_at BIGINT, code {text}, code_key {text}, dialect {text}, severity {text},
    title {text}, service {text}, wallet {text}, thread_id {text}, parent_thread_id {text}, message_id {text},
    connection {text}, sender {text}, record_type {text}, record_id {text}, job {text}, conformant BOOLEAN,
    document {bytes}, raw {bytes}, raw_media_type {text}, traceparent {text}, words {text}, case_id {text},
    decision {text}, decision_id {text}, reason {text}, survivor {text}, detail {text}, unrouted_to {text},
    decided_at BIGINT, context_at BIGINT, context {bytes}, context_thread {text}, context_connection {text},
    context_record_type {text}, context_record_id {text}, state {text}, state_after {text},
    CONSTRAINT problems_pk PRIMARY KEY (seq), CONSTRAINT problems_key UNIQUE (tenant, id)
);
CREATE INDEX problems_at ON problems (tenant, at, id);
CREATE INDEX problems_case_id_at ON problems (tenant, case_id, at, id) WHERE case_id IS NOT NULL;
CREATE INDEX problems_code_at ON problems (tenant, code_key, at, id);
CREATE INDEX problems_connection_at ON problems (tenant, connection, at, id) WHERE connection IS NOT NULL;
CREATE INDEX problems_context_connection_at ON problems (tenant, context_connection, at, id) WHERE context_connection IS NOT NULL;
CREATE INDEX problems_context_record_id_at ON problems (tenant, context_record_id, context_record_type, at, id) WHERE context_record_id IS NOT NULL;
CREATE INDEX problems_context_thread_at ON problems (tenant, context_thread, at, id) WHERE context_thread IS NOT NULL;
CREATE INDEX problems_record_id_at ON problems (tenant, record_id, record_type, at, id) WHERE record_id IS NOT NULL;
CREATE INDEX problems_sender_at ON problems (tenant, sender, at, id) WHERE sender IS NOT NULL;
CREATE INDEX problems_thread_id_at ON problems (tenant, thread_id, at, id) WHERE thread_id IS NOT NULL;

CREATE TABLE records (
    tenant {text} NOT NULL, type {text} NOT NULL, id {text} NOT NULL, first_at BIGINT NOT NULL, at BIGINT NOT NULL,
    last_id {text} NOT NULL, state {text}, thread_id {text}, connection {text},
    CONSTRAINT records_pk PRIMARY KEY (tenant, type, id)
);
CREATE INDEX records_at ON records (tenant, at);

CREATE TABLE silences (
    tenant {text} NOT NULL, id {text} NOT NULL, matchers {bytes}, at BIGINT NOT NULL, starts_at BIGINT,
    ends_at BIGINT, "by" {text}, why {text}, removed BOOLEAN NOT NULL,
    CONSTRAINT silences_pk PRIMARY KEY (tenant, id)
);
CREATE INDEX silences_at ON silences (tenant, at, id);

CREATE TABLE unreadable (
    topic {text} NOT NULL, partition INTEGER NOT NULL, "offset" BIGINT NOT NULL, reason {text} NOT NULL,
    detail {text} NOT NULL, timestamp BIGINT NOT NULL,
    CONSTRAINT unreadable_pk PRIMARY KEY (topic, partition, "offset")
);

CREATE TABLE violations (
    tenant {text} NOT NULL, peer {text} NOT NULL, rule {text} NOT NULL, dialect {text} NOT NULL,
    day BIGINT NOT NULL, count BIGINT NOT NULL, first_at BIGINT NOT NULL, last_at BIGINT NOT NULL, pointer {text},
    example {text}, CONSTRAINT violations_pk PRIMARY KEY (tenant, peer, rule, dialect, day)
);
