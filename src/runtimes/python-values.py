"""How Python's values become JSON. The rules are in the README."""

import base64
import json
import re
import sys

# The program may change these later.
_dumps = json.dumps
_encode = base64.b64encode

_MAX_DEPTH = 200
_MAX_SAFE = 2**53 - 1


class InvalidValue(TypeError):
    """A value that JSON can't hold; the message names its path."""


def _plain(value, path, binary, above):
    """The value as JSON has it. The rules are in the README."""
    kind = type(value)
    if value is None or kind is str or kind is bool:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        number = int(value)
        return number if -_MAX_SAFE <= number <= _MAX_SAFE else str(number)
    if isinstance(value, float):
        return float(value) if value - value == 0 else None
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        text = _encode(value).decode()
        if binary == "describe":
            return {"type": "bytes", "byteLength": memoryview(value).nbytes, "base64": text}
        return {"$bytes": text} if binary == "keep" else text
    if len(above) >= _MAX_DEPTH:
        raise InvalidValue(f"{path} is nested deeper than {_MAX_DEPTH} levels")
    if any(one is value for one in above):
        raise InvalidValue(f"{path} refers back to an object around it, which JSON can't hold")
    above.append(value)
    result = _plain_compound(value, path, binary, above)
    above.pop()
    return result


def _plain_compound(value, path, binary, above):
    if isinstance(value, dict):
        return {
            _key(key, path): _plain(item, f"{path}.{key}", binary, above) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{path}[{at}]", binary, above) for at, item in enumerate(value)]
    if isinstance(value, (set, frozenset)):
        try:
            items = sorted(value)
        except TypeError:
            items = list(value)
        return [_plain(item, f"{path}[{at}]", binary, above) for at, item in enumerate(items)]
    # Only a program that imported these modules can hold their values.
    modules = sys.modules
    if (dates := modules.get("datetime")) and isinstance(value, (dates.date, dates.time)):
        return value.isoformat()
    if (dates := modules.get("datetime")) and isinstance(value, dates.timedelta):
        return value.total_seconds()
    if (decimal := modules.get("decimal")) and isinstance(value, decimal.Decimal):
        return str(value) if value.is_finite() else None
    if (enum := modules.get("enum")) and isinstance(value, enum.Enum):
        return _plain(value.value, path, binary, above)
    fields = getattr(type(value), "__dataclass_fields__", None)
    if isinstance(fields, dict):
        return {name: _plain(getattr(value, name), f"{path}.{name}", binary, above) for name in fields}
    if hasattr(type(value), "__await__"):
        raise InvalidValue(f"{path} was not awaited: write `await` before the call")
    raise InvalidValue(f"{path} is a {type(value).__name__}, which JSON can't hold: convert it first")


def _key(key, path):
    if isinstance(key, str):
        return str(key)
    if key is None or isinstance(key, (bool, int, float)):
        return _dumps(key)
    raise InvalidValue(f"{path} has the key {key!r}: the keys of JSON are text")


def _refuse(_value):
    raise TypeError


_LONG_NUMBER = re.compile(r"\d{16}")
_quick = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_refuse).encode


def _may_be_deep(text):
    return text.count("[") + text.count("{") > _MAX_DEPTH and _host.nestsDeeper(text, _MAX_DEPTH)


def _to_json(value, path, binary):
    # Most values are plain already, and the encoder in C is much faster than looking at each.
    try:
        text = _quick(value)
        if not _LONG_NUMBER.search(text) and not _may_be_deep(text):
            return text
    except (TypeError, ValueError):
        pass
    return _dumps(_plain(value, path, binary, []), ensure_ascii=False, separators=(",", ":"))
