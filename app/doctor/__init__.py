"""`doctor`: what this machine has and lacks, and the command that mends it.

Only the standard library is imported here: a doctor that fails where packages are missing is none.
`python -m app.doctor` works in a Python that has none of them.
"""

from app.doctor.examine import examine
from app.doctor.finding import Finding, Verdict
from app.doctor.report import as_json, missing_sentence, report, report_lines

__all__ = ["Finding", "Verdict", "as_json", "examine", "missing_sentence", "report", "report_lines"]
