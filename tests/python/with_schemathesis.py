"""Requests that schemathesis makes of the OpenAPI document of `minigpt serve`: exits with an error where an answer has a
status or a form that the document does not have, above all 500.

    with_schemathesis.py ADDRESS MODEL EXAMPLES
"""

import sys

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

address, model, examples = sys.argv[1:]
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

document = schemathesis.openapi.from_url(f"{address}/openapi.json")
for found in document.get_all_operations():
    operation = found.ok()
    # What is not of the schema, too.
    for mode in [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]:

        @settings(
            max_examples=int(examples),
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @__import__("hypothesis").given(case=operation.as_strategy(generation_mode=mode))
        def check(case):
            if isinstance(case.body, dict):
                # No name that is made up is a model's; and nobody waits for long texts.
                if isinstance(case.body.get("model"), str):
                    case.body["model"] = model
                for length in ["max_tokens", "max_completion_tokens"]:
                    if isinstance(case.body.get(length), int):
                        case.body[length] = min(case.body[length], 3)
            case.call_and_validate(checks=CHECKS, timeout=60)

        try:
            check()
        except Exception as error:
            if type(error).__name__ == "Unsatisfiable":
                continue
            raise
    print(operation.label)
