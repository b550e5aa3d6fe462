"""The self-check: looks at everything the daemon needs, changes nothing, and says what to do."""

from daemon.doctor.check import check_database, check_home
from daemon.doctor.finding import Finding, Report

__all__ = ["Finding", "Report", "check_database", "check_home"]
