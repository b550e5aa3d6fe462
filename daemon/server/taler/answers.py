"""What a sync server's refusals mean for the next step.

=========  ============================  ==============================================================
status     from                          outcome
=========  ============================  ==============================================================
204 (POST) the server                    stored
304 (POST) the server                    perhaps stored: ask, and compare the hash
409        the server                    conflict; its body often does not arrive, so nobody reads it
404/6111   the server, on an update      it lost our blob: conflict, and the next fetch finds no blob
500/56     the server, on an update      the same
402        the server                    payment required
408        while a payment is pending    payment required still
413        JSON: the server; else proxy  too large
404        JSON 60xx, 61xx: the server   the account is not known: no blob (on a GET)
404, 410   anyone                        gone: no sync server is at this address
429, 503   anyone                        busy, for as long as it says
408, 5xx   anyone                        as if unreachable: it passes by itself
3xx        anyone, to another origin     refused: a person has to enroll the new address
the rest   anyone                        refused: a person may have to act
=========  ============================  ==============================================================
"""

from daemon.server.base import Failure, FailureKind, Payment
from daemon.server.taler.values import Problem

ACCOUNT_UNKNOWN = 6100
BAD_IF_NONE_MATCH = 6101
BAD_IF_MATCH = 6102
BODY_IS_NOT_ITS_HASH = 6108
PREVIOUS_UNKNOWN = 6111
FETCH_FAILED = 56

_OWN_CODES = range(6000, 6200)
_OLD_CODES = range(6000, 6100)  # before November 2020


def is_account_unknown(status: int, problem: Problem | None) -> bool:
    """Tell whether this is a sync server that does not know the account, and not some other web server's 404."""
    return status == 404 and problem is not None and problem.code in _OWN_CODES


def is_backup_lost(status: int, problem: Problem | None) -> bool:
    """Tell whether an update was refused because the server has no blob any more that could be replaced."""
    if problem is None:
        return False
    return (status == 404 and problem.code in _OWN_CODES) or (status == 500 and problem.code == FETCH_FAILED)


def is_wrong_dialect(status: int, problem: Problem | None) -> bool:
    """Tell whether the server could not read our tags, so that the other dialect is worth a try."""
    if status != 400 or problem is None:
        return False
    return problem.code in (BAD_IF_NONE_MATCH, BAD_IF_MATCH) or problem.code in _OLD_CODES


def too_large(size: int, limit: int | None, problem: Problem | None) -> Failure:
    """Say of a 413 who set the limit, and by how much the blob exceeds it where that is known."""
    if problem is None and (limit is None or size <= limit):
        advertised = "" if limit is None else f", though the sync server itself takes {limit:,}"
        message = (
            f"a web server in front of the sync server refuses {size:,} bytes{advertised}: "
            "its operator has to allow larger requests (client_max_body_size in nginx)"
        )
    elif limit is not None and size > limit:
        message = f"the blob has {size:,} bytes, {size - limit:,} more than the {limit:,} that the server takes"
    else:
        message = f"the blob has {size:,} bytes, which is more than the server takes"
    return Failure(FailureKind.TOO_LARGE, message)


def payment_required(payment: Payment) -> Failure:
    """Say what is to be paid."""
    price = "" if payment.amount is None else f": {payment.amount} a year"
    return Failure(FailureKind.PAYMENT_REQUIRED, f"the server wants to be paid{price}", payment=payment)


def moved(target: str) -> Failure:
    """Say that the server sends us elsewhere. The account's keys belong to its address, so a person decides."""
    where = Problem(0, target).words
    return Failure(FailureKind.REFUSED, f"the server has moved to {where}: enroll that address with --as this one")


def failure(status: int, problem: Problem | None, retry_after: float | None) -> Failure:
    """Say what any other refusal means."""
    words = f"status {status}" + (f", code {problem.code}: {problem.words}" if problem is not None else "")
    if status in (429, 503) or (status >= 500 and retry_after is not None):
        return Failure(FailureKind.BUSY, f"the server is busy ({words})", retry_after)
    if status >= 500 or status == 408 or (problem is not None and problem.code == BODY_IS_NOT_ITS_HASH):
        return Failure(FailureKind.UNREACHABLE, f"the server, or one that it depends on, is in trouble ({words})")
    if status in (404, 410):
        return Failure(FailureKind.GONE, f"there is no sync server at this address ({words})")
    return Failure(FailureKind.REFUSED, f"the server refuses ({words})")
