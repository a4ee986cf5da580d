#!/bin/sh
# Make the secrets of compose.yaml that are not there yet, in the folder secrets/ beside this file.
set -eu
cd "$(dirname "$0")"
mkdir -p secrets
umask 077
make_secret() { [ -s "secrets/$1" ] || head -c 32 /dev/urandom | base64 | tr -d '\n' > "secrets/$1"; }
make_secret link.key
make_secret seal.key
make_secret grafana.password
# In the containers they are read by another user; on this machine the folder keeps others out.
chmod 700 secrets
chmod 644 secrets/*
