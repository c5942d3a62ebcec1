"""Quantities as apimachinery reads, rounds and prints them. The table was printed by apimachinery itself."""

from __future__ import annotations

import pytest

from ecirun.spec.quantity import PATTERN, BadQuantity, parse_quantity

# fmt: off
QUANTITIES = [  # as written, as printed, in whole units, in thousandths
    ('0', '0', 0, 0),
    ('1', '1', 1, 1000),
    ('-1', '-1', -1, -1000),
    ('+1', '+1', 1, 1000),
    ('00', '0', 0, 0),
    ('007', '007', 7, 7000),
    ('1.5', '1500m', 2, 1500),
    ('1.50', '1500m', 2, 1500),
    ('.5', '500m', 1, 500),
    ('5.', '5.', 5, 5000),
    ('0.1', '100m', 1, 100),
    ('0.001', '1m', 1, 1),
    ('0.0001', '100u', 1, 1),
    ('1.0', '1', 1, 1000),
    ('100', '100', 100, 100000),
    ('1000', '1k', 1000, 1000000),
    ('1500', '1500', 1500, 1500000),
    ('12345678901', '12345678901', 12345678901, 12345678901000),
    ('1m', '1m', 1, 1),
    ('1500m', '1500m', 2, 1500),
    ('100u', '100u', 1, 1),
    ('1n', '1n', 1, 1),
    ('0.1n', '1n', 1, 1),
    ('0.5n', '1n', 1, 1),
    ('1k', '1k', 1000, 1000000),
    ('1.5k', '1500', 1500, 1500000),
    ('2M', '2M', 2000000, 2000000000),
    ('3G', '3G', 3000000000, 3000000000000),
    ('4T', '4T', 4000000000000, 4000000000000000),
    ('5P', '5P', 5000000000000000, 5000000000000000000),
    ('1E', '1E', 1000000000000000000, 1000000000000000000000),
    ('1e3', '1e3', 1000, 1000000),
    ('1E3', '1E3', 1000, 1000000),
    ('12e6', '12e6', 12000000, 12000000000),
    ('1.5e3', '1500', 1500, 1500000),
    ('1e1', '10', 10, 10000),
    ('1e0', '1e0', 1, 1000),
    ('100e1', '1e3', 1000, 1000000),
    ('1e-3', '1e-3', 1, 1),
    ('1e-10', '1e-9', 1, 1),
    ('1Ki', '1Ki', 1024, 1024000),
    ('1024Ki', '1Mi', 1048576, 1048576000),
    ('1.5Ki', '1536', 1536, 1536000),
    ('1.1Ki', '1126400m', 1127, 1126400),
    ('0.5Ki', '512', 512, 512000),
    ('3000Ki', '3000Ki', 3072000, 3072000000),
    ('1Mi', '1Mi', 1048576, 1048576000),
    ('1.5Gi', '1536Mi', 1610612736, 1610612736000),
    ('0.5Gi', '512Mi', 536870912, 536870912000),
    ('8Mi', '8Mi', 8388608, 8388608000),
    ('1025Mi', '1025Mi', 1074790400, 1074790400000),
    ('100Mi', '100Mi', 104857600, 104857600000),
    ('2Ti', '2Ti', 2199023255552, 2199023255552000),
    ('10Ei', '9223372036854775807', 9223372036854775807, 9223372036854775807000),
    ('-1Gi', '-1Gi', -1073741824, -1073741824000),
    ('-1.5', '-1500m', -2, -1500),
    ('-0.1m', '-100u', -1, -1),
    ('250m', '250m', 1, 250),
    ('0.25', '250m', 1, 250),
]
# fmt: on

NO_NUMBER = f"quantities must match the regular expression '{PATTERN}'"


@pytest.mark.parametrize(("text", "printed", "value", "milli"), QUANTITIES)
def test_a_quantity_is_read_and_printed_as_apimachinery_does(text, printed, value, milli):
    quantity = parse_quantity(text)
    assert (quantity.canonical(), quantity.value(), quantity.milli_value()) == (printed, value, milli)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        *(
            (text, NO_NUMBER)
            for text in ("", "1kb", "128MB", "1 Gi", "1..2", "abc", "0x10", "1,5", "1_000", "１", "1\n", "nan")
        ),
        *((text, "unable to parse quantity's suffix") for text in ("1K", "1Ki5", "1e", "1e+", "--1")),
        ("1" * 1001, "unable to parse numeric part of quantity"),
    ],
)
def test_what_is_no_quantity_is_refused(text, why):
    with pytest.raises(BadQuantity) as refused:
        parse_quantity(text)
    assert str(refused.value) == why


def test_an_exponent_of_any_size_is_read_at_once():
    assert parse_quantity("1e999999999999").billionths == parse_quantity("1e100").billionths
    assert parse_quantity("1e-999999999999").canonical() == "1e-9"


@pytest.mark.parametrize(
    ("amount", "divisor", "parts"),
    [
        ("1250m", "1", 2),
        ("250m", "1", 1),
        ("1250m", "1m", 1250),
        ("1Gi", "1Mi", 1024),
        ("1.5Gi", "1Gi", 2),
        ("0", "1", 0),
        ("2", "0", 2),
    ],
)
def test_an_amount_is_counted_in_divisors_and_rounded_up(amount, divisor, parts):
    assert parse_quantity(amount).divided_by(parse_quantity(divisor)) == parts
