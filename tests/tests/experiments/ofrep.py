"""Asks for flags by the SDK of OpenFeature, and prints what it was told."""

import json
import os

from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

token = os.environ["TOKEN"]
provider = OFREPProvider(
    os.environ["URL"], headers_factory=lambda: {"Authorization": f"Bearer {token}"}
)
api.set_provider(provider)
client = api.get_client()
ann = EvaluationContext("ann", {"plan": "gold"})
told = {
    "truth": client.get_boolean_details("truth", False, ann),
    "text": client.get_string_details("text", "fallback", ann),
    "number": client.get_float_details("number", 0.0, ann),
    "object": client.get_object_details("object", {}, ann),
    "split": client.get_integer_details("split", 0, ann),
    "missing": client.get_string_details("missing", "fallback", ann),
    "mismatch": client.get_string_details("number", "fallback", ann),
    "nobody": client.get_string_details("text", "fallback", EvaluationContext()),
}


def shown(details):
    code = details.error_code
    return {
        "value": details.value,
        "reason": getattr(details.reason, "value", details.reason),
        "variant": details.variant,
        "error": None if code is None else code.value,
    }


print(json.dumps({name: shown(details) for name, details in told.items()}))
