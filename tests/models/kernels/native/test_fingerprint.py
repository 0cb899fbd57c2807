"""Fingerprints: another one when anything changes that the machine code depends on."""

import numpy as np
import pytest

from models.kernels.hashing import next_slot
from models.kernels.jit import CompiledFunction, compiled, prefetch
from models.kernels.native.fingerprint import fingerprint_of, source_of

PLAIN = "FACTOR = 3\ndef part(x): return x + 1\ndef loop(x): return part(x) * FACTOR + np.float32(2)\n"


def fingerprint(source: str) -> str:
    scope = {"np": np}
    exec(source, scope)
    return fingerprint_of(scope["loop"])


def test_fingerprint_is_the_same_wherever_a_function_lies():
    assert fingerprint(PLAIN) == fingerprint(f"\n\n# further down\n{PLAIN}")


@pytest.mark.parametrize(
    ("before", "after"),
    [("= 3", "= 4"), ("x + 1", "x + 2"), ("x + 1", "x - 1"), ("* FACTOR", ""), ("float32", "float64")],
)
def test_fingerprint_changes_with_whatever_a_function_calls(before, after):
    assert fingerprint(PLAIN) != fingerprint(PLAIN.replace(before, after))


def test_fingerprint_tells_which_constant_has_which_value():
    plain = "A, B, C = 3, 3, 5\ndef loop(x): return x * A + B - C"
    assert fingerprint(plain) != fingerprint(plain.replace("3, 3, 5", "3, 5, 5"))


def test_fingerprint_is_the_same_each_time():
    assert len({fingerprint_of(next_slot) for _ in range(50)}) == 1


def test_fingerprint_looks_into_closures():
    def make(factor):
        return lambda x: x * factor

    assert fingerprint_of(make(2)) == fingerprint_of(make(2))
    assert fingerprint_of(make(2)) != fingerprint_of(make(3))


def test_fingerprint_of_a_function_that_calls_itself_ends():
    assert fingerprint("def loop(x): return loop(x - 1) if x else 0")


def test_fingerprint_has_the_options_and_the_code_of_instructions():
    def loop(x):
        prefetch(x)

    assert fingerprint_of(compiled(loop)) != fingerprint_of(loop)
    models = (CompiledFunction(loop, error_model=model) for model in ("numpy", "python"))
    assert len(set(map(fingerprint_of, models))) == 2
    assert "def prefetch" in source_of("models.kernels.native.instructions")
    assert source_of("models.kernels.no_such_module") == ""
