"""Which scopes a route wants, and that nothing slips past the rules."""

from __future__ import annotations

import pytest

from app.core.settings import Settings
from app.http.access_rules import ADMIN, ANY, INFER, TRAIN, is_free, security_requirement, wanted_scopes

SETTINGS = Settings()


@pytest.mark.parametrize(
    ("method", "path", "wanted"),
    [
        ("GET", "/v1/models", ANY),
        ("HEAD", "/v1/models/words@1", ANY),
        ("GET", "/m/words/v1/models", ANY),
        ("GET", "/v1/aliases/best", ANY),
        ("GET", "/v1/findings/families", ANY),
        ("GET", "/metrics", ANY),
        ("POST", "/v1/models/words/next", INFER),
        ("GET", "/v1/models/words/export", INFER),
        ("POST", "/v1/completions", INFER),
        ("POST", "/m/words/tokenize", INFER),
        ("GET", "/v1/files/file-1/content", TRAIN),
        ("DELETE", "/v1/files/file-1", TRAIN),
        ("POST", "/v1/jobs/job-1/cancel", TRAIN),
        ("PUT", "/v1/aliases/best", ADMIN),
        ("DELETE", "/v1/models/words@1", ADMIN),
        # What is no route wants a key, too, and no less of one than its neighbours.
        ("GET", "/v1/files\n", TRAIN),
        ("DELETE", "/v1/models/a\nb", ADMIN),
        ("GET", "/v1/models/a/../../files", INFER),
        ("POST", "/anything", INFER),
        ("PROPFIND", "/v1/models", INFER),
        ("OPTIONS", "*", INFER),
    ],
)
def test_wanted_scopes_of(method: str, path: str, wanted: frozenset[str]) -> None:
    assert wanted_scopes(method, path) == wanted


def test_is_free_is_health_and_what_the_settings_do_not_guard() -> None:
    free = ["/health/live", "/health/ready", "/", "/docs", "/docs/assets/swagger-ui.css", "/openapi.json", "/page/x.js"]
    guarded = ["/metrics", "/v1/models", "/health", "/health/live/", "/docs/x", "/page", "/openapi.json/", ""]
    assert [is_free(path, SETTINGS) for path in free + guarded] == [True] * len(free) + [False] * len(guarded)
    other = Settings(guard_docs=True, guard_metrics=False)
    assert [path for path in free + guarded if is_free(path, other)] == ["/health/live", "/health/ready", "/metrics"]


def test_security_requirement_is_none_one_scope_or_any_key() -> None:
    assert security_requirement("get", "/health/live", SETTINGS) == []
    assert security_requirement("post", "/v1/jobs", SETTINGS) == [{"apiKey": ["train"]}]
    assert security_requirement("get", "/v1/models", SETTINGS) == [{"apiKey": []}]
