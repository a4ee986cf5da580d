#!/bin/sh
# The rights of each process in Kafka, and no more (docs/access.md#kafka); a test runs the whole bus with them.
# Usage: KAFKA=host:9093 ADMIN=admin.properties sh deploy/kafka-acls.sh
# The topics have the prefix `tocsin.` (TOCSIN_PREFIX), and exist: `tocsin topics apply` by the operator.
set -eu
acl() { kafka-acls.sh --bootstrap-server "$KAFKA" --command-config "$ADMIN" --add "$@"; }

# The operator at the command line: makes topics, and whatever `tocsin` can do.
acl --allow-principal User:tocsin-operator --operation All --topic tocsin. --resource-pattern-type prefixed
acl --allow-principal User:tocsin-operator --operation All --group tocsin. --resource-pattern-type prefixed
acl --allow-principal User:tocsin-operator --operation Create --operation Describe --operation DescribeConfigs --cluster

# Each process sees which topics there are, follows the settings, and says which schemas it writes.
acl --allow-principal User:tocsin-worker --allow-principal User:tocsin-dispatch --allow-principal User:tocsin-gateway --operation Describe --topic tocsin. --resource-pattern-type prefixed
acl --allow-principal User:tocsin-worker --allow-principal User:tocsin-dispatch --allow-principal User:tocsin-gateway --operation Read --operation Write --topic tocsin.settings
acl --allow-principal User:tocsin-worker --allow-principal User:tocsin-dispatch --allow-principal User:tocsin-gateway --operation Write --topic tocsin.dead

# The worker decides: of what it reads, the changelogs are its own.
acl --allow-principal User:tocsin-worker --operation Read --operation Write --topic tocsin.inbox --topic tocsin.deliveries --topic tocsin.decide-changelog --topic tocsin.deliver-changelog
acl --allow-principal User:tocsin-worker --operation Write --topic tocsin.problems --topic tocsin.escalations --topic tocsin.answers --topic tocsin.attempts
acl --allow-principal User:tocsin-worker --operation Read --group tocsin.worker --group tocsin.skip

# The dispatcher makes the attempts, and tells how they ended.
acl --allow-principal User:tocsin-dispatch --operation Read --topic tocsin.attempts --topic tocsin.deliveries
acl --allow-principal User:tocsin-dispatch --operation Write --topic tocsin.deliveries
acl --allow-principal User:tocsin-dispatch --operation Read --group tocsin.dispatch

# The gateway takes in, shows, and keeps on record who asked.
acl --allow-principal User:tocsin-gateway --operation Write --topic tocsin.inbox --topic tocsin.deliveries --topic tocsin.audit
acl --allow-principal User:tocsin-gateway --operation Read --topic tocsin.answers --topic tocsin.problems --topic tocsin.escalations --topic tocsin.deliveries --topic tocsin.deliver-changelog

# A service that publishes straight to Kafka, and one that subscribes (its group begins with its name).
acl --allow-principal User:tocsin-publisher --operation Write --operation Describe --topic tocsin.inbox
acl --allow-principal User:tocsin-subscriber --operation Read --operation Describe --topic tocsin.problems --topic tocsin.escalations --topic tocsin.settings
acl --allow-principal User:tocsin-subscriber --operation Write --operation Describe --topic tocsin.dead
acl --allow-principal User:tocsin-subscriber --operation Read --group subscriber. --resource-pattern-type prefixed
