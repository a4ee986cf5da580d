"""Which message types are problem reports, whatever their protocol, prefix and spelling."""

import pytest

from tocsin.connectors.dialects.message_types import MAX_TYPE, is_report

SOV = "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec"


@pytest.mark.parametrize(
    ("message_type", "report"),
    [
        ("https://didcomm.org/report-problem/2.0/problem-report", True),
        ("https://didcomm.org/report-problem/1.0/problem-report", True),
        ("http://didcomm.org/report-problem/1.0/problem-report", True),
        ("https://didcomm.org/issue-credential/1.0/problem-report", True),
        ("https://didcomm.org/connection/1.0/problem_report", True),
        ("https://didcomm.org/notification/1.0/ProblemReport", True),
        ("https://example.org/protocols/x/3.14/problemReport/", True),
        (f"{SOV}/report-problem/1.0/problem-report", True),
        (f"{SOV}/notification/1.0/problem-report", True),
        ("report-problem/2.0/problem-report", True),
        ("problem-report", True),
        ("https://didcomm.org/x/1.0.1/problem-report", True),
        (f"https://{'x' * MAX_TYPE}/report-problem/2.0/problem-report", True),
        ("https://didcomm.org/report-problem/2.0/", False),
        ("https://didcomm.org/report-problem/2.0", False),
        ("https://didcomm.org/report-problem/2.0/problem-report-ack", False),
        ("https://didcomm.org/report-problem/2.0/problem-report?x=1", False),
        ("https://didcomm.org/problem-report/1.0/ping", False),
        ("chat", False),
        ("/", False),
        ("", False),
        (None, False),
    ],
)
def test_problem_reports(message_type: str | None, report: bool) -> None:
    assert is_report(message_type) is report
    assert is_report(message_type) is report, "from the cache"
