"""What every test run obeys: no skip goes unseen."""

from __future__ import annotations

import os

import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Turn a skip into a failure where TOCSIN_FORBID_SKIPS asks for it, as CI does."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("TOCSIN_FORBID_SKIPS"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but skips are forbidden: {report.longrepr}"
