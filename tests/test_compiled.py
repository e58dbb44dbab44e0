"""Compiled functions where nothing can be kept on disk."""

from __future__ import annotations

import pytest

import vouch.compiled


def test_without_a_folder_to_keep_it_in_the_code_is_compiled_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse_cache(**options: object) -> object:
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(vouch.compiled.numba, "njit", refuse_cache)

    assert vouch.compiled.compiled(len) is len
