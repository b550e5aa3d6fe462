"""What the settings mean to the parts of the daemon that go by them, at its start and after they were read anew."""

from functools import partial

from config.model import Settings
from daemon import logs
from daemon.blob.limits import Limits
from daemon.circle import Circle
from daemon.keeper.store import Rules
from daemon.plan import Timing

DAY = 24 * 3600.0


def timing_of(settings: Settings) -> Timing:
    """Return when to sync by these settings."""
    sync = settings.sync
    return Timing(
        interval=sync.interval,
        active_interval=sync.active_interval,
        active_for=sync.active_for,
        change_delay_min=sync.change_delay_min,
        change_delay_max=sync.change_delay_max,
        jitter=sync.jitter,
        retry_max=sync.retry_max,
        acknowledge_after=sync.acknowledge_after,
        stale_after=settings.keep.stale_after_days * DAY,
    )


def rules_of(settings: Settings) -> Rules:
    """Return what a person decides of the keeper's work by these settings."""
    keep, guard = settings.keep, settings.guard
    return Rules(keep.undo_days * DAY, guard.count, guard.share, keep.blob_days, keep.blob_size)


def limits_of(settings: Settings) -> Limits:
    """Return how large a blob may be by these settings, and what is in it."""
    limits = settings.limits
    return Limits(
        sealed_bytes=limits.max_sealed,
        plain_bytes=limits.max_plain,
        elements=limits.max_elements,
        key_bytes=limits.max_key,
        nesting=limits.max_nesting,
    )


async def make_hold(circle: Circle, changed: Settings) -> None:
    """Have a running daemon go by these settings, as far as that needs no restart (daemon.reload).

    Cancelled, only the nickname may be the former one still.
    """
    logs.configure(changed.log.level, changed.log.format)
    circle.timing = timing_of(changed)
    for syncer in circle.syncer_by_url.values():
        syncer.retime(circle.timing)
    store = circle.keeper.store
    store.rules = rules_of(changed)
    nickname = await circle.exclusively(partial(store.state.nickname, changed.wallet.nickname))
    if store.identity.nickname != nickname:
        store.identity = store.identity._replace(nickname=nickname)
        await circle.reporter.refresh()
        circle.changed()
