"""What a campaign did, printed at its end."""

from collections import defaultdict

import fuzzing
import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.when == "call":
        # By reports, as they come from processes of their own, too.
        report.user_properties.extend(("fuzz", tried.to_json()) for tried in fuzzing.DONE)
        fuzzing.DONE.clear()
    return report


def pytest_terminal_summary(terminalreporter):
    readers = defaultdict(list)
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in report.user_properties:
                if name == "fuzz":
                    readers[value["reader"]].append(value | {"failed": outcome == "failed"})
    if not (fuzzing.SECONDS and readers):
        return
    terminalreporter.section("fuzz campaigns")
    for reader, runs in sorted(readers.items()):
        count, seconds = (sum(run[key] for run in runs) for key in ("executions", "seconds"))
        slowest, peak = (max(run[key] for run in runs) for key in ("slowest", "peak_mb"))
        words = f"{reader:16} {count:8} executions in {seconds:4.0f} s, the slowest {slowest:.2f} s, peak {peak} MB"
        failed = any(run["failed"] for run in runs)
        terminalreporter.line(f"{words}, {f'failed: input in {fuzzing.FOUND}' if failed else 'nothing found'}")
