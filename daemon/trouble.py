"""What is remembered of a server that fails, so that a restart neither hurries it nor hides it. Pure.

The plan counts on a monotonic clock, which begins anew with the machine; what is kept counts in wall time.
"""

from daemon import plan
from daemon.server.base import Failure, Payment
from daemon.state.servers import Trouble


def trouble_of(failure: Failure, since: float, after: plan.Plan, now: float, wall: float) -> Trouble:
    """Return what to remember of a failure, from the plan after it. ``now`` is the plan's time."""
    payment = failure.payment
    return Trouble(
        kind=failure.kind,
        message=failure.message,
        since=since,
        failures=after.failures,
        retry_at=wall + max(0.0, after.must_wait_until - now),
        named=after.named_until > now,
        payment_uri=payment.uri if payment else None,
        payment_amount=payment.amount if payment else None,
    )


def failure_of(trouble: Trouble) -> Failure:
    """Return the failure that was remembered."""
    payment = None if trouble.payment_uri is None else Payment(trouble.payment_uri, trouble.payment_amount)
    return Failure(trouble.kind, trouble.message, payment=payment)


def remembering(before: plan.Plan, trouble: Trouble, now: float, wall: float, timing: plan.Timing) -> plan.Plan:
    """Return the plan of a start at which this is remembered."""
    return plan.restored_plan(
        before,
        now,
        timing,
        failures=trouble.failures,
        failing=trouble.kind,
        wait=trouble.retry_at - wall,
        named=trouble.named,
    )
