"""The syntax of expressions: text -> tree. It is the part of CEL that a match needs; what is compiled is written anew
from the tree, so that nothing is evaluated but what was analysed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from msgspec import Struct

from tocsin.schemas.errors import TocsinError

MAX_DEPTH = 32
"""How deep an expression may be nested."""

MACROS = ("all", "exists", "exists_one", "existsOne", "filter", "map")
"""Methods that bind a variable and go round a list or the keys of a mapping."""


class ExpressionRefused(TocsinError):
    """An expression that may not be used; `expected` says what would be taken, `remedy` guesses what was meant."""

    def __init__(self, why: str, expected: str = "", remedy: str = "") -> None:
        super().__init__(why)
        self.expected, self.remedy = expected, remedy


class Node(Struct, frozen=True):
    """A part of an expression. `kind` is literal, name, select, index, list, map, call, method, has, macro, unary,
    binary, all_of, any_of or choice; `value` what it is called, or the literal as CEL writes it; `text` the value of a
    literal that is a text. A macro's `value` is its name and its variable."""

    kind: str
    value: str = ""
    children: tuple[Node, ...] = ()
    text: str | None = None


def parse(expression: str) -> Node:
    """The tree of an expression. Raises ExpressionRefused for what is not an expression of this kind."""
    parser = _Parser(_tokens(expression))
    tree = parser.expression()
    if parser.kind != "end":
        raise _failed(f"{parser.token!r} is not expected")
    return tree


