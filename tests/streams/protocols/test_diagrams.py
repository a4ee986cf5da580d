"""PROTOCOLS.md is what the generator writes, and its diagrams are of the form that Mermaid takes."""

from __future__ import annotations

import re
from pathlib import Path

from tocsin.streams.protocols import PROTOCOLS, load_protocol
from tocsin.streams.protocols.diagrams import FILE, diagram, document

ROOT = Path(__file__).parents[3]
LINE = re.compile(r'  (state "[a-z-]+" as \w+|(\[\*\]|\w+) --> (\[\*\]|\w+)( : [^:;#]+)?)')


def test_the_document_is_what_the_generator_writes() -> None:
    written = (ROOT / FILE).read_text("utf-8")
    assert written == document(), "run: python -m tocsin.streams.protocols.diagrams"


def test_every_line_of_a_diagram_is_mermaid_and_every_name_is_declared() -> None:
    for protocol in map(load_protocol, PROTOCOLS):
        for role, machine in protocol.roles.items():
            first, *lines = diagram(protocol, machine)
            assert first == "stateDiagram-v2"
            assert [line for line in lines if not LINE.fullmatch(line)] == [], role
            declared = {line.split(" as ")[1] for line in lines if " as " in line}
            used = {name for line in lines if "-->" in line for name in re.findall(r"\w+", line.partition(" : ")[0])}
            assert used == declared, f"{protocol.name} {role}"
