"""Ports and properties of the embedded Kafka."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tocsin.streams.up.broker.config import HIGHEST, HOST, LOWEST, Ports, choose_ports, server_properties


def test_ports_are_kept_with_the_data(tmp_path: Path) -> None:
    first = choose_ports(tmp_path, 0)
    assert LOWEST <= first.broker <= HIGHEST
    assert first.broker != first.controller
    assert choose_ports(tmp_path, 0) == first


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"broker": 1}', '{"broker": "x", "controller": 2}', "\xff"])
def test_half_a_file_of_ports_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "ports.json").write_bytes(text.encode("latin-1"))
    ports = choose_ports(tmp_path, 0)
    assert choose_ports(tmp_path, 0) == ports
    assert [file.name for file in tmp_path.iterdir()] == ["ports.json"]


def test_a_wanted_port_is_taken_and_kept(tmp_path: Path) -> None:
    controller = choose_ports(tmp_path, 0).controller
    assert choose_ports(tmp_path, 29_092) == Ports(29_092, controller)
    assert choose_ports(tmp_path, 0) == Ports(29_092, controller)


def test_a_kept_port_that_somebody_else_took_is_replaced(tmp_path: Path) -> None:
    first = choose_ports(tmp_path, 0)
    with socket.create_server((HOST, first.broker)):
        second = choose_ports(tmp_path, 0)
    assert second.broker != first.broker
    assert second.controller == first.controller


def test_every_listener_is_on_this_machine_only(tmp_path: Path) -> None:
    lines = server_properties(tmp_path, Ports(1, 2)).splitlines()
    properties = dict(line.split("=", 1) for line in lines)
    for name in ("listeners", "advertised.listeners", "controller.quorum.voters"):
        assert all(HOST in address for address in properties[name].split(","))
    assert properties["auto.create.topics.enable"] == "false"
