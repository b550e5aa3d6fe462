"""When a daemon syncs by the settings that it has without a file."""

from daemon.plan import Timing

TIMING = Timing(
    interval=900,
    active_interval=30,
    active_for=300,
    change_delay_min=1,
    change_delay_max=5,
    jitter=0.1,
    retry_max=3600,
    acknowledge_after=86400,
)
