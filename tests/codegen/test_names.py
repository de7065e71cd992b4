"""Names of users as C identifiers and in comments."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.codegen.names import _RESERVED, c_comment, c_identifier, c_macro


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("kws_ref_model", "kws_ref_model"),
        ("MobileNet-V2 0.25", "MobileNet_V2_0_25"),
        ("96px", "model_96px"),
        ("int", "model_int"),
        ("Class", "model_Class"),
        ("", "model"),
        ("../../etc/passwd", "etc_passwd"),
        ("__init__", "init"),
        ("größe", "gr_e"),
        ("x" * 99, "x" * 48),
    ],
)
def test_names_become_identifiers(name: str, identifier: str) -> None:
    assert c_identifier(name) == identifier


@given(st.text())
def test_every_name_becomes_an_identifier_and_stays_one(name: str) -> None:
    identifier = c_identifier(name)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*", identifier)
    assert identifier.lower() not in _RESERVED
    assert len(identifier) <= 54
    assert c_identifier(identifier) == identifier[:48].rstrip("_")
    assert c_macro(identifier) == identifier.upper()


def test_a_name_cannot_end_a_comment() -> None:
    assert c_comment("a*/ int evil; /*\nb") == "a_/_int_evil;_/__b"
