"""A BentoML endpoint that reads an application and returns a constant: the floor of the framework.

Everything as BentoML ships it. The constant is as long as an answer of Vouch.
"""

import os
from typing import Any

import bentoml

ANSWER = {"answer": "x" * int(os.environ.get("BENCHMARK_ANSWER_BYTES", "4000"))}


@bentoml.service(name="constant")
class Constant:
    """Says the same to everyone."""

    @bentoml.api
    def score(self, application: dict[str, Any], /) -> dict[str, str]:
        """The constant."""
        return ANSWER
