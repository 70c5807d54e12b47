"""Evaluates typed arithmetic within strict bounds.

The syntax tree of Python's parser is walked with a table of operators and functions: nothing is
ever compiled or executed. Every bound is checked before the work that it bounds, so any expression
costs at most milliseconds.

May not know agents, runs or tools.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal

from .arithmetic_text import CalculationError, plain_arithmetic

__all__ = [
    "EXPRESSION_MAX_CHARACTERS",
    "Number",
    "calculate",
    "format_number",
    "function_names",
]

EXPRESSION_MAX_CHARACTERS = 500
DEPTH_MAX = 100
DIGITS_MAX = 1_000
FACTORIAL_MAX = 400
DECIMALS_MAX = 300
_BITS_MAX = int(DIGITS_MAX * math.log2(10))

Number = int | float


def calculate(expression: str) -> Number:
    """Evaluate arithmetic: `+ - * / // % ^ **`, parentheses, functions, `pi`, `e`, `tau`.

    Angles are radians, `log` is to base 10 unless a second argument names another, `ln` is natural,
    `7%` is 0.07 and `15% of 240` is 36. A quotient of whole numbers that is whole stays whole.

    Args:
        expression: at most 500 characters; case does not matter.

    Raises:
        CalculationError: it cannot be read, has no real result, or exceeds a bound (nesting 100,
            1,000 digits, factorials of 400).
    """
    if len(expression) > EXPRESSION_MAX_CHARACTERS:
        raise CalculationError(
            f"expected at most {EXPRESSION_MAX_CHARACTERS} characters, got {len(expression)}"
        )
    source = plain_arithmetic(expression)
    try:
        tree = ast.parse(source, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise CalculationError("this does not read as arithmetic: check its parts") from None
    return _value(tree.body, 0)


def format_number(value: Number) -> str:
    """Write a number for people: whole numbers exactly, others with at most 15 digits."""
    if isinstance(value, int):
        return str(value)
    text = format(value, ".15g")
    return "0" if text == "-0" else text


def function_names() -> frozenset[str]:
    """The names that `calculate` knows as functions, lower case."""
    return frozenset(_FUNCTIONS)


# --- the walk ----------------------------------------------------------------------------------


def _value(node: ast.expr, depth: int) -> Number:
    if depth > DEPTH_MAX:
        raise CalculationError(f"expected at most {DEPTH_MAX} levels of nesting")
    try:
        return _bounded(_evaluate(node, depth))
    except ZeroDivisionError:
        raise CalculationError("division by zero has no result") from None
    except OverflowError:
        raise CalculationError("a number is too large to calculate with") from None


def _evaluate(node: ast.expr, depth: int) -> Number:
    match node:
        case ast.Constant(value=bool() | complex()):
            raise CalculationError("only real numbers can be calculated with")
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.Name(id=name):
            return _constant(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, depth + 1)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, depth + 1)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            return _OPERATORS[type(sign)](_value(left, depth + 1), _value(right, depth + 1))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _call(name, [_value(argument, depth + 1) for argument in arguments])
        case ast.Tuple():
            raise CalculationError("write numbers without ',' between their digits")
    raise CalculationError("this is not arithmetic: use numbers, operators and functions")


def _bounded(value: Number) -> Number:
    if isinstance(value, int):
        if value.bit_length() > _BITS_MAX:
            raise CalculationError(f"a number has more than {DIGITS_MAX:,} digits")
    elif not math.isfinite(value):
        raise CalculationError("a number is too large to calculate with")
    return value


def _constant(name: str) -> float:
    if name in _CONSTANTS:
        return _CONSTANTS[name]
    if name in _FUNCTIONS:
        raise CalculationError(f"{name} needs parentheses: {name}(...)")
    raise CalculationError(f"{name!r} is not known here")


def _call(name: str, arguments: list[Number]) -> Number:
    if name not in _FUNCTIONS:
        raise CalculationError(f"{name!r} is not a function here; known: {_known()}")
    function, least, most = _FUNCTIONS[name]
    if not least <= len(arguments) <= most:
        expected = f"{least}" if least == most else f"{least} to {most}"
        raise CalculationError(f"{name} takes {expected} numbers, got {len(arguments)}")
    try:
        return function(*arguments)
    except CalculationError:
        raise
    except ValueError:
        given = ", ".join(format_number(argument) for argument in arguments)
        raise CalculationError(f"{name}({given}) has no real result") from None


def _known() -> str:
    return ", ".join(sorted(_FUNCTIONS))


# --- what the operators and functions do -------------------------------------------------------


def _divide(left: Number, right: Number) -> Number:
    if isinstance(left, int) and isinstance(right, int) and right and left % right == 0:
        return left // right
    return left / right


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        # |base| < 2 ** bits, so the power has at most bits * exponent of them.
        if abs(base) > 1 and (base.bit_length() - 1) * exponent > _BITS_MAX:
            raise CalculationError(f"the power has more than {DIGITS_MAX:,} digits")
        return int(base**exponent)
    if base < 0 and not float(exponent).is_integer():
        raise CalculationError("a negative number has no real power with a fractional exponent")
    return float(float(base) ** float(exponent))


def _factorial(number: Number) -> Number:
    if number != int(number) or number < 0:
        raise CalculationError("factorial takes a whole number from 0")
    if number > FACTORIAL_MAX:
        raise CalculationError(f"factorial takes at most {FACTORIAL_MAX}")
    return math.factorial(int(number))


def _round(number: Number, decimals: Number = 0) -> Number:
    if decimals != int(decimals) or abs(decimals) > DECIMALS_MAX:
        raise CalculationError(f"round takes -{DECIMALS_MAX} to {DECIMALS_MAX} whole decimals")
    if isinstance(number, int) and decimals >= 0:
        return number
    # Half away from zero, as people round; Python's own rounds half to even.
    step = Decimal(1).scaleb(-int(decimals))
    room = Context(prec=2 * DIGITS_MAX, rounding=ROUND_HALF_UP)
    rounded = Decimal(repr(number)).quantize(step, context=room)
    return int(rounded) if decimals <= 0 else float(rounded)


def _logarithm(number: Number, base: Number = 10) -> float:
    return math.log10(number) if base == 10 else math.log(number) / math.log(base)


def _least(*numbers: Number) -> Number:
    return min(numbers)


def _greatest(*numbers: Number) -> Number:
    return max(numbers)


_CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau}

_OPERATORS: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _divide,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}

_FUNCTIONS: dict[str, tuple[Callable[..., Number], int, int]] = {
    "abs": (abs, 1, 1),
    "acos": (math.acos, 1, 1),
    "asin": (math.asin, 1, 1),
    "atan": (math.atan, 1, 1),
    "ceil": (math.ceil, 1, 1),
    "cos": (math.cos, 1, 1),
    "exp": (math.exp, 1, 1),
    "factorial": (_factorial, 1, 1),
    "floor": (math.floor, 1, 1),
    "ln": (math.log, 1, 1),
    "log": (_logarithm, 1, 2),
    "log10": (math.log10, 1, 1),
    "log2": (math.log2, 1, 1),
    "max": (_greatest, 1, 100),
    "min": (_least, 1, 100),
    "round": (_round, 1, 2),
    "sin": (math.sin, 1, 1),
    "sqrt": (math.sqrt, 1, 1),
    "tan": (math.tan, 1, 1),
}
