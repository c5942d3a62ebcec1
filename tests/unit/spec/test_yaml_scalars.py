"""Plain YAML scalars: what Kubernetes makes of them. The right column was printed by sigs.k8s.io/yaml (go-yaml v2) itself."""

from __future__ import annotations

import re

import pytest

from ecirun.spec.field_error import quoted
from ecirun.spec.yaml_scalar import key_of_float, plain, tagged

# fmt: off
SCALARS = [
    ('y', 'true'),
    ('Y', 'true'),
    ('yes', 'true'),
    ('Yes', 'true'),
    ('YES', 'true'),
    ('yEs', '"yEs"'),
    ('n', 'false'),
    ('N', 'false'),
    ('no', 'false'),
    ('No', 'false'),
    ('NO', 'false'),
    ('on', 'true'),
    ('On', 'true'),
    ('ON', 'true'),
    ('oN', '"oN"'),
    ('off', 'false'),
    ('Off', 'false'),
    ('OFF', 'false'),
    ('true', 'true'),
    ('True', 'true'),
    ('TRUE', 'true'),
    ('tRUE', '"tRUE"'),
    ('false', 'false'),
    ('False', 'false'),
    ('FALSE', 'false'),
    ('null', 'null'),
    ('Null', 'null'),
    ('NULL', 'null'),
    ('nULL', '"nULL"'),
    ('~', 'null'),
    ('None', '"None"'),
    ('inf', '"inf"'),
    ('nan', '"nan"'),
    ('0', '0'),
    ('-0', '0'),
    ('+0', '0'),
    ('00', '0'),
    ('7', '7'),
    ('-7', '-7'),
    ('+7', '7'),
    ('0644', '420'),
    ('-0644', '-420'),
    ('0o644', '420'),
    ('0O17', '15'),
    ('08', '8'),
    ('09.5', '9.5'),
    ('0o8', '"0o8"'),
    ('0x1F', '31'),
    ('0X1f', '31'),
    ('-0x10', '-16'),
    ('0xG', '"0xG"'),
    ('0b11', '3'),
    ('0B11', '3'),
    ('-0b11', '-3'),
    ('0b2', '"0b2"'),
    ('0b-11', '-3'),
    ('0b+11', '3'),
    ('1_000', '1000'),
    ('1__0', '10'),
    ('_1', '"_1"'),
    ('1_', '1'),
    ('0x_ff', '255'),
    ('1:30', '"1:30"'),
    ('1:30:20', '"1:30:20"'),
    ('190:20:30', '"190:20:30"'),
    ('2001-01-01', '"2001-01-01"'),
    ('2001-1-1', '"2001-1-1"'),
    ('2001-12-14t21:59:43.10-05:00', '"2001-12-14t21:59:43.10-05:00"'),
    ('1e3', '1000'),
    ('1E3', '1000'),
    ('1e+3', '1000'),
    ('1e-3', '0.001'),
    ('1.5e3', '1500'),
    ('12e03', '12000'),
    ('1e', '"1e"'),
    ('1e+', '"1e+"'),
    ('e3', '"e3"'),
    ('.5', '0.5'),
    ('.5_0', '0.5'),
    ('._5', '"._5"'),
    ('-.5', '-0.5'),
    ('5.', '5'),
    ('5.e3', '5000'),
    ('.', '"."'),
    ('..', '".."'),
    ('...', '"..."'),
    ('1.0', '1'),
    ('-0.0', '-0'),
    ('0.1', '0.1'),
    ('1.', '1'),
    ('1.2.3', '"1.2.3"'),
    ('3.14159265358979', '3.14159265358979'),
    ('1e400', '"1e400"'),
    ('-1e400', '"-1e400"'),
    ('1e-400', '0'),
    ('0x1p2', '"0x1p2"'),
    ('9223372036854775807', '9223372036854775807'),
    ('9223372036854775808', '9223372036854775808'),
    ('18446744073709551615', '18446744073709551615'),
    ('18446744073709551616', '18446744073709552000'),
    ('-9223372036854775808', '-9223372036854775808'),
    ('-9223372036854775809', '-9223372036854776000'),
    ('0xffffffffffffffff', '18446744073709551615'),
    ('0x10000000000000000', '"0x10000000000000000"'),
    ('0777777777777777777777', '9223372036854775807'),
    ('07777777777777777777777', '7.777777777777777e+21'),
    ('1e20', '100000000000000000000'),
    ('1e21', '1e+21'),
    ('=', '"="'),
    ('1a', '"1a"'),
    ('+-1', '"+-1"'),
    ('++1', '"++1"'),
    ('1,000', '"1,000"'),
    ('10Mi', '"10Mi"'),
    ('0.5Gi', '"0.5Gi"'),
    ('500m', '"500m"'),
    ('1d', '"1d"'),
    ('é', '"é"'),
    ('１', '"１"'),
    ('0x１', '"0x１"'),
]
# fmt: on


@pytest.mark.parametrize(("text", "in_json"), SCALARS)
def test_a_plain_scalar_is_what_go_yaml_makes_of_it(text, in_json):
    value = plain(text)
    assert ("null" if value is None else quoted(value)) == in_json


@pytest.mark.parametrize(
    ("text", "tag", "value"),
    [
        ("123", "str", "123"),
        ("~", "str", "~"),
        ("5", "int", 5),
        ("0o17", "int", 15),
        ("5", "float", 5.0),
        ("yes", "bool", True),
        ("", "null", None),
        ("aGk=", "binary", "hi"),
        ("2001-01-01", "timestamp", "2001-01-01"),
    ],
)
def test_a_tag_says_what_a_scalar_is(text, tag, value):
    assert tagged(text, f"tag:yaml.org,2002:{tag}") == value


@pytest.mark.parametrize(
    ("text", "tag", "why"),
    [
        ("x", "int", "cannot decode !!str `x` as a !!int"),
        ("1", "bool", "cannot decode !!int `1` as a !!bool"),
        ("x", "null", "cannot decode !!str `x` as a !!null"),
        ("1.5", "int", "cannot decode !!float `1.5` as a !!int"),
        ("x", "timestamp", "cannot decode !!str `x` as a !!timestamp"),
        ("!!", "binary", "!!binary value contains invalid base64 data"),
    ],
)
def test_a_tag_that_the_text_does_not_fit_is_refused(text, tag, why):
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        tagged(text, f"tag:yaml.org,2002:{tag}")


def test_an_own_tag_leaves_a_string():
    assert tagged("5", "!mine") == "5"


@pytest.mark.parametrize(
    ("number", "key"),
    [
        (1.5, "1.5"),
        (1e3, "1000"),
        (1e6, "1e+06"),
        (123456789.0, "1.2345679e+08"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (3.14159265358979, "3.1415927"),
        (1e39, ".inf"),
        (float("-inf"), "-.inf"),
        (float("nan"), ".nan"),
    ],
)
def test_a_key_that_is_a_number_becomes_its_text(number, key):
    assert key_of_float(number) == key