_QUOTED = r"""\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''|"(?:[^"\\\n\r]|\\.)*"|'(?:[^'\\\n\r]|\\.)*'"""
_RAW = r"""[rR](?:\"\"\"(?:.*?)\"\"\"|'''(?:.*?)'''|"[^"\n\r]*"|'[^'\n\r]*')"""
_TOKEN = re.compile(
    rf"(?P<space>[ \t\n\r\f]+|//[^\n]*)|(?P<raw>{_RAW})|(?P<quoted>{_QUOTED})"
    r"|(?P<number>(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)u?)(?![A-Za-z0-9_])"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?![\"'])|(?P<mark>==|!=|<=|>=|&&|\|\||[-<>!+*/%?:.,()\[\]{}])",
    re.DOTALL | re.ASCII,
)
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([abfnrtv\\?\"'`])|(.))", re.DOTALL
)
_PLAIN = dict(zip("abfnrtv\\?\"'`", "\a\b\f\n\r\t\v\\?\"'`", strict=True))
_LEVELS = ({"==", "!=", "<", "<=", ">", ">=", "in"}, {"+", "-"}, {"*", "/", "%"})


def _failed(why: str) -> ExpressionRefused:
    return ExpressionRefused(f"Failed to parse: {why}")


def _tokens(expression: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None:
            raise _failed(f"{expression[at : at + 10]!r} is not expected")
        at, kind = match.end(), match.lastgroup or ""
        if kind != "space":
            found.append((kind, match.group()))
    return [*found, ("end", "the end")]


class _Parser:
    """Recursive descent over the tokens, at most MAX_DEPTH deep."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens, self._at, self._depth = tokens, 0, 0

    @property
    def kind(self) -> str:
        return self._tokens[self._at][0]

    @property
    def token(self) -> str:
        return self._tokens[self._at][1]

    def expression(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _failed("it is nested too deeply")
        found = self._joined("||", "any_of", lambda: self._joined("&&", "all_of", lambda: self._binary(0)))
        if self._take("?"):
            yes = self.expression()
            self._expect(":")
            found = Node("choice", children=(found, yes, self.expression()))
        self._depth -= 1
        return found

    def _joined(self, mark: str, kind: str, one: Callable[[], Node]) -> Node:
        found = [one()]
        while self._take(mark):
            found.append(one())
        return found[0] if len(found) == 1 else Node(kind, mark, tuple(found))

    def _binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        found, length = self._binary(level + 1), 0
        while self.token in _LEVELS[level] and self.kind in ("mark", "name"):
            operator, length = self._next(), length + 1
            if length > MAX_DEPTH:
                raise _failed(f"more than {MAX_DEPTH} of {operator} in a row")
            found = Node("binary", operator, (found, self._binary(level + 1)))
        return found

    def _unary(self, after: str = "") -> Node:
        if self.kind != "mark" or self.token not in "!-":
            return self._member()
        operator = self._next()
        if operator == "-" and self.kind == "number":  # the least integer is a literal only together with its sign
            return self._after(Node("literal", f"-{self._next()}"))
        if after not in ("", operator):  # CEL's grammar: several ! or several -, and no mixture
            raise _failed("! and - do not follow each other: put one in parentheses")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _failed("it is nested too deeply")
        found = Node("unary", operator, (self._unary(operator),))
        self._depth -= 1
        return found

    def _member(self) -> Node:
        return self._after(self._primary())

    def _after(self, found: Node) -> Node:
        """What follows a value: members, methods, indexes."""
        for _ in range(MAX_DEPTH):
            if self._take("["):
                found = Node("index", children=(found, self.expression()))
                self._expect("]")
            elif self._take("."):
                name = self._name()
                found = self._method(found, name) if self._take("(") else Node("select", name, (found,))
            else:
                return found
        raise _failed(f"more than {MAX_DEPTH} members in a row")

    def _method(self, target: Node, name: str) -> Node:
        if name not in MACROS:
            return Node("method", name, (target, *self._list(")")))
        variable = self._name()
        self._expect(",")
        parts = self._list(")")
        if not parts or len(parts) > (2 if name == "map" else 1):
            raise _failed(f"{name} takes a variable and what is asked of it")
        return Node("macro", f"{name} {variable}", (target, *parts))

    def _primary(self) -> Node:
        kind, token = self.kind, self._next()
        if kind == "number":
            return Node("literal", token)
        if kind in ("quoted", "raw"):
            text = _text_of(token)
            return Node("literal", json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f"), text=text)
        if kind == "name":
            return self._named(token)
        if token == "(":
            found = self.expression()
            self._expect(")")
            return found
        if token == "[":
            return Node("list", children=self._list("]"))
        if token == "{":
            return Node("map", children=self._entries())
        raise _failed(f"{token!r} is not expected" if kind != "end" else "it ends too early")

    def _named(self, name: str) -> Node:
        if name in ("true", "false", "null"):
            return Node("literal", name)
        if not self._take("("):
            return Node("name", name)
        children = self._list(")")
        if name != "has":
            return Node("call", name, children)
        if len(children) != 1 or children[0].kind != "select":
            raise _failed("has takes one member, as has(problem.http)")
        return Node("has", children[0].value, children[0].children)

    def _list(self, end: str) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self._take(end):
            found.append(self.expression())
            if self.token != end or self.kind != "mark":
                self._expect(",")
        return tuple(found)

    def _entries(self) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self._take("}"):
            found.append(self.expression())
            self._expect(":")
            found.append(self.expression())
            if self.token != "}" or self.kind != "mark":
                self._expect(",")
        return tuple(found)

    def _name(self) -> str:
        if self.kind != "name" or self.token in ("true", "false", "null", "in"):
            raise _failed(f"{self.token!r} is not expected")
        return self._next()

    def _next(self) -> str:
        token = self.token
        if self.kind != "end":
            self._at += 1
        return token

    def _take(self, mark: str) -> bool:
        if self.kind != "mark" or self.token != mark:
            return False
        self._at += 1
        return True

    def _expect(self, mark: str) -> None:
        if not self._take(mark):
            raise _failed(f"{mark!r} is expected instead of {self.token!r}")


def _text_of(token: str) -> str:
    raw = token[0] in "rR"
    token = token[1:] if raw else token
    quote = 3 if token[:3] in ('"""', "'''") and len(token) >= 6 else 1
    token = token[quote:-quote]
    text = token if raw else _ESCAPE.sub(_escaped, token)
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise _failed("a surrogate is no character")
    return text


def _escaped(match: re.Match[str]) -> str:
    number = match.group(1) or match.group(2) or match.group(3)
    if number or match.group(4):
        code = int(number, 16) if number else int(match.group(4), 8)
        if code > 0x10FFFF:
            raise _failed("there is no such character")
        return chr(code)
    if match.group(5):
        return _PLAIN[match.group(5)]
    raise _failed(f"\\{match.group(6)} is no escape")
